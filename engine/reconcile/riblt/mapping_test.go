package riblt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// indices returns the first n indices of the item whose checksum is check.
func indices(check uint64, n int) []uint64 {
	var out []uint64
	index, state := uint64(0), check
	for len(out) < n {
		out = append(out, index)
		index, state = step(index, state)
	}
	return out
}

// member tells whether an item is in cell i.
func member(check uint64, i int) bool {
	index, state := uint64(0), check
	for index < uint64(i) {
		index, state = step(index, state)
	}
	return index == uint64(i)
}

func TestJumpTable(t *testing.T) {
	for k, want := range map[int]uint32{0: 1518500249, 1: 876706528, 2047: 23729463, 2048: 23723670, 4095: 16778240} {
		if jump[k] != want {
			t.Errorf("jump[%d] = %d, want %d", k, jump[k], want)
		}
	}
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, jump[:])
	const want = "3785e9397e56dd13c19f37a6c6aa420df385deeb91b4596627f735ddf0896560"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("SHA-256 of the table is %s, want %s", got, want)
	}
}

func TestIndexVectors(t *testing.T) {
	for check, want := range map[uint64][]uint64{
		0x0000000000000001: {0, 1, 2, 3, 6, 11, 19, 44, 116, 122, 341, 972, 3262, 8774},
		0x0123456789abcdef: {0, 1, 2, 4, 6, 8, 20, 24, 34, 36, 126, 153, 155, 1227},
		0xdeadbeefcafebabe: {0, 1, 2, 4, 7, 21, 40, 62, 117, 143, 258, 265, 298, 786},
		0x8000000000000000: {0, 1, 3, 5, 8, 12, 18, 27, 39, 56, 80, 114, 162, 230},
		0x0000000000000000: {0, 135, 12354, 1118291, 101216282},
	} {
		if got := indices(check, len(want)); !slices.Equal(got, want) {
			t.Errorf("%#x: got %v, want %v", check, got, want)
		}
	}
}

// The definition by right edges and a 128-bit product, and the form that is
// used, are the same function over the whole domain.
func TestStepIsTheEdgeForm(t *testing.T) {
	edge := func(index, state uint64) uint64 {
		hi, lo := bits.Mul64((index+1)<<24+1<<23, uint64(jump[state*multiplier>>52]))
		y := hi<<40 | lo>>24
		return (y - 1<<23) >> 24
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		index, state := r.Uint64N(MaxCells), r.Uint64()
		if r.IntN(2) == 0 {
			index >>= r.UintN(24)
		}
		got, _ := step(index, state)
		if want := edge(index, state); got != want {
			t.Fatalf("step(%d, %#x) = %d, want %d", index, state, got, want)
		}
		if got <= index || got >= 1<<32 {
			t.Fatalf("step(%d, %#x) = %d: not increasing within 32 bits", index, state, got)
		}
	}
}

func TestIsqrt(t *testing.T) {
	for _, x := range []uint64{0, 1, 2, 3, 4, 8, 9, 1<<32 - 1, 1 << 32, 1<<61 - 1, 1 << 61, 1<<62 - 1} {
		if r := isqrt(x); r*r > x || (r+1)*(r+1) <= x {
			t.Errorf("isqrt(%d) = %d", x, r)
		}
	}
}

// An item is in cell i with probability 2/(i+2).
func TestDensity(t *testing.T) {
	const n, m = 200_000, 300
	s, _ := Build(Regular, 3, m, slices.Values(symbols(n, 4)))
	for i, c := range s.Cells() {
		p := 2 / float64(i+2)
		// Five standard deviations, and the few per cent by which the fixed
		// offset of the mapping misses the law in the first cells.
		slack := 25*n*p*(1-p) + 0.05*0.05*n*p*n*p
		if dev := float64(c.Count) - n*p; dev*dev > slack {
			t.Errorf("cell %d holds %d of %d items, want about %.0f", i, c.Count, n, n*p)
		}
	}
}
