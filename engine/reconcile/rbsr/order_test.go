package rbsr

import (
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// Newest, Before and Since say what a walk over all entries says.
func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	tree := NewTree(&codec.Salt{3})
	var ids []codec.ID
	for i := range 3000 {
		var id codec.ID
		for k := range id {
			id[k] = byte(r.Uint32())
		}
		ids = append(ids, id)
		tree.Insert(Entry{uint64(i/7) * 10, id})
	}
	s := tree.Pin()
	defer s.Close()
	seen := map[uint64]int{}
	for i := range 440 {
		bound := uint64(i) * 10
		count, print := s.Before(bound)
		if want := min(7*i, len(ids)); count != want {
			t.Fatalf("%d entries before %d, want %d", count, bound, want)
		}
		if before, known := seen[print]; known && before != count {
			t.Fatalf("%d and %d entries have one fingerprint", before, count)
		}
		seen[print] = count
		rest := 0
		s.Since(bound, func(*codec.ID) bool { rest++; return true })
		if rest != len(ids)-count {
			t.Fatalf("%d entries since %d, want %d", rest, bound, len(ids)-count)
		}
	}
	for n := 1; n <= len(ids); n += 13 {
		if got, want := s.Newest(n), uint64((len(ids)-n)/7)*10; got != want {
			t.Fatalf("the time of number %d from the end is %d, want %d", n, got, want)
		}
	}
}
