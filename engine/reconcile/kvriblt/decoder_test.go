package kvriblt

import (
	"math/rand/v2"
	"testing"
)

// Every difference is found exactly, in whatever runs the cells come.
func TestDecode(t *testing.T) {
	for _, d := range []int{0, 1, 2, 5, 7, 8, 9, 15, 30, 100, 300, 1000, 3000} {
		trials := max(2, min(100, 10_000/(d+1)))
		phantoms := 0
		for trial := range trials {
			rng := rand.New(rand.NewPCG(uint64(trial), 4))
			p := newPair(3*d+300, 200, d, uint64(trial))
			dec := p.begin()
			if d < tailMax && !dec.Done() {
				t.Fatalf("d=%d: the sums do not suffice", d)
			}
			for !dec.Done() {
				p.feed(t, dec, 1+rng.IntN(2+dec.Received()/4))
			}
			p.check(t, dec)
			for i := range dec.found {
				if dec.found[i].delta == 0 {
					phantoms++
				}
			}
		}
		t.Logf("d=%d: %.2f mixtures a session passed for keys and were taken back", d, float64(phantoms)/float64(trials))
	}
}

// The books are right after every run, and a decoder that is used again has
// forgotten everything.
func TestBooks(t *testing.T) {
	var dec Decoder
	for seed := range uint64(20) {
		p := newPair(600, 100, 150, seed)
		dec.Reset(seed)
		dec.Sums(&p.remote.sums, &p.local.sums)
		var cells []Cell
		for !dec.Done() {
			lo := dec.Received()
			for i := lo; i < lo+7; i++ {
				c := p.remote.cells[i]
				c.take(p.local.cells[i])
				cells = append(cells, c)
			}
			p.feed(t, &dec, 7)
			audit(t, &dec, cells)
		}
		p.check(t, &dec)
	}
}

// A session of d differences usually ends within cellsFor(d) cells.
func TestCellsFor(t *testing.T) {
	for _, d := range []int{20, 100, 300, 1000, 3000} {
		trials, enough := max(10, min(300, 30_000/d)), 0
		for trial := range trials {
			p := newPair(cellsFor(d), 0, d, uint64(trial))
			dec := p.begin()
			p.feed(t, dec, cellsFor(d)-1)
			if dec.Done() {
				enough++
			}
		}
		t.Logf("d=%d: %d cells are enough in %d of %d", d, cellsFor(d), enough, trials)
		if enough*10 < trials*6 {
			t.Errorf("d=%d: %d cells are enough in %d of %d only", d, cellsFor(d), enough, trials)
		}
	}
}

func TestNothingBeforeTheSums(t *testing.T) {
	var dec Decoder
	dec.Reset(1)
	if dec.Done() || dec.Received() != 0 {
		t.Errorf("%v", &dec)
	}
	dec.Sums(&PowerSums{}, &PowerSums{})
	if !dec.Done() {
		t.Errorf("equal sets: %v", &dec)
	}
}

// lone is a cell with one key in it.
func lone(key, value uint32, sign int) Cell {
	r := routeOf(key)
	return contents(&r, key, value, sign)
}

// find returns the first key from start on that is in cell i, or is not.
func find(start, i uint32, in bool) uint32 {
	for r := routeOf(start); r.in(i) != in; r = routeOf(start) {
		start++
	}
	return start
}

// receive gives made-up cells, against a local set of nothing.
func receive(t *testing.T, dec *Decoder, cells ...Cell) {
	t.Helper()
	dec.Receive(cells, make([]Cell, len(cells)))
}

func crafted(sums PowerSums) *Decoder {
	var dec Decoder
	dec.Reset(5)
	dec.Sums(&sums, &PowerSums{})
	return &dec
}

// Two cells that contradict each other: cell 1 has only x, cell 2 only y with the
// other sign, and x is in cell 2 as well.
func TestContradictingPair(t *testing.T) {
	x := find(1, 1, true)
	for ; ; x = find(x+1, 1, true) {
		if r := routeOf(x); r.in(2) {
			break
		}
	}
	for _, in := range []bool{true, false} {
		y := find(1000, 1, in)
		for ; ; y = find(y+1, 1, in) {
			if r := routeOf(y); r.in(2) {
				break
			}
		}
		dec := crafted(PowerSums{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
		cells := []Cell{lone(x, 4, 1), lone(y, 6, -1)}
		receive(t, dec, cells...)
		audit(t, dec, cells)
		if dec.Done() {
			t.Errorf("done: %v", dec)
		}
		for range 100 {
			more := []Cell{lone(x, 4, -1), lone(y, 6, 1)}
			cells = append(cells, more...)
			receive(t, dec, more...)
		}
		audit(t, dec, cells)
		if dec.Done() || len(dec.found) > 2 {
			t.Errorf("%d keys of two: %v", len(dec.found), dec)
		}
	}
}

// An empty cell and a key in the next that is in both: peeling either fills the
// other, for ever if nobody counts.
func TestEndlessPair(t *testing.T) {
	x := find(1, 1, true)
	for r := routeOf(x); !r.in(2); r = routeOf(x) {
		x = find(x+1, 1, true)
	}
	for _, cells := range [][]Cell{{{}, lone(x, 9, 1)}, {lone(x, 9, 1), {}}} {
		dec := crafted(PowerSums{})
		receive(t, dec, cells...)
		audit(t, dec, cells)
		if dec.Done() || len(dec.high)+len(dec.low) > 0 {
			t.Errorf("%v, %d cells waiting", dec, len(dec.high)+len(dec.low))
		}
	}
}

// A cell with one key alone which does not belong there is a mixture.
func TestForeignKeyIsNotPeeled(t *testing.T) {
	dec := crafted(PowerSums{1})
	receive(t, dec, lone(find(1, 1, false), 3, 1))
	if len(dec.found) != 0 || dec.Done() {
		t.Errorf("%v", dec)
	}
}

// Whatever endless stream arrives, the books stay right and no more keys are believed
// than cells came.
func TestGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(42, 43))
	noise := func() Cell { return newCell(rng.Uint32N(prime), rng.Uint32N(prime), rng.Uint32N(1<<checkBits)) }
	own := func(i int) Cell { return lone(find(1+rng.Uint32N(1<<30), uint32(i), true), 1+rng.Uint32N(1000), 1) }
	kinds := map[string]func(d *Decoder, i int) Cell{
		"noise":   func(*Decoder, int) Cell { return noise() },
		"empty":   func(*Decoder, int) Cell { return Cell{} },
		"one key": func(*Decoder, int) Cell { return lone(5, 1+rng.Uint32N(2), 1) },
		"few":     func(*Decoder, int) Cell { return lone(1+rng.Uint32N(40), 3, 1) },
		"own":     func(_ *Decoder, i int) Cell { return own(i) },
		"adaptive": func(d *Decoder, i int) Cell { // knows what we believe, and makes each cell name a new key
			c := own(i)
			for j := range d.found {
				f := &d.found[j]
				if r := routeOf(f.key); r.in(uint32(i)) {
					c.put(f.contents(&r, f.delta, f.check, 1))
				}
			}
			return c
		},
	}
	for name, next := range kinds { // unordered: each stands alone
		t.Run(name, func(t *testing.T) {
			dec := crafted(PowerSums{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
			var cells []Cell
			for i := 1; i < 1500; i++ {
				c := next(dec, i)
				cells = append(cells, c)
				receive(t, dec, c)
			}
			audit(t, dec, cells)
			if dec.Done() || len(dec.found) > len(cells) {
				t.Errorf("%d keys from %d cells: %v", len(dec.found), len(cells), dec)
			}
		})
	}
}

// A forger for whom every check holds, as he can make cells of any contents, still
// empties one more cell with each change of mind that he causes.
func TestChangesComeToAnEnd(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 6))
		dec := crafted(PowerSums{1})
		var cells []Cell
		for range 400 { // few keys, few values, so that much of it seems to fit
			c := Cell{}
			for range rng.IntN(3) {
				c.put(lone(1+rng.Uint32N(12), 1+rng.Uint32N(3), 1-2*rng.IntN(2)))
			}
			cells = append(cells, c)
		}
		receive(t, dec, cells...)
		audit(t, dec, cells)
		if len(dec.high)+len(dec.low) > 0 {
			t.Fatal("cells wait")
		}
	}
}
