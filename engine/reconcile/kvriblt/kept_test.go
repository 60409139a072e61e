package kvriblt

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

// randomItem is one of few registers in one of many versions.
func randomItem(rng *rand.Rand) reconcile.Item {
	return reconcile.Item{Key: rng.Uint64N(500) * 0x9e3779b97f4a7c15, Version: rng.Uint64N(1 << 40), Short: rng.Uint64()}
}

// built is the sketch of these items, made at once.
func built(items []reconcile.Item, cells int) *Sketch {
	k := newKept(false, cells)
	for i := range items {
		k.Add(&items[i])
	}
	return k.sketch
}

func sameSketch(t *testing.T, got, want *Sketch) {
	t.Helper()
	if !slices.Equal(got.cells, want.cells) || got.sums != want.sums || got.digest != want.digest {
		t.Fatal("the sketch is not that of the set")
	}
}

// A kept summary follows every change, and pins do not, whatever is added, removed,
// read, grown and closed in between, until the log runs over and after.
func TestPins(t *testing.T) {
	type session struct {
		*pinned
		items []reconcile.Item
	}
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		k := newKept(false, 32)
		var items []reconcile.Item
		var open []session
		steps := 3000
		if seed == 0 {
			steps = 2*logMax + 5000
		}
		for step := range steps {
			switch {
			case len(items) > 0 && rng.IntN(2) == 0:
				i := rng.IntN(len(items))
				k.Remove(&items[i])
				items[i] = items[len(items)-1]
				items = items[:len(items)-1]
			default:
				item := randomItem(rng)
				k.Add(&item)
				items = append(items, item)
			}
			if len(open) < 4 && rng.IntN(50) == 0 {
				open = append(open, session{k.Pin().(*pinned), slices.Clone(items)})
			}
			if len(open) > 0 && (seed > 0 && rng.IntN(60) == 0 || step == steps-1) {
				i := rng.IntN(len(open))
				p := open[i]
				end := min(40+rng.IntN(300), p.most())
				lo := 1 + rng.IntN(end-1)
				got := make([]Cell, end-lo)
				p.read(got, lo)
				want := built(p.items, end)
				if !slices.Equal(got, want.cells[lo:]) || p.sums != want.sums || p.digest != want.digest {
					t.Fatalf("seed %d, step %d: a pin has moved (frozen: %t)", seed, step, p.frozen != nil)
				}
				if rng.IntN(2) == 0 {
					p.Close()
					open = slices.Delete(open, i, i+1)
				}
			}
		}
		if seed == 0 && open[0].frozen == nil {
			t.Error("the log has not run over")
		}
		sameSketch(t, k.sketch, built(items, k.sketch.Len()))
		if k.index.count != len(items) {
			t.Errorf("%d records in the index, %d in the set", k.index.count, len(items))
		}
		for _, p := range open {
			p.Close()
		}
		if len(k.log)+len(k.open) > 0 {
			t.Errorf("%d changes and %d pins are left", len(k.log), len(k.open))
		}
	}
}

// The values of a pinned set are sorted sums of its buckets.
func TestValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	k := newKept(false, 8)
	want := map[uint32]uint32{}
	var items []reconcile.Item
	for range 1500 {
		item := randomItem(rng)
		items = append(items, item)
		k.Add(&item)
		key, value := k.place(&item)
		want[key] = add(want[key], value)
	}
	p := k.Pin().(*pinned)
	for i := range 700 {
		k.Remove(&items[i])
		item := randomItem(rng)
		k.Add(&item)
	}
	got := p.values()
	if len(got) != len(want) || !slices.IsSortedFunc(got, func(a, b unknown) int { return int(a.key) - int(b.key) }) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	for _, u := range got {
		if want[u.key] != u.delta {
			t.Fatalf("key %x: %x, want %x", u.key, u.delta, want[u.key])
		}
	}
}

func TestSave(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	k := newKept(true, 77)
	for range 1000 {
		item := randomItem(rng)
		k.Add(&item)
		if rng.IntN(3) == 0 {
			k.Remove(&item)
		}
	}
	saved := k.Save([]byte("before"))[6:]
	again, err := Strategy{}.LoadKept(saved, &reconciletest.Salt)
	if err != nil {
		t.Fatal(err)
	}
	l := again.(*kept)
	sameSketch(t, l.sketch, k.sketch)
	if l.byRecord != k.byRecord || l.index.count != k.index.count {
		t.Errorf("%d records, want %d", l.index.count, k.index.count)
	}
	for _, bad := range [][]byte{nil, saved[:5], saved[:len(saved)-1], append(slices.Clone(saved), 0), append([]byte{2}, saved[1:]...)} {
		if _, err := (Strategy{}).LoadKept(bad, &reconciletest.Salt); err == nil {
			t.Errorf("%d bytes are accepted", len(bad))
		}
	}
}

func FuzzLoadKept(f *testing.F) {
	k := newKept(false, 3)
	item := randomItem(rand.New(rand.NewPCG(5, 1)))
	k.Add(&item)
	f.Add(k.Save(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := (Strategy{}).LoadKept(data, &reconciletest.Salt); err == nil {
			if saved := k.(reconcile.Saver).Save(nil); len(saved) != len(data) {
				t.Fatalf("%d bytes are written as %d", len(data), len(saved))
			}
		}
	})
}
