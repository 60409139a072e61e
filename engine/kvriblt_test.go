package engine

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// Two nodes that hold other versions of the same registers exchange the newer
// ones, each once, in one session. Nothing older and nothing in vain moves.
func TestNewerVersionsMoveOnce(t *testing.T) {
	w := newNet(t, 0)
	cfg := Config{Strategies: []string{"kvriblt"}, IntervalNs: 1e15, IdleNs: -1}
	a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
	space := w.space(a, b)
	x := newAuthor(5)
	rng := rand.New(rand.NewPCG(1, 3))
	changed, count := 0, uint64(0)
	for key := range 400 {
		put := func(nodes ...*Node) {
			count += 1 + rng.Uint64N(300)
			rec := x.put(space, count<<versionTagBits|7, fmt.Sprint("k", key), "v", codec.ID{})
			for _, n := range nodes {
				bring(n, space, rec)
			}
		}
		put(a, b)
		if key%5 == 0 {
			put([]*Node{a, b}[rng.IntN(2)])
			changed++
		}
	}
	before := a.Counters().RecordsIn + b.Counters().RecordsIn
	w.connect(1, a, b)
	w.run(w.now + 3e9)
	if got := a.Counters().RecordsIn + b.Counters().RecordsIn - before; got != uint64(changed) {
		t.Errorf("%d records moved for %d that changed", got, changed)
	}
	if pa, pb := fingerprintOf(a, space), fingerprintOf(b, space); pa != pb {
		t.Error("the sets differ")
	}
	for _, n := range []*Node{a, b} {
		for _, e := range take[*codec.SyncEnded](w, n) {
			if e.Strategy != "kvriblt" || e.Outcome != codec.OutcomeFinished && e.Outcome != codec.OutcomeEqual && e.Outcome != codec.OutcomeSuperseded {
				t.Errorf("%s %v", e.Strategy, e.Outcome)
			}
		}
	}
}

func fingerprintOf(n *Node, space codec.ID) codec.ID {
	digest, _ := n.fingerprint(n.spaces[space])
	return digest
}

// Two new registers that share a place, one on each side, look like one register to a
// sketch, and only one of them moves. Nobody has written meanwhile, so that another
// session follows at once instead of waiting for the interval.
func TestSharedPlacesAreSettledAtOnce(t *testing.T) {
	cfg := Config{Strategies: []string{"kvriblt"}, IntervalNs: 1e15, IdleNs: -1}
	w := newNet(t, 0)
	a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
	space := w.space(a, b)
	x := newAuthor(5)
	one, two := samePlace(&a.spaces[space].genesis.Salt, x.peer)
	bring(a, space, x.sign(codec.Header{Space: space, Version: 1 << 16, Key: one}, []byte("one")))
	bring(b, space, x.sign(codec.Header{Space: space, Version: 2 << 16, Key: two}, []byte("two")))
	for i := range 100 { // or all would be listed
		rec := x.sign(codec.Header{Space: space, Version: uint64(i+3) << 16, Key: codec.MustKey("common", fmt.Sprint(i))}, []byte("v"))
		bring(a, space, rec)
		bring(b, space, rec)
	}
	w.connect(1, a, b)
	w.run(w.now + 1e9)
	if a.Count(space) != 102 || summaryOf(t, a, space) != summaryOf(t, b, space) {
		t.Errorf("%d and %d records", a.Count(space), b.Count(space))
	}
	if ended := append(take[*codec.SyncEnded](w, a), take[*codec.SyncEnded](w, b)...); len(ended) != 2 {
		t.Errorf("%d sessions", len(ended))
	}
}

// samePlace finds two keys of an author that kvriblt puts into one place.
func samePlace(salt *codec.Salt, author codec.PeerID) (one, two codec.Key) {
	seen := map[uint64]codec.Key{}
	for i := 0; ; i++ {
		key := codec.MustKey("new", fmt.Sprint(i))
		place, _ := bits.Mul64(codec.RegisterID(salt, &author, key), 1<<31-2)
		if other, found := seen[place]; found {
			return other, key
		}
		seen[place] = key
	}
}
