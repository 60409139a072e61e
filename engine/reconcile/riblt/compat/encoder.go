package compat

import (
	"fmt"
	"math"
	"math/bits"
)

// An Encoder makes the cells of a set in blocks, without a priority queue: all
// symbols walk through the new cells, which stay in the processor's cache. It
// remembers where each stands, 12 bytes beside the symbol and its hash.
type Encoder struct {
	format  Format
	symbols []uint64 // words() each
	hashes  []uint64
	states  []uint64
	next    []uint32 // cell that the symbol is in next; never, if that is the highest
	cells   cells
}

const never = math.MaxUint32

// NewEncoder returns the encoder of an empty set, or ErrParam.
func NewEncoder(f Format) (*Encoder, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	return &Encoder{format: f, cells: cells{words: f.words()}}, nil
}

// Add adds a symbol that is not in the set, also to cells that exist already;
// ErrParam if it has another width.
func (e *Encoder) Add(symbol []byte) error {
	if len(symbol) != e.format.Width {
		return fmt.Errorf("%w: a symbol of %d bytes", ErrParam, len(symbol))
	}
	return e.AddHashed(symbol, e.format.Hash(symbol))
}

// AddHashed is Add with any other hash, which the other side has to share.
func (e *Encoder) AddHashed(symbol []byte, hash uint64) error {
	if len(symbol) != e.format.Width {
		return fmt.Errorf("%w: a symbol of %d bytes", ErrParam, len(symbol))
	}
	at, words := len(e.symbols), e.cells.words
	for range words {
		e.symbols = append(e.symbols, 0)
	}
	pack(e.symbols[at:], symbol)
	index, state := e.cells.walk(e.symbols[at:], hash, 0, hash, 1)
	e.hashes, e.states, e.next = append(e.hashes, hash), append(e.states, state), append(e.next, clip(index))
	return nil
}

func clip(index uint64) uint32 { return uint32(min(index, never)) }

// Len is the number of symbols.
func (e *Encoder) Len() int { return len(e.hashes) }

// Extend makes sure that there are m cells, ErrLimit beyond MaxCells.
func (e *Encoder) Extend(m int) error {
	if m > MaxCells {
		return fmt.Errorf("%w: %d", ErrLimit, m)
	}
	if m <= e.cells.len() {
		return nil
	}
	e.cells.grow(m)
	for lo := 0; lo < e.Len(); lo += batch {
		e.extendSome(lo, min(lo+batch, e.Len()))
	}
	return nil
}

// Cell returns a cell that Extend has made.
func (e *Encoder) Cell(i int) Cell { return e.cells.cell(i, e.format.Width) }

// batch is how many symbols walk side by side: what is left of each step's long
// latency is hidden behind the others.
const batch = 256

// extendSome lets symbols [lo,hi) walk through the cells that are new. All take
// one step in each round, and those that have left the cells drop out by
// arithmetic instead of a branch.
func (e *Encoder) extendSome(lo, hi int) {
	var live [batch + 1]int32
	n, m := uint64(0), uint64(e.cells.len())
	for i := lo; i < hi; i++ {
		live[n] = int32(i - lo)
		_, inside := bits.Sub64(uint64(e.next[i]), m, 0)
		n += inside
	}
	for n > 0 {
		if e.cells.words == 1 {
			n = e.toggleWord(lo, live[:n], m)
		} else {
			n = e.toggle(lo, live[:n], m)
		}
	}
}

// toggleWord takes one step of symbols of 8 bytes, and packs those that stay
// inside into the front of walking.
func (e *Encoder) toggleWord(lo int, walking []int32, m uint64) (n uint64) {
	symbols, hashes, states, nexts := e.symbols[lo:], e.hashes[lo:], e.states[lo:], e.next[lo:]
	data := e.cells.data
	for _, i := range walking {
		at := uint64(nexts[i])
		cell := data[3*at : 3*at+3]
		cell[0] ^= symbols[i]
		cell[1] ^= hashes[i]
		cell[2]++
		index, state := next(at, states[i])
		states[i], nexts[i] = state, clip(index)
		walking[n] = i
		_, inside := bits.Sub64(index, m, 0)
		n += inside
	}
	return n
}

// toggle is toggleWord for any width.
func (e *Encoder) toggle(lo int, walking []int32, m uint64) (n uint64) {
	words := e.cells.words
	for _, i := range walking {
		item := lo + int(i)
		at := uint64(e.next[item])
		e.cells.toggle(int(at), e.symbols[item*words:(item+1)*words], e.hashes[item], 1)
		index, state := next(at, e.states[item])
		e.states[item], e.next[item] = state, clip(index)
		walking[n] = i
		_, inside := bits.Sub64(index, m, 0)
		n += inside
	}
	return n
}
