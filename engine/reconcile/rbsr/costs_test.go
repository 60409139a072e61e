package rbsr

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// testView is a view of a tree.
type testView struct {
	reconcile.View // what sessions do not use is nil
	snap           *Snapshot
	shorts         map[uint64]struct{}
	claim          uint64 // what it says of its size, if not 0
}

func newView(entries []Entry) *testView {
	v := &testView{snap: built(entries).Pin(), shorts: map[uint64]struct{}{}}
	for i := range entries {
		v.shorts[codec.ShortID(&testSalt, &entries[i].ID)] = struct{}{}
	}
	return v
}

func (v *testView) Salt() *codec.Salt                        { return &testSalt }
func (v *testView) Kept(reconcile.Strategy) reconcile.Pinned { return v.snap }

func (v *testView) Count() uint64 {
	if v.claim != 0 {
		return v.claim
	}
	return uint64(v.snap.Len())
}

func (v *testView) Has(short uint64) bool {
	_, held := v.shorts[short]
	return held
}

// A cost is what a session took and found.
type cost struct {
	bytes, rounds, payloads int
	give, answered          []uint64 // by the initiator, by the responder
	want                    []uint64
}

func session(t testing.TB, left, right *testView) (c cost) {
	t.Helper()
	var toB, toA reconcile.Out
	a := OpenOn(left, left.snap)
	b := AcceptOn(right, right.snap, reconcile.Peer{Count: left.Count()}, &toA)
	for c.rounds = 1; !toB.Done; {
		replies := toA.Payloads
		toA.Payloads = nil
		for _, p := range replies {
			c.bytes += len(p)
			c.payloads++
			if err := a.Receive(p, &toB); err != nil {
				t.Fatal(err)
			}
		}
		if len(toB.Payloads) > 0 {
			c.rounds++
		}
		for _, p := range toB.Payloads {
			c.bytes += len(p)
			c.payloads++
			if err := b.Receive(p, &toA); err != nil {
				t.Fatal(err)
			}
		}
		toB.Payloads = nil
		if len(toA.Payloads) == 0 && !toB.Done || c.payloads > 100_000 {
			t.Fatal("it does not end")
		}
	}
	c.give, c.answered, c.want = toB.Give, toA.Give, toB.Want
	return c
}

func shortsOnlyIn(a, b *testView) (list []uint64) {
	for x := range a.shorts { // unordered: sorted below
		if !b.Has(x) {
			list = append(list, x)
		}
	}
	slices.Sort(list)
	return list
}

// finds checks that a session found the difference, each part of it once.
func (c *cost) finds(t testing.TB, left, right *testView) {
	t.Helper()
	gets := slices.Concat(c.answered, c.want)
	slices.Sort(gets)
	slices.Sort(c.give)
	if !slices.Equal(c.give, shortsOnlyIn(left, right)) || !slices.Equal(gets, shortsOnlyIn(right, left)) {
		t.Errorf("%d given and %d got", len(c.give), len(gets))
	}
}

// What differences among 100,000 records of one hour may cost. For 1,000 of them
// V1 takes 810 kB.
func TestCosts(t *testing.T) {
	n := 100_000
	rng := rand.New(rand.NewPCG(5, 5))
	all := make([]Entry, n)
	for i := range all { // an hour, uniform
		all[i] = Entry{uint64(codec.NewHLC(1_700_000_000_000+rng.Int64N(3_600_000), 0)), randomID(rng)}
	}
	for _, d := range []int{1, 2, 10, 100, 1000, 10_000} {
		for _, recent := range []bool{false, true} {
			l, r := split2(rng, all, d, recent)
			left, right := newView(l), newView(r)
			c := session(t, left, right)
			c.finds(t, left, right)
			if most := map[int]int{1: 300, 2: 600, 10: 1200, 100: 8000, 1000: 80_000, 10_000: 600_000}[d]; c.bytes > most {
				t.Errorf("%d differences cost %d bytes, at most %d", d, c.bytes, most)
			}
			t.Logf("n %d d %5d recent %5t: %7d bytes %7.1f B/diff %2d rounds %d payloads", n, d, recent, c.bytes, float64(c.bytes)/float64(d), c.rounds, c.payloads)
		}
	}
}
