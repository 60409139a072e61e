package riblt

import (
	"fmt"
	"iter"
	"slices"
)

// MaxItems bounds the size of a set, and with it every count.
const MaxItems = 1 << 30

// Sketch is the maintained prefix of a set's cells, 24 bytes each. It does not
// hold the set: the caller adds a symbol once and removes only what it added.
// It is not safe for concurrent use.
type Sketch struct {
	salt  uint64
	cells []Cell // never empty: cell 0 is the commitment to the whole set
	span  span   // of all cells
	walk  []uint32
}

// New returns the sketch of an empty set with m cells, 1 ≤ m ≤ MaxCells.
func New(mapping Mapping, salt uint64, m int) (*Sketch, error) {
	if m < 1 || m > MaxCells || !mapping.valid() {
		return nil, misuse(ErrParam, "%d cells, %v", m, mapping)
	}
	return newSketch(mapping, salt, make([]Cell, m)), nil
}

func newSketch(mapping Mapping, salt uint64, cells []Cell) *Sketch {
	return &Sketch{salt: salt, cells: cells, span: mapping.span(0, len(cells))}
}

// Build returns the sketch of the given symbols with m cells, 1 ≤ m ≤ MaxCells.
// It costs about 40 ns per symbol at m = 1350.
func Build(mapping Mapping, salt uint64, m int, symbols iter.Seq[uint64]) (*Sketch, error) {
	s, err := New(mapping, salt, m)
	if err != nil {
		return nil, err
	}
	s.cells[0] = fold(mapping, s.cells, 1, salt, symbols)
	return s, nil
}

// Salt returns the salt of the checksums.
func (s *Sketch) Salt() uint64 { return s.salt }

// Mapping returns the rule that says which cells an item is in.
func (s *Sketch) Mapping() Mapping { return s.span.mapping }

// Len returns the number of symbols in the set.
func (s *Sketch) Len() int { return int(s.cells[0].Count) }

// Cells returns the prefix itself: read-only, and valid until the next change.
func (s *Sketch) Cells() []Cell { return s.cells }

// String is the sketch's one-line form.
func (s *Sketch) String() string {
	return fmt.Sprintf("riblt %d items in %d cells, %v", s.Len(), len(s.cells), s.cells[0])
}

// Add adds a symbol that is not in the set.
func (s *Sketch) Add(symbol uint64) { s.toggle(symbol, 1) }

// Remove removes a symbol that is in the set.
func (s *Sketch) Remove(symbol uint64) { s.toggle(symbol, -1) }

func (s *Sketch) toggle(symbol uint64, sign int64) {
	check := Checksum(s.salt, symbol)
	if s.Mapping() == Irregular {
		s.cells[0].toggle(symbol, check, sign)
		state, end := check, uint64(len(s.cells))
		for _, stratum := range layout.strata[layout.first[layout.classOf[check%(1<<classBits)]]:] {
			state *= multiplier
			index := stratum.pick(state)
			if index >= end {
				return
			}
			s.cells[index].toggle(symbol, check, sign)
		}
	}
	index, state := uint64(0), check
	for index < uint64(len(s.cells)) {
		s.cells[index].toggle(symbol, check, sign)
		index, state = step(index, state)
	}
}

// Grow extends the prefix to m cells, walking symbols, which must be the whole
// set, once. Growing geometrically keeps the cost per item constant; nothing is
// kept per item. It returns ErrStale, and changes nothing, if the symbols are
// not those that were added; a prefix that is long enough is left alone.
func (s *Sketch) Grow(m int, symbols iter.Seq[uint64]) error {
	if m > MaxCells {
		return misuse(ErrParam, "%d cells", m)
	}
	if m <= len(s.cells) {
		return nil
	}
	cells := make([]Cell, m)
	if got := fold(s.Mapping(), cells, len(s.cells), s.salt, symbols); got != s.cells[0] {
		return misuse(ErrStale, "cell 0 is %v, the symbols make %v", s.cells[0], got)
	}
	copy(cells, s.cells)
	*s = *newSketch(s.Mapping(), s.salt, cells)
	return nil
}

// Clone returns a copy of the first m cells, or of all if there are fewer, that
// later changes do not touch. 1 ≤ m.
func (s *Sketch) Clone(m int) *Sketch {
	m = min(max(m, 1), len(s.cells))
	return newSketch(s.Mapping(), s.salt, slices.Clone(s.cells[:m]))
}

// Source serves a Decoder from this sketch, which must not change meanwhile.
// Cells beyond the prefix are refused with ErrSource.
func (s *Sketch) Source() Source {
	return func(lo, hi int) ([]Cell, error) {
		if hi > len(s.cells) {
			return nil, misuse(ErrSource, "cells [%d,%d) of %d", lo, hi, len(s.cells))
		}
		return s.cells[lo:hi], nil
	}
}
