package kvriblt

import (
	"fmt"
	"math/bits"
	"slices"
)

// Decoder finds the keys at which a remote and the local set differ, and by how
// much, from the remote's power sums and cells. It does not trust them: whatever
// they are it does not panic, its work per cell received is bounded, and it keeps
// below 100 bytes for each.
//
// It holds what it believes of the remote, and the cells that remain unexplained.
// A mixture that passes for a lone unknown puts something false into the belief,
// and with it another unknown into the cells, which is found and taken back much
// as any other is. So a cell needs no long check.
//
// Not safe for concurrent use.
type Decoder struct {
	cells    []Cell // unexplained; [0] is always empty
	occupied int    // cells that are not empty
	sums     PowerSums
	begun    bool // the sums have come

	high   []uint32 // cells that have changed, see peel
	low    []uint32
	queued []bool
	path   []uint32 // the cells of the key that is being looked at
	found  []finding
	seen   table
}

// A finding is a key with what is believed of it so far: a difference of 0 is one
// taken back.
type finding struct {
	key, delta uint32
	check      uint32 // what the difference adds to checks, divided by the key's multiplier
}

const (
	// lowCells are looked at when nothing else is left to do: most keys are in most
	// of them, and they change with every peel.
	lowCells = 32
	// batch is how many cells share an inversion.
	batch = 64
)

// Reset forgets everything but the memory.
func (d *Decoder) Reset(secret uint64) {
	d.seen.reset(secret)
	*d = Decoder{
		cells: d.cells[:0], high: d.high[:0], low: d.low[:0], queued: d.queued[:0], path: d.path, found: d.found[:0], seen: d.seen,
	}
}

// expect makes room for so many cells at once.
func (d *Decoder) expect(n int) {
	n = min(n, 1<<13) // what is announced may never come
	d.cells, d.queued, d.high = slices.Grow(d.cells, n), slices.Grow(d.queued, n), slices.Grow(d.high, n)
	d.found = slices.Grow(d.found, n)
	d.seen.grow(n, d.found)
}

// Sums takes the power sums of both sides, once and before any cell.
func (d *Decoder) Sums(remote, local *PowerSums) {
	d.sums, d.begun = *remote, true
	d.sums.take(local)
	d.cells = append(d.cells[:0], Cell{})
	d.queued = append(d.queued[:0], false)
	d.tail()
}

// Receive takes the cells of both sides that follow those received so far, and
// recovers what it can.
func (d *Decoder) Receive(remote, local []Cell) {
	lo := len(d.cells)
	d.cells = append(d.cells, remote...)
	d.queued = slices.Grow(d.queued, len(remote))[:len(d.cells)]
	clear(d.queued[lo:])
	for i := range local {
		d.cells[lo+i].take(local[i])
	}
	for i := range d.found {
		f := &d.found[i]
		r := routeOf(f.key)
		addFrom(d.cells[lo:], lo, &r, f.contents(&r, f.delta, f.check, -1))
	}
	for i := lo; i < len(d.cells); i++ {
		if !d.cells[i].empty() {
			d.occupied++
			d.queue(uint32(i))
		}
	}
	d.peel()
	d.tail()
}

// contents is what a difference at the finding's key adds to a cell.
func (f *finding) contents(r *route, delta, check uint32, sign int) Cell {
	v := signed(delta, sign)
	return newCell(v, mul(f.key, v), uint32(sign)*check*r.check&checkMask)
}

func (d *Decoder) queue(i uint32) {
	if d.queued[i] {
		return
	}
	d.queued[i] = true
	if i < lowCells {
		d.low = append(d.low, i)
	} else {
		d.high = append(d.high, i)
	}
}

// peel looks at cells that have changed, a batch at a time, until none is left.
func (d *Decoder) peel() {
	var cells [batch]uint32
	var was [batch]Cell
	var over, scratch [batch]uint32
	for {
		stack := &d.high
		if len(*stack) == 0 {
			stack = &d.low
		}
		if len(*stack) == 0 {
			return
		}
		n := 0
		for ; len(*stack) > 0 && n < batch; *stack = (*stack)[:len(*stack)-1] {
			i := (*stack)[len(*stack)-1]
			d.queued[i] = false
			if c := d.cells[i]; c.sum() != 0 && c.moment() != 0 {
				cells[n], was[n], over[n] = i, c, c.sum()
				n++
			}
		}
		invert(over[:n], scratch[:n])
		for j, i := range cells[:n] {
			if d.cells[i] == was[j] { // else it has changed, and is queued again
				d.test(i, mul(was[j].moment(), over[j]))
			}
		}
	}
}

// test recovers the key of a cell if it is alone there, belongs there, and the other
// cells agree.
func (d *Decoder) test(i, key uint32) {
	r := routeOf(key)
	c := d.cells[i]
	if !c.alone(&r) || !r.in(i) || !d.agree(&r, c) {
		return
	}
	f := d.finding(key)
	f.delta, f.check = add(f.delta, c.sum()), (f.check+c.check*oddInverse(r.check))&checkMask
	d.sums.put(key, sub(0, c.sum()))
	for _, at := range d.path {
		d.explain(at, c)
	}
}

// agree reports whether taking these contents out of the cells of a route, which it
// leaves in path, empties more of them than it fills. No cell of a true unknown is
// empty; those of a mixture that passes for one often are, and if it is believed
// all the same, they soon want it back. As every change empties a cell more,
// changes come to an end.
func (d *Decoder) agree(r *route, c Cell) bool {
	balance, last := 0, 0
	d.path = d.path[:0]
	for s := range r.table.runs[1:] {
		at := int(r.table.runs[1:][s].cell(r))
		if at >= len(d.cells) {
			break
		}
		if at == last {
			continue
		}
		last = at
		d.path = append(d.path, uint32(at))
		switch cell := &d.cells[at]; {
		case cell.empty():
			balance--
		case *cell == c:
			balance++
		}
	}
	return balance > 0
}

// explain takes an unknown out of a cell.
func (d *Decoder) explain(at uint32, c Cell) {
	cell := &d.cells[at]
	before := cell.empty()
	cell.take(c)
	switch after := cell.empty(); {
	case !before && after:
		d.occupied--
	case before:
		d.occupied++ // c is not empty
		d.queue(at)
	default:
		d.queue(at)
	}
}

// oddInverse is the inverse of an odd number modulo 2^checkBits.
func oddInverse(a uint32) uint32 {
	x := a // 3 bits are right
	x *= 2 - a*x
	x *= 2 - a*x
	return x
}

// finding is what is believed of a key. It is good until the next call.
func (d *Decoder) finding(key uint32) *finding {
	d.seen.grow(len(d.found)+1, d.found)
	slot, known := d.seen.find(key, d.found)
	if !known {
		d.found = append(d.found, finding{key: key})
		d.seen.slots[slot] = uint32(len(d.found))
	}
	return &d.found[d.seen.slots[slot]-1]
}

// tail finds the last unknowns by the power sums. Where there are cells they must
// all come out empty, checks aside.
func (d *Decoder) tail() {
	if d.Done() {
		return
	}
	most := tailMax
	if len(d.cells) == 1 {
		most--
	}
	var list [tailMax]unknown
	n, ok := d.sums.solve(&list, most)
	if !ok || !d.covers(list[:n]) {
		return
	}
	for _, u := range list[:n] {
		f := d.finding(u.key)
		f.delta = add(f.delta, u.delta)
	}
	d.sums, d.occupied = PowerSums{}, 0
}

// covers reports whether these unknowns explain all that is left, and takes them
// out of the cells if they do.
func (d *Decoder) covers(list []unknown) bool {
	d.shift(list, -1)
	for i := range d.cells {
		if !d.cells[i].empty() {
			d.shift(list, 1)
			return false
		}
	}
	return true
}

func (d *Decoder) shift(list []unknown, sign int) {
	for _, u := range list {
		f, r := finding{key: u.key}, routeOf(u.key)
		addAlong(d.cells, &r, f.contents(&r, u.delta, 0, sign))
	}
}

// Done reports whether the difference is complete: the power sums have come, and
// nothing is left in them or in any cell.
func (d *Decoder) Done() bool { return d.begun && d.occupied == 0 && d.sums == PowerSums{} }

// Received is one more than the number of the last cell received, 0 before the sums.
func (d *Decoder) Received() int { return len(d.cells) }

// Each calls fn for the keys found so far and their differences, remote less
// local, modulo prime and not 0, in the order in which they were found first.
func (d *Decoder) Each(fn func(key, delta uint32)) {
	for i := range d.found {
		if f := &d.found[i]; f.delta != 0 {
			fn(f.key, f.delta)
		}
	}
}

// String is the decoder's one-line form.
func (d *Decoder) String() string {
	return fmt.Sprintf("kvriblt %d cells, %d keys, %d cells left", len(d.cells), len(d.found), d.occupied)
}

// table finds findings by their keys: open addressing with linear probing, at most
// half full, never iterated, with slots that depend on a number that no result
// depends on.
type table struct {
	slots []uint32 // position + 1, or 0; a power of two of them
	shift uint
	odd   uint64
}

func (t *table) reset(secret uint64) {
	clear(t.slots)
	t.odd = mix64(secret) | 1
}

func (t *table) find(key uint32, found []finding) (slot int, known bool) {
	slot = int(uint64(key) * t.odd >> t.shift)
	for t.slots[slot] != 0 {
		if found[t.slots[slot]-1].key == key {
			return slot, true
		}
		slot = (slot + 1) & (len(t.slots) - 1)
	}
	return slot, false
}

// grow makes room for n findings.
func (t *table) grow(n int, found []finding) {
	if 2*n <= len(t.slots) {
		return
	}
	size := max(64, 1<<bits.Len(uint(2*n-1)))
	t.slots, t.shift = make([]uint32, size), uint(65-bits.Len(uint(size)))
	for i := range found {
		slot, _ := t.find(found[i].key, found)
		t.slots[slot] = uint32(i + 1)
	}
}
