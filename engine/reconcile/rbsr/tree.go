package rbsr

import (
	"slices"
	"sort"

	"github.com/intersubjective/rapprochement/codec"
)

// A Tree is a set of entries in order, with sampled prefix sums: a B+-tree whose
// leaves hold up to 512 entries, 20 KiB, beside the sum at every 64th, and whose
// inner nodes hold the counts and sums of what is to the left of each child.
// Finding a place, and the sum of any range, takes O(log n); so do Insert and
// Delete, which move half a leaf. 41 bytes an entry when built or appended to,
// 43 to 44 after insertions at random places.
//
// Nodes that a Snapshot can see are copied before they change, so pinning costs
// nothing and a session pays for what changes while it runs.
type Tree struct {
	salt   codec.Salt
	root   *node
	count  int
	total  total
	epoch  uint64 // nodes made now are of this epoch
	sealed uint64 // nodes up to this epoch are seen by a snapshot
	pins   int
}

const (
	leafMax  = 512 // entries; 512 and 256 of them are size classes of Go's allocator
	leafMin  = leafMax / 4
	innerMax = 64 // children
	innerMin = innerMax / 4
	stride   = 64 // entries between sampled sums
)

type node struct {
	epoch uint64
	// Of a leaf: the entries, and the total of the first 64, 128, …
	entries []Entry
	marks   []total
	// Of an inner node.
	kids []kid
}

// A kid is a child and what is to the left of it below the same parent.
type kid struct {
	node  *node
	first Entry // no entry below is smaller
	count int
	total total
}

// NewTree returns an empty tree. The salt makes short ids; protocol V1 uses none.
func NewTree(salt *codec.Salt) *Tree {
	t := &Tree{salt: *salt, epoch: 1}
	t.root = &node{epoch: 1}
	return t
}

// Build returns the tree of the entries, which it sorts. Entries that repeat or
// are at Infinity are left out.
func Build(salt *codec.Salt, entries []Entry) *Tree {
	slices.SortFunc(entries, func(a, b Entry) int { return a.compare(&b) })
	entries = slices.Compact(entries)
	for len(entries) > 0 && entries[len(entries)-1].Time == Infinity {
		entries = entries[:len(entries)-1]
	}
	t := NewTree(salt)
	var level []kid
	for run := range slices.Chunk(entries, leafMax) {
		n := &node{epoch: 1, entries: append([]Entry(nil), run...)}
		t.mark(n)
		level = append(level, kid{node: n, first: run[0], count: len(run), total: t.leafTotal(n)})
	}
	for len(level) > 1 {
		var above []kid
		groups := (len(level) + innerMax - 1) / innerMax
		for i := range groups { // of equal size: no inner node is thin
			run := level[i*len(level)/groups : (i+1)*len(level)/groups]
			k := kid{node: &node{epoch: 1}, first: run[0].first}
			k.node.kids, k.count, k.total = accumulate(run)
			above = append(above, k)
		}
		level = above
	}
	if len(level) == 1 {
		t.root, t.count, t.total = level[0].node, level[0].count, level[0].total
	}
	return t
}

// accumulate turns each kid's own count and total into those of all before it,
// in a list of its own, and returns those of all.
func accumulate(own []kid) (kids []kid, count int, sum total) {
	kids = append(make([]kid, 0, len(own)+innerMax/8), own...)
	for i := range kids {
		c, s := kids[i].count, kids[i].total
		kids[i].count, kids[i].total = count, sum
		count += c
		sum.add(&s)
	}
	return kids, count, sum
}

// weigh is the total of one entry.
func (t *Tree) weigh(e *Entry) total {
	w := total{mass: massOf(codec.ShortID(&t.salt, &e.ID))}
	w.ids.addID(&e.ID)
	return w
}

// weighRun is the total of a run of entries.
func (t *Tree) weighRun(run []Entry) (w total) {
	w.ids.addEntries(run)
	w.mass = massOfRun(&t.salt, run)
	return w
}

func massOfRun(salt *codec.Salt, run []Entry) (m mass) {
	for i := range run {
		m = m.plus(massOf(codec.ShortID(salt, &run[i].ID)))
	}
	return m
}

// mark makes a leaf's sampled sums.
func (t *Tree) mark(n *node) {
	n.marks = make([]total, 0, len(n.entries)/stride)
	t.addMarks(n)
}

// addMarks makes those that are missing at the end.
func (t *Tree) addMarks(n *node) {
	for at := len(n.marks) * stride; at+stride <= len(n.entries); at += stride {
		w := t.weighRun(n.entries[at : at+stride])
		if k := len(n.marks); k > 0 {
			w.add(&n.marks[k-1])
		}
		n.marks = append(n.marks, w)
	}
}

func (t *Tree) leafTotal(n *node) total {
	k := len(n.marks)
	w := t.weighRun(n.entries[k*stride:])
	if k > 0 {
		w.add(&n.marks[k-1])
	}
	return w
}

// Len is the number of entries.
func (t *Tree) Len() int { return t.count }

// Has reports whether an entry is in the set.
func (t *Tree) Has(e Entry) bool {
	n := t.root
	for n.kids != nil {
		n = n.kids[n.child(&e)].node
	}
	at := lowerBound(n.entries, &e)
	return at < len(n.entries) && n.entries[at] == e
}

// child is the place of the child where an entry belongs.
func (n *node) child(e *Entry) int {
	return max(0, sort.Search(len(n.kids), func(i int) bool { return n.kids[i].first.compare(e) > 0 })-1)
}

// lowerBound is the place of the first entry that is not smaller.
func lowerBound(run []Entry, e *Entry) int {
	lo, hi := 0, len(run)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); run[mid].compare(e) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// own returns a node that no snapshot sees: n, or a copy.
func (t *Tree) own(n *node) *node {
	if n.epoch > t.sealed {
		return n
	}
	c := &node{epoch: t.epoch}
	if n.kids != nil {
		c.kids = append(make([]kid, 0, cap(n.kids)), n.kids...)
	} else {
		c.entries = append(roomFor(len(n.entries)), n.entries...)
		c.marks = slices.Clone(n.marks)
	}
	return c
}

// roomFor returns an empty list for so many entries and whatever more the
// allocator would waste.
func roomFor(entries int) []Entry { return slices.Grow([]Entry(nil), entries) }

// Insert adds an entry. It reports false for one that is there already, and for
// one at Infinity.
func (t *Tree) Insert(e Entry) bool {
	if e.Time == Infinity || t.Has(e) {
		return false
	}
	w := t.weigh(&e)
	root, right := t.insert(t.root, &e, &w, true)
	if t.root = root; right != nil {
		left := kid{node: root, first: root.first(), count: t.count + 1 - right.count, total: t.total}
		left.total.add(&w)
		left.total.sub(&right.total)
		t.root = &node{epoch: t.epoch}
		t.root.kids, _, _ = accumulate([]kid{left, *right})
	}
	t.count++
	t.total.add(&w)
	return true
}

// first is the smallest entry below a node that is not empty.
func (n *node) first() Entry {
	if n.kids != nil {
		return n.kids[0].first
	}
	return n.entries[0]
}

// insert puts an entry of weight w below n. A node that is full is split first:
// right is then its new neighbour, with count and total of its own. last says
// that nothing is to the right of n, where sets grow.
func (t *Tree) insert(n *node, e *Entry, w *total, last bool) (left *node, right *kid) {
	n = t.own(n)
	if n.kids == nil {
		at := lowerBound(n.entries, e)
		if len(n.entries) == leafMax {
			right = t.splitLeaf(n, last && at == leafMax)
		}
		if half := len(n.entries); right != nil && at >= half {
			t.insertLeaf(right.node, at-half, e)
			right.first = right.node.entries[0]
			right.count++
			right.total.add(w)
		} else {
			t.insertLeaf(n, at, e)
		}
		return n, right
	}
	at := n.child(e)
	k := &n.kids[at]
	node, split := t.insert(k.node, e, w, last && at == len(n.kids)-1)
	k.node, k.first = node, node.first()
	for i := at + 1; i < len(n.kids); i++ {
		n.kids[i].count++
		n.kids[i].total.add(w)
	}
	if split == nil {
		return n, nil
	}
	return n, t.insertKid(n, at+1, split, w, last)
}

// insertKid puts a new child in place at of n, to which an entry of weight w has
// been added below the child before it, and splits n if it is full.
func (t *Tree) insertKid(n *node, at int, split *kid, w *total, last bool) (right *kid) {
	// The count and total up to the end of the child that was split.
	end, sum := 0, total{}
	if at < len(n.kids) {
		end, sum = n.kids[at].count, n.kids[at].total
	} else {
		end, sum = t.below(n.kids[at-1].node)
		end += n.kids[at-1].count
		sum.add(&n.kids[at-1].total)
		end += split.count
		sum.add(&split.total)
	}
	k := *split
	k.count = end - split.count
	k.total = sum
	k.total.sub(&split.total)
	n.kids = slices.Insert(n.kids, at, k)
	if len(n.kids) <= innerMax {
		return nil
	}
	half := len(n.kids) / 2
	if last && at == innerMax {
		half = at - innerMin // the set grows at its end: leave fuller nodes behind
	}
	return t.splitInner(n, half)
}

// below is the count and total of all entries below a node.
func (t *Tree) below(n *node) (int, total) {
	if n.kids == nil {
		return len(n.entries), t.leafTotal(n)
	}
	k := &n.kids[len(n.kids)-1]
	count, sum := t.below(k.node)
	sum.add(&k.total)
	return count + k.count, sum
}

// splitLeaf moves the upper half of a full leaf, or nothing, to a new neighbour.
func (t *Tree) splitLeaf(n *node, nothing bool) *kid {
	half := leafMax / 2
	if nothing {
		half = leafMax
	}
	right := &node{epoch: t.epoch, entries: append(roomFor(leafMax-half), n.entries[half:]...)}
	t.mark(right)
	if !nothing {
		n.entries = append(roomFor(half), n.entries[:half]...)
		n.marks = slices.Clone(n.marks[:half/stride])
	}
	k := &kid{node: right, count: leafMax - half, total: t.leafTotal(right)}
	if half < leafMax {
		k.first = right.entries[0]
	}
	return k
}

// splitInner moves the kids from half on to a new neighbour.
func (t *Tree) splitInner(n *node, half int) *kid {
	count, sum := t.below(n)
	base := n.kids[half]
	right := &node{epoch: t.epoch, kids: append(make([]kid, 0, len(n.kids)-half+innerMax/8), n.kids[half:]...)}
	for i := range right.kids {
		right.kids[i].count -= base.count
		right.kids[i].total.sub(&base.total)
	}
	clear(n.kids[half:])
	n.kids = n.kids[:half]
	sum.sub(&base.total)
	return &kid{node: right, first: base.first, count: count - base.count, total: sum}
}

// insertLeaf puts an entry in place at of a leaf that has room in principle.
func (t *Tree) insertLeaf(n *node, at int, e *Entry) {
	w := t.weigh(e)
	for m := at / stride; m < len(n.marks); m++ {
		n.marks[m].add(&w)
		gone := t.weigh(&n.entries[(m+1)*stride-1])
		n.marks[m].sub(&gone)
	}
	if len(n.entries) == cap(n.entries) {
		n.entries = append(roomFor(len(n.entries)+1), n.entries...)
	}
	n.entries = slices.Insert(n.entries, at, *e)
	t.addMarks(n)
}

// Delete takes an entry out. It reports whether it was there.
func (t *Tree) Delete(e Entry) bool {
	if !t.Has(e) {
		return false
	}
	w := t.weigh(&e)
	t.root = t.delete(t.root, &e, &w)
	for len(t.root.kids) == 1 {
		t.root = t.root.kids[0].node
	}
	t.count--
	t.total.sub(&w)
	return true
}

func (t *Tree) delete(n *node, e *Entry, w *total) *node {
	n = t.own(n)
	if n.kids == nil {
		t.deleteLeaf(n, lowerBound(n.entries, e), w)
		return n
	}
	at := n.child(e)
	n.kids[at].node = t.delete(n.kids[at].node, e, w)
	for i := at + 1; i < len(n.kids); i++ {
		n.kids[i].count--
		n.kids[i].total.sub(w)
	}
	if n.kids[at].node.thin() && len(n.kids) > 1 {
		t.join(n, max(at, 1)-1)
	}
	return n
}

func (n *node) thin() bool {
	if n.kids == nil {
		return len(n.entries) < leafMin
	}
	return len(n.kids) < innerMin
}

// deleteLeaf takes entry at, of weight w, out of a leaf.
func (t *Tree) deleteLeaf(n *node, at int, w *total) {
	n.marks = n.marks[:(len(n.entries)-1)/stride]
	for m := at / stride; m < len(n.marks); m++ {
		n.marks[m].sub(w)
		come := t.weigh(&n.entries[(m+1)*stride])
		n.marks[m].add(&come)
	}
	n.entries = slices.Delete(n.entries, at, at+1)
	if cap(n.entries)-len(n.entries) > stride {
		n.entries = append(roomFor(len(n.entries)), n.entries...)
	}
}

// join makes one child of the two from at on, or two of equal size.
func (t *Tree) join(n *node, at int) {
	a, b := &n.kids[at], &n.kids[at+1]
	a.node, b.node = t.own(a.node), t.own(b.node)
	if a.node.kids == nil {
		t.joinLeaves(a.node, b.node)
	} else {
		t.joinInner(a, b)
	}
	if b.node.kids == nil && len(b.node.entries) == 0 {
		n.kids = slices.Delete(n.kids, at+1, at+2)
		return
	}
	count, sum := t.below(a.node)
	b.first, b.count, b.total = b.node.first(), a.count+count, a.total
	b.total.add(&sum)
}

// joinLeaves moves all entries to a, or half of them where they do not fit well.
func (t *Tree) joinLeaves(a, b *node) {
	all := slices.Concat(a.entries, b.entries)
	cut := len(all)
	if cut > leafMax*3/4 {
		cut /= 2
	}
	a.entries = append(roomFor(cut), all[:cut]...)
	b.entries = append(roomFor(len(all)-cut), all[cut:]...)
	t.mark(a)
	t.mark(b)
}

// joinInner does the same with the children of two inner nodes. An inner node
// that is left empty becomes an empty leaf, which join removes.
func (t *Tree) joinInner(a, b *kid) {
	count, sum := b.count-a.count, b.total
	sum.sub(&a.total)
	all := append(make([]kid, 0, innerMax), a.node.kids...)
	for _, k := range b.node.kids {
		k.count += count
		k.total.add(&sum)
		all = append(all, k)
	}
	cut := len(all)
	if cut > innerMax*3/4 {
		cut /= 2
	}
	a.node.kids, b.node.kids = slices.Clone(all[:cut]), nil
	if cut == len(all) {
		return
	}
	b.node.kids = slices.Clone(all[cut:])
	base := all[cut]
	for i := range b.node.kids {
		b.node.kids[i].count -= base.count
		b.node.kids[i].total.sub(&base.total)
	}
}
