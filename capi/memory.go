//go:build cgo

package main

// #include <stdlib.h>
import "C"

import "unsafe"

// idleMax is how much memory a handle keeps for results once a call no longer
// needs it: enough for ordinary batches, little for thousands of handles.
const idleMax = 1 << 20

// memory is a growing piece of C memory. The zero value is empty.
type memory struct {
	ptr unsafe.Pointer
	cap int
}

// room gives the memory as an empty slice to append to. What does not fit makes
// append move to Go memory, from where keep brings it back.
func (m *memory) room() []byte {
	if m.ptr == nil {
		return nil
	}
	return unsafe.Slice((*byte)(m.ptr), m.cap)[:0]
}

// keep makes the memory hold data and returns its address, nil when empty.
func (m *memory) keep(data []byte) unsafe.Pointer {
	if len(data) == 0 {
		return nil
	}
	if unsafe.Pointer(unsafe.SliceData(data)) == m.ptr {
		return m.ptr
	}
	// data may lie within the old memory, so that goes only after the copy.
	old := *m
	if len(data) > m.cap {
		*m = allocate(2*len(data) + 4096)
	}
	copy(unsafe.Slice((*byte)(m.ptr), m.cap), data)
	if old.ptr != m.ptr {
		old.free()
	}
	return m.ptr
}

// allocate gets size bytes; the C library's alignment is 16 on 64-bit systems.
func allocate(size int) memory {
	return memory{C.malloc(C.size_t(size)), size}
}

// free gives the memory back and leaves m empty.
func (m *memory) free() {
	C.free(m.ptr)
	*m = memory{}
}
