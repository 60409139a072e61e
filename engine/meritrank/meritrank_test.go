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
	type counts struct{ visits, plus, minus uint32 }
	want := map[uint32]*counts{0: {}}
	var length, hits, squares int64
	for number := range e.walks {
		w := &e.walks[number]
		if w.len > w.cap || int(w.turn) > int(w.len) && w.turn != never || w.turn == 0 {
			return fmt.Errorf("walk %d: %+v", number, *w)
		}
		type met struct {
			record    uint32
			distrusts bool
		}
		seen := map[met]bool{{0, false}: true}
		last := e.node
		for p := 1; p <= int(w.len); p++ {
			s := e.steps[w.at+uint32(p)-1]
			r := &e.list[s.record]
			weight := g.Weight(last, r.node)
			if weight == 0 || (weight < 0) != (p == int(w.turn)) {
				return fmt.Errorf("walk %d goes from %d to %d at step %d: weight %v, turn at %d", number, last, r.node, p, weight, w.turn)
			}
			at := met{s.record, p >= int(w.turn)}
			if s.slot >= r.len || e.visits[r.at+s.slot] != visitOf(uint32(number), p, !seen[at]) {
				return fmt.Errorf("walk %d step %d: not the visit at slot %d of node %d", number, p, s.slot, r.node)
			}
			seen[at] = true
			if want[s.record] == nil {
				want[s.record] = &counts{}
			}
			want[s.record].visits++
			last = r.node
		}
		for at := range seen {
			if at.distrusts {
				want[at.record].minus++
			} else {
				want[at.record].plus++
			}
		}
		if int(w.hits) != len(seen) {
			return fmt.Errorf("walk %d has %d hits, kept %d", number, len(seen), w.hits)
		}
		length += int64(w.len)
		hits += int64(w.hits)
		squares += int64(w.hits) * int64(w.hits)
	}
	if e.length != length || e.hits != hits || e.squares != squares {
		return fmt.Errorf("sums %d %d %d, recounted %d %d %d", e.length, e.hits, e.squares, length, hits, squares)
	}
	if e.size() != len(want) {
		return fmt.Errorf("%d records, %d nodes met", e.size(), len(want))
	}
	for number, c := range want {
		r := &e.list[number]
		if found, ok := e.find(r.node); !ok || found != number || r.len != c.visits || r.len > r.cap || r.plus != c.plus || r.minus != c.minus {
			return fmt.Errorf("node %d: record %+v, recounted %+v", r.node, *r, *c)
		}
	}
	return checkRuns(e)
}

// checkRuns adds up the places of all lists and of what is free.
func checkRuns(e *ego) error {
	steps, visits := uint32(0), uint32(0)
	for _, w := range e.walks {
		steps += uint32(w.cap)
	}
	for _, r := range e.list {
		if r.node != vacant {
			visits += r.cap
		}
	}
	for class := range e.runs.free {
		steps += uint32(len(e.stepRuns.free[class])) << class
		visits += uint32(len(e.runs.free[class])) << class
	}
	if steps != e.stepRuns.end || visits != e.runs.end {
		return fmt.Errorf("%d of %d steps, %d of %d visits accounted for", steps, e.stepRuns.end, visits, e.runs.end)
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
