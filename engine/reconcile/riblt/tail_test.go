package riblt

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile/riblt/pinsketch"
)

// A tailed is a set with its cells and its tail.
type tailed struct {
	items  map[uint64]bool
	sketch *Sketch
	tail   pinsketch.Sketch
}

func withTail(t testing.TB, m int, items []uint64) tailed {
	s := tailed{map[uint64]bool{}, build(t, Irregular, m, items), make(pinsketch.Sketch, tailSums)}
	for _, symbol := range items {
		s.items[symbol] = true
		s.tail.Toggle(symbol)
	}
	return s
}

func (s tailed) holds(symbol uint64) bool { return s.items[symbol] }

// decoderOf is b's decoder of a's cells, which has got the tail.
func decoderOf(t testing.TB, a, b tailed) *Decoder {
	t.Helper()
	d, err := NewDecoder(Options{Mapping: Irregular, Salt: testSalt, CheckBytes: ShortCheck, MaxCells: MaxCells}, b.sketch.Source())
	if err != nil {
		t.Fatal(err)
	}
	sums := slices.Clone(a.tail)
	sums.Merge(b.tail)
	d.SetTail(sums)
	return d
}

// Up to 16 differences need no cell but the first.
func TestTailAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(70, 1))
	for size := 0; size <= tailSums; size++ {
		for trial := range 8 {
			own := r.IntN(size + 1)
			remote, local, wantRemote, wantLocal := pair(100, own, size-own, uint64(100*size+trial))
			a, b := withTail(t, 1, remote), withTail(t, 1, local)
			d := decoderOf(t, a, b)
			if d.Finish(b.holds) {
				t.Fatal("done before cell 0")
			}
			mustReceive(t, d, a.sketch.Cells())
			if !d.Finish(b.holds) || !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) || d.Inconsistent() {
				t.Fatalf("%d differences: %v", size, d)
			}
		}
	}
}

// More than 16 are named as soon as peeling has left 16, and never wrongly.
func TestTailFreesTheLast(t *testing.T) {
	saved := 0
	for trial := range 60 {
		size := 17 + 5*trial
		remote, local, wantRemote, wantLocal := pair(50, size/2, size-size/2, uint64(trial))
		a, b := withTail(t, 6*size, remote), withTail(t, 6*size, local)
		d := decoderOf(t, a, b)
		for !d.Done() {
			mustReceive(t, d, a.sketch.Cells()[d.Received():][:1+d.Received()/8])
			if d.Done() {
				break
			}
			left := size - len(d.list)
			if done := d.Finish(b.holds); done && left > tailSums {
				t.Fatalf("%d items from %d sums", left, tailSums)
			} else if done {
				saved++
			}
		}
		if !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) {
			t.Fatalf("%d differences: %v", size, d)
		}
	}
	if saved < 8 {
		t.Errorf("the tail helped in %d of 60 sessions", saved)
	}
}

// Sums that do not belong to the cells change nothing, whatever they name: noise,
// another set, a set that is in the cells already, or symbols the other way
// round.
func TestLyingTail(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 1))
	restored := 0
	for trial := range 60 {
		remote, local, wantRemote, wantLocal := pair(50, 30, 30, uint64(trial))
		a, b := withTail(t, 600, remote), withTail(t, 600, local)
		d := decoderOf(t, a, b)
		sums := make(pinsketch.Sketch, tailSums)
		switch trial % 4 {
		case 0:
			for i := range sums {
				sums[i] = r.Uint64()
			}
		case 1:
			for range 1 + r.IntN(tailSums) {
				sums.Toggle(r.Uint64())
			}
		case 2: // named again once they are recovered
			for _, symbol := range wantRemote[:8] {
				sums.Toggle(symbol)
			}
		}
		d.SetTail(sums)
		mustReceive(t, d, a.sketch.Cells()[:20])
		for !d.Done() {
			d.tail.again = 0
			asked := false
			d.Finish(func(symbol uint64) bool {
				asked = true
				return b.holds(symbol) != (trial%4 == 3)
			})
			if asked && !d.Done() {
				restored++
			}
			audit(t, d)
			if d.Done() {
				break
			}
			mustReceive(t, d, a.sketch.Cells()[d.Received():][:1])
		}
		if !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) {
			t.Fatalf("trial %d: %v", trial, d)
		}
	}
	if restored < 20 {
		t.Errorf("the lies were believed for a moment in only %d of 60 sessions", restored)
	}
}

// However many payloads a stream is cut into, attempts stay few.
func TestAttemptsAreFew(t *testing.T) {
	r := rand.New(rand.NewPCG(73, 1))
	b := withTail(t, 5000, nil)
	d := decoderOf(t, b, b)
	for i := range d.tail.sums {
		d.tail.sums[i] = r.Uint64()
	}
	attempts := 0
	for i := range 5000 {
		c := Cell{r.Uint64(), r.Uint64(), 2}
		if i == 0 {
			c.Count = 3
		}
		mustReceive(t, d, []Cell{c})
		again := d.tail.again
		d.Finish(b.holds)
		if d.tail.again != again {
			attempts++
		}
	}
	if attempts == 0 || attempts > 40 {
		t.Errorf("%d attempts in 5000 payloads", attempts)
	}
}
