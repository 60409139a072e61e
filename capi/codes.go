//go:build cgo

package main

// #include "rapprochement.h"
import "C"

import (
	"errors"
	"fmt"
)

// The return codes, taken from the header, which defines them.
const (
	codeOK          = int32(C.RAP_OK)
	codeBadHandle   = int32(C.RAP_BAD_HANDLE)
	codeClosed      = int32(C.RAP_CLOSED)
	codeBusy        = int32(C.RAP_BUSY)
	codePoisoned    = int32(C.RAP_POISONED)
	codeForked      = int32(C.RAP_FORKED)
	codeBadConfig   = int32(C.RAP_BAD_CONFIG)
	codeBadEvent    = int32(C.RAP_BAD_EVENT)
	codeStoreFailed = int32(C.RAP_STORE_FAILED)
	codeCanceled    = int32(C.RAP_CANCELED)
	codeBadArgument = int32(C.RAP_BAD_ARGUMENT)
	codeInternal    = int32(C.RAP_INTERNAL)
)

// Limits, taken from the header.
const (
	inputMax = int(C.RAP_INPUT_MAX)
	errorMax = int(C.RAP_ERROR_MAX)
)

// Coder is what an error implements, anywhere in its chain, to choose the code
// that the host receives. Only codes a machine can know about are passed on:
// bad config, bad event, store failed, canceled; others become internal.
type Coder interface {
	error
	Code() int32
}

// codedError gives an error a code.
type codedError struct {
	code int32
	err  error
}

// withCode gives err, which must not be nil, a code.
func withCode(code int32, err error) error { return &codedError{code, err} }

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }
func (e *codedError) Code() int32   { return e.code }

// errCanceled is what a machine answers when it stopped because of Cancel.
var errCanceled = withCode(codeCanceled, errors.New("capi: canceled"))

// EventError says which event of a batch failed, counted from 0. Hosts read the
// index from the front of the text, so the wording is part of the interface.
type EventError struct {
	Index int
	Err   error
}

func (e *EventError) Error() string { return fmt.Sprintf("event %d: %v", e.Index, e.Err) }
func (e *EventError) Unwrap() error { return e.Err }

// Code is that of the cause, or bad event where the cause has none.
func (e *EventError) Code() int32 { return codeOf(e.Err, codeBadEvent) }

// codeOf gives the code that the host receives for err, and uncoded for errors
// that do not choose one.
func codeOf(err error, uncoded int32) int32 {
	if err == nil {
		return codeOK
	}
	coder, ok := errors.AsType[Coder](err)
	if !ok {
		return uncoded
	}
	switch code := coder.Code(); code {
	case codeBadConfig, codeBadEvent, codeStoreFailed, codeCanceled:
		return code
	}
	return codeInternal
}
