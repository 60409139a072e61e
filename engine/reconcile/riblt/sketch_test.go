package riblt

import (
	"errors"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// Frozen: the checksum is part of the format. The values are from a separate
// implementation in Python.
func TestChecksumVectors(t *testing.T) {
	for _, v := range []struct{ salt, symbol, want uint64 }{
		{0, 0, 0x0},
		{0, 1, 0xb9436db2d4a4bd98},
		{1, 0, 0xfc05d306f762032c},
		{0x0123456789abcdef, 0xfedcba9876543210, 0xdd49fae0d34a257e},
	} {
		if got := Checksum(v.salt, v.symbol); got != v.want {
			t.Errorf("Checksum(%#x, %#x) = %#x, want %#x", v.salt, v.symbol, got, v.want)
		}
	}
}

// Flipping any bit of symbol or salt flips every bit of the checksum about half
// the time.
func TestChecksumAvalanche(t *testing.T) {
	const trials = 4000
	r := rand.New(rand.NewPCG(5, 6))
	var flips [128][64]int
	for range trials {
		salt, symbol := r.Uint64(), r.Uint64()
		base := Checksum(salt, symbol)
		for b := range 128 {
			s, y := salt, symbol
			if b < 64 {
				y ^= 1 << b
			} else {
				s ^= 1 << (b - 64)
			}
			for diff := base ^ Checksum(s, y); diff != 0; diff &= diff - 1 {
				flips[b][bits.TrailingZeros64(diff)]++
			}
		}
	}
	worst := 0
	for b := range flips {
		for _, n := range flips[b] {
			worst = max(worst, max(n, trials-n))
		}
	}
	if worst > trials*60/100 {
		t.Errorf("some bit follows or avoids another in %d of %d trials", worst, trials)
	}
	t.Logf("worst bit: %d of %d", worst, trials)
}

func TestChecksumIsNotLinear(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 100_000 {
		salt, a, b, c := r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()
		sum := Checksum(salt, a) ^ Checksum(salt, b) ^ Checksum(salt, c)
		if uint32(sum) == uint32(Checksum(salt, a^b^c)) {
			t.Fatalf("three items pass for one: %#x %#x %#x", a, b, c)
		}
	}
}

func TestBuildIsTheDefinition(t *testing.T) {
	for _, n := range []int{0, 1, 2, foldBatch - 1, foldBatch, foldBatch + 1, 3*foldBatch + 7} {
		items := symbols(n, uint64(n))
		for _, m := range []int{1, 2, 3, 10, 100} {
			s := mustBuild(t, m, items)
			if !slices.Equal(s.Cells(), naive(m, items)) {
				t.Errorf("n=%d m=%d: differs from the definition", n, m)
			}
			if s.Len() != n {
				t.Errorf("n=%d m=%d: Len is %d", n, m, s.Len())
			}
		}
	}
}

func TestAddRemoveIsFreshBuild(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	s, _ := New(Regular, testSalt, 777)
	var held []uint64
	for round := range 40 {
		for range r.IntN(60) {
			symbol := r.Uint64()
			held = append(held, symbol)
			s.Add(symbol)
		}
		for range r.IntN(50) {
			if len(held) == 0 {
				break
			}
			k := r.IntN(len(held))
			s.Remove(held[k])
			held = slices.Delete(held, k, k+1)
		}
		if !slices.Equal(s.Cells(), mustBuild(t, 777, held).Cells()) {
			t.Fatalf("round %d, %d items: differs from a fresh build", round, len(held))
		}
	}
	for _, symbol := range held {
		s.Remove(symbol)
	}
	if !slices.Equal(s.Cells(), make([]Cell, 777)) {
		t.Error("emptied sketch is not zero")
	}
}

func TestGrowIsFreshBuild(t *testing.T) {
	items := append(symbols(1500, 11), 0)
	s := mustBuild(t, 1, items)
	for _, m := range []int{1, 2, 3, 7, 8, 200, 199, 5000, 40_000} {
		if err := s.Grow(m, slices.Values(items)); err != nil {
			t.Fatal(err)
		}
		if want := mustBuild(t, max(m, len(s.Cells())), items); !slices.Equal(s.Cells(), want.Cells()) {
			t.Fatalf("m=%d: differs from a fresh build", m)
		}
	}
}

func TestGrowRefusesAnotherSet(t *testing.T) {
	items := symbols(100, 12)
	s := mustBuild(t, 10, items)
	before := slices.Clone(s.Cells())
	wrong := slices.Clone(items)
	wrong[50]++
	for _, set := range [][]uint64{items[1:], append(slices.Clone(items), 1), wrong, nil} {
		if err := s.Grow(20, slices.Values(set)); !errors.Is(err, ErrStale) {
			t.Errorf("got %v", err)
		}
	}
	if !slices.Equal(s.Cells(), before) {
		t.Error("a refused Grow changed the sketch")
	}
	if err := s.Grow(MaxCells+1, slices.Values(items)); !errors.Is(err, ErrParam) {
		t.Errorf("got %v", err)
	}
	for _, m := range []int{-1, 0, MaxCells + 1} {
		if _, err := New(Regular, 1, m); !errors.Is(err, ErrParam) {
			t.Errorf("%d cells: got %v", m, err)
		}
	}
}

func TestCloneIsPinned(t *testing.T) {
	items := symbols(100, 13)
	s := mustBuild(t, 50, items)
	pinned, whole := s.Clone(20), s.Clone(1000)
	s.Add(1)
	if !slices.Equal(pinned.Cells(), naive(20, items)) || !slices.Equal(whole.Cells(), naive(50, items)) {
		t.Error("a change reached the copy")
	}
	if pinned.Salt() != s.Salt() {
		t.Error("salt lost")
	}
	if _, err := pinned.Source()(10, 21); !errors.Is(err, ErrSource) {
		t.Errorf("got %v", err)
	}
}

// A symbol added twice is no set; taking one away again repairs it.
func TestDuplicateIsUndone(t *testing.T) {
	items := symbols(100, 14)
	s := mustBuild(t, 50, items)
	s.Add(items[7])
	s.Remove(items[7])
	if !slices.Equal(s.Cells(), naive(50, items)) {
		t.Error("differs from a fresh build")
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	s := mustBuild(t, 1000, nil)
	if n := testing.AllocsPerRun(100, func() { s.Add(5); s.Remove(5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
