//go:build cgo

/* SPDX-License-Identifier: MIT
 *
 * The public functions. They are C so that the fork flag is tested before the
 * Go runtime is entered: in a forked child entering it may hang for ever. */
#include "_cgo_export.h"
#include "rapprochement.h"

#include <string.h>

static int forked = 0;

#if !defined(_WIN32)
#include <pthread.h>

static void mark_forked(void) { forked = 1; }

__attribute__((constructor)) static void watch_for_fork(void) {
  pthread_atfork(NULL, NULL, mark_forked);
}
#endif

int32_t rap_version(void) { return RAP_ABI_VERSION; }

const char *rap_version_text(void) { return RAP_VERSION_TEXT; }

int32_t rap_open(const char *kind, const uint8_t *config, size_t len, const rap_host *host,
                 rap_handle *handle, char *error) {
  if (error != NULL) error[0] = 0;
  if (handle == NULL) return RAP_BAD_ARGUMENT;
  *handle = 0;
  if (forked) {
    if (error != NULL) strcpy(error, "this process was forked after the library was loaded");
    return RAP_FORKED;
  }
  return rapGoOpen((char *)kind, (uint8_t *)config, len, (rap_host *)host, handle, error);
}

int32_t rap_step(rap_handle handle, const uint8_t *events, size_t len, rap_bytes *effects) {
  if (effects == NULL) return RAP_BAD_ARGUMENT;
  effects->ptr = NULL;
  effects->len = 0;
  if (forked) return RAP_FORKED;
  return rapGoStep(handle, (uint8_t *)events, len, effects);
}

int32_t rap_columns(rap_handle handle, const uint8_t *query, size_t len, rap_table *table) {
  if (table == NULL) return RAP_BAD_ARGUMENT;
  table->columns = NULL;
  table->count = 0;
  if (forked) return RAP_FORKED;
  return rapGoColumns(handle, (uint8_t *)query, len, table);
}

int32_t rap_cancel(rap_handle handle) {
  if (forked) return RAP_FORKED;
  return rapGoCancel(handle);
}

int32_t rap_close(rap_handle handle) {
  if (forked) return RAP_FORKED;
  return rapGoClose(handle);
}

int32_t rap_last_error(rap_handle handle, rap_bytes *text) {
  if (text == NULL) return RAP_BAD_ARGUMENT;
  text->ptr = NULL;
  text->len = 0;
  if (forked) return RAP_FORKED;
  return rapGoLastError(handle, text);
}
