package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Few hashes and many handles, so that chains are long, wrap around the table's
// end and lose links everywhere.
func TestIndexAgainstAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 50 {
		x, model := newIndex(), map[uint64][]uint32{}
		hashes := 1 + rng.Uint64N(40)
		for h := range uint32(400) {
			hash := rng.Uint64N(hashes)
			if held := model[hash]; len(held) > 0 && rng.IntN(3) == 0 {
				i := rng.IntN(len(held))
				x.remove(hash, held[i])
				model[hash] = slices.Delete(held, i, i+1)
				continue
			}
			x.add(hash, h)
			model[hash] = append(model[hash], h)
		}
		for hash := range hashes {
			var found []uint32
			p := x.probe(hash)
			for h := p.next(); h != none; h = p.next() {
				found = append(found, h)
			}
			slices.Sort(found)
			held := slices.Sorted(slices.Values(model[hash]))
			if !slices.Equal(found, held) {
				t.Fatalf("hash %d: found %v, want %v", hash, found, held)
			}
		}
	}
}
