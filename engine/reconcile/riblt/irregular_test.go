package riblt

import (
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// edges are those of a class's strata below limit and the first one beyond, in
// exact arithmetic by the words of the definition.
func edges(p class, limit int64) (list []int64) {
	distance := new(big.Int).SetUint64(p.first)
	for last := int64(0); last < limit; {
		edge := new(big.Int).Sub(distance, new(big.Int).SetUint64(p.origin))
		edge.Add(edge, big.NewInt(1<<31)).Rsh(edge, 32)
		last = max(last+1, edge.Int64())
		list = append(list, last)
		distance.Mul(distance, new(big.Int).SetUint64(p.ratio)).Rsh(distance, 32)
	}
	return list
}

// definition is the cells below m of an item under Irregular.
func definition(check uint64, m int64) []uint32 {
	class, entry := 0, int(check%256)
	for entry >= int(classTable[class].share) {
		entry -= int(classTable[class].share)
		class++
	}
	list, state := []uint32{0}, check
	cut := edges(classTable[class], m)
	for k := range len(cut) - 1 {
		state *= multiplier
		width := big.NewInt(cut[k+1] - cut[k])
		width.Mul(width, new(big.Int).SetUint64(state>>32)).Rsh(width, 32)
		if i := cut[k] + width.Int64(); i < m {
			list = append(list, uint32(i))
		}
	}
	return list
}

func TestClasses(t *testing.T) {
	total := 0
	for c, p := range classTable {
		total += int(p.share)
		cut := edges(p, MaxCells)
		own := layout.strata[layout.first[c]:][:len(cut)]
		for k := range len(cut) - 1 {
			if own[k] != (stratum{uint32(cut[k]), uint32(cut[k+1] - cut[k])}) {
				t.Fatalf("class %d, stratum %d is %v, want [%d,%d)", c, k, own[k], cut[k], cut[k+1])
			}
		}
		if last := own[len(cut)-1]; last.width != 0 || last.base < MaxCells {
			t.Errorf("class %d ends with %v", c, last)
		}
	}
	if total != 256 {
		t.Errorf("the shares add up to %d", total)
	}
}

// Frozen: the mapping is part of the format. The values are from a separate
// implementation in Python.
func TestIrregularVectors(t *testing.T) {
	for check, want := range map[uint64][]uint32{
		0x0000000000000000: {0, 1, 3, 4, 5, 6, 7, 9, 10, 12, 13, 15, 17, 18},
		0x0000000000000001: {0, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 15, 17, 18},
		0x0123456789abcdef: {0, 1, 3, 4, 6, 9, 10, 15, 18, 23, 24, 34, 42, 43},
		0xdeadbeefcafebabe: {0, 5, 14, 19, 35, 49, 92, 167, 259, 528, 735, 1663, 2598, 3108},
		0x80000000000000f0: {0, 1, 2, 4, 6, 8, 12, 13, 16, 23, 29, 31, 41, 49},
	} {
		s := Irregular.span(0, 200_000)
		if got := s.walk(nil, check); !slices.Equal(got[:14], want) {
			t.Errorf("%#x: got %v, want %v", check, got[:14], want)
		}
	}
	cells := build(t, Irregular, 12, []uint64{0, 1, 0x0123456789abcdef}).Cells()
	const want = "eecdab89674523014e1921e8000000000000000000f12184a600000000000000000000000000000000000000000000f12184a600efcdab896745230182d06822020000000000000000f12184a600000000000000000000000000010100000000000000ccc949ca00000000000000000000000000010000000000000000f12184a6000100000000000000ccc949ca000000000000000000f12184a602"
	if got := hex.EncodeToString(Coding{Irregular, 3, ShortCheck}.Append(nil, 0, cells)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestIrregularIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(60, 1))
	for range 2000 {
		check, m := r.Uint64(), 1+r.IntN(1<<r.IntN(24))
		s := Irregular.span(0, m)
		if got, want := s.walk(nil, check), definition(check, int64(m)); !slices.Equal(got, want) {
			t.Fatalf("%#x is in %v, want %v", check, got, want)
		}
	}
}

// What a walk finds in a range is what a walk through everything finds there.
func TestSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 1))
	for trial := range 20_000 {
		mapping := Mapping(trial % 2)
		check, end := r.Uint64(), r.IntN(1<<r.IntN(25))
		lo := r.IntN(end + 1)
		whole, part := mapping.span(0, end), mapping.span(lo, end)
		all := whole.walk(nil, check)
		for k := 1; k < len(all); k++ {
			if all[k] <= all[k-1] {
				t.Fatalf("%v %#x: indices do not increase: %v", mapping, check, all)
			}
		}
		want := slices.DeleteFunc(all, func(i uint32) bool { return int(i) < lo })
		if got := part.walk(nil, check); !slices.Equal(got, want) {
			t.Fatalf("%v %#x in [%d,%d): got %v, want %v", mapping, check, lo, end, got, want)
		}
	}
}

func TestIrregularBuildIsTheDefinition(t *testing.T) {
	for _, n := range []int{0, 1, foldBatch, 2*foldBatch + 7} {
		items := symbols(n, uint64(n))
		for _, m := range []int{1, 2, 3, 10, 500} {
			want := make([]Cell, m)
			for _, symbol := range items {
				check := Checksum(testSalt, symbol)
				for _, i := range definition(check, int64(m)) {
					want[i].toggle(symbol, check, 1)
				}
			}
			s := build(t, Irregular, 1, items)
			if err := s.Grow(m/2, slices.Values(items)); err != nil {
				t.Fatal(err)
			}
			if err := s.Grow(m, slices.Values(items)); err != nil {
				t.Fatal(err)
			}
			added := build(t, Irregular, m, nil)
			for _, symbol := range items {
				added.Add(symbol)
			}
			if !slices.Equal(s.Cells(), want) || !slices.Equal(build(t, Irregular, m, items).Cells(), want) || !slices.Equal(added.Cells(), want) {
				t.Errorf("n=%d m=%d: differs from the definition", n, m)
			}
		}
	}
}

func shareOf(m Mapping, i int) uint64 {
	share, _ := m.shareRun(i)
	return share
}

// Counts are what Coding and Remaining expect.
func TestShares(t *testing.T) {
	const n, m = 200_000, 6000
	for _, mapping := range []Mapping{Regular, Irregular} {
		for i, c := range build(t, mapping, m, symbols(n, 4)).Cells() {
			p := float64(shareOf(mapping, i)) / (1 << 32)
			slack := 25*n*p*(1-p) + 1
			if mapping == Regular {
				slack += 0.05 * 0.05 * n * p * n * p // see crookedCells
			}
			if dev := float64(c.Count) - n*p; dev*dev > slack {
				t.Errorf("%v: cell %d holds %d of %d items, want about %.0f", mapping, i, c.Count, n, n*p)
			}
		}
	}
	for _, i := range []int{1, shareCells - 1, shareCells, MaxCells - 1} {
		if shareOf(Irregular, i)>>(32-shareBits) == 0 {
			t.Errorf("nothing is expected in cell %d", i)
		}
	}
}

// Cells per difference, the tail counted as the cells it is as long as: the
// figures that the mapping is for.
func TestIrregularOverhead(t *testing.T) {
	const tailCells = 8 * tailSums / 13.05
	for _, c := range []struct {
		d, trials int
		most      float64
	}{{100, 300, 1.42}, {300, 100, 1.30}, {1000, 40, 1.165}, {3000, 12, 1.14}, {10_000, 4, 1.095}} {
		total, enough := 0.0, 0
		for trial := range c.trials {
			taken := cellsTaken(t, c.d, uint64(1000*c.d+trial))
			total += tailCells + float64(taken)
			if taken <= Irregular.CellsFor(c.d) {
				enough++
			}
		}
		got := total / float64(c.d*c.trials)
		t.Logf("d=%d: %.3f cells per difference, tail included; CellsFor is enough in %d of %d", c.d, got, enough, c.trials)
		if c.trials >= 40 && enough < c.trials/2 {
			t.Errorf("d=%d: CellsFor is enough in only %d of %d", c.d, enough, c.trials)
		}
		if got > c.most {
			t.Errorf("d=%d: %.3f cells per difference, want at most %.3f", c.d, got, c.most)
		}
	}
}

// cellsTaken returns how many cells the decoder needs with the tail.
func cellsTaken(t testing.TB, size int, seed uint64) int {
	remote, local, _, _ := pair(10, size/2, size-size/2, seed)
	a, b := withTail(t, 4*size+100, remote), withTail(t, 4*size+100, local)
	d := decoderOf(t, a, b)
	for !d.Done() {
		mustReceive(t, d, a.sketch.Cells()[d.Received():][:1])
		d.tail.again = 0
		// The tail cannot name more, so that trying costs only time.
		if left := size - len(d.list); left <= tailSums {
			d.Finish(b.holds)
		}
	}
	return d.Received()
}
