//go:build cgo

package main

// #include "rapprochement.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// columnAlign is the alignment of a column's data; vector instructions of 16
// bytes need no more.
const columnAlign = 16

// flat is a column as the bytes it consists of.
type flat struct {
	bytes []byte
	rows  int
	dtype int32
	width int32
}

// flatten views a column's slice as bytes.
func flatten(data any) (flat, error) {
	switch d := data.(type) {
	case []int8:
		return view(d, C.RAP_INT8, 1), nil
	case []int16:
		return view(d, C.RAP_INT16, 1), nil
	case []int32:
		return view(d, C.RAP_INT32, 1), nil
	case []int64:
		return view(d, C.RAP_INT64, 1), nil
	case []uint8:
		return view(d, C.RAP_UINT8, 1), nil
	case []uint16:
		return view(d, C.RAP_UINT16, 1), nil
	case []uint32:
		return view(d, C.RAP_UINT32, 1), nil
	case []uint64:
		return view(d, C.RAP_UINT64, 1), nil
	case []float32:
		return view(d, C.RAP_FLOAT32, 1), nil
	case []float64:
		return view(d, C.RAP_FLOAT64, 1), nil
	case [][32]byte:
		return view(d, C.RAP_UINT8, 32), nil
	}
	return flat{}, fmt.Errorf("capi: a column cannot hold %T", data)
}

func view[T any](d []T, dtype, width int32) flat {
	size := int(unsafe.Sizeof(*new(T)))
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), len(d)*size)
	return flat{raw, len(d), dtype, width}
}

// layOut copies columns into one piece of C memory: the descriptions, then the
// names, then the data.
func layOut(columns []Column) (memory, error) {
	if len(columns) == 0 {
		return memory{}, nil
	}
	flats := make([]flat, len(columns))
	size := len(columns) * int(unsafe.Sizeof(C.rap_column{}))
	for i, column := range columns {
		var err error
		if flats[i], err = flatten(column.Data); err != nil {
			return memory{}, err
		}
		size += len(column.Name) + 1 + len(flats[i].bytes) + columnAlign
	}
	m := allocate(size)
	fill(m, columns, flats)
	return m, nil
}

// fill writes what layOut has measured.
func fill(m memory, columns []Column, flats []flat) {
	items := unsafe.Slice((*C.rap_column)(m.ptr), len(columns))
	all := unsafe.Slice((*byte)(m.ptr), m.cap)
	at := len(columns) * int(unsafe.Sizeof(C.rap_column{}))
	for i, column := range columns {
		items[i] = C.rap_column{
			name:  (*C.char)(unsafe.Pointer(&all[at])),
			len:   C.size_t(flats[i].rows),
			dtype: C.int32_t(flats[i].dtype),
			width: C.int32_t(flats[i].width),
		}
		at += copy(all[at:], column.Name)
		all[at] = 0
		at++
	}
	for i, f := range flats {
		if len(f.bytes) == 0 {
			continue
		}
		at = (at + columnAlign - 1) &^ (columnAlign - 1)
		items[i].data = unsafe.Pointer(&all[at])
		at += copy(all[at:], f.bytes)
	}
}
