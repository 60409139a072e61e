package kvriblt

import (
	"math/rand/v2"
	"testing"
)

func TestTail(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n <= tailMax+2; n++ {
		for range 300 {
			var sums PowerSums
			want := map[uint32]uint32{}
			for len(want) < n {
				k, x := 1+rng.Uint32N(prime-1), 1+rng.Uint32N(prime-1)
				if n > 1 && rng.IntN(4) == 0 {
					k = 1 + rng.Uint32N(20)
				}
				if want[k] == 0 {
					want[k] = x
					sums.put(k, x)
				}
			}
			var list [tailMax]unknown
			got, ok := sums.solve(&list, tailMax)
			if n > tailMax {
				if ok {
					t.Fatalf("%d unknowns pass for %d", n, got)
				}
				continue
			}
			if !ok || got != n {
				t.Fatalf("%d unknowns: found %d, %t", n, got, ok)
			}
			for _, u := range list[:got] {
				if want[u.key] != u.delta {
					t.Fatalf("key %x: %x, want %x", u.key, u.delta, want[u.key])
				}
			}
			if n == tailMax {
				if _, ok := sums.solve(&list, tailMax-1); ok {
					t.Fatal("more than the most")
				}
			}
		}
	}
}

// Sums that nobody added up hardly ever have an answer, and none below tailMax.
func TestTailOfNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	passed := 0
	for range 20_000 {
		var sums PowerSums
		for j := range sums {
			sums[j] = rng.Uint32N(prime)
		}
		var list [tailMax]unknown
		if n, ok := sums.solve(&list, tailMax); ok {
			if passed++; n < tailMax {
				t.Fatalf("%d unknowns of nothing", n)
			}
		}
	}
	if passed > 5 { // one in 8!
		t.Errorf("%d of 20,000 pass", passed)
	}
}
