package riblt

import (
	"encoding/binary"
	"slices"
)

// Widths of a checksum on the wire, in bytes.
//
// ShortCheck is the one to use. A cell that is not pure passes for pure once in
// 2^32 tests, and then its index must also be one of those of the phantom item,
// so a session of d = 10^5 differences is spoiled less than once in 10^4, and
// one of 10^3 less than once in 10^6. A spoiled session does not end in a wrong
// answer: the phantom leaves cells that no peeling clears, Decoder.Inconsistent
// tells, and the pair starts over with WideCheck. That is cheaper than 4 bytes
// in each of 13 for everybody. It is also no weaker against forgery: checksums
// are linear over exclusive-or at any width.
const (
	ShortCheck = 4
	WideCheck  = 8
)

// Coding is how runs of cells of one set travel. Both ends need the same one:
// the sender states it in the header of its stream.
//
// A cell is its sum (8 bytes), the low CheckBytes bytes of its checksum, both
// little-endian, and its count as a zigzag varint difference from what is to be
// expected of n items, as in Yang, Gilad, Alizadeh, SIGCOMM 2024: little more
// than a byte.
type Coding struct {
	Mapping    Mapping
	Items      int // n, the size of the sender's set, 0 to MaxItems
	CheckBytes int // ShortCheck or WideCheck
}

// Validate reports ErrParam if a field is out of range.
func (c Coding) Validate() error {
	if c.Items < 0 || c.Items > MaxItems {
		return misuse(ErrParam, "%d items", c.Items)
	}
	if c.CheckBytes != ShortCheck && c.CheckBytes != WideCheck {
		return misuse(ErrParam, "%d-byte checksums", c.CheckBytes)
	}
	if !c.Mapping.valid() {
		return misuse(ErrParam, "%v", c.Mapping)
	}
	return nil
}

// checkMask selects the bits of a checksum that travel.
func checkMask(width int) uint64 { return ^uint64(0) >> (64 - 8*width) }

// expecting says what counts to expect in cells that are asked for in order.
type expecting struct {
	Coding
	share uint64 // of the cells up to end
	end   int
}

// at returns the count to expect in cell i, rounded to nearest.
func (e *expecting) at(i int) int64 {
	if e.Mapping == Regular {
		return (2*int64(e.Items) + int64(i+2)/2) / int64(i+2)
	}
	if i >= e.end {
		e.share, e.end = e.Mapping.shareRun(i)
	}
	return int64((uint64(e.Items)*e.share + 1<<31) >> 32)
}

// Append codes cells, of which the first is cell lo of the set, onto dst. The
// Coding must be valid.
func (c Coding) Append(dst []byte, lo int, cells []Cell) []byte {
	expected := expecting{Coding: c}
	dst = slices.Grow(dst, len(cells)*(8+c.CheckBytes+2))
	for i, cell := range cells {
		dst = binary.LittleEndian.AppendUint64(dst, cell.Sum)
		if c.CheckBytes == ShortCheck {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(cell.Check))
		} else {
			dst = binary.LittleEndian.AppendUint64(dst, cell.Check)
		}
		dst = binary.AppendVarint(dst, cell.Count-expected.at(lo+i))
	}
	return dst
}

// Decode appends cells [lo,hi) to dst from data, which must hold exactly
// them. It allocates nothing before data is known to be long enough for so many
// cells, and returns dst as it was with the error: ErrParam or ErrLimit for the
// arguments, a *FormatError for the bytes.
//
// Beyond the form it checks what it can: cell 0 counts all Items, no cell
// counts more, and a cell that counts none is zero.
func (c Coding) Decode(dst []Cell, lo, hi int, data []byte) ([]Cell, error) {
	if err := c.Validate(); err != nil {
		return dst, err
	}
	if lo < 0 || hi < lo {
		return dst, misuse(ErrParam, "cells [%d,%d)", lo, hi)
	}
	if hi > MaxCells {
		return dst, misuse(ErrLimit, "cells [%d,%d)", lo, hi)
	}
	if len(data)/(8+c.CheckBytes+1) < hi-lo {
		return dst, refuse(len(data), ErrTruncated)
	}
	out, at := slices.Grow(dst, hi-lo), 0
	expected := expecting{Coding: c}
	for i := lo; i < hi; i++ {
		cell, next, err := c.cell(i, expected.at(i), data, at)
		if err != nil {
			return dst, err
		}
		out, at = append(out, cell), next
	}
	if at != len(data) {
		return dst, refuse(at, ErrTrailing)
	}
	return out, nil
}

// cell decodes cell i, of which such a count is expected, at data[at:] and returns where the next one starts.
func (c Coding) cell(i int, expected int64, data []byte, at int) (cell Cell, next int, err error) {
	fixed := at + 8 + c.CheckBytes
	if len(data) <= fixed {
		return cell, 0, refuse(len(data), ErrTruncated)
	}
	cell.Sum = binary.LittleEndian.Uint64(data[at:])
	if c.CheckBytes == ShortCheck {
		cell.Check = uint64(binary.LittleEndian.Uint32(data[at+8:]))
	} else {
		cell.Check = binary.LittleEndian.Uint64(data[at+8:])
	}
	delta, size := binary.Varint(data[fixed:])
	if size == 0 {
		return cell, 0, refuse(len(data), ErrTruncated)
	}
	if size < 0 || size > 1 && data[fixed+size-1] == 0 {
		return cell, 0, refuse(fixed, ErrVarint)
	}
	// An overflow wraps to a negative count, which is refused.
	cell.Count = expected + delta
	if !possible(cell, int64(c.Items)) || i == 0 && cell.Count != int64(c.Items) {
		return cell, 0, refuse(at, ErrCell)
	}
	return cell, fixed + size, nil
}
