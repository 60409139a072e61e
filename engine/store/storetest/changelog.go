package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

const tooOld = "too old"

// changes are the net changes after seq in a fixed order, or "too old".
func changes(log store.ChangeLog, space codec.ID, seq uint64) string {
	var lines []string
	reached := log.Changes(space, seq, func(c *store.Change) {
		lines = append(lines, fmt.Sprintf("%v %x %s", c.Added, c.Short, c.ID.Short()))
	})
	if !reached {
		return tooOld
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// netChanges is what [changes] should say when one set became another.
func netChanges(before, now map[codec.ID]uint64) string {
	var lines []string
	for id, short := range before {
		if _, ok := now[id]; !ok {
			lines = append(lines, fmt.Sprintf("%v %x %s", false, short, id.Short()))
		}
	}
	for id, short := range now {
		if _, ok := before[id]; !ok {
			lines = append(lines, fmt.Sprintf("%v %x %s", true, short, id.Short()))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func set(recs ...*codec.Record) map[codec.ID]uint64 {
	m := map[codec.ID]uint64{}
	for _, r := range recs {
		m[r.ID] = Short(r)
	}
	return m
}

func changeLog(t *testing.T, s store.Store) store.ChangeLog {
	log, ok := s.(store.ChangeLog)
	if !ok {
		t.Skip("this store has no change log")
	}
	return log
}

func testChangeLog(t *testing.T, s store.Store) {
	log := changeLog(t, s)
	space := Space(1)
	a, b, c := Record(space, Author(1), 1, "a"), Record(space, Author(1), 2, "b"), Record(space, Author(1), 3, "c")
	empty := log.Seq(space)
	want(t, "nothing", changes(log, space, empty), "")
	refs := insert(s, a, b)
	want(t, "seq", log.Seq(space), empty+2)
	want(t, "staged", changes(log, space, empty), netChanges(set(), set(a, b)))
	must(t, s.Commit(false))
	s.Remove(space, refs[0])
	gone := insert(s, c)[0]
	want(t, "seq", log.Seq(space), empty+4)
	for range 2 {
		want(t, "from empty", changes(log, space, empty), netChanges(set(), set(b, c)))
		want(t, "from one", changes(log, space, empty+1), netChanges(set(a), set(b, c)))
		want(t, "from two", changes(log, space, empty+2), netChanges(set(a, b), set(b, c)))
		want(t, "from three", changes(log, space, empty+3), netChanges(set(b), set(b, c)))
		want(t, "from four", changes(log, space, empty+4), "")
		want(t, "from the future", changes(log, space, empty+5), tooOld)
		must(t, s.Commit(true))
	}
	s.Remove(space, gone)
	insert(s, a) // came back
	want(t, "came and went, went and came", changes(log, space, empty+2), "")
	must(t, s.Commit(true))

	log.TrimChanges(space, empty+3)
	for range 2 {
		want(t, "trimmed", changes(log, space, empty+2), tooOld)
		want(t, "kept", changes(log, space, empty+3), netChanges(set(b), set(a, b)))
		must(t, s.Commit(true))
	}
	log.TrimChanges(space, empty) // no further back than it is
	want(t, "kept", changes(log, space, empty+3), netChanges(set(b), set(a, b)))
	log.TrimChanges(space, 1<<63)
	want(t, "all trimmed", changes(log, space, empty+5), tooOld)
	want(t, "now", changes(log, space, log.Seq(space)), "")
}

// testChangeFields: a change says what summaries are made of, also of a record
// that can no longer be loaded.
func testChangeFields(t *testing.T, s store.Store) {
	log := changeLog(t, s)
	space := Space(1)
	var recs []*codec.Record
	for i := range uint64(2) {
		h := Record(space, Author(byte(i)), 40+i, "key", strings.Repeat("x", int(i))).Header
		h.Time = codec.NewHLC(1_700_000_000_000, uint16(i))
		recs = append(recs, newRecord(h, []byte("value")))
	}
	old := insert(s, recs[0])[0]
	must(t, s.Commit(true))
	seq := log.Seq(space)
	s.Remove(space, old)
	insert(s, recs[1])
	for range 2 {
		seen := 0
		log.Changes(space, seq, func(c *store.Change) {
			r := recs[0]
			if c.Added {
				r = recs[1]
			}
			seen++
			want(t, "change", fmt.Sprintf("%+v", *c), fmt.Sprintf("%+v", store.Change{
				Added: c.Added, Short: Short(r), ID: r.ID, Author: r.Author, Key: r.Key, Version: r.Version, Time: r.Time,
			}))
		})
		want(t, "changes", seen, 2)
		must(t, s.Commit(true))
	}
}

func testChangeLogOfDroppedSpace(t *testing.T, s store.Store) {
	log := changeLog(t, s)
	a, b := Record(Space(1), Author(1), 1, "a"), Record(Space(1), Author(1), 2, "b")
	insert(s, a, b)
	must(t, s.Commit(true))
	old := log.Seq(a.Space)
	s.DropSpace(a.Space)
	want(t, "dropped", changes(log, a.Space, old), tooOld)
	empty := log.Seq(a.Space)
	for i := range uint64(10) {
		insert(s, Record(Space(1), Author(1), 3+i, "c"))
	}
	must(t, s.Commit(true))
	want(t, "joined again", changes(log, a.Space, old), tooOld)
	want(t, "since then", strings.Count(changes(log, a.Space, empty), "true"), 10)
}
