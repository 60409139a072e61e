package kvriblt

import (
	"slices"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// A verdict on one key says whose records move.
type verdict struct{ give, want bool }

var both = verdict{true, true}

// decide turns the decoded difference into gives and wants.
func (s *initiator) decide(out *reconcile.Out) {
	list := make([]unknown, 0, len(s.decoder.found))
	s.decoder.Each(func(key, delta uint32) { list = append(list, unknown{key, delta}) })
	s.set.kept.index.fetch(list)
	wanted := make([]unknown, 0, len(list))
	out.Give = slices.Grow(out.Give, len(list))
	for _, u := range list {
		s.judge(u.key, u.delta, &wanted, out)
	}
	s.finish(wanted, out)
}

// compare does the same with a list of all that the responder has.
func (s *initiator) compare(out *reconcile.Out) {
	var wanted []unknown
	ours := s.set.values()
	for _, u := range s.theirs {
		for ; len(ours) > 0 && ours[0].key < u.key; ours = ours[1:] {
			s.judge(ours[0].key, sub(0, ours[0].delta), &wanted, out)
		}
		delta := u.delta
		if len(ours) > 0 && ours[0].key == u.key {
			delta, ours = sub(delta, ours[0].delta), ours[1:]
		}
		if delta != 0 {
			s.judge(u.key, delta, &wanted, out)
		}
	}
	for _, u := range ours {
		s.judge(u.key, sub(0, u.delta), &wanted, out)
	}
	s.finish(wanted, out)
}

// judge decides on one key, at which the responder's values add up to delta more
// than ours.
func (s *initiator) judge(key, delta uint32, wanted *[]unknown, out *reconcile.Out) {
	index, extra := &s.set.kept.index, sub(0, delta)
	ours, records, surplus := uint32(0), 0, uint64(0)
	index.bucket(key, func(e *entry) {
		ours, records = add(ours, e.value), records+1
		if e.value == extra {
			surplus = e.name()
		}
	})
	theirs := add(ours, delta)
	if theirs != 0 && records > 1 && surplus != 0 {
		out.Give = append(out.Give, surplus) // all else they have
		return
	}
	v := both
	switch {
	case records == 0:
		v = verdict{want: true}
	case theirs == 0:
		v = verdict{give: true}
	case records == 1:
		v = s.set.kept.repeats.settle(key, ours, theirs)
	}
	if v.want {
		*wanted = append(*wanted, unknown{key: key})
	}
	if v.give {
		index.bucket(key, func(e *entry) { out.Give = append(out.Give, e.name()) })
	}
}

// finish says what is wanted.
func (s *initiator) finish(wanted []unknown, out *reconcile.Out) {
	slices.Sort(out.Give)
	slices.SortFunc(wanted, func(a, b unknown) int { return int(a.key) - int(b.key) })
	after := uint32(0)
	for rest := wanted; len(rest) > 0; {
		n := min(len(rest), keysPerPayload)
		out.Payloads = append(out.Payloads, appendKeys([]byte{msgWant}, after, rest[:n], false))
		after, rest = rest[n-1].key, rest[n:]
	}
	out.Asked, out.Done = len(wanted), true
}

// repeats remembers what was decided of late between two values of a key. The
// newer one has been sent then, so that the same two values meet again only if
// others lag behind as well, or if the counts were misread: they lie 2^19 apart or
// more, or two keys share a place. So every few times both records move, and no
// misreading lasts.
type repeats []struct {
	key, ours, theirs uint32
	times             uint32
}

const (
	repeatsSize = 256
	repeatsMax  = 3
)

func (r *repeats) settle(key, ours, theirs uint32) verdict {
	if *r == nil {
		*r = make(repeats, repeatsSize)
	}
	e := &(*r)[mix64(uint64(key)<<32|uint64(ours^theirs))%repeatsSize]
	if e.key != key || e.ours != ours || e.theirs != theirs {
		e.key, e.ours, e.theirs, e.times = key, ours, theirs, 0
	}
	if e.times == repeatsMax {
		e.times = 0
		return both
	}
	e.times++
	switch n := newer(theirs, ours); {
	case n > 0:
		return verdict{want: true}
	case n < 0:
		return verdict{give: true}
	}
	return both
}
