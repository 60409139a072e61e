package pinsketch

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// product is the definition, with big integers.
func product(a, b uint64) uint64 {
	sum, x := new(big.Int), new(big.Int).SetUint64(a)
	for i := range 64 {
		if b>>i&1 != 0 {
			sum.Xor(sum, new(big.Int).Lsh(x, uint(i)))
		}
	}
	m := new(big.Int).SetBit(big.NewInt(modulus), 64, 1)
	for i := sum.BitLen() - 1; i >= 64; i = sum.BitLen() - 1 {
		sum.Xor(sum, new(big.Int).Lsh(m, uint(i-64)))
	}
	return sum.Uint64()
}

func edges(r *rand.Rand) uint64 {
	switch r.IntN(4) {
	case 0:
		return ^uint64(0) >> r.IntN(64)
	case 1:
		return 1 << r.IntN(64)
	case 2:
		return r.Uint64() | 0xff<<56
	}
	return r.Uint64()
}

func TestMul(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		a, b := edges(r), edges(r)
		want := product(a, b)
		if got := mulPortable(a, b); got != want {
			t.Fatalf("%#x·%#x = %#x, want %#x", a, b, got, want)
		}
		if accelerated {
			if got := mulFast(a, b); got != want {
				t.Fatalf("fast %#x·%#x = %#x, want %#x", a, b, got, want)
			}
		}
		if a != 0 && mul(a, inverse(a)) != 1 {
			t.Fatalf("%#x has the inverse %#x", a, inverse(a))
		}
	}
	if inverse(0) != 0 {
		t.Error("0 has an inverse")
	}
}

func TestToggle(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for capacity := range 20 {
		s, portable := make(Sketch, capacity), make(Sketch, capacity)
		for range 50 {
			x := edges(r)
			s.Toggle(x)
			portable.togglePortable(x)
			for i := range s {
				if s[i] != portable[i] {
					t.Fatalf("capacity %d, sum %d: %#x, portable %#x", capacity, i, s[i], portable[i])
				}
			}
		}
	}
	// The definition.
	s := make(Sketch, 8)
	s.Toggle(3)
	for i := range s {
		power := uint64(1)
		for range 2*i + 1 {
			power = product(power, 3)
		}
		if s[i] != power {
			t.Errorf("sum %d is %#x, want %#x", i, s[i], power)
		}
	}
}

// Frozen: these sums travel. The values are from a separate implementation in
// Python.
func TestVector(t *testing.T) {
	s := make(Sketch, 4)
	s.Toggle(1)
	s.Toggle(0x0123456789abcdef)
	const want = "eecdab8967452301cd639e2522d65ddb0c9aa01cacf448d3dbd3723a9ce55920"
	if got := fmt.Sprintf("%x", s.Append(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAddMultiple(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for n := range 20 {
		dst, src, c := make([]uint64, n), make([]uint64, n), edges(r)
		want := make([]uint64, n)
		for i := range dst {
			dst[i], src[i] = edges(r), edges(r)
			want[i] = dst[i] ^ product(c, src[i])
		}
		if addMultiple(dst, src, c); !slices.Equal(dst, want) {
			t.Fatalf("%d: got %x, want %x", n, dst, want)
		}
	}
}

func sample(r *rand.Rand, n int) (set []uint64) {
	for len(set) < n {
		if x := edges(r); x != 0 && !slices.Contains(set, x) {
			set = append(set, x)
		}
	}
	slices.Sort(set)
	return set
}

func TestDecode(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for trial := range 600 {
		capacity := 1 + r.IntN(24)
		n := r.IntN(capacity + 1)
		if trial%3 == 0 {
			n = capacity
		}
		set := sample(r, n)
		s := make(Sketch, capacity)
		for _, x := range set {
			s.Toggle(x)
		}
		got, ok := s.Decode()
		if !ok || !slices.Equal(got, set) {
			t.Fatalf("capacity %d: got %x, %t, want %x", capacity, got, ok, set)
		}
		if prefix, ok := s[:max(1, n)].Decode(); !ok || !slices.Equal(prefix, set) {
			t.Fatalf("the first %d sums do not name %d elements", max(1, n), n)
		}
	}
}

// Small neighbours and multiples of one element are the worst for a trace.
func TestDecodeStructuredSets(t *testing.T) {
	for capacity := 1; capacity <= 16; capacity++ {
		for _, step := range []uint64{1, 1 << 60} {
			s := make(Sketch, capacity)
			var set []uint64
			for i := range uint64(capacity) {
				if step > 1 && i == 15 {
					break
				}
				set = append(set, (i+1)*step)
				s.Toggle((i + 1) * step)
			}
			if got, ok := s.Decode(); !ok || !slices.Equal(got, set) {
				t.Fatalf("got %x, %t, want %x", got, ok, set)
			}
		}
	}
}

func TestDecodeOverfull(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	wrong := 0
	for range 300 {
		s := make(Sketch, 8)
		for _, x := range sample(r, 9+r.IntN(40)) {
			s.Toggle(x)
		}
		if got, ok := s.Decode(); ok {
			wrong++
			check := make(Sketch, 8)
			for _, x := range got {
				check.Toggle(x)
			}
			if !slices.Equal(check, s) {
				t.Fatal("a set with other sums")
			}
		}
	}
	if wrong > 3 { // 1/8! each
		t.Errorf("%d of 300 overfull sketches name a set", wrong)
	}
}

func TestMergeAndRead(t *testing.T) {
	a, b := Sketch{1, 2}, Sketch{3, 4, 5}
	a.Merge(b)
	if !slices.Equal(a, Sketch{2, 6}) {
		t.Errorf("got %v", a)
	}
	got := make(Sketch, 2)
	rest, ok := got.Read(append(a.Append(nil), 9))
	if !ok || !slices.Equal(got, a) || len(rest) != 1 {
		t.Errorf("got %v, %v, %t", got, rest, ok)
	}
	if _, ok := got.Read(make([]byte, 15)); ok {
		t.Error("read too little")
	}
}

// Whatever the sums are, decoding ends with their set or none.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add(make([]byte, 128))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := make(Sketch, min(len(data)/8, CapacityMax+1))
		s.Read(data)
		got, ok := s.Decode()
		if !ok {
			return
		}
		for _, x := range got {
			s.Toggle(x)
		}
		for _, sum := range s {
			if sum != 0 {
				t.Fatalf("%x is not the set", got)
			}
		}
	})
}

func BenchmarkToggle(b *testing.B) {
	s := make(Sketch, 16)
	b.Run("16", func(b *testing.B) {
		for i := range b.N {
			s.Toggle(uint64(i) * 0x9e3779b97f4a7c15)
		}
	})
	b.Run("16/portable", func(b *testing.B) {
		for i := range b.N {
			s.togglePortable(uint64(i) * 0x9e3779b97f4a7c15)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{1, 4, 16, 40} {
		s := make(Sketch, 16)
		for _, x := range sample(r, n) {
			s.Toggle(x)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				s.Decode()
			}
		})
	}
}
