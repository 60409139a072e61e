package prolly

import "bytes"

// A page is the children of one node: a run of neighbours on one level. It does
// not change once it is made, so versions of a tree share pages, and to pin a
// version is to hold its root.
type page struct {
	// data is, on level 0, the entries one after the other; above it is the
	// lowest key below this page, where the leaf has it.
	data   []byte
	kids   []*page // above level 0
	sum    [32]byte
	n      uint32 // entries on level 0, kids above
	level  uint8
	hashed bool // sum is known
}

// An item is a node on its way from one page to another.
type item struct {
	raw []byte // its entry, on level 0
	kid *page  // its children, above
}

// rules are what tells the modes apart: how entries are written, where runs
// begin, and what is hashed.
type rules interface {
	// next cuts the first entry off the data of a leaf.
	next(data []byte) (raw, rest []byte)
	// key returns the key of an entry. Nil is lower than every key.
	key(raw []byte) []byte
	// begins reports whether a node of that level begins a run.
	begins(level int, it *item) bool
	// most is the largest number of nodes in a page, 0 for no limit. Where there
	// is one, keys are of one length.
	most() int
	// hash sets the sum of a page, whose kids have theirs.
	hash(p *page)
}

func compare(a, b []byte) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return bytes.Compare(a, b)
}

// low is the lowest key below a page, nil if there is none.
func low(r rules, p *page) []byte {
	if p.level > 0 || p.n == 0 {
		return p.data
	}
	raw, _ := r.next(p.data)
	return r.key(raw)
}

func (it *item) key(r rules) []byte {
	if it.kid != nil {
		return low(r, it.kid)
	}
	return r.key(it.raw)
}

// load appends nodes [i,j) of a page to w.
func load(r rules, w []item, p *page, i, j int) []item {
	if p.level > 0 {
		for _, kid := range p.kids[i:j] {
			w = append(w, item{kid: kid})
		}
		return w
	}
	data := p.data
	for at := range j {
		var it item
		if it.raw, data = r.next(data); at >= i {
			w = append(w, it)
		}
	}
	return w
}

// newPage makes a page of nodes of that level. It takes exactly the memory that
// it needs.
func newPage(r rules, level int, w []item) *page {
	p := &page{n: uint32(len(w)), level: uint8(level)}
	if level > 0 {
		p.kids = make([]*page, len(w))
		for i := range w {
			p.kids[i] = w[i].kid
		}
		p.data = low(r, w[0].kid)
		return p
	}
	size := 0
	for i := range w {
		size += len(w[i].raw)
	}
	p.data = make([]byte, 0, size)
	for i := range w {
		p.data = append(p.data, w[i].raw...)
	}
	return p
}

// hash returns a page with its sum known. Sums are computed when they are first
// asked for, so that a burst of changes costs no hashing.
func hash(r rules, p *page) *page {
	if !p.hashed {
		for _, kid := range p.kids {
			hash(r, kid)
		}
		r.hash(p)
		p.hashed = true
	}
	return p
}
