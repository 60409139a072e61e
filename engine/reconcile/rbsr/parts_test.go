package rbsr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Random sets of every shape: what is found is the difference, once.
func TestSessionsFindTheDifference(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 6))
		all := randomEntries(rng, rng.IntN([]int{3, 40, 500, 6000}[rng.IntN(4)]), []int{1, 30, 1_000_000}[rng.IntN(3)])
		l, r := split2(rng, all, rng.IntN(len(all)+1)>>rng.IntN(8), rng.IntN(2) == 0)
		if rng.IntN(6) == 0 {
			l = nil
		} else if rng.IntN(6) == 0 {
			r = nil
		}
		left, right := newView(l), newView(r)
		c := session(t, left, right)
		c.finds(t, left, right)
		if c.rounds > 12 {
			t.Errorf("seed %d: %d rounds for %d and %d entries", seed, c.rounds, len(l), len(r))
		}
	}
}

// Sets that have nothing in common are listed, in parts of a payload's size.
func TestLongLists(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 6))
	all := make([]Entry, 80_000)
	for i := range all {
		all[i] = Entry{1_700_000_000 + rng.Uint64N(1_000_000), randomID(rng)}
	}
	left, right := newView(all[:20_000]), newView(all[20_000:])
	left.claim = 60_000 // so that the first payload has 16 cells, and lists are long
	c := session(t, left, right)
	if c.finds(t, left, right); c.bytes > 8*(20_000+20_000+60_000) {
		t.Errorf("%d bytes", c.bytes)
	}
}

// Thousands of records of one time are found, all of them.
func TestBurstsOfOneTime(t *testing.T) {
	for _, n := range []int{102, 150, 500, 5000} {
		all := randomEntries(rand.New(rand.NewPCG(uint64(n), 1)), n, 1)
		for _, missing := range []int{1, 7, n / 2} {
			left, right := newView(all), newView(all[missing:])
			c := session(t, left, right)
			if c.finds(t, left, right); len(c.give)+len(c.want)+len(c.answered) == 0 {
				t.Errorf("%d of %d: nothing found", missing, n)
			}
		}
	}
}

// A session on a window of time, or on chosen records, finds what differs there
// and does not touch what differs elsewhere.
func TestParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 6))
	l, r := split2(rng, randomEntries(rng, 5000, 1000), 400, false)
	from, to := uint64(1_700_000_200), uint64(1_700_000_600)
	in := func(list []Entry) (part []Entry) {
		for _, e := range list {
			if e.Time >= from && e.Time < to {
				part = append(part, e)
			}
		}
		return part
	}
	odd := func(list []Entry) (part []Entry) { // any choice, such as a key prefix
		for _, e := range list {
			if e.ID[0]&1 == 1 {
				part = append(part, e)
			}
		}
		return part
	}
	left, right := newView(l), newView(r)
	for _, c := range []struct {
		name        string
		left, right *Snapshot
		want        func([]Entry) []Entry
	}{
		{"window", left.snap.Between(from, to), right.snap.Between(from, to), in},
		{"chosen", built(odd(l)).Pin(), built(odd(r)).Pin(), odd},
		{"window of chosen", built(odd(l)).Pin().Between(from, to), built(odd(r)).Pin().Between(from, to), func(e []Entry) []Entry { return in(odd(e)) }},
		{"nothing", left.snap.Between(to, from), right.snap.Between(to, from), func([]Entry) []Entry { return nil }},
	} {
		a, b := newView(c.want(l)), newView(c.want(r))
		partLeft, partRight := *left, *right
		partLeft.snap, partRight.snap = c.left, c.right
		cost := session(t, &partLeft, &partRight)
		if cost.finds(t, a, b); t.Failed() {
			t.Fatalf("our mode, %s", c.name)
		}
		client, _ := NewNegentropy(c.left, 4096)
		server, _ := NewNegentropy(c.right, 4096)
		model := newModel(c.want(l), 4096)
		m, expected := initiate(t, client), model.initiate()
		for m != nil {
			if !bytes.Equal(m, expected) {
				t.Fatalf("V1, %s: the client says\n%x, not\n%x", c.name, m, expected)
			}
			reply := answer(t, server, m)
			m, expected = answer(t, client, reply), model.reconcile(reply)
		}
	}
}

// The bytes of our mode are a format.
func TestGoldenPayloads(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 6))
	l, r := split2(rng, randomEntries(rng, 4000, 500), 300, false)
	left, right := newView(l), newView(r)
	all := sha256.New()
	var toA, toB reconcile.Out
	a := OpenOn(left, left.snap)
	b := AcceptOn(right, right.snap, reconcile.Peer{Count: left.Count()}, &toA)
	size := 0
	for !toB.Done {
		for _, p := range slices.Concat(toA.Payloads) {
			toA.Payloads = toA.Payloads[1:]
			size += len(p)
			all.Write(p)
			if err := a.Receive(p, &toB); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range toB.Payloads {
			size += len(p)
			all.Write(p)
			if err := b.Receive(p, &toA); err != nil {
				t.Fatal(err)
			}
		}
		toB.Payloads = nil
	}
	const want = "6d7e7193f02fc524"
	if got := hex.EncodeToString(all.Sum(nil)[:8]); got != want {
		t.Errorf("%d bytes of payloads with hash %s, want %s", size, got, want)
	}
}
