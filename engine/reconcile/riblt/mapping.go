package riblt

import "fmt"

// A Mapping is the rule that says which cells an item is in. Both sides of a
// session need the same one; a Sketch has one for life. Both are computed in
// integers only, from an item's checksum, and both put every item in cell 0.
type Mapping uint8

const (
	// Regular is the law of Yang, Gilad, Alizadeh, SIGCOMM 2024, α = 1/2: an item
	// is in cell i with probability 2/(i+2). It is not compatible with
	// implementations that compute the same law in floating point; package
	// compat is.
	Regular Mapping = 0
	// Irregular spreads items of several classes over fewer cells: 1.14 per
	// difference at 1000 where Regular takes 1.38, see strata.
	Irregular Mapping = 1
)

// String is the mapping's name.
func (m Mapping) String() string {
	switch m {
	case Regular:
		return "regular"
	case Irregular:
		return "irregular"
	}
	return fmt.Sprintf("mapping %d", uint8(m))
}

func (m Mapping) valid() bool { return m <= Irregular }

// MaxCells bounds every cell index, 400 MB of cells and 12 million
// differences. It keeps step within 64 bits and every next index within 32.
const MaxCells = 1 << 24

// multiplier is the full-period odd multiplier of the items' generators. State k
// of an item is its checksum times the k-th power.
const multiplier = 0xda942042e4dd58b5

// A span is a range of cells, prepared for finding out which of them items are
// in.
type span struct {
	mapping Mapping
	lo, hi  uint64
	from    [classes]cursor // where the walk of a class begins, if Irregular
}

// span returns cells [lo,hi), hi ≤ MaxCells.
func (m Mapping) span(lo, hi int) span {
	s := span{mapping: m, lo: uint64(lo), hi: uint64(hi)}
	if m == Irregular {
		s.from = cursors(uint32(lo))
	}
	return s
}

// walk appends to dst the indices within the span of the item whose checksum is
// check, in increasing order.
func (s *span) walk(dst []uint32, check uint64) []uint32 {
	if s.mapping == Irregular {
		return s.walkIrregular(dst, check)
	}
	index, state := uint64(0), check
	for index < s.lo {
		index, state = step(index, state)
	}
	for index < s.hi {
		dst = append(dst, uint32(index))
		index, state = step(index, state)
	}
	return dst
}
