package prolly

import (
	"iter"
	"slices"
	"sort"
)

// A tree is a Prolly tree in one of its modes. Its shape and its sums are a
// function of the entries alone.
type tree struct {
	rules   rules
	root    *page
	entries int
	// lo and hi are the path to the first node that a change replaces, and to
	// the first one behind it; window and fresh are the nodes on their way.
	lo, hi        []frame
	window, fresh []item
}

// A frame is a place in a page: on level l of a path, the kid that the path takes
// to level l-1.
type frame struct {
	p *page
	i int
}

// seek makes lo the path to a key, or to where it belongs.
func (t *tree) seek(key []byte) (found bool) {
	p := t.root
	t.lo = append(t.lo[:0], make([]frame, p.level+1)...)
	for p.branch != nil {
		kids := p.branch.kids
		i := sort.Search(len(kids), func(i int) bool { return compare(low(t.rules, kids[i]), key) > 0 })
		i = max(0, i-1)
		t.lo[p.level] = frame{p, i}
		p = kids[i]
	}
	i, found := search(t.rules, p, key)
	t.lo[0] = frame{p, i}
	return found
}

// search finds a key in a leaf, or the place where it belongs.
func search(r rules, leaf *page, key []byte) (i int, found bool) {
	for data := leaf.data; i < int(leaf.n); i++ {
		var raw []byte
		raw, data = r.next(data)
		if c := compare(r.key(raw), key); c >= 0 {
			return i, c == 0
		}
	}
	return i, false
}

// put inserts an entry, or replaces the one of its key. raw is copied.
func (t *tree) put(raw []byte) (replaced bool) {
	replaced = t.seek(t.rules.key(raw))
	n := 0
	if replaced {
		n = 1
	} else {
		t.entries++
	}
	t.fresh = append(t.fresh[:0], item{raw: raw})
	t.splice(n)
	return replaced
}

// remove takes an entry out.
func (t *tree) remove(key []byte) (found bool) {
	if found = t.seek(key); found {
		t.entries--
		t.fresh = t.fresh[:0]
		t.splice(1)
	}
	return found
}

// splice replaces n entries from lo on by the fresh ones, and on every level
// above the nodes of the pages that this changes.
func (t *tree) splice(n int) {
	t.hi = append(t.hi[:0], t.lo...)
	t.hi[0].i += n
	for level := 0; ; level++ {
		if p := t.patch(level); p != nil {
			t.fresh = append(t.fresh[:0], item{kid: p})
			if level+1 == len(t.lo) {
				break
			}
			t.hi[level+1].i++
			continue
		}
		t.widen(level)
		prev, next := beside(t.lo, level, -1), beside(t.hi, level, 1)
		var before, after []byte
		if prev != nil && len(t.window) > 0 && !begins(t.rules, level, &t.window[0]) {
			last := load(t.rules, nil, prev, int(prev.n)-1, int(prev.n))
			before = last[0].key(t.rules)
		}
		if next != nil && !t.opens(next) {
			after = low(t.rules, next)
		}
		t.fresh = cut(t.rules, t.fresh[:0], level, t.window, before, after)
		if prev == nil && next == nil && len(t.fresh) <= 1 {
			break
		}
		if level+1 == len(t.lo) {
			above := frame{p: &page{level: uint8(level + 1)}}
			t.lo, t.hi = append(t.lo, above), append(t.hi, above)
		} else {
			t.hi[level+1].i++
		}
	}
	t.plant()
}

// patch makes the page of lo and hi with the fresh nodes in it, where that is all
// that changes on a level: the page stays a run. It returns nil where it does not,
// or may not.
func (t *tree) patch(level int) *page {
	r, old, i, j := t.rules, t.lo[level].p, t.lo[level].i, t.hi[level].i
	n := int(old.n) - (j - i) + len(t.fresh)
	if old != t.hi[level].p || !old.whole || n == 0 || r.most() > 0 && n > r.most() || i == 0 && (j == 0 || len(t.fresh) == 0) {
		return nil
	}
	for k := range t.fresh {
		if begins(r, level, &t.fresh[k]) != (i+k == 0) {
			return nil
		}
	}
	p := &page{n: uint32(n), level: old.level, mark: old.mark, whole: true}
	if old.branch == nil {
		a, b := offset(r, old, i), offset(r, old, j)
		p.data = make([]byte, 0, len(old.data)-(b-a)+t.freshBytes())
		p.data = append(p.data, old.data[:a]...)
		for k := range t.fresh {
			p.data = append(p.data, t.fresh[k].raw...)
		}
		p.data = append(p.data, old.data[b:]...)
		if i == 0 {
			p.mark = r.mark(t.fresh[0].raw)
		}
		return p
	}
	size := r.sumSize()
	p.branch = &branch{make([]*page, n), old.branch.low, make([]byte, n*size)}
	copy(p.branch.kids, old.branch.kids[:i])
	copy(p.branch.sums, old.branch.sums[:i*size])
	for k := range t.fresh {
		p.branch.kids[i+k] = t.fresh[k].kid
		copy(p.branch.sums[(i+k)*size:], t.fresh[k].raw)
	}
	copy(p.branch.kids[i+len(t.fresh):], old.branch.kids[j:])
	copy(p.branch.sums[(i+len(t.fresh))*size:], old.branch.sums[j*size:])
	if i == 0 {
		p.branch.low, p.mark = low(r, t.fresh[0].kid), t.fresh[0].kid.mark
	}
	return p
}

// offset is where entry i of a leaf begins.
func offset(r rules, leaf *page, i int) int {
	rest := leaf.data
	for range i {
		_, rest = r.next(rest)
	}
	return len(leaf.data) - len(rest)
}

func (t *tree) freshBytes() (n int) {
	for k := range t.fresh {
		n += len(t.fresh[k].raw)
	}
	return n
}

// plant makes the only fresh node the root.
func (t *tree) plant() {
	if len(t.fresh) == 0 {
		t.root = &page{}
	} else {
		t.root = t.fresh[0].kid
	}
	for t.root.level > 0 && t.root.n == 1 {
		t.root = t.root.branch.kids[0]
	}
	// Do not hold on to pages of old versions.
	clear(t.lo)
	clear(t.hi)
	clear(t.fresh[:cap(t.fresh)])
	clear(t.window[:cap(t.window)])
}

// widen fills the window with the nodes of a level whose pages may change: what
// the page of lo holds before it, the fresh ones, and the rest of hi's page. If
// the first one begins no run, the window reaches back to one that does. Where
// pages are limited, parts of a long run depend on most nodes on both sides.
func (t *tree) widen(level int) {
	r, lo, hi := t.rules, &t.lo[level], &t.hi[level]
	left, right := lo.i, int(hi.p.n)-hi.i
	t.window = load(r, t.window[:0], lo.p, 0, lo.i)
	t.window = append(t.window, t.fresh...)
	t.window = load(r, t.window, hi.p, hi.i, int(hi.p.n))
	far := func(n int) bool { return r.most() > 0 && n > r.most() }
	for (len(t.window) == 0 || !begins(r, level, &t.window[0])) && !far(left) && step(t.lo, level, -1) {
		n := int(lo.p.n)
		t.window = slices.Insert(t.window, 0, load(r, nil, lo.p, 0, n)...)
		left += n
	}
	for next := beside(t.hi, level, 1); next != nil && !t.opens(next) && !far(right); next = beside(t.hi, level, 1) {
		step(t.hi, level, 1)
		t.window = load(r, t.window, next, 0, int(next.n))
		right += int(next.n)
	}
}

// opens reports whether a page begins a run.
func (t *tree) opens(p *page) bool {
	first := load(t.rules, make([]item, 0, 1), p, 0, 1)
	return t.rules.begins(int(p.level), &first[0])
}

// fork is the lowest level above one from which a path can move by ±1.
func fork(path []frame, level, by int) int {
	for up := level + 1; up < len(path); up++ {
		if i := path[up].i + by; i >= 0 && i < len(path[up].p.kids()) {
			return up
		}
	}
	return 0
}

// beside returns the page next to a path's one on a level, nil at the end.
func beside(path []frame, level, by int) *page {
	up := fork(path, level, by)
	if up == 0 {
		return nil
	}
	p := path[up].p.branch.kids[path[up].i+by]
	for int(p.level) > level {
		p = p.branch.kids[edge(p, by)]
	}
	return p
}

// step moves a path to the page next to its one on a level, if there is one.
func step(path []frame, level, by int) bool {
	up := fork(path, level, by)
	if up == 0 {
		return false
	}
	path[up].i += by
	for ; up > level; up-- {
		p := path[up].p.branch.kids[path[up].i]
		path[up-1] = frame{p, edge(p, by)}
	}
	return true
}

// edge is the kid at which one enters a page from its left or its right.
func edge(p *page, by int) int {
	if by > 0 {
		return 0
	}
	return max(0, len(p.kids())-1)
}

// fill makes the tree of entries in order of their keys. Each has to stay as it
// is until the run after it has begun.
func (t *tree) fill(entries iter.Seq[[]byte]) {
	var nodes, run []item
	t.entries = 0
	for raw := range entries {
		it := item{raw: raw}
		if len(run) > 0 && t.rules.begins(0, &it) {
			nodes, run = cut(t.rules, nodes, 0, run, nil, nil), run[:0]
		}
		run = append(run, it)
		t.entries++
	}
	nodes = cut(t.rules, nodes, 0, run, nil, nil)
	for level := 1; len(nodes) > 1; level++ {
		nodes = cut(t.rules, nil, level, nodes, nil, nil)
	}
	t.fresh = nodes
	t.plant()
}

// leaves calls fn for every entry in order, until it returns false.
func leaves(r rules, p *page, fn func(raw []byte) bool) bool {
	for _, kid := range p.kids() {
		if !leaves(r, kid, fn) {
			return false
		}
	}
	for data := p.data; len(data) > 0; {
		var raw []byte
		if raw, data = r.next(data); !fn(raw) {
			return false
		}
	}
	return true
}
