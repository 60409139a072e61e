package riblt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

const testSalt = 0x5eed5a17

// symbols returns n distinct symbols, a disjoint family for every seed for all
// practical purposes.
func symbols(n int, seed uint64) []uint64 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.Uint64()
	}
	return out
}

func mustBuild(t testing.TB, m int, items []uint64) *Sketch {
	t.Helper()
	return build(t, Regular, m, items)
}

func build(t testing.TB, mapping Mapping, m int, items []uint64) *Sketch {
	t.Helper()
	s, err := Build(mapping, testSalt, m, slices.Values(items))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustDecoder(t testing.TB, width int, local Source) *Decoder {
	t.Helper()
	d, err := NewDecoder(Options{Salt: testSalt, CheckBytes: width, MaxCells: MaxCells, Secret: 99}, local)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustReceive(t testing.TB, d *Decoder, cells []Cell) {
	t.Helper()
	if err := d.Receive(cells); err != nil {
		t.Fatal(err)
	}
}

// nothing is the source of an empty local set.
func nothing(lo, hi int) ([]Cell, error) { return make([]Cell, hi-lo), nil }

// pure is the cell of one item.
func pure(symbol uint64, sign int64) Cell {
	return Cell{symbol, Checksum(testSalt, symbol), sign}
}

// naive is the definition of a sketch, item by item and cell by cell.
func naive(m int, items []uint64) []Cell {
	cells := make([]Cell, m)
	for _, symbol := range items {
		check := Checksum(testSalt, symbol)
		for i := range cells {
			if member(check, i) {
				cells[i].toggle(symbol, check, 1)
			}
		}
	}
	return cells
}

// audit checks what must hold of a Decoder after any input.
func audit(t testing.TB, d *Decoder) {
	t.Helper()
	nonzero := 0
	for _, r := range d.cells[:d.received] {
		if r.sum != 0 || r.check != 0 || r.count() != 0 {
			nonzero++
		}
	}
	if d.Done() != (d.received > 0 && nonzero == 0) {
		t.Fatalf("Done is %t with %d of %d cells not zero", d.Done(), nonzero, d.received)
	}
	if len(d.list) > d.received+tailSums || len(d.OnlyRemote())+len(d.OnlyLocal()) != len(d.list) {
		t.Fatalf("%d items, +%d -%d, from %d cells", len(d.list), len(d.OnlyRemote()), len(d.OnlyLocal()), d.received)
	}
	if len(d.stack) > d.received || len(d.cells) > d.received+d.received/4+1 || len(d.seen.slots) > max(64, 4*(d.received+tailSums)) {
		t.Fatalf("memory: %d candidates, %d cells, %d slots for %d cells", len(d.stack), len(d.cells), len(d.seen.slots), d.received)
	}
	bytes := 24*cap(d.cells) + 24*cap(d.list) + 4*cap(d.stack) + 4*len(d.seen.slots) + 8*cap(d.only[0]) + 8*cap(d.only[1])
	if bytes > 4096+200*d.received {
		t.Fatalf("%d bytes for %d cells", bytes, d.received)
	}
	twice := map[uint64]bool{}
	for _, item := range d.list {
		if twice[item.symbol] {
			t.Fatalf("%#x recovered twice", item.symbol)
		}
		twice[item.symbol] = true
	}
	if r := d.Remaining(); (r == 0) != d.Done() || r < 0 {
		t.Fatalf("%d items remain, Done is %t", r, d.Done())
	}
	if w := d.Want(); w < 0 || d.received+w > d.opt.MaxCells {
		t.Fatalf("wants %d cells after %d, limit %d", w, d.received, d.opt.MaxCells)
	}
}
