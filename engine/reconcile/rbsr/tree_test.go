package rbsr

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// check compares a snapshot with the entries it should hold: order, places, sums.
func check(t *testing.T, s *Snapshot, want []Entry, rng *rand.Rand) {
	t.Helper()
	i := 0
	s.Each(func(e *Entry) bool {
		if i >= len(want) || *e != want[i] {
			t.Fatalf("entry %d of %d is %v", i, len(want), e)
		}
		i++
		return true
	})
	if i != len(want) || s.Len() != len(want) {
		t.Fatalf("%d entries, Len %d, want %d", i, s.Len(), len(want))
	}
	for range 30 {
		lo := rng.IntN(len(want) + 1)
		hi := lo + rng.IntN(len(want)+1-lo)
		if rng.IntN(2) == 0 {
			hi = min(lo+rng.IntN(100), len(want))
		}
		a := s.seek(s.lo + lo)
		b := a
		s.forward(&b, hi-lo)
		var ids sum
		ids.addEntries(want[lo:hi])
		if got := s.sumBetween(&a, &b); got != ids {
			t.Fatalf("sum of %d to %d of %d: %x, want %x", lo, hi, len(want), got, ids)
		}
		if got := s.massBetween(&a, &b); got != massOfRun(&testSalt, want[lo:hi]) {
			t.Fatalf("mass of %d to %d of %d", lo, hi, len(want))
		}
		bound := Entry{Time: 1_700_000_000 + rng.Uint64N(300)}
		if len(want) > 0 && rng.IntN(2) == 0 {
			bound = want[rng.IntN(len(want))]
		}
		c := a
		s.find(&c, &bound, rng.IntN(300))
		at := lo + lowerBound(want[lo:], &bound)
		if c.rank != s.lo+at || at < len(want) && *c.entry() != want[at] {
			t.Fatalf("find from %d: %d, want %d of %d", lo, c.rank-s.lo, at, len(want))
		}
	}
}

// Changes at random places, with pins of any age that none of them touches.
func TestTreeFollowsASet(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 1))
		tree := NewTree(&testSalt)
		if seed%2 == 1 {
			tree = built(randomEntries(rng, 9000, 200))
		}
		var model []Entry
		first := tree.Pin()
		first.Each(func(e *Entry) bool { model = append(model, *e); return true })
		first.Close()
		type pin struct {
			snap *Snapshot
			want []Entry
		}
		var pins []pin
		for phase := range 12 {
			grow := phase%4 != 3
			for range 2500 {
				if e := randomEntries(rng, 1, 200)[0]; grow {
					if rng.IntN(10) == 0 && len(model) > 0 {
						e = model[rng.IntN(len(model))] // there already
					}
					at, found := slices.BinarySearchFunc(model, e, func(a, b Entry) int { return a.compare(&b) })
					if tree.Insert(e) == found {
						t.Fatalf("Insert: found is %t", found)
					}
					if !found {
						model = slices.Insert(model, at, e)
					}
				} else if len(model) > 0 {
					from := rng.IntN(len(model)) // a run goes, as when a space forgets
					for range min(3, len(model)-from) {
						if !tree.Delete(model[from]) || tree.Delete(model[from]) {
							t.Fatal("Delete")
						}
						model = slices.Delete(model, from, from+1)
					}
				}
			}
			now := tree.Pin()
			check(t, now, model, rng)
			pins = append(pins, pin{now, slices.Clone(model)})
			for len(pins) > 1+phase%3 { // one is left at times, with changes to come
				old := rng.IntN(len(pins))
				check(t, pins[old].snap, pins[old].want, rng)
				pins[old].snap.Close()
				pins = slices.Delete(pins, old, old+1)
			}
			audit(t, tree)
		}
		for _, p := range pins {
			check(t, p.snap, p.want, rng)
			p.snap.Close()
		}
		if tree.pins != 0 || tree.sealed != 0 {
			t.Fatal("pins are left")
		}
		for len(model) > 0 { // down to nothing
			k := rng.IntN(len(model))
			if !tree.Delete(model[k]) {
				t.Fatal("Delete")
			}
			model = slices.Delete(model, k, k+1)
		}
		if audit(t, tree); tree.Len() != 0 || tree.total != (total{}) || tree.root.kids != nil {
			t.Fatal("an empty tree holds something")
		}
	}
}

// audit checks what the tree promises of its nodes.
func audit(t *testing.T, tree *Tree) {
	t.Helper()
	depth := -1
	var walk func(n *node, level int, root bool)
	walk = func(n *node, level int, root bool) {
		if n.kids == nil {
			if depth < 0 {
				depth = level
			}
			if level != depth || len(n.entries) > leafMax || len(n.marks) != len(n.entries)/stride || !root && len(n.entries) == 0 {
				t.Fatalf("a leaf of %d entries and %d marks at level %d of %d", len(n.entries), len(n.marks), level, depth)
			}
			return
		}
		if len(n.kids) > innerMax || len(n.kids) < 2 || !root && len(n.kids) < innerMin {
			t.Fatalf("an inner node of %d", len(n.kids))
		}
		for _, k := range n.kids {
			walk(k.node, level+1, false)
		}
	}
	walk(tree.root, 0, true)
}

func TestTreeRefusesInfinity(t *testing.T) {
	e := Entry{Time: Infinity}
	if tree := NewTree(&testSalt); tree.Insert(e) || tree.Len() != 0 {
		t.Error("an entry at infinity")
	}
	if tree := Build(&testSalt, []Entry{{Time: 1}, e, {Time: 1}}); tree.Len() != 1 {
		t.Errorf("%d entries", tree.Len())
	}
}

func TestBetween(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	all := sorted(randomEntries(rng, 3000, 200))
	snap := built(all).Pin()
	for range 100 {
		from, to := 1_700_000_000+rng.Uint64N(220)-10, 1_700_000_000+rng.Uint64N(220)-10
		var want []Entry
		for _, e := range all {
			if e.Time >= from && e.Time < to {
				want = append(want, e)
			}
		}
		check(t, snap.Between(from, to), want, rng)
	}
}

// Entries take 44 bytes each at most, however they came.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second or two")
	}
	const n = 300_000
	rng := rand.New(rand.NewPCG(4, 1))
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{uint64(i), randomID(rng)}
	}
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	for _, how := range []struct {
		name string
		make func() *Tree
	}{
		{"built", func() *Tree { return built(entries) }},
		{"appended", func() *Tree { return inserted(entries) }},
		{"at random", func() *Tree {
			shuffled := slices.Clone(entries)
			rng.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			return inserted(shuffled)
		}},
	} {
		before := heap()
		tree := how.make()
		per := float64(heap()-before) / n
		t.Logf("%s: %.2f bytes an entry", how.name, per)
		if per > 44 {
			t.Errorf("%s: %.2f bytes an entry", how.name, per)
		}
		runtime.KeepAlive(tree)
	}
	runtime.KeepAlive(entries)
}

func inserted(entries []Entry) *Tree {
	tree := NewTree(&testSalt)
	for _, e := range entries {
		tree.Insert(e)
	}
	return tree
}
