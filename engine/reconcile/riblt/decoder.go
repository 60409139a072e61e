package riblt

import (
	"fmt"
	"slices"
)

// Source returns cells [lo,hi) of the local set, exactly, as of the version
// that the session is pinned to. The Decoder asks for each range once, in
// order, and does not keep the slice.
type Source func(lo, hi int) ([]Cell, error)

// Options of a Decoder.
type Options struct {
	Mapping    Mapping
	Salt       uint64 // of the checksums, the same on both sides
	CheckBytes int    // ShortCheck or WideCheck, as the remote cells came
	MaxCells   int    // most remote cells to accept, 1 to MaxCells
	Secret     uint64 // anything the peer cannot predict; no result depends on it
}

// Decoder finds the difference between a remote and the local set from the
// remote's cells, in order. It does not trust them: whatever they are, it does
// not panic, recovers no symbol twice and no more symbols than it received
// cells, and keeps below 200 bytes per cell received.
//
// It is not safe for concurrent use. The zero value is not usable.
type Decoder struct {
	opt   Options
	mask  uint64 // checksum bits that count
	local Source

	cells    []residue // received cells, then foreseen ones, see foresee
	ahead    span      // the foreseen ones
	walk     []uint32
	received int
	zeros    int    // received cells from cell 0 on that are known to be zero
	items    uint64 // remote and local items together, as cell 0 states them

	stack   []uint32 // cells that may be pure, each at most once
	list    []recovered
	seen    seen
	only    [2][]uint64 // symbols of the list, local and remote ones
	strange bool
	tail    tail
}

// residue is a cell of the difference less what was recovered. Its tag is twice
// its count, and one more while the cell is on the stack: then one comparison
// finds a cell that holds one item and is not yet on it.
type residue struct {
	sum, check uint64
	tag        int64
}

func (r *residue) count() int64 { return r.tag >> 1 }

func (r *residue) toggle(symbol, check uint64, sign int64) {
	r.sum ^= symbol
	r.check ^= check
	r.tag -= 2 * sign
}

// zero reports whether nothing is left in the cell.
func (r *residue) zero() bool { return r.sum|r.check|uint64(r.tag>>1) == 0 }

// release takes an item out and returns 1 if the cell should go on the stack now,
// else 0.
func (r *residue) release(symbol, check uint64, sign int64) int {
	r.toggle(symbol, check, sign)
	queue := r.candidate()
	r.tag |= int64(queue)
	return queue
}

// candidate is 1 if the cell should go on the stack, else 0.
func (r *residue) candidate() int { return bit((r.tag+2)&^4 == 0) }

// bit compiles to an instruction, not to a branch.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// recovered is an item of the difference.
type recovered struct {
	symbol uint64
	sign   int64 // +1 remote, -1 local
}

// NewDecoder returns a Decoder that has received nothing, or ErrParam.
func NewDecoder(opt Options, local Source) (*Decoder, error) {
	d := &Decoder{}
	if err := d.Reset(opt, local); err != nil {
		return nil, err
	}
	return d, nil
}

// Reset starts a new session in the memory of the last one, whose results
// become invalid.
func (d *Decoder) Reset(opt Options, local Source) error {
	if err := (Coding{Mapping: opt.Mapping, CheckBytes: opt.CheckBytes}).Validate(); err != nil {
		return err
	}
	if opt.MaxCells < 1 || opt.MaxCells > MaxCells || local == nil {
		return misuse(ErrParam, "limit of %d cells, source given: %t", opt.MaxCells, local != nil)
	}
	clear(d.seen.slots)
	*d = Decoder{
		opt: opt, mask: checkMask(opt.CheckBytes), local: local,
		cells: d.cells[:0], stack: d.stack[:0], list: d.list[:0], walk: d.walk[:0],
		seen: seen{slots: d.seen.slots, shift: d.seen.shift, key: opt.Secret | 1},
		only: [2][]uint64{d.only[0][:0], d.only[1][:0]},
	}
	return nil
}

// Receive takes the remote cells that follow those received so far and
// recovers what it can. On error nothing has changed: ErrLimit beyond MaxCells,
// ErrCell for a count beyond MaxItems, or the source's error.
//
// The cost is proportional to the cells received and the items recovered,
// however the cells are cut into runs.
func (d *Decoder) Receive(remote []Cell) error {
	lo, hi := d.received, d.received+len(remote)
	if len(remote) > d.opt.MaxCells-lo {
		return misuse(ErrLimit, "%d after %d, limit %d", len(remote), lo, d.opt.MaxCells)
	}
	if lo == hi {
		return nil
	}
	local, err := d.local(lo, hi)
	if err != nil {
		return err
	}
	if len(local) != len(remote) {
		return misuse(ErrSource, "%d cells for [%d,%d)", len(local), lo, hi)
	}
	for i := range remote {
		if !plausible(remote[i].Count) || !plausible(local[i].Count) {
			return misuse(ErrCell, "cell %d counts %d remote, %d local", lo+i, remote[i].Count, local[i].Count)
		}
	}
	if lo == 0 {
		d.items = uint64(remote[0].Count + local[0].Count)
	}
	d.foresee(hi)
	d.subtract(remote, local)
	d.peel()
	d.look()
	return nil
}

// plausible keeps residue counts far from overflow: each is a difference of two
// such counts less the items peeled, fewer than MaxCells.
func plausible(count int64) bool { return count >= 0 && count <= MaxItems }

// foresee extends cells to hold at least hi and lets the items recovered so far
// run over the new ones. It goes a quarter further than needed: a peer
// that sends its cells one by one would otherwise have us look at every
// recovered item for each of them.
func (d *Decoder) foresee(hi int) {
	lo := len(d.cells)
	if hi <= lo {
		return
	}
	end := hi
	if lo > 0 {
		end = min(max(hi, lo+lo/4), d.opt.MaxCells)
	}
	d.cells = slices.Grow(d.cells, end-lo)[:end]
	clear(d.cells[lo:])
	fresh := d.opt.Mapping.span(lo, end)
	for _, item := range d.list {
		d.apply(item, fresh, 1)
	}
}

// apply removes (times 1) or restores (times -1) an item in a range of cells.
func (d *Decoder) apply(item recovered, in span, times int64) {
	check := Checksum(d.opt.Salt, item.symbol)
	d.walk = in.walk(d.walk[:0], check)
	for _, i := range d.walk {
		d.cells[i].toggle(item.symbol, check&d.mask, times*item.sign)
	}
}

// subtract takes in the next cells of both sides.
func (d *Decoder) subtract(remote, local []Cell) {
	fresh := d.cells[d.received : d.received+len(remote)]
	// One more than can be queued, as a slot is written before it is known to
	// be needed.
	after := d.received + len(remote)
	d.stack = slices.Grow(d.stack, after+1-len(d.stack))
	// Most cells yield an item in the end.
	d.list = slices.Grow(d.list, max(0, after-len(d.list)))
	d.seen.reserve(d.list, max(after, len(d.list))+1)
	stack, top := d.stack[:cap(d.stack)], len(d.stack)
	for i := range fresh {
		r := &fresh[i]
		r.sum ^= remote[i].Sum ^ local[i].Sum
		r.check ^= (remote[i].Check ^ local[i].Check) & d.mask
		r.tag += 2 * (remote[i].Count - local[i].Count)
		queue := r.candidate()
		r.tag |= int64(queue)
		stack[top] = uint32(d.received + i)
		top += queue
	}
	d.stack = stack[:top]
	d.received += len(remote)
	d.ahead = d.opt.Mapping.span(d.received, len(d.cells))
}

// peel recovers the items of pure cells until none is left. Each peel of a
// true difference zeroes a cell for good, so that a stream that yields more
// items than cells is made up.
func (d *Decoder) peel() {
	for len(d.stack) > 0 && len(d.list) < d.received {
		top := len(d.stack) - 1
		index := d.stack[top]
		d.stack = d.stack[:top]
		r := &d.cells[index]
		r.tag &^= 1
		check := Checksum(d.opt.Salt, r.sum)
		if r.candidate() == 1 && check&d.mask == r.check {
			d.accept(index, r.sum, check, r.count())
		}
	}
}

// accept recovers the item of a pure cell, unless it was recovered before, which
// no difference of sets brings about, or does not belong in that cell, which
// is a mixture then.
func (d *Decoder) accept(home uint32, symbol, check uint64, sign int64) {
	slot, known := d.seen.find(symbol, d.list)
	if known {
		d.strange = true
		return
	}
	item := recovered{symbol, sign}
	d.remove(item, check)
	if d.cells[home].count() != 0 {
		// It queues nothing, or two mixtures that share cells could queue each
		// other for ever; what the removal has queued is found out.
		d.apply(item, d.opt.Mapping.span(0, d.received), -1)
		return
	}
	if d.received < len(d.cells) {
		d.apply(item, d.ahead, 1)
	}
	d.add(item, slot)
}

// add notes down an item that is out of the cells; slot is its place in seen.
func (d *Decoder) add(item recovered, slot int) {
	d.list = append(d.list, item)
	d.seen.slots[slot] = uint32(len(d.list))
	only := &d.only[(item.sign+1)/2] // no branch: signs are random
	*only = append(*only, item.symbol)
}

// remove takes an item out of the received cells and notes which of them may
// have become pure. These are the inner loops of decoding, and their bodies have
// no branches because nothing predicts them.
func (d *Decoder) remove(item recovered, check uint64) {
	cells := d.cells[:d.received]
	stack, top := d.stack[:cap(d.stack)], len(d.stack)
	index, state, masked := uint64(0), check, check&d.mask
	if d.opt.Mapping == Irregular {
		strata := layout.strata[layout.first[layout.classOf[check%(1<<classBits)]]:]
		for at := 0; index < uint64(len(cells)); at++ {
			stack[top] = uint32(index)
			top += cells[index].release(item.symbol, masked, item.sign)
			state *= multiplier
			index = strata[at].pick(state)
		}
	} else {
		for index < uint64(len(cells)) {
			stack[top] = uint32(index)
			top += cells[index].release(item.symbol, masked, item.sign)
			index, state = step(index, state)
		}
	}
	d.stack, d.zeros = stack[:top], 0
}

// look finds out whether all received cells are zero. It stops at the first that
// is not and goes on from there next time, unless an item was recovered since.
// Since every item is in cell 0, an honest peer's cells are looked through once.
func (d *Decoder) look() {
	for d.zeros < d.received && d.cells[d.zeros].zero() {
		d.zeros++
	}
}

// Done reports whether the difference is complete: at least cell 0 has arrived
// and nothing is left in any cell. Every item is in cell 0, so that equal sets
// are done after one cell.
func (d *Decoder) Done() bool { return d.received > 0 && d.zeros == d.received }

// Inconsistent reports that the cells are not those of two sets, by deceit or by
// a mixture that passed for pure (see ShortCheck): the session is better
// abandoned, since it will hardly ever be Done. That it is false proves nothing;
// against a peer who never ends only a limit of cells helps.
func (d *Decoder) Inconsistent() bool {
	return d.strange || d.received > 0 && !d.Done() && len(d.list) >= d.received
}

// Received returns the number of cells taken in.
func (d *Decoder) Received() int { return d.received }

// OnlyRemote returns the symbols recovered so far that the remote set has and
// the local one lacks, in order of recovery. Later calls only append to it;
// the slice is read-only and good until Reset.
func (d *Decoder) OnlyRemote() []uint64 { return d.only[1] }

// OnlyLocal is OnlyRemote for what the local set has and the remote one lacks.
// A lying peer can put symbols here that the local set has never held.
func (d *Decoder) OnlyLocal() []uint64 { return d.only[0] }

// String is the decoder's one-line form.
func (d *Decoder) String() string {
	return fmt.Sprintf("riblt %d cells, +%d -%d, ~%d items to go",
		d.received, len(d.only[1]), len(d.only[0]), d.Remaining())
}
