package kvriblt

// Sketch is what a set adds up to: the first cells, the power sums and the digest
// that sizes the difference. It is linear: it does not hold the set, and the
// caller removes only what it added. Not safe for concurrent use.
type Sketch struct {
	cells  []Cell // [0] is not used: the sums stand in for it
	sums   PowerSums
	digest Digest
}

// NewSketch returns the sketch of an empty set with cells up to m, 1 ≤ m ≤ MaxCells.
func NewSketch(m int) *Sketch { return &Sketch{cells: make([]Cell, m)} }

// Len is one more than the number of the last cell.
func (s *Sketch) Len() int { return len(s.cells) }

// Cells returns the cells themselves, of which the first is not used: read-only, and
// good until the next change.
func (s *Sketch) Cells() []Cell { return s.cells }

// Sums returns the power sums.
func (s *Sketch) Sums() *PowerSums { return &s.sums }

// Add puts a value at a key: a new record's.
func (s *Sketch) Add(key, value uint32) { s.change(key, value, 1) }

// Remove takes a value away.
func (s *Sketch) Remove(key, value uint32) { s.change(key, value, -1) }

func (s *Sketch) change(key, value uint32, sign int) {
	r := routeOf(key)
	s.digest.toggle(&r, value)
	c := contents(&r, key, value, sign)
	s.sums.put(key, c.sum())
	addAlong(s.cells, &r, c)
}

// contents is what a value at a key adds to a cell.
func contents(r *route, key, value uint32, sign int) Cell {
	v := signed(value, sign)
	return newCell(v, mul(key, v), uint32(sign)*value*r.check&checkMask)
}

// addAlong adds the same contents to every cell of a route.
func addAlong(cells []Cell, r *route, c Cell) {
	last := 0
	for s := range r.table.runs[1:] {
		i := int(r.table.runs[1:][s].cell(r))
		if i >= len(cells) {
			return
		}
		if i != last { // the strata overlap in a cell
			cells[i].put(c)
		}
		last = i
	}
}

// addFrom does the same where cells begin with cell lo ≥ 1.
func addFrom(cells []Cell, lo int, r *route, c Cell) {
	last, end := uint32(0), uint32(lo+len(cells))
	for s := r.from(uint32(lo)); ; s++ {
		i := r.cell(s)
		if i >= end {
			return
		}
		if i != last && i >= uint32(lo) {
			cells[i-uint32(lo)].put(c)
		}
		last = i
	}
}
