package riblt

import "encoding/binary"

// The persistent form: version and mapping (1 byte each), salt (8), number of cells (4), then
// sum, check and count (8 each) of every cell, all little-endian.
const (
	persistVersion = 2
	persistHeader  = 1 + 1 + 8 + 4
	persistCell    = 3 * 8
)

// Append appends the persistent form, 14 + 24·cells bytes, to dst.
func (s *Sketch) Append(dst []byte) []byte {
	dst = append(dst, persistVersion, byte(s.Mapping()))
	dst = binary.LittleEndian.AppendUint64(dst, s.salt)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s.cells)))
	for _, c := range s.cells {
		dst = binary.LittleEndian.AppendUint64(dst, c.Sum)
		dst = binary.LittleEndian.AppendUint64(dst, c.Check)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Count))
	}
	return dst
}

// Unmarshal reads what Append wrote and nothing else. It refuses more than
// maxCells cells before allocating, and cells that no set has; whether the
// cells are those of a particular set is for the caller to know, or for Grow to
// find out. Errors are *FormatError.
func Unmarshal(data []byte, maxCells int) (*Sketch, error) {
	if len(data) < persistHeader {
		return nil, refuse(len(data), ErrTruncated)
	}
	if data[0] != persistVersion {
		return nil, refuse(0, ErrVersion)
	}
	mapping := Mapping(data[1])
	if !mapping.valid() {
		return nil, refuse(1, ErrVersion)
	}
	salt := binary.LittleEndian.Uint64(data[2:])
	m := int64(binary.LittleEndian.Uint32(data[10:]))
	if m < 1 || m > int64(min(maxCells, MaxCells)) {
		return nil, refuse(10, ErrLimit)
	}
	switch size := persistHeader + m*persistCell; {
	case int64(len(data)) < size:
		return nil, refuse(len(data), ErrTruncated)
	case int64(len(data)) > size:
		return nil, refuse(int(size), ErrTrailing)
	}
	s := newSketch(mapping, salt, make([]Cell, m))
	items := int64(MaxItems)
	for i := range s.cells {
		at := persistHeader + i*persistCell
		c := Cell{
			Sum:   binary.LittleEndian.Uint64(data[at:]),
			Check: binary.LittleEndian.Uint64(data[at+8:]),
			Count: int64(binary.LittleEndian.Uint64(data[at+16:])),
		}
		if i == 0 {
			items = min(items, c.Count)
		}
		if !possible(c, items) {
			return nil, refuse(at, ErrCell)
		}
		s.cells[i] = c
	}
	return s, nil
}

// possible tells whether a set of so many items can have this cell: an item is
// in a cell once or not at all, and an empty cell is zero.
func possible(c Cell, items int64) bool {
	return c.Count >= 0 && c.Count <= items && (c.Count != 0 || c.Sum|c.Check == 0)
}
