package prolly

import (
	"bytes"
	"encoding/binary"
)

// A page is the children of one node: a run of neighbours on one level. It does
// not change once it is made, so versions of a tree share pages, and to pin a
// version is to hold its root.
type page struct {
	data   []byte  // on level 0, the entries one after the other
	branch *branch // above
	mark   uint64  // of the lowest key
	n      uint32  // entries on level 0, kids above
	level  uint8
	whole  bool // it is a run, not part of one
}

// A branch is what a page above level 0 holds. It is apart because most pages
// have none.
type branch struct {
	kids []*page
	low  []byte // the lowest key below, where the leaf has it
	// sums are the kids' hashes, one after the other. One that begins with 32 zero
	// bits is taken for unknown. They are here, not in the kids, as they are read
	// together.
	sums []byte
}

func (p *page) kids() []*page {
	if p.branch == nil {
		return nil
	}
	return p.branch.kids
}

// An item is a node on its way from one page to another.
type item struct {
	raw    []byte // its entry, on level 0; above its hash, nil if that is unknown
	kid    *page  // its children, above
	inside bool   // it comes from a page that another node began: it begins no run
}

// begins reports whether a node begins a run. Most are known not to, which saves
// looking at them.
func begins(r rules, level int, it *item) bool { return !it.inside && r.begins(level, it) }

// rules are what tells the modes apart: how entries are written, where runs
// begin, and what is hashed.
type rules interface {
	// next cuts the first entry off the data of a leaf.
	next(data []byte) (raw, rest []byte)
	// key returns the key of an entry. Nil is lower than every key.
	key(raw []byte) []byte
	// mark condenses the key of an entry, for begins.
	mark(raw []byte) uint64
	// begins reports whether a node of that level begins a run. What it says of
	// the first node of a level does not matter.
	begins(level int, it *item) bool
	// most is the largest number of nodes in a page, 0 for no limit. Where there
	// is one, keys are of one length.
	most() int
	// sumSize is how many bytes of a hash count.
	sumSize() int
	// hash returns the hash of a page that knows those of its kids.
	hash(p *page) [32]byte
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
	if p.branch != nil {
		return p.branch.low
	}
	if p.n == 0 {
		return nil
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
	if p.branch != nil {
		for at := i; at < j; at++ {
			w = append(w, item{raw: p.branch.sum(r, at), kid: p.branch.kids[at], inside: at > 0})
		}
		return w
	}
	data := p.data
	for at := range j {
		it := item{inside: at > 0}
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
		first := w[0].kid
		size := r.sumSize()
		p.branch, p.mark = &branch{make([]*page, len(w)), low(r, first), make([]byte, len(w)*size)}, first.mark
		for i := range w {
			p.branch.kids[i] = w[i].kid
			copy(p.branch.sums[i*size:], w[i].raw)
		}
		return p
	}
	p.mark = r.mark(w[0].raw)
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

// sum is what is known of the hash of a kid, nil for nothing.
func (b *branch) sum(r rules, i int) []byte {
	size := r.sumSize()
	if s := b.sums[i*size : (i+1)*size]; binary.LittleEndian.Uint32(s) != 0 {
		return s
	}
	return nil
}

// hash returns the hash of a page. Those of its kids are computed when they are
// first asked for, so that a burst of changes costs no hashing.
func hash(r rules, p *page) [32]byte {
	for i, kid := range p.kids() {
		if p.branch.sum(r, i) == nil {
			sum := hash(r, kid)
			copy(p.branch.sums[i*r.sumSize():(i+1)*r.sumSize()], sum[:])
		}
	}
	return r.hash(p)
}
