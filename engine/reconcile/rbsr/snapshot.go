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
	part.find(&at, &Entry{Time: from}, 0)
	part.lo = at.rank
	part.find(&at, &Entry{Time: max(from, to)}, 0)
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
// within the range. It looks near the guess first, which is how far that may be.
func (s *Snapshot) find(c *cursor, bound *Entry, guess int) {
	run := c.leaf.entries[c.at:]
	if by := gallop(run, bound, guess); by < len(run) {
		c.at += by
		c.rank += by
	} else if c.rank+by < s.size {
		far := s.seek(min(c.rank+guess, s.size))
		// A bound within a leaf, but not at its ends, is nowhere else.
		if at := gallop(far.leaf.entries, bound, far.at); at > 0 && at < len(far.leaf.entries) {
			far.at, far.rank = at, far.rank+at-far.at
			*c = far
		} else {
			s.findFar(c, bound)
		}
	} else {
		c.at += by
		c.rank += by
	}
	if c.rank > s.hi {
		*c = s.seek(s.hi)
	}
}

// scanMax is how many entries are read one after the other rather than searched:
// they are about to be added up, and memory likes to be read in order.
const scanMax = 32

// gallop is the place of the first entry that is not below a bound, by steps that
// double from a guess.
func gallop(run []Entry, bound *Entry, guess int) int {
	if guess <= scanMax {
		guess = 0
		for guess < min(len(run), 2*scanMax) && run[guess].Time < bound.Time {
			guess++
		}
	}
	if len(run) == 0 {
		return 0
	}
	guess = min(guess, len(run)-1)
	step := 1
	if run[guess].compare(bound) < 0 {
		lo := guess + 1
		for lo+step <= len(run) && run[lo+step-1].compare(bound) < 0 {
			lo += step
			step *= 2
		}
		return lo + lowerBound(run[lo:min(lo+step, len(run))], bound)
	}
	hi := guess
	for hi-step >= 0 && run[hi-step].compare(bound) >= 0 {
		hi -= step
		step *= 2
	}
	lo := max(0, hi-step+1) // the entry before it is below, or there is none
	return lo + lowerBound(run[lo:hi], bound)
}

// findFar does it from the root.
func (s *Snapshot) findFar(c *cursor, bound *Entry) {
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

// Newest is the time of the n-th entry from the end, 1 ≤ n ≤ Len.
func (s *Snapshot) Newest(n int) uint64 {
	at := s.seek(s.hi - n)
	return at.entry().Time
}

// Before counts the entries with times below a bound, and gives a fingerprint of
// them, which two honest sets share if they are equal there.
func (s *Snapshot) Before(time uint64) (count int, fingerprint uint64) {
	part := s.Between(0, time)
	from, to := s.seek(part.lo), s.seek(part.hi)
	m := s.massBetween(&from, &to)
	return part.Len(), checkOf(m.short ^ checkOf(m.check+uint64(part.Len())))
}

// Since calls fn for the entries from a time on, in order.
func (s *Snapshot) Since(time uint64, fn func(id *codec.ID) bool) {
	s.Between(time, Infinity).Each(func(e *Entry) bool { return fn(&e.ID) })
}
