package riblt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// find returns the first symbol from start on that is in cell 1, or is not.
func find(start uint64, inCellOne bool) uint64 {
	for member(Checksum(testSalt, start), 1) != inCellOne {
		start++
	}
	return start
}

// ones is a local set in which every cell counts one, so that a made-up remote
// can leave any count from -1 up.
func ones(lo, hi int) ([]Cell, error) {
	cells := make([]Cell, hi-lo)
	for i := range cells {
		cells[i].Count = 1
	}
	return cells, nil
}

// made is the remote cell that leaves c against ones.
func made(c Cell) Cell { c.Count++; return c }

// Two cells that contradict each other: cell 0 has only x, cell 1 has only y
// with the other sign, and x is in cell 1 as well.
func TestContradictingPair(t *testing.T) {
	x := find(1, true)
	for _, y := range []uint64{find(1000, true), find(1000, false)} {
		for _, runs := range [][]int{{2}, {1, 1}} {
			d := mustDecoder(t, ShortCheck, ones)
			cells := []Cell{made(pure(x, 1)), made(pure(y, -1))}
			for _, n := range runs {
				mustReceive(t, d, cells[:n])
				cells = cells[n:]
			}
			audit(t, d)
			if d.Done() {
				t.Errorf("done: %v", d)
			}
			mustReceive(t, d, slices.Repeat([]Cell{made(pure(x, -1)), made(pure(y, 1))}, 100))
			audit(t, d)
			if d.Done() || len(d.list) > 2 {
				t.Errorf("recovered %d items of two", len(d.list))
			}
		}
	}
}

// An empty cell 0 and an item in cell 1: peeling either fills the other.
func TestEndlessPair(t *testing.T) {
	x := find(1, true)
	d := mustDecoder(t, ShortCheck, nothing)
	mustReceive(t, d, []Cell{{}, pure(x, 1)})
	audit(t, d)
	if d.Done() || !d.Inconsistent() || !slices.Equal(d.OnlyRemote(), []uint64{x}) || len(d.OnlyLocal()) != 0 {
		t.Errorf("%v, inconsistent: %t", d, d.Inconsistent())
	}
}

// A cell that holds an item alone which does not belong there is not pure.
func TestForeignItemIsNotPeeled(t *testing.T) {
	x := find(1, false)
	d := mustDecoder(t, ShortCheck, nothing)
	mustReceive(t, d, []Cell{{1, 2, 3}, pure(x, 1)})
	audit(t, d)
	if len(d.list) != 0 || d.Done() {
		t.Errorf("peeled: %v", d)
	}
}

// A symbol that the remote holds twice is not recovered, and stops nothing else.
func TestRemoteDuplicate(t *testing.T) {
	items := symbols(50, 40)
	a := mustBuild(t, 300, items)
	a.Add(7)
	a.Add(7)
	d := mustDecoder(t, ShortCheck, nothing)
	mustReceive(t, d, a.Cells())
	audit(t, d)
	if d.Done() || !slices.Contains(d.OnlyRemote(), items[0]) || slices.Contains(d.OnlyRemote(), 7) {
		t.Errorf("%v", d)
	}
}

// With checksums of a single byte mixtures often pass for pure. That spoils a
// session, but never its answer: it does not end, and says so.
func TestPhantoms(t *testing.T) {
	const trials = 300
	done, told := 0, 0
	for trial := range trials {
		remote, local, wantRemote, wantLocal := pair(10, 100, 100, uint64(trial))
		d := mustDecoder(t, ShortCheck, mustBuild(t, 1000, local).Source())
		d.mask = 0xff
		for cells := mustBuild(t, 1000, remote).Cells(); len(cells) > 0 && !d.Done() && !d.Inconsistent(); cells = cells[50:] {
			mustReceive(t, d, cells[:50])
			audit(t, d)
		}
		switch {
		case d.Done():
			done++
			if !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) {
				t.Fatalf("trial %d: done with a wrong answer: %v", trial, d)
			}
		case d.Inconsistent():
			told++
		}
	}
	t.Logf("%d done, %d told, %d neither", done, told, trials-done-told)
	if done == 0 || told == 0 || done+told < trials*98/100 {
		t.Errorf("%d done, %d told, %d neither", done, told, trials-done-told)
	}
}

// Whatever endless stream arrives, in whatever pieces, the books stay right and
// work and memory follow the cells.
func TestGarbage(t *testing.T) {
	r := rand.New(rand.NewPCG(42, 43))
	noise := func() Cell { return Cell{r.Uint64(), r.Uint64(), int64(r.IntN(3)) - 1} }
	kinds := map[string]func(d *Decoder, i int) Cell{
		"noise":     func(*Decoder, int) Cell { return noise() },
		"zero":      func(_ *Decoder, i int) Cell { return Cell{Count: int64(i % 2)} },
		"one item":  func(*Decoder, int) Cell { return pure(5, int64(r.IntN(2))*2-1) },
		"few items": func(*Decoder, int) Cell { return pure(r.Uint64N(40), int64(r.IntN(2))*2-1) },
		"own cell":  func(_ *Decoder, i int) Cell { return fresh(r, i) },
		"adaptive":  adaptive(r),
	}
	for name, next := range kinds {
		t.Run(name, func(t *testing.T) {
			d := mustDecoder(t, ShortCheck, ones)
			extensions, size := 0, 0
			for i := range 3000 {
				mustReceive(t, d, []Cell{made(next(d, i))})
				if len(d.cells) != size {
					extensions, size = extensions+1, len(d.cells)
				}
				if i%50 == 0 {
					audit(t, d)
				}
			}
			audit(t, d)
			t.Logf("%v", d)
			if extensions > 40 {
				t.Errorf("recovered items were walked %d times for 3000 cells", extensions)
			}
			if d.Done() {
				t.Error("done")
			}
		})
	}
}

// A forger for whom every checksum matches: any cell that counts one yields an
// item as long as that one belongs there, and each item makes more such cells.
func TestForger(t *testing.T) {
	r := rand.New(rand.NewPCG(44, 45))
	d := mustDecoder(t, ShortCheck, ones)
	d.mask = 0
	next := adaptive(r)
	for range 3000 {
		mustReceive(t, d, []Cell{made(next(d, d.received))})
		audit(t, d)
	}
	if len(d.list) < d.received/2 {
		t.Errorf("the attack itself is weak: %v", d)
	}
	if d.Done() || !d.Inconsistent() {
		t.Errorf("%v, inconsistent: %t", d, d.Inconsistent())
	}
}

// fresh is a cell that holds a new item which does belong in cell i.
func fresh(r *rand.Rand, i int) Cell {
	for {
		if symbol := r.Uint64(); member(Checksum(testSalt, symbol), i) {
			return pure(symbol, int64(r.IntN(2))*2-1)
		}
	}
}

// adaptive is a peer that knows the state of the decoder and makes every cell
// of the residue pure, for a new item each: the most peels a stream can force.
func adaptive(r *rand.Rand) func(*Decoder, int) Cell {
	return func(d *Decoder, i int) Cell {
		c := fresh(r, i)
		if i < len(d.cells) {
			foreseen := d.cells[i]
			c.Sum ^= foreseen.sum
			c.Check ^= foreseen.check
			c.Count = max(-1, c.Count-foreseen.count())
		}
		return c
	}
}

// Symbols chosen against one secret are harmless under another.
func TestCollidingSymbols(t *testing.T) {
	const n = 2000
	list := make([]recovered, 0, n)
	probe := func(key uint64) (longest int) {
		s := seen{key: key | 1}
		list = list[:0]
		for i := range n {
			s.reserve(list, len(list)+1)
			symbol := uint64(i) << 20 // all in the first slots under key 1
			home := int(symbol * s.key >> s.shift)
			slot, found := s.find(symbol, list)
			if found {
				t.Fatal("found what was never put in")
			}
			longest = max(longest, (slot-home)&(len(s.slots)-1))
			list = append(list, recovered{symbol: symbol})
			s.slots[slot] = uint32(len(list))
		}
		return longest
	}
	if got := probe(1); got < n-2 {
		t.Errorf("the attack itself is weak: %d probes", got)
	}
	if got := probe(0xb7e151628aed2a6b); got > 100 {
		t.Errorf("%d probes", got)
	}
}
