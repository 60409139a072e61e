package kvriblt

import (
	"math/rand/v2"
	"testing"
)

// pair is two sketches and the difference between them, by key.
type pair struct {
	remote, local *Sketch
	delta         map[uint32]uint32
}

// newPair makes sets of common keys and d keys that differ: a tenth only remote, a
// tenth only local, the others with another value on either side.
func newPair(m, common, d int, seed uint64) pair {
	rng := rand.New(rand.NewPCG(seed, uint64(d)))
	p := pair{NewSketch(m), NewSketch(m), map[uint32]uint32{}}
	residue := func() uint32 { return 1 + rng.Uint32N(prime-1) }
	for range common {
		k, x := residue(), residue()
		p.remote.Add(k, x)
		p.local.Add(k, x)
	}
	for len(p.delta) < d {
		k, x, y := residue(), residue(), residue()
		if p.delta[k] != 0 {
			continue
		}
		switch kind := rng.IntN(10); kind {
		case 0:
			x = 0
		case 1:
			y = 0
		}
		if p.delta[k] = sub(x, y); p.delta[k] == 0 {
			delete(p.delta, k)
			continue
		}
		if x > 0 {
			p.remote.Add(k, x)
		}
		if y > 0 {
			p.local.Add(k, y)
		}
	}
	return p
}

// begin starts a decoder on the pair's sums.
func (p *pair) begin() *Decoder {
	d := &Decoder{}
	d.Reset(9)
	d.Sums(&p.remote.sums, &p.local.sums)
	return d
}

// feed gives it n more cells.
func (p *pair) feed(t testing.TB, d *Decoder, n int) {
	t.Helper()
	lo := d.Received()
	if lo+n > len(p.remote.cells) {
		t.Fatalf("no end after %d cells: %v", lo, d)
	}
	d.Receive(p.remote.cells[lo:lo+n], p.local.cells[lo:lo+n])
}

// check compares what was found with the truth.
func (p *pair) check(t testing.TB, d *Decoder) {
	t.Helper()
	n := 0
	d.Each(func(key, delta uint32) {
		if p.delta[key] != delta {
			t.Fatalf("key %x differs by %x, found %x", key, p.delta[key], delta)
		}
		n++
	})
	if n != len(p.delta) {
		t.Fatalf("%d keys found of %d", n, len(p.delta))
	}
}

// audit checks the decoder's books: cells and sums are those of the truth, cells,
// less what is believed, and as many cells are occupied as it says.
func audit(t testing.TB, d *Decoder, cells []Cell) {
	t.Helper()
	left := append([]Cell{{}}, cells...)
	for i := range d.found {
		f := &d.found[i]
		r := routeOf(f.key)
		addAlong(left, &r, f.contents(&r, f.delta, f.check, -1))
	}
	occupied := 0
	for i, c := range left {
		if d.cells[i].pair != c.pair {
			t.Fatalf("cell %d is %v, must be %v", i, d.cells[i], c)
		}
		if !c.empty() {
			occupied++
		}
	}
	if occupied != d.occupied {
		t.Fatalf("%d cells are occupied, the books say %d", occupied, d.occupied)
	}
}
