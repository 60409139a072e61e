// Package storetest holds the conformance suite that every store passes, and
// the means to compare two stores by everything they answer.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// An Opener makes an empty store. reopen ends the store as its process would
// after a clean Close and returns what the next process finds; it is nil for
// stores that cannot do that.
type Opener func(t *testing.T) (s store.Store, reopen func() store.Store)

// Run checks that a store keeps the contract of store.Store, and that of
// store.ChangeLog if it is one.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"Empty", testEmpty},
		{"InsertAndRemove", testInsertAndRemove},
		{"StagedIsVisible", testStagedIsVisible},
		{"SameShort", testSameShort},
		{"Registers", testRegisters},
		{"Dots", testDots},
		{"Authors", testAuthors},
		{"Scan", testScan},
		{"ScanOrder", testScanOrder},
		{"StopEarly", testStopEarly},
		{"ChangeWhileReading", testChangeWhileReading},
		{"Spaces", testSpaces},
		{"DropSpace", testDropSpace},
		{"Meta", testMeta},
		{"Values", testValues},
		{"Pins", testPins},
		{"PinOfStagedChanges", testPinOfStagedChanges},
		{"PinOfDroppedSpace", testPinOfDroppedSpace},
		{"LargeStep", testLargeStep},
		{"Close", testClose},
		{"ChangeLog", testChangeLog},
		{"ChangeFields", testChangeFields},
		{"ChangeLogOfDroppedSpace", testChangeLogOfDroppedSpace},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := open(t)
			c.test(t, s)
			must(t, s.Close())
		})
	}
	t.Run("Reopen", func(t *testing.T) { testReopen(t, open) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// wantRecords checks records by id, in order.
func wantRecords(t *testing.T, what string, got []*codec.Record, want ...*codec.Record) {
	t.Helper()
	same := func(a, b *codec.Record) bool { return a.ID == b.ID }
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("%s: got %v, want %v", what, names(got), names(want))
	}
}

func names(recs []*codec.Record) (out []string) {
	for _, r := range recs {
		out = append(out, name(r))
	}
	return out
}

func insert(s store.Store, recs ...*codec.Record) (refs []store.Ref) {
	for _, r := range recs {
		refs = append(refs, s.Insert(r, Short(r)))
	}
	return refs
}

// The reads, as slices of records.

func load(s store.Store, space codec.ID, refs []store.Ref) (out []*codec.Record) {
	for _, ref := range refs {
		out = append(out, s.Load(space, ref))
	}
	return out
}

func find(s store.Store, r *codec.Record) []*codec.Record {
	return load(s, r.Space, s.Find(r.Space, Short(r), nil))
}

func register(s store.Store, r *codec.Record) []*codec.Record {
	return load(s, r.Space, s.Register(r.Space, r.Author, r.Key, nil))
}

func dots(s store.Store, space codec.ID, author codec.PeerID, above uint64) (out []*codec.Record) {
	s.Dots(space, author, above, func(_ store.Ref, r *codec.Record) bool { out = append(out, r); return true })
	return out
}

func scan(s store.Store, space codec.ID, prefix, after codec.Key) (out []*codec.Record) {
	s.Scan(space, prefix, after, func(_ store.Ref, r *codec.Record) bool { out = append(out, r); return true })
	return out
}

func pinned(p store.Pin) (out []*codec.Record) {
	p.Each(func(ref store.Ref, _ uint64, _ *codec.ID) bool { out = append(out, p.Load(ref)); return true })
	slices.SortFunc(out, func(a, b *codec.Record) int { return a.ID.Compare(b.ID) })
	return out
}

func byID(recs ...*codec.Record) []*codec.Record {
	slices.SortFunc(recs, func(a, b *codec.Record) int { return a.ID.Compare(b.ID) })
	return recs
}

func testEmpty(t *testing.T, s store.Store) {
	space, author := Space(1), Author(1)
	want(t, "count", s.Count(space), 0)
	want(t, "meta", s.Meta("x") == nil, true)
	r := Record(space, author, 1, "k")
	wantRecords(t, "find", find(s, r))
	wantRecords(t, "register", register(s, r))
	wantRecords(t, "dots", dots(s, space, author, 0))
	wantRecords(t, "scan", scan(s, space, nil, nil))
	s.Authors(space, func(codec.PeerID, uint64) bool { t.Error("an author"); return true })
	s.EachMeta("", func(string, []byte) bool { t.Error("a value"); return true })
	s.DropSpace(space)
	p := s.Pin(space)
	want(t, "pin", p.Len(), 0)
	wantRecords(t, "pin", pinned(p))
	want(t, "pin finds", len(p.Find(1, nil)), 0)
	p.Close()
	must(t, s.Commit(false))
	must(t, s.Commit(true))
}

func testInsertAndRemove(t *testing.T, s store.Store) {
	a, b := Record(Space(1), Author(1), 1, "a"), Record(Space(1), Author(1), 2, "b")
	refs := insert(s, a, b)
	must(t, s.Commit(false))
	want(t, "count", s.Count(a.Space), 2)
	wantSame(t, s.Load(a.Space, refs[0]), a)
	wantSame(t, s.Load(a.Space, refs[1]), b)

	s.Remove(a.Space, refs[0])
	must(t, s.Commit(true))
	want(t, "count", s.Count(a.Space), 1)
	wantRecords(t, "find a", find(s, a))
	wantRecords(t, "find b", find(s, b), b)
	wantRecords(t, "scan", scan(s, a.Space, nil, nil), b)

	insert(s, a) // what went may come back
	must(t, s.Commit(true))
	wantRecords(t, "scan", scan(s, a.Space, nil, nil), a, b)
	wantRecords(t, "find a", find(s, a), a)
}

// wantSame checks everything a record holds.
func wantSame(t *testing.T, got, want *codec.Record) {
	t.Helper()
	if got.ID != want.ID || !bytes.Equal(got.AppendEnvelope(nil), want.AppendEnvelope(nil)) ||
		fmt.Sprint(got.Header) != fmt.Sprint(want.Header) || (got.Value == nil) != (want.Value == nil) {
		t.Fatalf("got record %s %+v, want %s %+v", name(got), got, name(want), want)
	}
}

func testStagedIsVisible(t *testing.T, s store.Store) {
	a, b := Record(Space(1), Author(1), 1, "a"), Record(Space(1), Author(1), 2, "a")
	check := func(recs ...*codec.Record) {
		t.Helper()
		want(t, "count", s.Count(a.Space), uint64(len(recs)))
		wantRecords(t, "register", register(s, a), recs...)
		wantRecords(t, "dots", dots(s, a.Space, a.Author, 0), recs...)
		wantRecords(t, "scan", scan(s, a.Space, nil, nil), recs...)
		for _, r := range recs {
			wantRecords(t, "find", find(s, r), r)
		}
	}
	ref := insert(s, a)[0]
	check(a)
	insert(s, b)
	check(a, b)
	s.Remove(a.Space, ref)
	check(b)
	wantRecords(t, "find what went", find(s, a))
	must(t, s.Commit(false))
	check(b)
	ref = insert(s, a)[0]
	check(a, b)
	must(t, s.Commit(false))
	s.Remove(a.Space, ref)
	check(b)
	ref = insert(s, a)[0]
	s.Remove(a.Space, ref)
	check(b)
	must(t, s.Commit(true))
	check(b)
}

func testSameShort(t *testing.T, s store.Store) {
	recs := byID(Record(Space(1), Author(1), 1, "a"), Record(Space(1), Author(2), 1, "b"),
		Record(Space(1), Author(1), 2, "c"))
	const short = 7
	var refs [3]store.Ref
	for _, i := range []int{2, 0, 1} {
		refs[i] = s.Insert(recs[i], short)
		if i == 0 {
			must(t, s.Commit(true))
		}
	}
	find := func() []*codec.Record { return load(s, Space(1), s.Find(Space(1), short, nil)) }
	wantRecords(t, "find", find(), recs...)
	p := s.Pin(Space(1))
	pinFinds := func() (out []*codec.Record) {
		for _, ref := range p.Find(short, nil) {
			out = append(out, p.Load(ref))
		}
		return out
	}
	wantRecords(t, "pin finds", pinFinds(), recs...)
	want(t, "other short", len(s.Find(Space(1), short+1, nil)), 0)
	s.Remove(Space(1), refs[1])
	wantRecords(t, "find", find(), recs[0], recs[2])
	must(t, s.Commit(true))
	wantRecords(t, "find", find(), recs[0], recs[2])
	wantRecords(t, "pin finds", pinFinds(), recs...)
	p.Close()
	got := s.Find(Space(1), short, []store.Ref{12345})
	want(t, "appended after", got[0], 12345)
	want(t, "appended", len(got), 3)
}

func testRegisters(t *testing.T, s store.Store) {
	space, author := Space(1), Author(1)
	// Two records of version 2: what an author does who is used twice.
	twins := byID(RecordOf(space, author, 2, []byte("x"), "k"), RecordOf(space, author, 2, []byte("y"), "k"))
	first, last := Record(space, author, 1, "k"), Record(space, author, 300, "k")
	longer, other := Record(space, author, 4, "k", "k"), Record(space, Author(2), 1, "k")
	insert(s, last, twins[1], other)
	must(t, s.Commit(false))
	insert(s, twins[0], longer, first)
	wantRecords(t, "register", register(s, first), first, twins[0], twins[1], last)
	wantRecords(t, "register of a longer key", register(s, longer), longer)
	wantRecords(t, "register of another author", register(s, other), other)
	wantRecords(t, "no register", register(s, Record(space, author, 1, "none")))
}

func testDots(t *testing.T, s store.Store) {
	space, author := Space(1), Author(1)
	twins := byID(Record(space, author, 256, "a"), Record(space, author, 256, "b"))
	low, high := Record(space, author, 2, "z"), Record(space, author, codec.VersionMax, "c")
	insert(s, high, twins[1])
	must(t, s.Commit(false))
	insert(s, twins[0], low, Record(space, Author(2), 3, "a"), Record(space, Author(0), 3, "a"))
	wantRecords(t, "all", dots(s, space, author, 0), low, twins[0], twins[1], high)
	wantRecords(t, "above 2", dots(s, space, author, 2), twins[0], twins[1], high)
	wantRecords(t, "above 256", dots(s, space, author, 256), high)
	wantRecords(t, "above all", dots(s, space, author, codec.VersionMax))
	wantRecords(t, "above any", dots(s, space, author, 1<<64-1))
}

func testAuthors(t *testing.T, s store.Store) {
	space := Space(1)
	list := func() (out []string) {
		s.Authors(space, func(author codec.PeerID, highest uint64) bool {
			out = append(out, fmt.Sprintf("%x:%d", author[:2], highest))
			return true
		})
		return out
	}
	var last codec.PeerID // the last one there can be
	for i := range last {
		last[i] = 0xff
	}
	refs := insert(s, Record(space, last, 3, "a"), Record(space, Author(2), 9, "b"), Record(space, Author(2), 300, "c"))
	insert(s, Record(space, Author(0x80), 1, "a"), Record(Space(2), Author(5), 5, "a"))
	want(t, "authors", fmt.Sprint(list()), fmt.Sprintf("[%x:300 %x:1 ffff:3]", head(2), head(0x80)))
	must(t, s.Commit(false))
	s.Remove(space, refs[2])
	want(t, "authors", fmt.Sprint(list()), fmt.Sprintf("[%x:9 %x:1 ffff:3]", head(2), head(0x80)))
	s.Remove(space, refs[1])
	must(t, s.Commit(false))
	want(t, "authors", fmt.Sprint(list()), fmt.Sprintf("[%x:1 ffff:3]", head(0x80)))
}

func head(author byte) []byte { p := Author(author); return p[:2] }

func testStopEarly(t *testing.T, s store.Store) {
	space := Space(1)
	insert(s, Record(space, Author(1), 1, "a"), Record(space, Author(1), 2, "b"), Record(space, Author(2), 1, "c"))
	s.SetMeta("a", []byte{1})
	s.SetMeta("b", []byte{2})
	must(t, s.Commit(false))
	insert(s, Record(space, Author(3), 1, "d"))
	p := s.Pin(space)
	calls := 0
	once := func() bool { calls++; return false }
	s.Dots(space, Author(1), 0, func(store.Ref, *codec.Record) bool { return once() })
	s.Scan(space, nil, nil, func(store.Ref, *codec.Record) bool { return once() })
	s.Authors(space, func(codec.PeerID, uint64) bool { return once() })
	s.EachMeta("", func(string, []byte) bool { return once() })
	p.Each(func(store.Ref, uint64, *codec.ID) bool { return once() })
	want(t, "calls", calls, 5)
	p.Close()
}

// A node removes what a scan shows it, and looks things up meanwhile.
func testChangeWhileReading(t *testing.T, s store.Store) {
	space := Space(1)
	for i := range 20 {
		insert(s, Record(space, Author(1), uint64(i+1), "k", string(rune('a'+i))))
		if i == 10 {
			must(t, s.Commit(false))
		}
	}
	seen := 0
	s.Scan(space, codec.MustKey("k"), nil, func(ref store.Ref, r *codec.Record) bool {
		wantRecords(t, "register", register(s, r), r)
		s.Remove(space, ref)
		wantRecords(t, "register", register(s, r))
		seen++
		return true
	})
	want(t, "seen", seen, 20)
	want(t, "left", s.Count(space), 0)
	wantRecords(t, "left", scan(s, space, nil, nil))
}

func testSpaces(t *testing.T, s store.Store) {
	const spaces, authors = 20, 10
	for i := range byte(spaces) {
		for j := range byte(authors) {
			insert(s, Record(Space(i), Author(j), uint64(i)+1, "k"))
		}
		must(t, s.Commit(i%3 == 0))
	}
	for i := range byte(spaces) {
		want(t, "count", s.Count(Space(i)), authors)
		r := Record(Space(i), Author(3), uint64(i)+1, "k")
		wantRecords(t, "find", find(s, r), r)
		wantRecords(t, "register", register(s, r), r)
		wantRecords(t, "dots", dots(s, r.Space, r.Author, 0), r)
		want(t, "scan", len(scan(s, r.Space, nil, nil)), authors)
		p := s.Pin(r.Space)
		want(t, "pin", len(pinned(p)), authors)
		p.Close()
	}
}

func testDropSpace(t *testing.T, s store.Store) {
	a, b, other := Record(Space(1), Author(1), 1, "a"), Record(Space(1), Author(1), 2, "b"), Record(Space(2), Author(1), 1, "a")
	gone := func() {
		t.Helper()
		want(t, "count", s.Count(a.Space), 0)
		wantRecords(t, "find", find(s, a))
		wantRecords(t, "register", register(s, a))
		wantRecords(t, "dots", dots(s, a.Space, a.Author, 0))
		wantRecords(t, "scan", scan(s, a.Space, nil, nil))
		s.Authors(a.Space, func(codec.PeerID, uint64) bool { t.Error("an author"); return true })
		wantRecords(t, "the other space", scan(s, other.Space, nil, nil), other)
	}
	insert(s, a, other)
	must(t, s.Commit(true))
	insert(s, b)
	s.DropSpace(a.Space) // committed and staged records alike
	gone()
	must(t, s.Commit(false))
	gone()
	insert(s, a)
	must(t, s.Commit(false))
	s.DropSpace(a.Space)
	insert(s, b) // again, within the step
	wantRecords(t, "scan", scan(s, a.Space, nil, nil), b)
	want(t, "count", s.Count(a.Space), 1)
	must(t, s.Commit(true))
	wantRecords(t, "scan", scan(s, a.Space, nil, nil), b)
	wantRecords(t, "find", find(s, a))
}

func testMeta(t *testing.T, s store.Store) {
	list := func(prefix string) (out string) {
		s.EachMeta(prefix, func(key string, value []byte) bool {
			out += fmt.Sprintf("%q=%q ", key, value)
			return true
		})
		return out
	}
	value := []byte("two")
	s.SetMeta("b", value)
	value[0] = 'X' // the store has its own copy
	s.SetMeta("ab", []byte("1"))
	must(t, s.Commit(true))
	s.SetMeta("ab\xff\xff", []byte("3"))
	s.SetMeta("a", []byte{})
	s.SetMeta("ac", []byte("4"))
	all := `"a"="" "ab"="1" "ab\xff\xff"="3" "ac"="4" "b"="two" `
	want(t, "all", list(""), all)
	must(t, s.Commit(false))
	want(t, "all", list(""), all)
	want(t, "prefix", list("ab"), `"ab"="1" "ab\xff\xff"="3" `)
	want(t, "prefix of 0xff", list("ab\xff"), `"ab\xff\xff"="3" `)
	want(t, "no such prefix", list("abc"), "")
	want(t, "value", string(s.Meta("b")), "two")
	want(t, "an empty value is one", s.Meta("a") != nil && len(s.Meta("a")) == 0, true)
	s.SetMeta("ab", nil)
	s.SetMeta("none", nil)
	s.SetMeta("b", []byte("2"))
	want(t, "deleted", s.Meta("ab") == nil, true)
	want(t, "replaced", string(s.Meta("b")), "2")
	want(t, "prefix", list("ab"), `"ab\xff\xff"="3" `)
	must(t, s.Commit(true))
	want(t, "deleted", s.Meta("ab") == nil, true)
	want(t, "all", list(""), `"a"="" "ab\xff\xff"="3" "ac"="4" "b"="2" `)
}

// Every shape of record comes back as it was, from the files too.
func testValues(t *testing.T, s store.Store) {
	h := codec.Header{Kind: codec.KindPut, Space: Space(1), Author: Author(1), Key: codec.MustKey("k"), Codec: codec.CodecRaw}
	del := h
	del.Kind, del.Codec = codec.KindDelete, codec.CodecNone
	rich := h
	rich.Grant, rich.Refs, rich.Time = codec.ID{9}, []codec.ID{{1}, {2}}, codec.NewHLC(12345, 6)
	rich.Supersedes = []codec.Supersede{{ID: codec.ID{3}}, {Prefix: codec.MustKey("k"), Vector: []codec.Dot{{Author: Author(1), Version: 5}}}}
	var recs []*codec.Record
	for i, c := range []struct {
		h     codec.Header
		value []byte
	}{{h, []byte{}}, {h, []byte("v")}, {h, make([]byte, codec.ValueInlineMax)}, {del, nil}, {rich, []byte("w")}} {
		c.h.Version = uint64(i + 1)
		recs = append(recs, newRecord(c.h, c.value))
	}
	blob := h
	blob.Version, blob.ValueLen, blob.ValueHash = 100, codec.ValueInlineMax+1, codec.ID{1}
	raw := codec.AppendHeader(nil, &blob)
	blob, err := codec.ParseHeader(raw)
	must(t, err)
	recs = append(recs, &codec.Record{Header: blob, Raw: raw, ID: idOf(raw)})
	refs := insert(s, recs...)
	must(t, s.Commit(true))
	for i, r := range recs {
		wantSame(t, s.Load(r.Space, refs[i]), r)
	}
}

func testPins(t *testing.T, s store.Store) {
	space := Space(1)
	a, b, c := Record(space, Author(1), 1, "a"), Record(space, Author(1), 2, "b"), Record(space, Author(1), 3, "c")
	refs := insert(s, a, b)
	must(t, s.Commit(false))
	p := s.Pin(space)
	s.Remove(space, refs[0])
	insert(s, c)
	before := byID(a, b)
	check := func(p store.Pin, recs []*codec.Record) {
		t.Helper()
		want(t, "len", p.Len(), uint64(len(recs)))
		wantRecords(t, "pinned", pinned(p), recs...)
		for _, r := range []*codec.Record{a, b, c} {
			found := p.Find(Short(r), nil)
			want(t, "found", len(found) == 1, slices.Contains(recs, r))
			for _, ref := range found {
				wantSame(t, p.Load(ref), r)
			}
		}
	}
	check(p, before)
	must(t, s.Commit(true))
	check(p, before)
	q := s.Pin(space)
	check(q, byID(b, c))
	// New records must not take the place of what only a pin still holds.
	for i := range uint64(100) {
		insert(s, Record(space, Author(2), i+1, "x"))
		must(t, s.Commit(true))
	}
	s.DropSpace(space)
	must(t, s.Commit(true))
	insert(s, a)
	must(t, s.Commit(true))
	check(p, before)
	check(q, byID(b, c))
	p.Close()
	check(q, byID(b, c))
	q.Close()
	wantRecords(t, "scan", scan(s, space, nil, nil), a)
}

func testPinOfStagedChanges(t *testing.T, s store.Store) {
	space := Space(1)
	a, b, c := Record(space, Author(1), 1, "a"), Record(space, Author(1), 2, "b"), Record(space, Author(1), 3, "c")
	refs := insert(s, a, b)
	must(t, s.Commit(true))
	s.Remove(space, refs[0])
	gone := insert(s, c)[0]
	p := s.Pin(space)
	s.Remove(space, gone)
	q := s.Pin(space)
	s.Remove(space, refs[1])
	for range 2 {
		want(t, "len", p.Len(), 2)
		wantRecords(t, "pinned", pinned(p), byID(b, c)...)
		want(t, "len", q.Len(), 1)
		wantRecords(t, "pinned", pinned(q), b)
		want(t, "found", len(p.Find(Short(c), nil)), 1)
		want(t, "removed", len(p.Find(Short(a), nil)), 0)
		wantSame(t, p.Load(p.Find(Short(c), nil)[0]), c)
		must(t, s.Commit(true))
	}
	p.Close()
	q.Close()
	want(t, "count", s.Count(space), 0)
}

func testPinOfDroppedSpace(t *testing.T, s store.Store) {
	a, b := Record(Space(1), Author(1), 1, "a"), Record(Space(1), Author(1), 2, "b")
	insert(s, a)
	must(t, s.Commit(true))
	s.DropSpace(a.Space)
	p := s.Pin(a.Space)
	insert(s, b)
	q := s.Pin(a.Space)
	for range 2 {
		want(t, "len", p.Len(), 0)
		wantRecords(t, "pinned", pinned(p))
		want(t, "len", q.Len(), 1)
		wantRecords(t, "pinned", pinned(q), b)
		must(t, s.Commit(true))
	}
	p.Close()
	q.Close()
}

// One step may hold more than a store's buffers.
func testLargeStep(t *testing.T, s store.Store) {
	space := Space(1)
	value := make([]byte, 4096)
	const n = 2000
	for i := range uint64(n) {
		insert(s, RecordOf(space, Author(byte(i)), i+1, value, "k", fmt.Sprint(i)))
	}
	want(t, "scan", len(scan(s, space, nil, nil)), n)
	must(t, s.Commit(false))
	want(t, "scan", len(scan(s, space, nil, nil)), n)
	insert(s, Record(space, Author(1), n+1, "z"))
	must(t, s.Commit(true))
	want(t, "count", s.Count(space), n+1)
}

func testClose(t *testing.T, s store.Store) {
	insert(s, Record(Space(1), Author(1), 1, "a"))
	must(t, s.Commit(false))
	p := s.Pin(Space(1))
	insert(s, Record(Space(1), Author(1), 2, "a"))
	must(t, s.Close())
	must(t, s.Close())
	for _, sync := range []bool{false, true} {
		if err := s.Commit(sync); !errors.Is(err, store.ErrClosed) {
			t.Fatalf("Commit on a closed store returned %v", err)
		}
	}
	p.Close()
}

func testReopen(t *testing.T, open Opener) {
	s, reopen := open(t)
	if reopen == nil {
		t.Skip("this store lives as long as its process")
	}
	space := Space(1)
	a, b, c := Record(space, Author(1), 1, "a"), Record(space, Author(1), 2, "b"), Record(space, Author(1), 3, "c")
	refs := insert(s, a, b)
	other := insert(s, Record(Space(2), Author(1), 1, "a"))
	s.SetMeta("k", []byte("v"))
	must(t, s.Commit(true))
	s.Remove(space, refs[0])
	_ = other
	s.DropSpace(Space(2))
	must(t, s.Commit(false))
	insert(s, c)
	s.SetMeta("k", nil)
	s = reopen() // without a commit
	wantRecords(t, "scan", scan(s, space, nil, nil), b)
	wantRecords(t, "find", find(s, b), b)
	wantRecords(t, "find", find(s, c))
	want(t, "count", s.Count(space), 1)
	want(t, "count of the dropped space", s.Count(Space(2)), 0)
	want(t, "meta", string(s.Meta("k")), "v")
	wantSame(t, find(s, b)[0], b)
	insert(s, a, c)
	must(t, s.Commit(true))
	s = reopen()
	wantRecords(t, "scan", scan(s, space, nil, nil), a, b, c)
	must(t, s.Close())
}
