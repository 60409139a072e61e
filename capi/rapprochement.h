/* SPDX-License-Identifier: MIT
 *
 * rapprochement.h: the engine as a C library.
 *
 * A host opens a machine ("node", "world", "compare", "tool", or one of the test kinds)
 * and drives it: bytes that describe events go in, bytes that describe effects
 * come out. Both are CBOR sequences (RFC 8742); what they may say is the
 * vocabulary's business and grows there, so these functions stay as they are.
 *
 *     rap_handle node;
 *     rap_bytes effects;
 *     char error[RAP_ERROR_MAX];
 *     if (rap_open("node", config, config_len, NULL, &node, error) != RAP_OK)
 *         die(error);
 *     while (next_events(&events, &events_len)) {
 *         if (rap_step(node, events, events_len, &effects) != RAP_OK)
 *             break;
 *         carry_out(effects.ptr, effects.len);
 *     }
 *     rap_close(node);
 *
 * Threads. Every function may be called from any thread. A handle serves one
 * call at a time: rap_step and rap_columns answer RAP_BUSY while another thread
 * is inside either of them with the same handle. They never wait for it.
 * rap_cancel, rap_last_error and rap_close may be called at any time. Different
 * handles are independent and run in parallel.
 *
 * Memory. Whatever the host passes in is read during the call and not kept.
 * Whatever comes back belongs to the handle; each function says how long it
 * lives. The host frees nothing. Threads that share a handle must agree among
 * themselves when a result has been read, since the next call overwrites it.
 *
 * Fork. The Go runtime inside does not survive fork(). In a child that was
 * forked after this library was loaded every function answers RAP_FORKED
 * (rap_version and rap_version_text still work). Start fresh processes instead.
 *
 * One process holds at most one library with a Go runtime in it, and loads it
 * once: unloading does nothing.
 */
#ifndef RAPPROCHEMENT_H
#define RAPPROCHEMENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a host compiled against an older header would misbehave. */
#define RAP_ABI_VERSION 1

/* The release, as rap_version_text gives it. */
#define RAP_VERSION_TEXT "0.1.0"

/* What a function returns. Values never change their meaning. */
enum {
  RAP_OK = 0,
  RAP_BAD_HANDLE = 1,   /* never was a handle */
  RAP_CLOSED = 2,       /* was a handle; has been closed */
  RAP_BUSY = 3,         /* another thread is inside this handle; nothing happened */
  RAP_POISONED = 4,     /* the engine panicked in this handle, now or earlier; only rap_last_error and rap_close are left */
  RAP_FORKED = 5,       /* this process was forked after the library was loaded */
  RAP_BAD_CONFIG = 6,   /* unknown kind, or a config that it refuses */
  RAP_BAD_EVENT = 7,    /* an event or query breaks the contract; earlier events of the batch have happened */
  RAP_STORE_FAILED = 8, /* the storage failed; nothing more is sent until the machine is reopened */
  RAP_CANCELED = 9,     /* stopped at rap_cancel's request; earlier events of the batch have happened */
  RAP_BAD_ARGUMENT = 10, /* a null pointer where one is needed, a length over RAP_INPUT_MAX, a rap_host of the wrong size */
  RAP_INTERNAL = 11     /* anything else: a bug or an exhausted resource */
};

/* Longest config, batch or query, in bytes. A longer one is far more likely to
 * be a negative number taken for a size than something anybody meant. */
#define RAP_INPUT_MAX 0x40000000

/* Room that rap_open's error text takes at most, with the final NUL. */
#define RAP_ERROR_MAX 1024

/* A number, never a pointer. 0 is never a handle, and a handle that was closed
 * is recognised as such instead of naming somebody else's machine. */
typedef uint64_t rap_handle;

typedef struct {
  const uint8_t *ptr; /* NULL when len is 0 */
  size_t len;
} rap_bytes;

/* Element types of a column. */
enum {
  RAP_INT8 = 1,
  RAP_INT16 = 2,
  RAP_INT32 = 3,
  RAP_INT64 = 4,
  RAP_UINT8 = 5,
  RAP_UINT16 = 6,
  RAP_UINT32 = 7,
  RAP_UINT64 = 8,
  RAP_FLOAT32 = 9,
  RAP_FLOAT64 = 10
};

/* One column: len rows of width elements each, one after another, in the
 * machine's byte order, aligned to 16 bytes. Width is 1 but for columns of
 * fixed-size byte strings: ids are RAP_UINT8 with width 32. */
typedef struct {
  const char *name; /* UTF-8, ends with NUL */
  const void *data; /* NULL when len is 0 */
  size_t len;
  int32_t dtype;
  int32_t width;
} rap_column;

typedef struct {
  const rap_column *columns; /* NULL when count is 0 */
  size_t count;
} rap_table;

/* Severity of a log line: the numbers of Python's logging. */
enum { RAP_DEBUG = 10, RAP_INFO = 20, RAP_WARNING = 30, RAP_ERROR = 40 };

/* What the host offers to a machine; rap_open copies it. Fields are only ever
 * added at the end, and size tells how many the host knows of.
 *
 * A host function may be called from any thread, also from one that the host
 * did not create, during any call with the handle and between calls, until
 * rap_close has returned (or, where rap_close found a call in flight, until
 * that call has returned). What it is handed is valid until it returns: copy.
 * It returns nothing, so that a host whose exceptions stop at the boundary
 * cannot hand back garbage. It may call the library with other handles; with
 * its own handle rap_step and rap_columns answer RAP_BUSY, and rap_close must
 * not be called. */
typedef struct {
  size_t size;       /* sizeof(rap_host) */
  void *user;        /* handed back with every call; not looked into */
  int32_t log_level; /* lines below this severity are not even composed */
  void (*log)(void *user, int32_t level, const char *text, size_t len); /* or NULL; text is UTF-8 without NUL */
} rap_host;

/* The ABI version of the library that is loaded: compare it with the
 * RAP_ABI_VERSION that the host was written for before calling anything else.
 * Works in forked children too. */
int32_t rap_version(void);

/* The release, for people, as a text that ends with NUL and lives for ever. */
const char *rap_version_text(void);

/* Opens a machine.
 *
 * kind    its name, ending with NUL
 * config  what the kind wants to know, in len bytes; NULL if len is 0
 * host    functions that the host offers, or NULL
 * handle  receives the handle; 0 if there is none
 * error   NULL, or RAP_ERROR_MAX bytes that receive a text ending with NUL: why
 *         opening failed, or nothing
 *
 * Returns RAP_OK, RAP_BAD_CONFIG, RAP_STORE_FAILED, RAP_BAD_ARGUMENT,
 * RAP_FORKED or RAP_INTERNAL (also when opening panicked). */
int32_t rap_open(const char *kind, const uint8_t *config, size_t len, const rap_host *host,
                 rap_handle *handle, char *error);

/* Hands a batch of events to a machine and receives the effects.
 *
 * events   a CBOR sequence in len bytes; an empty batch is allowed
 * effects  receives a CBOR sequence that is valid until the next call of
 *          rap_step or rap_close with this handle
 *
 * What the effects depend on is committed when the call returns.
 *
 * Returns RAP_OK, or
 * RAP_BAD_EVENT, RAP_STORE_FAILED, RAP_CANCELED, RAP_INTERNAL: effects holds
 *     those of the events before the one that failed, and they count;
 *     rap_last_error names the event by its index in the batch, from 0;
 * RAP_BUSY, RAP_BAD_ARGUMENT: nothing happened, effects is empty;
 * RAP_POISONED, RAP_CLOSED, RAP_BAD_HANDLE, RAP_FORKED: effects is empty.
 * RAP_CLOSED is also the answer when another thread closed the handle
 * meanwhile: what the batch did is then done, but its effects are lost. */
int32_t rap_step(rap_handle handle, const uint8_t *events, size_t len, rap_bytes *effects);

/* Asks a machine for bulk results: typed arrays rather than CBOR.
 *
 * query  what the kind understands, in len bytes
 * table  receives the columns; they, their names and their data are valid until
 *        the next call of rap_columns or rap_close with this handle
 *
 * Returns what rap_step returns (RAP_BAD_EVENT for a query that breaks the
 * contract); table is empty unless it is RAP_OK. */
int32_t rap_columns(rap_handle handle, const uint8_t *query, size_t len, rap_table *table);

/* Asks the call in flight with this handle, if any, to stop early. Returns at
 * once; a call that heeds it ends with RAP_CANCELED. If none is in flight, or
 * the machine's calls are always short, nothing happens.
 *
 * Returns RAP_OK, RAP_POISONED, RAP_CLOSED, RAP_BAD_HANDLE or RAP_FORKED. */
int32_t rap_cancel(rap_handle handle);

/* Closes a machine and frees what belongs to it. If another thread is inside
 * the handle, its call is cancelled and finishes the closing as it returns;
 * rap_close does not wait for it.
 *
 * Returns RAP_OK, RAP_CLOSED, RAP_BAD_HANDLE or RAP_FORKED; RAP_STORE_FAILED,
 * RAP_POISONED or RAP_INTERNAL if closing itself failed: the handle is gone all
 * the same. */
int32_t rap_close(rap_handle handle);

/* Why the latest call that failed with this handle failed; empty if none did.
 * For a poisoned handle: what the engine panicked with, and the stack. RAP_BUSY
 * and RAP_BAD_ARGUMENT speak for themselves and leave no text.
 *
 * text  receives UTF-8 that is valid until the next call of rap_last_error or
 *       rap_close with this handle
 *
 * Returns RAP_OK, RAP_BAD_ARGUMENT, RAP_CLOSED, RAP_BAD_HANDLE or RAP_FORKED. */
int32_t rap_last_error(rap_handle handle, rap_bytes *text);

#ifdef __cplusplus
}
#endif

#endif
