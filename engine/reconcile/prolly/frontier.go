package prolly

import (
	"encoding/binary"
	"slices"
)

// A frontier is where one side stands in comparing its tree with the other's from
// the top down, a level at a time. Only hashes travel: both sides have the order
// of keys, so what lies between two equal nodes here corresponds to what lies
// between them there.
type frontier struct {
	rules rules
	level int // of the other's pages that were asked for
	gaps  []gap
	// ours and theirs are the short ids on leaves that differ.
	ours, theirs []uint64
	index        map[uint64]int // only looked up
}

// A gap lies between two nodes that both trees have: our pages there, and what
// the other tree has instead.
type gap struct {
	own    []node   // all of one level, the frontier's or a lower one
	theirs []uint64 // names of the other's pages, in order
	open   int      // pages of the other whose kids are still to come
}

// A node is a page and what it is called on the wire.
type node struct {
	*page
	name uint64
}

func rootNode(r rules, root *page) node {
	sum := hash(r, root)
	return node{root, binary.BigEndian.Uint64(sum[:])}
}

// newFrontier begins with the names of all the other's pages of one level.
func newFrontier(r rules, root *page, level int, theirs []uint64) *frontier {
	f := &frontier{rules: r, level: level, index: map[uint64]int{}}
	own := []node{rootNode(r, root)}
	for top := int(root.level); top > level; top-- {
		own = below(r, own, top)
	}
	f.gaps = []gap{{own: own, theirs: theirs}}
	return f
}

// below replaces pages of a level by their kids. Pages that are lower already
// stay. They are below a root that was hashed, so the kids have names.
func below(r rules, own []node, level int) (kids []node) {
	if len(own) == 0 || int(own[0].level) < level {
		return own
	}
	for _, p := range own {
		for i, kid := range p.kids() {
			kids = append(kids, node{kid, binary.BigEndian.Uint64(p.branch.sums[i*r.sumSize():])})
		}
	}
	return kids
}

// match leaves out what both sides have, and returns which of the other's pages
// are left: how many to skip and how many to take, by turns.
func (f *frontier) match() (runs []int) {
	var gaps []gap
	base, taken := 0, 0 // in the other's list: where a gap begins, where the last run ended
	for _, g := range f.gaps {
		keep := func(own []node, lo, hi int) {
			if lo == hi { // the other lacks all that is ours here
				f.collect(own)
				return
			}
			runs, taken = append(runs, base+lo-taken, hi-lo), base+hi
			gaps = append(gaps, gap{own: own, open: hi - lo})
		}
		f.know(g.own)
		own, theirs := 0, 0
		for i, name := range g.theirs {
			if at, equal := f.index[name]; equal && at >= own {
				keep(g.own[own:at], theirs, i)
				own, theirs = at+1, i+1
			}
		}
		keep(g.own[own:], theirs, len(g.theirs))
		base += len(g.theirs)
	}
	f.gaps = gaps
	return runs
}

// know indexes our pages by name. Pages of lower levels have other names.
func (f *frontier) know(own []node) {
	clear(f.index)
	for i := range own {
		f.index[own[i].name] = i
	}
}

func (f *frontier) collect(own []node) {
	for i := range own {
		leaves(f.rules, own[i].page, func(raw []byte) bool {
			f.ours = append(f.ours, short(raw))
			return true
		})
	}
}

// descend moves on to the kids of all pages that were left, when they have come.
func (f *frontier) descend() {
	for i := range f.gaps {
		f.gaps[i].own = below(f.rules, f.gaps[i].own, f.level)
	}
	f.level--
}

// difference returns the short ids that only one side has, in order, when the
// leaves of all gaps have come.
func (f *frontier) difference() (ours, theirs []uint64) {
	for _, g := range f.gaps {
		f.collect(g.own)
	}
	a, b := f.ours, f.theirs
	slices.Sort(a)
	slices.Sort(b)
	a, b = slices.Compact(a), slices.Compact(b)
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			ours, a = append(ours, a[0]), a[1:]
		case len(a) == 0 || b[0] < a[0]:
			theirs, b = append(theirs, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return ours, theirs
}
