// Package compat makes and reads the coded cells of the reference implementation
// of RIBLT, github.com/yangl1996/riblt, bit for bit: the mapping in floating
// point, a 64-bit hash that is both checksum and seed, signed counts. It exists
// to be tested against others and to talk to them; package riblt is the one
// that this program uses among its own.
//
// The reference leaves the hash and the wire format to its caller. Here the hash
// is SipHash-2-4 of the symbol's bytes with a 128-bit key, as in its tests.
//
// Symbols are byte strings of one width. A symbol added twice cancels itself out
// but for the count, and leaves cells that nobody can decode: neither a Sketch
// nor an Encoder looks for that.
package compat

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dchest/siphash"
)

const (
	// MaxCells bounds every cell index.
	MaxCells = 1 << 24
	// MaxWidth bounds a symbol, in bytes.
	MaxWidth = 1 << 10
)

var (
	// ErrParam: a width, size or limit outside its range, or a symbol of another
	// width.
	ErrParam = errors.New("riblt compat: parameter out of range")
	// ErrLimit: more cells than the limit allows.
	ErrLimit = errors.New("riblt compat: too many cells")
	// ErrCell: a count that no set of this program's size has.
	ErrCell = errors.New("riblt compat: impossible cell")
)

// A Format is what two sides have to agree on.
type Format struct {
	Width int       // of a symbol in bytes, 1 to MaxWidth
	Key   [2]uint64 // of SipHash-2-4
}

// Hash is a symbol's hash.
func (f Format) Hash(symbol []byte) uint64 { return siphash.Hash(f.Key[0], f.Key[1], symbol) }

func (f Format) validate() error {
	if f.Width < 1 || f.Width > MaxWidth {
		return fmt.Errorf("%w: symbols of %d bytes", ErrParam, f.Width)
	}
	return nil
}

func (f Format) words() int { return (f.Width + 7) / 8 }

// A Cell is a coded cell.
type Cell struct {
	Sum   []byte // exclusive or of the symbols
	Hash  uint64 // exclusive or of their hashes
	Count int64
}

// cells are coded cells one after the other: the words of the sum, little-endian
// and padded with zeros, then hash and count.
type cells struct {
	words int // of a sum
	data  []uint64
}

func (c *cells) stride() int { return c.words + 2 }
func (c *cells) len() int    { return len(c.data) / c.stride() }

func (c *cells) at(i int) []uint64 {
	at := i * c.stride()
	return c.data[at : at+c.stride()]
}

func (c *cells) grow(m int) {
	c.data = append(c.data, make([]uint64, (m-c.len())*c.stride())...)
}

// toggle adds (sign 1) or takes away (−1) a symbol.
func (c *cells) toggle(i int, symbol []uint64, hash uint64, sign int64) {
	cell := c.at(i)
	for w, x := range symbol {
		cell[w] ^= x
	}
	cell[c.words] ^= hash
	cell[c.words+1] += uint64(sign)
}

// walk toggles a symbol in all cells from where it stands, and returns where it
// stands afterwards.
func (c *cells) walk(symbol []uint64, hash, index, state uint64, sign int64) (uint64, uint64) {
	for m := uint64(c.len()); index < m; index, state = next(index, state) {
		c.toggle(int(index), symbol, hash, sign)
	}
	return index, state
}

func (c *cells) cell(i, width int) Cell {
	at := c.at(i)
	return Cell{Sum: unpack(at[:c.words], width), Hash: at[c.words], Count: int64(at[c.words+1])}
}

func pack(dst []uint64, symbol []byte) {
	for w := range dst {
		var b [8]byte
		copy(b[:], symbol[8*w:])
		dst[w] = binary.LittleEndian.Uint64(b[:])
	}
}

func unpack(words []uint64, width int) []byte {
	b := make([]byte, 0, 8*len(words))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b[:width]
}

// A Sketch is the first cells of a set that changes.
type Sketch struct {
	format Format
	cells  cells
	symbol []uint64
}

// NewSketch returns the sketch of an empty set with m cells, 1 to MaxCells.
func NewSketch(f Format, m int) (*Sketch, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if m < 1 || m > MaxCells {
		return nil, fmt.Errorf("%w: %d cells", ErrParam, m)
	}
	s := &Sketch{format: f, cells: cells{words: f.words()}, symbol: make([]uint64, f.words())}
	s.cells.grow(m)
	return s, nil
}

// Len is the number of cells.
func (s *Sketch) Len() int { return s.cells.len() }

// Cell returns cell i < Len.
func (s *Sketch) Cell(i int) Cell { return s.cells.cell(i, s.format.Width) }

// Add adds a symbol that is not in the set; ErrParam if it has another width.
func (s *Sketch) Add(symbol []byte) error { return s.toggle(symbol, 1) }

// Remove removes a symbol that is in the set; ErrParam if it has another width.
func (s *Sketch) Remove(symbol []byte) error { return s.toggle(symbol, -1) }

func (s *Sketch) toggle(symbol []byte, sign int64) error {
	if len(symbol) != s.format.Width {
		return fmt.Errorf("%w: a symbol of %d bytes", ErrParam, len(symbol))
	}
	pack(s.symbol, symbol)
	hash := s.format.Hash(symbol)
	s.cells.walk(s.symbol, hash, 0, hash, sign)
	return nil
}
