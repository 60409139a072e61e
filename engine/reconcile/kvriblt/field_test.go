package kvriblt

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// The field against arithmetic with big numbers, at its edges and anywhere.
func TestField(t *testing.T) {
	p := big.NewInt(prime)
	rng := rand.New(rand.NewPCG(3, 3))
	some := []uint32{0, 1, 2, prime - 1, prime - 2, prime / 2, prime/2 + 1}
	for range 200 {
		some = append(some, rng.Uint32N(prime))
	}
	check := func(name string, got uint32, want *big.Int, a, b uint32) {
		if uint64(got) != want.Mod(want, p).Uint64() {
			t.Fatalf("%s(%d, %d) = %d, want %d", name, a, b, got, want)
		}
	}
	for _, a := range some {
		x := big.NewInt(int64(a))
		for _, b := range some {
			y := big.NewInt(int64(b))
			check("add", add(a, b), new(big.Int).Add(x, y), a, b)
			check("sub", sub(a, b), new(big.Int).Sub(x, y), a, b)
			check("mul", mul(a, b), new(big.Int).Mul(x, y), a, b)
		}
		if a > 0 {
			check("inverse", inverse(a), new(big.Int).ModInverse(x, p), a, 0)
		}
	}
	values := append([]uint32(nil), some[1:]...)
	invert(values, make([]uint32, len(values)))
	for i, v := range values {
		if mul(v, some[i+1]) != 1 {
			t.Fatalf("the inverse of %d in a batch is %d", some[i+1], v)
		}
	}
}
