package riblt

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func keptOf(t testing.TB, items []uint64) *kept {
	s := withTail(t, keptCellsMin, items)
	return &kept{sketch: s.sketch, tail: s.tail}
}

// A session is a pin and the set as it was.
type session struct {
	*pinned
	set map[uint64]bool
}

func (s session) check(t *testing.T, lo, hi int) {
	t.Helper()
	items := slices.Collect(maps.Keys(s.set))
	got, err := s.cells(maps.Keys(s.set), lo, hi)
	if err != nil {
		t.Fatal(err)
	}
	if want := build(t, Irregular, hi, items); !slices.Equal(got, want.Cells()[lo:]) {
		t.Fatalf("cells [%d,%d) are not those of the pinned set", lo, hi)
	}
	if want := withTail(t, 1, items); !slices.Equal(s.tail, want.tail) {
		t.Fatal("the tail is not that of the pinned set")
	}
}

// Any number of sessions, begun and ended at any time, see the set as it was when
// they began, in any cells, while it changes and while they make the sketch
// grow.
func TestSessionsSeeTheirVersion(t *testing.T) {
	copies, growths := 0, 0
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 80))
		k, set := keptOf(t, nil), map[uint64]bool{}
		change := func() {
			symbol := r.Uint64N(3000)
			item := reconcile.Item{Short: symbol}
			if set[symbol] {
				delete(set, symbol)
				k.Remove(&item)
			} else {
				set[symbol] = true
				k.Add(&item)
			}
		}
		var open []session
		for range 150 {
			switch dice := r.IntN(10); {
			case dice < 5:
				for range r.IntN(1 << r.IntN(11)) {
					change()
				}
			case dice < 7:
				open = append(open, session{k.Pin().(*pinned), maps.Clone(set)})
			case dice < 8 && len(open) > 0:
				i := r.IntN(len(open))
				open[i].Close()
				open = slices.Delete(open, i, i+1)
			case len(open) > 0:
				s := open[r.IntN(len(open))]
				was := len(k.sketch.cells)
				hi := 1 + r.IntN(len(s.sketch().cells))
				if r.IntN(8) == 0 && was < 4000 {
					hi = was + 1 + r.IntN(was)
				}
				s.check(t, r.IntN(hi), hi)
				if s.kept == nil {
					copies++
				} else if len(k.sketch.cells) > was {
					growths++
				}
			}
			if len(k.undo) > max(undoMin, len(k.sketch.cells)/4) || len(k.pins) == 0 && len(k.undo) > 0 {
				t.Fatalf("%d changes remembered for %d sessions", len(k.undo), len(k.pins))
			}
		}
		for _, s := range open {
			s.check(t, 0, 300)
			s.Close()
		}
		if len(k.pins) != 0 || len(k.undo) != 0 {
			t.Fatalf("%d pins and %d changes are left", len(k.pins), len(k.undo))
		}
		now := session{k.Pin().(*pinned), set}
		now.check(t, 0, len(k.sketch.cells))
	}
	if copies == 0 || growths == 0 {
		t.Errorf("%d reads from copies, %d growths of the shared sketch", copies, growths)
	}
}

// What one session grows is there for the next; what is too much for all stays
// with the session.
func TestGrowthIsShared(t *testing.T) {
	items := symbols(2000, 81)
	k := keptOf(t, items)
	set := slices.Values(items)
	p := k.Pin().(*pinned)
	k.Add(&reconcile.Item{Short: 1})
	if _, err := p.cells(set, 0, 1000); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if got := len(k.sketch.cells); got < 1000 {
		t.Fatalf("%d cells are kept", got)
	}
	if want := build(t, Irregular, len(k.sketch.cells), append(items, 1)); !slices.Equal(k.sketch.cells, want.cells) {
		t.Error("the grown sketch is not that of the set")
	}
	k.Remove(&reconcile.Item{Short: 1})
	p = k.Pin().(*pinned)
	if _, err := p.cells(set, growthMax, growthMax+1); err != nil {
		t.Fatal(err)
	}
	if len(k.sketch.cells) > growthMax || p.own == nil {
		t.Errorf("%d cells are kept", len(k.sketch.cells))
	}
	p.Close()
	if _, err := k.Pin().(*pinned).cells(slices.Values(items[1:]), 0, len(k.sketch.cells)+1); err == nil {
		t.Error("grew by another set")
	}
}

func TestSaveAndLoad(t *testing.T) {
	set := reconciletest.NewSet(Strategy{})
	for i := range uint64(500) {
		set.Add(reconciletest.NewRecord(i))
	}
	view := set.Pin()
	defer view.Close()
	saved := Strategy{}.NewKept(view).(reconcile.Saver).Save(nil)
	loaded, err := Strategy{}.LoadKept(saved, view.Salt())
	if err != nil {
		t.Fatal(err)
	}
	if again := loaded.(reconcile.Saver).Save(nil); !bytes.Equal(again, saved) {
		t.Error("saved and loaded differ")
	}
	other := codec.Salt{9, 9, 9, 9, 9, 9, 9, 9, 9}
	if _, err := (Strategy{}).LoadKept(saved, &other); err == nil {
		t.Error("loaded what belongs to another space")
	}
	for cut := range saved {
		if cut%97 == 0 || cut < 160 {
			if _, err := (Strategy{}).LoadKept(saved[:cut], view.Salt()); err == nil {
				t.Fatalf("loaded the first %d of %d bytes", cut, len(saved))
			}
		}
	}
	regular := build(t, Regular, 10, nil)
	if _, err := (Strategy{}).LoadKept(regular.Append(make([]byte, 8*tailSums)), view.Salt()); err == nil {
		t.Error("loaded a sketch of another mapping")
	}
}

// FuzzLoad: whatever LoadKept accepts is exactly what Save writes.
func FuzzLoad(f *testing.F) {
	salt := codec.Salt{}
	view := reconciletest.NewSet(Strategy{}, reconciletest.NewRecord(1)).Pin()
	f.Add(Strategy{}.NewKept(view).(reconcile.Saver).Save(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := Strategy{}.LoadKept(data, &salt)
		if err != nil {
			return
		}
		if again := k.(reconcile.Saver).Save(nil); !bytes.Equal(again, data) {
			t.Errorf("%x became %x", data, again)
		}
	})
}

func BenchmarkKeptAdd(b *testing.B) {
	items := symbols(1<<20, 1)
	s := withTail(b, 1<<14, nil)
	k := &kept{sketch: s.sketch, tail: s.tail}
	i := 0
	for b.Loop() {
		k.Add(&reconcile.Item{Short: items[i%len(items)]})
		i++
	}
}
