package meritrank

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// check recounts everything that is kept about an ego's walks.
func check(g *Graph, e *ego) error {
	type counts struct {
		visits, plus, minus uint32
		joint               int32
	}
	want := map[Node]*counts{}
	of := func(v Node) *counts {
		if want[v] == nil {
			want[v] = &counts{}
		}
		return want[v]
	}
	var length, hits, squares int64
	of(e.node)
	for number := range e.walks {
		w := &e.walks[number]
		if w.len > w.cap || int(w.turn) > int(w.len) && w.turn != never || w.turn == 0 {
			return fmt.Errorf("walk %d: %+v", number, *w)
		}
		plus, minus := map[Node]bool{e.node: true}, map[Node]bool{}
		last := e.node
		for p := 1; p <= int(w.len); p++ {
			s := e.steps[w.at+uint32(p)-1]
			weight := g.Weight(last, s.node)
			if weight == 0 || (weight < 0) != (p == int(w.turn)) {
				return fmt.Errorf("walk %d goes from %d to %d at step %d: weight %v, turn at %d", number, last, s.node, p, weight, w.turn)
			}
			r := e.table.find(s.node)
			if r == nil || s.slot >= r.len || e.visits[r.at+s.slot] != at(uint32(number), p) {
				return fmt.Errorf("walk %d step %d: no visit at slot %d of node %d", number, p, s.slot, s.node)
			}
			of(s.node).visits++
			if p < int(w.turn) {
				plus[s.node] = true
			} else {
				minus[s.node] = true
			}
			last = s.node
		}
		t := len(plus) + len(minus)
		if int(w.hits) != t {
			return fmt.Errorf("walk %d has %d hits, kept %d", number, t, w.hits)
		}
		length += int64(w.len)
		hits += int64(t)
		squares += int64(t) * int64(t)
		for v := range plus {
			of(v).plus++
			of(v).joint += int32(t)
		}
		for v := range minus {
			of(v).minus++
			of(v).joint -= int32(t)
		}
	}
	if e.length != length || e.hits != hits || e.squares != squares {
		return fmt.Errorf("sums %d %d %d, recounted %d %d %d", e.length, e.hits, e.squares, length, hits, squares)
	}
	if e.table.used != len(want) {
		return fmt.Errorf("%d records, %d nodes met", e.table.used, len(want))
	}
	for v, c := range want {
		r := e.table.find(v)
		if r == nil || r.len != c.visits || r.len > r.cap || r.plus != c.plus || r.minus != c.minus || r.joint != c.joint {
			return fmt.Errorf("node %d: record %+v, recounted %+v", v, r, *c)
		}
	}
	return nil
}

func checkAll(t *testing.T, g *Graph) {
	t.Helper()
	for _, e := range g.egos {
		if err := check(g, e); err != nil {
			t.Fatal(err)
		}
	}
}

// The counts of walks that were drawn fresh, changed 25 times, drawn again, and
// drawn again after another ego took their place are all those of the closed form.
func TestCountsAreExact(t *testing.T) {
	const n = 7
	graphs, walks := 250, 10_000
	if testing.Short() {
		graphs = 60
	}
	modes := []string{"fresh", "updated", "drawn again", "evicted"}
	found := make([]deviations, len(modes))
	for i := range graphs {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		weights := drawWeights(n, random)
		g := loaded(Config{Seed: uint64(i), Walks: walks, Egos: 1}, weights)
		found[0].compareHits(g, weights, n, 0)
		for range 25 {
			update(g, weights, n, random)
		}
		checkAll(t, g)
		found[1].compareHits(g, weights, n, 0)
		g.Forget(0)
		found[2].compareHits(g, weights, n, 0)
		if _, err := g.Scores(nil, 1); err != nil { // the one ego there is room for
			t.Fatal(err)
		}
		for range 5 {
			update(g, weights, n, random)
		}
		found[3].compareHits(g, weights, n, 0)
		checkAll(t, g)
	}
	for i, d := range found {
		t.Logf("%s: rms %.3f, most %.2f, %d counts", modes[i], d.rms(), d.most, d.count)
		if math.Abs(d.rms()-1) > 0.06 || d.most > 5 || d.impossible > 0 {
			t.Errorf("%s: rms %.3f, most %.2f, %d impossible counts", modes[i], d.rms(), d.most, d.impossible)
		}
	}
}

var _ = errors.Is
var _ = maps.Clone[map[int]int]
var _ = slices.Sort[[]int]
