package riblt

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// pair returns two sets with the given numbers of common and own symbols.
func pair(common, onlyRemote, onlyLocal int, seed uint64) (remote, local, wantRemote, wantLocal []uint64) {
	all := symbols(common+onlyRemote+onlyLocal, seed)
	wantRemote, wantLocal = all[common:common+onlyRemote], all[common+onlyRemote:]
	return append(slices.Clone(all[:common]), wantRemote...), append(slices.Clone(all[:common]), wantLocal...), wantRemote, wantLocal
}

func sameSet(a, b []uint64) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// stream feeds d runs of random length until it is done, through the wire
// coding of the given width, and returns how many cells that took.
func stream(t testing.TB, d *Decoder, remote *Sketch, width int, r *rand.Rand) int {
	t.Helper()
	coding := Coding{remote.Mapping(), remote.Len(), width}
	for lo := 0; !d.Done(); lo = d.Received() {
		hi := min(lo+1+r.IntN(1+lo/2), len(remote.Cells()))
		if lo == hi {
			t.Fatalf("not done after %d cells: %v", lo, d)
		}
		run, err := coding.Decode(nil, lo, hi, coding.Append(nil, lo, remote.Cells()[lo:hi]))
		if err != nil {
			t.Fatal(err)
		}
		mustReceive(t, d, run)
	}
	return d.Received()
}

func TestDifferenceIsThatOfMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(30, 31))
	for trial := range 400 {
		universe := append(symbols(1+r.IntN(400), uint64(trial)), 0)
		in := func(share int) (set []uint64) {
			for _, symbol := range universe {
				if r.IntN(100) < share {
					set = append(set, symbol)
				}
			}
			return set
		}
		remote, local := in(r.IntN(101)), in(r.IntN(101))
		held := map[uint64]int{}
		for _, symbol := range remote {
			held[symbol]++
		}
		for _, symbol := range local {
			held[symbol]--
		}
		var wantRemote, wantLocal []uint64
		for symbol, n := range held {
			if n > 0 {
				wantRemote = append(wantRemote, symbol)
			} else if n < 0 {
				wantLocal = append(wantLocal, symbol)
			}
		}
		width, mapping := ShortCheck+trial%2*(WideCheck-ShortCheck), Mapping(trial/2%2)
		opt := Options{Mapping: mapping, Salt: testSalt, CheckBytes: width, MaxCells: MaxCells}
		d, err := NewDecoder(opt, build(t, mapping, 4000, local).Source())
		if err != nil {
			t.Fatal(err)
		}
		stream(t, d, build(t, mapping, 4000, remote), width, r)
		audit(t, d)
		if !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) || d.Inconsistent() {
			t.Fatalf("trial %d: %v, want +%d -%d", trial, d, len(wantRemote), len(wantLocal))
		}
	}
}

func TestEqualSetsNeedOneCell(t *testing.T) {
	s := mustBuild(t, 1, symbols(1000, 32))
	d := mustDecoder(t, ShortCheck, s.Source())
	if d.Done() || d.Remaining() != 1 || d.Want() != 1 {
		t.Error("done before the first cell")
	}
	mustReceive(t, d, nil)
	if d.Done() {
		t.Error("done after an empty run")
	}
	mustReceive(t, d, s.Cells())
	if !d.Done() || d.Want() != 0 || d.Remaining() != 0 {
		t.Errorf("not done: %v", d)
	}
}

// The zero symbol, and an item that skips the first hundred cells, are items
// like any other.
func TestZeroes(t *testing.T) {
	zero, _ := Build(Regular, 0, 200, slices.Values([]uint64{0})) // checksum 0 as well
	if Checksum(0, 0) != 0 {
		t.Fatal("choose another salt")
	}
	for _, local := range []*Sketch{zero.Clone(200), mustBuild(t, 200, nil)} {
		d, _ := NewDecoder(Options{CheckBytes: ShortCheck, MaxCells: 200}, local.Source())
		mustReceive(t, d, zero.Cells())
		if !d.Done() || len(d.OnlyRemote())+local.Len() != 1 {
			t.Errorf("%v against %d local items", d, local.Len())
		}
	}
}

// Figures for cells per difference, §"Overhead" of the paper, with this mapping.
func TestOverhead(t *testing.T) {
	for _, c := range []struct {
		d, trials       int
		want, tolerance float64
	}{{1, 50, 1, 0}, {10, 3000, 1.731, 0.05}, {100, 400, 1.452, 0.02}, {1000, 40, 1.374, 0.015}, {10_000, 4, 1.358, 0.01}} {
		total, enough := 0, 0
		for trial := range c.trials {
			items := symbols(c.d, uint64(1000*c.d+trial))
			remote, local := mustBuild(t, 40+3*c.d, items[:c.d/2]), mustBuild(t, 40+3*c.d, items[c.d/2:])
			d := mustDecoder(t, ShortCheck, local.Source())
			for lo := 0; !d.Done(); lo++ {
				if lo == len(remote.Cells()) {
					if err := errors.Join(remote.Grow(20*lo, slices.Values(items[:c.d/2])), local.Grow(20*lo, slices.Values(items[c.d/2:]))); err != nil {
						t.Fatal(err)
					}
				}
				mustReceive(t, d, remote.Cells()[lo:lo+1])
			}
			total += d.Received()
			if d.Received() <= Regular.CellsFor(c.d) {
				enough++
			}
		}
		got := float64(total) / float64(c.d*c.trials)
		t.Logf("d=%d: %.3f cells per difference; CellsFor is enough in %d of %d", c.d, got, enough, c.trials)
		if math.Abs(got-c.want) > c.tolerance {
			t.Errorf("d=%d: %.3f cells per difference, want %.3f ± %.3f", c.d, got, c.want, c.tolerance)
		}
		if c.d >= 100 && enough < c.trials*6/10 {
			t.Errorf("d=%d: CellsFor is enough in only %d of %d", c.d, enough, c.trials)
		}
	}
}

// The relative error of the estimate is sqrt(2/k), whatever the mix of signs.
func TestRemaining(t *testing.T) {
	const trials = 60
	for _, k := range []int{32, 64, 256, 2000} {
		for _, d := range []int{3 * k, 100 * k} {
			for _, remoteShare := range []int{0, 50, 100} {
				own := d * remoteShare / 100
				var mean, square float64
				for trial := range trials {
					remote, local, _, _ := pair(d, own, d-own, uint64(trial))
					dec := mustDecoder(t, ShortCheck, mustBuild(t, k, local).Source())
					mustReceive(t, dec, mustBuild(t, k, remote).Cells())
					e := float64(dec.Remaining()+len(dec.list))/float64(d) - 1
					mean, square = mean+e/trials, square+e*e/trials
				}
				sigma := math.Sqrt(2 / float64(min(k-min(crookedCells, k/4), estimateWindow)))
				if math.Sqrt(square) > 1.4*sigma || math.Abs(mean) > 3.5*sigma/math.Sqrt(trials)+0.02 {
					t.Errorf("k=%d d=%d %d%% remote: bias %+.3f, error %.3f, expected %.3f", k, d, remoteShare, mean, math.Sqrt(square), sigma)
				}
			}
			if k*d > 1_000_000 {
				break
			}
		}
	}
}

// Asking for Want cells at a time needs few rounds and few cells too many.
func TestWant(t *testing.T) {
	for _, size := range []int{1, 10, 100, 1000, 10_000} {
		var rounds, cells int
		const trials = 20
		for trial := range trials {
			remote, local, _, _ := pair(100, size/2, size-size/2, uint64(trial))
			a, b := mustBuild(t, 3*size+200, remote), mustBuild(t, 3*size+200, local)
			d := mustDecoder(t, ShortCheck, b.Source())
			mustReceive(t, d, a.Cells()[:32])
			for rounds++; !d.Done(); rounds++ {
				mustReceive(t, d, a.Cells()[d.Received():][:d.Want()])
			}
			cells += d.Received()
		}
		t.Logf("d=%d: %.1f rounds, %.3f cells per difference", size, float64(rounds)/trials, float64(cells)/float64(trials*size))
		if rounds > 5*trials || cells > trials*(40+size*16/10) {
			t.Errorf("d=%d: %d rounds and %d cells in %d trials", size, rounds, cells, trials)
		}
	}
}

func TestRunsDoNotMatter(t *testing.T) {
	remote, local, _, _ := pair(500, 300, 200, 33)
	a, b := mustBuild(t, 800, remote), mustBuild(t, 800, local)
	whole, single := mustDecoder(t, ShortCheck, b.Source()), mustDecoder(t, ShortCheck, b.Source())
	mustReceive(t, whole, a.Cells())
	for i := range a.Cells() {
		mustReceive(t, single, a.Cells()[i:i+1])
		audit(t, single)
	}
	if !whole.Done() || !single.Done() || !sameSet(whole.OnlyRemote(), single.OnlyRemote()) || !sameSet(whole.OnlyLocal(), single.OnlyLocal()) {
		t.Errorf("%v against %v", whole, single)
	}
}

func TestSecretChangesNothing(t *testing.T) {
	remote, local, _, _ := pair(100, 100, 100, 34)
	a, b := mustBuild(t, 400, remote), mustBuild(t, 400, local)
	var want []uint64
	for secret := range uint64(5) {
		d, _ := NewDecoder(Options{Regular, testSalt, ShortCheck, 400, secret * 0x123456789}, b.Source())
		mustReceive(t, d, a.Cells())
		if want == nil {
			want = slices.Clone(d.OnlyRemote())
		}
		if !slices.Equal(d.OnlyRemote(), want) {
			t.Error("the order of recovery depends on the secret")
		}
	}
}

func TestReset(t *testing.T) {
	d := mustDecoder(t, ShortCheck, nothing)
	for trial := range 10 {
		remote, local, wantRemote, wantLocal := pair(10, 10*trial, 100-10*trial, uint64(trial))
		a, b := mustBuild(t, 400, remote), mustBuild(t, 400, local)
		opt := Options{Regular, testSalt, ShortCheck + trial%2*4, 400, uint64(trial)}
		if err := d.Reset(opt, b.Source()); err != nil {
			t.Fatal(err)
		}
		mustReceive(t, d, a.Cells()[:50+30*trial])
		if trial%3 == 0 {
			continue // leave it half done
		}
		mustReceive(t, d, a.Cells()[d.Received():])
		audit(t, d)
		if !d.Done() || !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) {
			t.Fatalf("trial %d: %v", trial, d)
		}
	}
}

func TestNoAllocationPerDifference(t *testing.T) {
	remote, local, _, _ := pair(0, 500, 500, 35)
	a, b := mustBuild(t, 1500, remote), mustBuild(t, 1500, local)
	d, source := mustDecoder(t, ShortCheck, nothing), b.Source()
	opt := d.opt
	once := func() {
		d.Reset(opt, source)
		d.Receive(a.Cells())
	}
	once()
	if n := testing.AllocsPerRun(10, once); n != 0 || !d.Done() {
		t.Errorf("%v allocations for 1000 differences: %v", n, d)
	}
}

func TestDecoderMisuse(t *testing.T) {
	for _, o := range []Options{{0, 0, 3, 10, 0}, {0, 0, 4, 0, 0}, {0, 0, 4, MaxCells + 1, 0}, {2, 0, 4, 10, 0}} {
		if _, err := NewDecoder(o, nothing); !errors.Is(err, ErrParam) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
	if _, err := NewDecoder(Options{0, 0, 4, 10, 0}, nil); !errors.Is(err, ErrParam) {
		t.Errorf("no source: got %v", err)
	}
}

func TestReceiveErrorsChangeNothing(t *testing.T) {
	boom := errors.New("boom")
	var local func(lo, hi int) ([]Cell, error)
	d, _ := NewDecoder(Options{Regular, testSalt, ShortCheck, 10, 0}, func(lo, hi int) ([]Cell, error) { return local(lo, hi) })
	fails := func(cells []Cell, want error) {
		t.Helper()
		if err := d.Receive(cells); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if d.Received() != 1 || d.Done() || len(d.cells) != 1 {
			t.Errorf("changed: %v", d)
		}
	}
	local = nothing
	mustReceive(t, d, []Cell{{1, 2, 3}})
	fails(make([]Cell, 10), ErrLimit)
	for _, count := range []int64{-1, MaxItems + 1, math.MinInt64, math.MaxInt64} {
		fails([]Cell{{0, 0, 0}, {1, 1, count}}, ErrCell)
	}
	local = func(lo, hi int) ([]Cell, error) { return make([]Cell, hi-lo+1), nil }
	fails(make([]Cell, 2), ErrSource)
	local = func(lo, hi int) ([]Cell, error) { return nil, boom }
	fails(make([]Cell, 2), boom)
	local = nothing
	mustReceive(t, d, make([]Cell, 9))
}
