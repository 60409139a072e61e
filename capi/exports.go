//go:build cgo

package main

// #include "rapprochement.h"
import "C"

import "unsafe"

// The exports have names of their own: shim.c has the public ones.

//export rapGoOpen
func rapGoOpen(kind *C.char, config *C.uint8_t, length C.size_t, host *C.rap_host,
	handle *C.rap_handle, text *C.char) C.int32_t {
	in, ok := input(config, length)
	if kind == nil || !ok || !whole(host) {
		return C.int32_t(codeBadArgument)
	}
	e, err := open(C.GoString(kind), append([]byte(nil), in...), hostOf(host))
	if err == nil {
		var number uint64
		if number, err = handles.add(e); err == nil {
			*handle = C.rap_handle(number)
			return C.int32_t(codeOK)
		}
		e.close()
		err = withCode(codeInternal, err)
	}
	report(text, err.Error())
	// Opening does little else than look at its config, so an error that does
	// not say more is about that.
	return C.int32_t(codeOf(err, codeBadConfig))
}

//export rapGoStep
func rapGoStep(handle C.rap_handle, events *C.uint8_t, length C.size_t, out *C.rap_bytes) C.int32_t {
	e, code := handles.get(uint64(handle))
	if e == nil {
		return C.int32_t(code)
	}
	in, ok := input(events, length)
	if !ok {
		return C.int32_t(codeBadArgument)
	}
	ptr, count, code := e.step(in)
	out.ptr, out.len = (*C.uint8_t)(ptr), C.size_t(count)
	return C.int32_t(code)
}

//export rapGoColumns
func rapGoColumns(handle C.rap_handle, query *C.uint8_t, length C.size_t, out *C.rap_table) C.int32_t {
	e, code := handles.get(uint64(handle))
	if e == nil {
		return C.int32_t(code)
	}
	in, ok := input(query, length)
	if !ok {
		return C.int32_t(codeBadArgument)
	}
	ptr, count, code := e.columns(in)
	out.columns, out.count = (*C.rap_column)(ptr), C.size_t(count)
	return C.int32_t(code)
}

//export rapGoCancel
func rapGoCancel(handle C.rap_handle) C.int32_t {
	e, code := handles.get(uint64(handle))
	if e == nil {
		return C.int32_t(code)
	}
	return C.int32_t(e.cancel())
}

//export rapGoClose
func rapGoClose(handle C.rap_handle) C.int32_t {
	e, code := handles.remove(uint64(handle))
	if e == nil {
		return C.int32_t(code)
	}
	return C.int32_t(e.close())
}

//export rapGoLastError
func rapGoLastError(handle C.rap_handle, out *C.rap_bytes) C.int32_t {
	e, code := handles.get(uint64(handle))
	if e == nil {
		return C.int32_t(code)
	}
	ptr, count, code := e.lastFailure()
	out.ptr, out.len = (*C.uint8_t)(ptr), C.size_t(count)
	return C.int32_t(code)
}

// input views what the host passed in. It holds during the call only.
func input(ptr *C.uint8_t, length C.size_t) ([]byte, bool) {
	if length > C.size_t(inputMax) || (ptr == nil && length > 0) {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(ptr)), int(length)), true
}

// whole says whether a host's table has all that this library knows of. Fields
// added after the first release will be optional here.
func whole(table *C.rap_host) bool {
	return table == nil || table.size >= C.size_t(unsafe.Sizeof(*table))
}

// hostOf copies the host's table.
func hostOf(table *C.rap_host) *Host {
	if table == nil {
		return nil
	}
	return &Host{
		user:  uintptr(table.user),
		log:   uintptr(unsafe.Pointer(table.log)),
		level: int32(table.log_level),
	}
}

// report writes an error's text to the host's buffer, cut to fit.
func report(buffer *C.char, text string) {
	if buffer == nil {
		return
	}
	out := unsafe.Slice((*byte)(unsafe.Pointer(buffer)), errorMax)
	out[copy(out[:errorMax-1], text)] = 0
}
