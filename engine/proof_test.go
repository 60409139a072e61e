package engine

import (
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// A proof of equivocation outlives the records it is made of: their registers
// move on, and the node restarts.
func TestProofOutlivesItsRecords(t *testing.T) {
	owner, liar := newAuthor(1), newAuthor(9)
	g := genesis(owner)
	st := newStore()
	n := openNode(t, 1, Config{}, st)
	space := join(t, n, g)
	first, second := liar.put(space, 1<<16, "k", "one", codec.ID{}), liar.put(space, 1<<16, "other", "two", codec.ID{})
	bring(n, space, first, second)
	bring(n, space, liar.put(space, 2<<16, "k", "x", codec.ID{}), liar.put(space, 3<<16, "other", "y", codec.ID{}))
	standing := func(n *Node, id codec.ID) codec.Standing {
		return find[*codec.Explained](do(t, n, &codec.Explain{Space: space, Record: id}))[0].Standing
	}
	if len(n.all(space)) != 2 {
		t.Fatalf("the set holds %d records, want the two newest", len(n.all(space)))
	}
	for _, id := range []codec.ID{first.ID, second.ID} {
		if got := standing(n, id); got != codec.StandingProof {
			t.Fatalf("half of a proof is %v, want proof", got)
		}
	}
	do(t, n, &codec.Wake{})
	again := openNode(t, 1, Config{Boot: 1, Seed: [32]byte{7}}, st.Crash(st.Unsynced()))
	if got := standing(again, first.ID); got != codec.StandingProof {
		t.Fatalf("after a restart half of a proof is %v, want proof", got)
	}
}
