package compat

import "fmt"

// A Decoder finds the difference between a remote set and a local one from the
// remote's cells, in order. It recovers no symbol twice and no more symbols than
// it received cells, whatever they are; that is where it differs from the
// reference, which two crafted cells crash or keep busy for ever.
type Decoder struct {
	local   *Encoder
	limit   int
	cells   cells
	nonzero int
	stack   []int
	list    []recovered
	known   map[uint64]struct{} // hashes of the list
	only    [2][][]byte
	strange bool
}

type recovered struct {
	symbol      []uint64
	hash, state uint64
	next        uint64
	sign        int64
}

// NewDecoder returns a Decoder for the set of an Encoder, which may hold cells
// already and must not change otherwise. It takes up to limit cells, 1 to
// MaxCells.
func NewDecoder(local *Encoder, limit int) (*Decoder, error) {
	if limit < 1 || limit > MaxCells {
		return nil, fmt.Errorf("%w: limit of %d cells", ErrParam, limit)
	}
	return &Decoder{local: local, limit: limit, cells: cells{words: local.cells.words}, known: map[uint64]struct{}{}}, nil
}

// countMax keeps counts far from overflow.
const countMax = 1 << 40

// Receive takes the cells that follow and recovers what it can. On error nothing
// has changed: ErrLimit, ErrParam for a sum of another width, ErrCell for a count
// beyond 2^40.
func (d *Decoder) Receive(run []Cell) error {
	lo := d.cells.len()
	if len(run) > d.limit-lo {
		return fmt.Errorf("%w: %d after %d, limit %d", ErrLimit, len(run), lo, d.limit)
	}
	for _, c := range run {
		if len(c.Sum) != d.local.format.Width {
			return fmt.Errorf("%w: a sum of %d bytes", ErrParam, len(c.Sum))
		}
		if c.Count > countMax || c.Count < -countMax {
			return fmt.Errorf("%w: counts %d", ErrCell, c.Count)
		}
	}
	if err := d.local.Extend(lo + len(run)); err != nil {
		return err
	}
	d.cells.grow(lo + len(run))
	sum := make([]uint64, d.cells.words)
	for i, c := range run {
		pack(sum, c.Sum)
		d.cells.toggle(lo+i, sum, c.Hash, c.Count)
		own := d.local.cells.at(lo + i)
		d.cells.toggle(lo+i, own[:d.cells.words], own[d.cells.words], -int64(own[d.cells.words+1]))
	}
	for i := range d.list {
		r := &d.list[i]
		r.next, r.state = d.cells.walk(r.symbol, r.hash, r.next, r.state, -r.sign)
	}
	for i := lo; i < d.cells.len(); i++ {
		d.nonzero += d.occupied(i)
		d.queue(i)
	}
	d.peel()
	return nil
}

func (d *Decoder) occupied(i int) int {
	for _, w := range d.cells.at(i) {
		if w != 0 {
			return 1
		}
	}
	return 0
}

func (d *Decoder) count(i int) int64 { return int64(d.cells.at(i)[d.cells.words+1]) }

func (d *Decoder) queue(i int) {
	if c := d.count(i); c == 1 || c == -1 {
		d.stack = append(d.stack, i)
	}
}

func (d *Decoder) peel() {
	for len(d.stack) > 0 && len(d.list) < d.cells.len() {
		i := d.stack[len(d.stack)-1]
		d.stack = d.stack[:len(d.stack)-1]
		cell, sign := d.cells.at(i), d.count(i)
		if sign != 1 && sign != -1 {
			continue
		}
		symbol := unpack(cell[:d.cells.words], d.local.format.Width)
		if hash := d.local.format.Hash(symbol); hash == cell[d.cells.words] {
			d.accept(i, symbol, hash, sign)
		}
	}
	d.stack = d.stack[:0]
}

// accept recovers the symbol of a pure cell, unless it was recovered before or
// does not belong in that cell.
func (d *Decoder) accept(home int, symbol []byte, hash uint64, sign int64) {
	if _, known := d.known[hash]; known {
		d.strange = true
		return
	}
	r := recovered{symbol: make([]uint64, d.cells.words), hash: hash, sign: sign}
	pack(r.symbol, symbol)
	d.apply(&r, -sign)
	if d.count(home) != 0 {
		d.apply(&r, sign)
		return
	}
	d.known[hash] = struct{}{}
	d.list = append(d.list, r)
	for i, state := uint64(0), hash; i < uint64(d.cells.len()); i, state = next(i, state) {
		d.queue(int(i))
	}
	only := &d.only[(sign+1)/2]
	*only = append(*only, symbol)
}

// apply toggles a symbol in all received cells and keeps count of those that are
// not zero.
func (d *Decoder) apply(r *recovered, sign int64) {
	index, state := uint64(0), r.hash
	for index < uint64(d.cells.len()) {
		d.nonzero -= d.occupied(int(index))
		d.cells.toggle(int(index), r.symbol, r.hash, sign)
		d.nonzero += d.occupied(int(index))
		index, state = next(index, state)
	}
	r.next, r.state = index, state
}

// Done reports whether the difference is complete: at least cell 0 has arrived
// and nothing is left in any cell.
func (d *Decoder) Done() bool { return d.cells.len() > 0 && d.nonzero == 0 }

// Inconsistent reports that the cells are not those of two sets.
func (d *Decoder) Inconsistent() bool {
	return d.strange || d.nonzero > 0 && len(d.list) >= d.cells.len()
}

// Received returns the number of cells taken in.
func (d *Decoder) Received() int { return d.cells.len() }

// OnlyRemote returns the symbols that the remote set alone has.
func (d *Decoder) OnlyRemote() [][]byte { return d.only[1] }

// OnlyLocal returns the symbols that the local set alone has.
func (d *Decoder) OnlyLocal() [][]byte { return d.only[0] }
