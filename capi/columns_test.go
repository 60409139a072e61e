//go:build cgo

package main

import (
	"testing"
	"unsafe"
)

// hostColumn is rap_column as a host declares it.
type hostColumn struct {
	name  *byte
	data  *byte
	len   uintptr
	dtype int32
	width int32
}

type namedFlat struct {
	name string
	flat
}

// elementSizes are the sizes of the header's element types, by number.
var elementSizes = []int{0, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8}

// laidOut reads a table the way a host does.
func laidOut(ptr unsafe.Pointer, count int) []namedFlat {
	var read []namedFlat
	for _, column := range unsafe.Slice((*hostColumn)(ptr), count) {
		length := 0
		for *(*byte)(unsafe.Add(unsafe.Pointer(column.name), length)) != 0 {
			length++
		}
		size := int(column.len) * elementSizes[column.dtype] * int(column.width)
		read = append(read, namedFlat{
			unsafe.String(column.name, length),
			flat{unsafe.Slice(column.data, size), int(column.len), column.dtype, column.width},
		})
	}
	return read
}

func TestColumnDataIsAligned(t *testing.T) {
	m, err := layOut([]Column{
		{"a", []uint8{1}}, {"odd", []uint8{1, 2, 3}}, {"empty", []int64{}}, {"b", []int64{1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.free()
	for _, column := range unsafe.Slice((*hostColumn)(m.ptr), 4) {
		if uintptr(unsafe.Pointer(column.data))%16 != 0 { // what the header promises
			t.Errorf("data at %p", column.data)
		}
		if (column.len == 0) != (column.data == nil) {
			t.Errorf("%d rows at %p", column.len, column.data)
		}
	}
}
