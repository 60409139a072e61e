package engine

import (
	"fmt"
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
