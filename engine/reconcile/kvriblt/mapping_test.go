package kvriblt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// walk lists the cells of a key below end.
func walk(key, end uint32) (cells []uint32) {
	r := routeOf(key)
	for s := 1; ; s++ {
		switch i := r.cell(s); {
		case i >= end:
			return cells
		case i > 0 && (len(cells) == 0 || i > cells[len(cells)-1]):
			cells = append(cells, i)
		case i > 0 && i < cells[len(cells)-1]:
			panic("the cells do not ascend")
		}
	}
}

func TestMembership(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		key := 1 + rng.Uint32N(prime-1)
		r := routeOf(key)
		cells := walk(key, 5000)
		for i := uint32(1); i < 5000; i++ {
			if _, in := slices.BinarySearch(cells, i); in != r.in(i) {
				t.Fatalf("key %x, cell %d: in %t, walk %v", key, i, r.in(i), cells)
			}
		}
		lo := 1 + rng.Uint32N(4999)
		var got []uint32
		made := make([]Cell, 5000)
		addFrom(made[lo:], int(lo), &r, newCell(1, 0, 0))
		for i, c := range made {
			if c.sum() == 1 {
				got = append(got, uint32(i))
			}
		}
		at, _ := slices.BinarySearch(cells, lo)
		if !slices.Equal(got, cells[at:]) {
			t.Fatalf("key %x from %d: %v, want %v", key, lo, got, cells[at:])
		}
	}
}

// Frozen: which cells a key is in is a format. The vectors are from a separate
// implementation in Python.
func TestMappingVectors(t *testing.T) {
	for _, v := range []struct {
		key  uint32
		want []uint32
	}{
		{1, []uint32{2, 4, 6, 10, 12, 15, 22, 30, 40, 44, 60, 63, 95, 106, 128, 147, 213, 242, 285, 405, 502, 586, 703, 769, 1022, 1309, 1423, 1801, 2113}},
		{2, []uint32{7, 15, 99, 373, 1587}},
		{0x12345678, []uint32{2, 36, 162, 746, 1514}},
		{prime - 1, []uint32{4, 57, 67, 1127, 1745}},
		{1000, []uint32{3, 5, 10, 28, 38, 73, 128, 277, 478, 635, 1100, 1455}},
	} {
		if got := walk(v.key, 3000); !slices.Equal(got, v.want) {
			t.Errorf("key %#x: %v, want %v", v.key, got, v.want)
		}
	}
}

// Every class gets as far as the last cell, and its share of the keys.
func TestClasses(t *testing.T) {
	shares, total := [len(classes)]int{}, 0
	for c := range classes {
		total += classes[c].share
		if end := spread[c].runs[strataMax-1].edge>>edgeBits - spread[c].shift>>edgeBits; end < MaxCells {
			t.Errorf("class %d ends at cell %d", c, end)
		}
	}
	if total != 1<<16 {
		t.Errorf("the shares add up to %d", total)
	}
	const n = 100_000
	for key := range uint32(n) {
		r := routeOf(key + 1)
		for c := range spread {
			if r.table == &spread[c] {
				shares[c]++
			}
		}
	}
	for c := range classes {
		want := classes[c].share * n >> 16
		if d := shares[c] - want; d*d > 25*want {
			t.Errorf("class %d has %d keys, want %d", c, shares[c], want)
		}
	}
}
