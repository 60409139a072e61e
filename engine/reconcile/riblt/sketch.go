package riblt

import (
	"fmt"
	"iter"
	"math/bits"
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
}

// New returns the sketch of an empty set with m cells, 1 ≤ m ≤ MaxCells.
func New(salt uint64, m int) (*Sketch, error) {
	if m < 1 || m > MaxCells {
		return nil, misuse(ErrParam, "%d cells", m)
	}
	return &Sketch{salt: salt, cells: make([]Cell, m)}, nil
}

// Build returns the sketch of the given symbols with m cells, 1 ≤ m ≤ MaxCells.
// It costs about 40 ns per symbol at m = 1350.
func Build(salt uint64, m int, symbols iter.Seq[uint64]) (*Sketch, error) {
	s, err := New(salt, m)
	if err != nil {
		return nil, err
	}
	s.cells[0] = fold(s.cells, 1, salt, symbols)
	return s, nil
}

// Salt returns the salt of the checksums.
func (s *Sketch) Salt() uint64 { return s.salt }

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
	if got := fold(cells, len(s.cells), s.salt, symbols); got != s.cells[0] {
		return misuse(ErrStale, "cell 0 is %v, the symbols make %v", s.cells[0], got)
	}
	copy(cells, s.cells)
	s.cells = cells
	return nil
}

// Clone returns a copy of the first m cells, or of all if there are fewer, that
// later changes do not touch: what a session pins. 1 ≤ m.
func (s *Sketch) Clone(m int) *Sketch {
	m = min(max(m, 1), len(s.cells))
	return &Sketch{salt: s.salt, cells: slices.Clone(s.cells[:m])}
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

// foldBatch is how many symbols are walked side by side: enough to hide the
// latency of a step, few enough to stay in the first-level cache (8 KiB).
const foldBatch = 256

// fold adds all symbols to cells[lo:], lo ≥ 1, and returns their cell 0.
func fold(cells []Cell, lo int, salt uint64, symbols iter.Seq[uint64]) (zero Cell) {
	batch := make([]uint64, 0, foldBatch)
	for symbol := range symbols {
		if batch = append(batch, symbol); len(batch) == foldBatch {
			foldSome(cells, &zero, lo, salt, batch)
			batch = batch[:0]
		}
	}
	foldSome(cells, &zero, lo, salt, batch)
	return zero
}

// walker is one item on its way through the cells.
type walker struct {
	symbol, check, state, index uint64
}

// foldSome is fold for at most foldBatch symbols. All items take one step in
// each round, and those that left the cells drop out by arithmetic instead of a
// branch: walking item by item mispredicts the end of every walk and waits for
// every product, a quarter of the whole time.
func foldSome(cells []Cell, zero *Cell, lo int, salt uint64, symbols []uint64) {
	var walkers [foldBatch]walker
	live, end := uint64(0), uint64(len(cells))
	for _, symbol := range symbols {
		check := Checksum(salt, symbol)
		zero.toggle(symbol, check, 1)
		index, state := step(0, check)
		for index < uint64(lo) {
			index, state = step(index, state)
		}
		walkers[live%foldBatch] = walker{symbol, check, state, index}
		_, inside := bits.Sub64(index, end, 0)
		live += inside
	}
	for live > 0 {
		walking := walkers[:live]
		live = 0
		for _, w := range walking {
			cells[w.index].toggle(w.symbol, w.check, 1)
			w.index, w.state = step(w.index, w.state)
			walkers[live%foldBatch] = w
			_, inside := bits.Sub64(w.index, end, 0)
			live += inside
		}
	}
}
