package rbsr

import (
	"sort"

	"github.com/intersubjective/rapprochement/codec"
)

// A Snapshot is a tree, or a range of it, as it was when it was pinned.
type Snapshot struct {
	tree   *Tree // nil once closed, and for parts
	salt   codec.Salt
	root   *node
	whole  total
	size   int // of the tree
	lo, hi int // the range, by rank
}

// Pin returns the set as it is now, in constant time. It implements
// reconcile.Kept together with Close.
func (t *Tree) Pin() *Snapshot {
	t.sealed = t.epoch
	t.epoch++
	t.pins++
	return &Snapshot{tree: t, salt: t.salt, root: t.root, whole: t.total, size: t.count, hi: t.count}
}

// Close lets the tree change in place again once all snapshots are closed.
// Parts need not be closed. The snapshot is of no use afterwards.
func (s *Snapshot) Close() {
	if s.tree == nil {
		return
	}
	if s.tree.pins--; s.tree.pins == 0 {
		s.tree.sealed = 0
	}
	*s = Snapshot{}
}

// Len is the number of entries.
func (s *Snapshot) Len() int { return s.hi - s.lo }

// Between returns the part with times from from up to but not including to.
func (s *Snapshot) Between(from, to uint64) *Snapshot {
	part := *s
	part.tree = nil
	at := part.start()
	part.find(&at, &Entry{Time: from})
	part.lo = at.rank
	part.find(&at, &Entry{Time: max(from, to)})
	part.hi = at.rank
	return &part
}

// Each calls fn for the entries in order. They must not be changed.
func (s *Snapshot) Each(fn func(e *Entry) bool) {
	for at := s.start(); at.rank < s.hi; s.forward(&at, 1) {
		if !fn(at.entry()) {
			return
		}
	}
}

// A cursor is a place between entries.
type cursor struct {
	leaf *node
	at   int   // in the leaf
	rank int   // in the tree
	base total // of all leaves to the left
}

func (c *cursor) entry() *Entry { return &c.leaf.entries[c.at] }

func (s *Snapshot) start() cursor { return s.seek(s.lo) }

// seek returns the place before the entry of a rank, or the end.
func (s *Snapshot) seek(rank int) cursor {
	c := cursor{leaf: s.root, at: rank, rank: rank}
	for c.leaf.kids != nil {
		kids := c.leaf.kids
		k := &kids[sort.Search(len(kids)-1, func(i int) bool { return kids[i+1].count > c.at })]
		c.at -= k.count
		c.base.add(&k.total)
		c.leaf = k.node
	}
	return c
}

// forward moves a cursor by so many entries.
func (s *Snapshot) forward(c *cursor, by int) {
	if c.at+by < len(c.leaf.entries) {
		c.at += by
		c.rank += by
	} else {
		*c = s.seek(c.rank + by)
	}
}

// find moves a cursor forward to the first entry that is not below a bound,
// within the range. Bounds are near each other, so it tries near places first.
func (s *Snapshot) find(c *cursor, bound *Entry) {
	if run := c.leaf.entries[c.at:]; len(run) == 0 || run[len(run)-1].compare(bound) < 0 {
		s.findFar(c, bound)
	} else {
		step := 1
		for step < len(run) && run[step-1].compare(bound) < 0 {
			step *= 2
		}
		by := step/2 + lowerBound(run[step/2:min(step, len(run))], bound)
		c.at += by
		c.rank += by
	}
	if c.rank > s.hi {
		*c = s.seek(s.hi)
	}
}

// findFar does it from the root.
func (s *Snapshot) findFar(c *cursor, bound *Entry) {
	if c.rank >= s.size {
		return
	}
	far := cursor{leaf: s.root}
	for far.leaf.kids != nil {
		k := &far.leaf.kids[far.leaf.child(bound)]
		far.rank += k.count
		far.base.add(&k.total)
		far.leaf = k.node
	}
	far.at = lowerBound(far.leaf.entries, bound)
	far.rank += far.at
	if far.at == len(far.leaf.entries) {
		far = s.seek(far.rank)
	}
	*c = far
}

// sumBetween is the sum of the ids from a to b.
func (s *Snapshot) sumBetween(a, b *cursor) (ids sum) {
	if a.leaf == b.leaf && b.at-a.at <= stride {
		ids.addEntries(a.leaf.entries[a.at:b.at])
		return ids
	}
	ids, before := b.sumBefore(), a.sumBefore()
	ids.sub(&before)
	return ids
}

// sumBefore is the sum of all ids to the left.
func (c *cursor) sumBefore() (ids sum) {
	ids = c.base.ids
	m := min((c.at+stride/2)/stride, len(c.leaf.marks)) // the nearest mark
	if m > 0 {
		ids.add(&c.leaf.marks[m-1].ids)
	}
	if from := m * stride; from <= c.at {
		ids.addEntries(c.leaf.entries[from:c.at])
	} else {
		var over sum
		over.addEntries(c.leaf.entries[c.at:from])
		ids.sub(&over)
	}
	return ids
}

// massBetween is the mass of the entries from a to b.
func (s *Snapshot) massBetween(a, b *cursor) mass {
	if a.leaf == b.leaf && b.at-a.at <= stride {
		return massOfRun(&s.salt, a.leaf.entries[a.at:b.at])
	}
	return s.massBefore(b).minus(s.massBefore(a))
}

// massBefore is the mass of all entries to the left.
func (s *Snapshot) massBefore(c *cursor) mass {
	all := c.base.mass
	m := min((c.at+stride/2)/stride, len(c.leaf.marks))
	if m > 0 {
		all = all.plus(c.leaf.marks[m-1].mass)
	}
	if from := m * stride; from <= c.at {
		return all.plus(massOfRun(&s.salt, c.leaf.entries[from:c.at]))
	}
	return all.minus(massOfRun(&s.salt, c.leaf.entries[c.at:m*stride]))
}
