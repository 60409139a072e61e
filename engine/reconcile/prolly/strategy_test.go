package prolly

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func TestConformance(t *testing.T) { reconciletest.Run(t, Strategy{}, full.Strategy{}) }

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, Strategy{}) }

// A session asks at most once for each level of pages, wherever the differences
// lie, and on trees of every height.
func TestRounds(t *testing.T) {
	for i, shape := range []struct{ both, left, right int }{
		{10, 1, 1}, {300, 5, 5}, {5000, 1, 0}, {5000, 50, 50}, {20_000, 1, 1}, {20_000, 300, 0}, {20_000, 0, 300}, {1, 5000, 0}, {1, 0, 5000},
	} {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		numbers := rng.Perm(shape.both + shape.left + shape.right)
		var left, right []reconciletest.Record
		for at, n := range numbers {
			r := reconciletest.NewRecord(uint64(n))
			if at < shape.both+shape.left {
				left = append(left, r)
			}
			if at < shape.both || at >= shape.both+shape.left {
				right = append(right, r)
			}
		}
		a, b := reconciletest.NewSet(Strategy{}, left...), reconciletest.NewSet(Strategy{}, right...)
		pin := b.Pin()
		levels := int(pin.Kept(Strategy{}).(pinned).root.level) + 1
		pin.Close()
		cost, err := reconciletest.Session(Strategy{}, a, b, func() {})
		if err != nil || !a.Equal(b) {
			t.Fatal(err, "equal:", a.Equal(b))
		}
		d := shape.left + shape.right
		t.Logf("%+v: %d levels, %d rounds, %d bytes, %d a difference", shape, levels, cost.Rounds, cost.Bytes, cost.Bytes/d)
		if cost.Rounds > levels+1 {
			t.Errorf("%+v: %d rounds on %d levels", shape, cost.Rounds, levels)
		}
	}
}

// The payloads of one session, as they were when the format was fixed.
func TestTranscript(t *testing.T) {
	records := func(lo, hi uint64) (list []reconciletest.Record) {
		for n := lo; n < hi; n++ {
			list = append(list, reconciletest.NewRecord(n))
		}
		return list
	}
	left, right := reconciletest.NewSet(Strategy{}, records(0, 1000)...), reconciletest.NewSet(Strategy{}, records(1, 1001)...)
	sum, toB, _ := reconciletest.Transcript(t, Strategy{}, left.Pin(), right.Pin())
	const want = "d4aef2e0e045047bc466cdc94c4c2495292b87262adbee155e206481fee4ccb5"
	if sum != want || !toB.Done || len(toB.Give) != 1 || len(toB.Want) != 1 {
		t.Errorf("transcript %s, want %s; %d given, %d wanted", sum, want, len(toB.Give), len(toB.Want))
	}
}

// What the other side must not say.
func TestBadPayloads(t *testing.T) {
	set := reconciletest.NewSet(Strategy{}, reconciletest.NewRecord(1), reconciletest.NewRecord(2))
	view := set.Pin()
	respond := func(payloads ...[]byte) (err error) {
		var out reconcile.Out
		s := Strategy{}.Accept(view, reconcile.Peer{}, &out)
		for _, p := range payloads {
			err = s.Receive(p, &out)
		}
		return err
	}
	open := func(payloads ...[]byte) (err error) {
		var out reconcile.Out
		s := Strategy{}.Open(view, reconcile.Peer{}, &out)
		for _, p := range payloads {
			err = s.Receive(p, &out)
		}
		return err
	}
	name := make([]byte, 9) // level 0, one page of that name
	huge := append([]byte{0}, binary.AppendUvarint(nil, 1<<63)...)
	for what, err := range map[string]error{
		"no request":           respond(nil),
		"a request of nothing": respond([]byte{last}),
		"no such kind":         respond([]byte{2, 0, 1}),
		"a page that is not":   respond([]byte{last, 0, 2}),
		"a skip beyond":        respond([]byte{last, 2, 1}),
		"an odd number":        respond([]byte{last, 0}),
		"an empty run":         respond([]byte{last, 0, 0}),
		"a huge run":           respond(append(huge, 0)),
		"a page twice":         respond([]byte{more, 0, 1}, []byte{last, 0, 1}),
		"below the leaves":     respond([]byte{last, 0, 1}, []byte{last, 0, 1}),
		"no level":             open(nil),
		"too high":             open([]byte{levelMax + 1}),
		"half a name":          open(name[:5]),
		"no answer":            open(name, nil),
		"no entry":             open(name, []byte{0}),
		"too many entries":     open(name, append([]byte{0x81, 2}, make([]byte, 257*8)...)),
		"too few entries":      open(name, []byte{1, 0}),
		"a long varint":        open(name, append([]byte{0x81, 0}, make([]byte, 8)...)),
		"too many pages":       open(name, append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0}, 1, 0, 0, 0, 0, 0, 0, 0, 0)),
	} {
		if !errors.Is(err, reconcile.ErrPayload) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := errors.Join(respond([]byte{last, 0, 1}), respond([]byte{more, 0, 1}), open([]byte{0}), open(name, append([]byte{1}, make([]byte, 8)...))); err != nil {
		t.Error("a good one:", err)
	}
}

func TestSaved(t *testing.T) {
	for _, n := range []int{0, 1, 5000} {
		s := NewSet(&testSalt, randomKeys(1, n))
		saved := s.Save([]byte{9})[1:]
		back, err := Load(saved, &testSalt)
		if err != nil || !same(s.root, back.root) || back.Len() != n {
			t.Fatal(n, err)
		}
		if _, err := Load(saved, &codec.Salt{1}); !errors.Is(err, ErrFormat) {
			t.Error("another salt:", err)
		}
		for _, bad := range [][]byte{nil, saved[:len(saved)-1], append([]byte{2}, saved[1:]...), append(bytes.Clone(saved), 0)} {
			if _, err := (Strategy{}).LoadKept(bad, &testSalt); !errors.Is(err, ErrFormat) {
				t.Errorf("%d bytes: %v", len(bad), err)
			}
		}
		if n > 1 { // swap two keys; change one
			bad := bytes.Clone(saved)
			copy(bad[1:25], saved[25:49])
			copy(bad[25:49], saved[1:25])
			_, swapped := Load(bad, &testSalt)
			bad = bytes.Clone(saved)
			bad[24]++
			_, changed := Load(bad, &testSalt)
			if !errors.Is(swapped, ErrFormat) || !errors.Is(changed, ErrFormat) {
				t.Error(swapped, changed)
			}
		}
		k, err := (Strategy{}).LoadKept(saved, &testSalt)
		if err != nil {
			t.Fatal(err)
		}
		r := reconciletest.NewRecord(7)
		k.Add(&r.Item)
		if s.Add(KeyOf(&r.Item)); !same(s.root, k.Pin().(pinned).root) {
			t.Error("a loaded tree changes in another way")
		}
	}
}

// Whatever Load accepts is exactly what Save writes.
func FuzzLoad(f *testing.F) {
	f.Add(NewSet(&testSalt, nil).Save(nil))
	f.Add(NewSet(&testSalt, randomKeys(1, 3)).Save(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Load(data, &testSalt); err == nil && !bytes.Equal(s.Save(nil), data) {
			t.Error("another form of the same tree")
		}
	})
}
