package meritrank

import (
	"errors"
	"fmt"
	"hash/fnv"
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
// (The bench meritrank_z has 1,000 graphs.)
func TestCountsAreExact(t *testing.T) {
	const n = 7
	graphs := 300
	if testing.Short() {
		graphs = 100
	}
	modes := []string{"fresh", "updated", "drawn again", "evicted"}
	found := make([]deviations, len(modes))
	for i := range graphs {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		weights := drawWeights(n, random)
		g := loaded(Config{Seed: uint64(i), Walks: 6000, Egos: 1}, weights)
		found[0].compareHits(g, weights, n, 0)
		for range 25 {
			update(g, weights, n, random)
		}
		found[1].compareHits(g, weights, n, 0)
		g.Forget(0)
		found[2].compareHits(g, weights, n, 0)
		if _, err := g.Scores(nil, 1); err != nil { // the one ego there is room for
			t.Fatal(err)
		}
		update(g, weights, n, random)
		found[3].compareHits(g, weights, n, 0)
	}
	for i, d := range found {
		t.Logf("%s: rms %.3f, most %.2f, %d counts", modes[i], d.rms(), d.most, d.count)
		if math.Abs(d.rms()-1) > 0.06 || d.most > 4.5 || d.impossible > 0 {
			t.Errorf("%s: rms %.3f, most %.2f, %d impossible counts", modes[i], d.rms(), d.most, d.impossible)
		}
	}
}

// All graphs of three nodes, and from each every change of every edge.
func TestEveryTransitionOfThreeNodes(t *testing.T) {
	pairs := [][2]Node{{0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}}
	var d deviations
	for code := range 729 {
		weights := map[[2]Node]float64{}
		for i, rest := 0, code; i < len(pairs); i, rest = i+1, rest/3 {
			if w := float64(rest%3 - 1); w != 0 {
				weights[pairs[i]] = w
			}
		}
		g := loaded(Config{Seed: uint64(code), Walks: 400}, weights)
		d.compareHits(g, weights, 3, 0)
		for i, pair := range pairs {
			old := weights[pair]
			for j, w := range []float64{-1, 0, 1, 2.5, -2.5} {
				if testing.Short() && (code+i+j)%7 != 0 {
					continue
				}
				// From the old weight to the new one and back, on the same walks.
				for _, w := range []float64{w, old} {
					weights[pair] = w
					if w == 0 {
						delete(weights, pair)
					}
					if err := g.Set(pair[0], pair[1], w); err != nil {
						t.Fatal(err)
					}
					d.compareHits(g, weights, 3, 0)
				}
			}
		}
		checkAll(t, g)
	}
	t.Logf("rms %.4f, most %.2f, %d counts", d.rms(), d.most, d.count)
	if math.Abs(d.rms()-1) > 0.03 || d.most > 5.5 || d.impossible > 0 {
		t.Errorf("rms %.3f, most %.2f, %d impossible counts", d.rms(), d.most, d.impossible)
	}
}

// Walks that are long, all but cut off, over few heavy edges among many light ones.
func TestExtremeWeightsAndAlphas(t *testing.T) {
	var d deviations
	for i := range 60 {
		random := rand.New(rand.NewPCG(uint64(i), 9))
		weights := drawWeights(6, random)
		for e := range weights { // unordered: every weight gets the factor of its edge
			weights[e] *= math.Pow(10, float64((int(e[0])*7+int(e[1])*3+i)%9-4))
		}
		alpha := []float64{0.1, 0.5, 0.97, AlphaMax}[i%4]
		g := loaded(Config{Seed: uint64(i), Walks: 2000, Alpha: alpha}, weights)
		for range 12 {
			update(g, weights, 6, random)
		}
		checkAll(t, g)
		d.compareHits(g, weights, 6, 0)
		for range 12 {
			update(g, weights, 6, random)
		}
		checkAll(t, g)
		d.compareHits(g, weights, 6, 0)
	}
	t.Logf("rms %.3f, most %.2f, %d counts", d.rms(), d.most, d.count)
	if math.Abs(d.rms()-1) > 0.12 || d.most > 4.5 || d.impossible > 0 {
		t.Errorf("rms %.3f, most %.2f, %d impossible counts", d.rms(), d.most, d.impossible)
	}
}

// The smallest examples, by hand.
func TestKnownScores(t *testing.T) {
	for _, c := range []struct {
		name  string
		edges []Edge
		want  map[Node]float64
	}{
		{"alone", nil, map[Node]float64{0: 1}},
		{"triangle", []Edge{{0, 1, 1}, {0, 2, 1}, {1, 2, 1}}, map[Node]float64{0: 0.4522, 1: 0.1922, 2: 0.3556}},
		{"friend and foe", []Edge{{0, 1, 1}, {0, 2, -1}}, map[Node]float64{0: 1 / 1.85, 1: 0.425 / 1.85, 2: -0.425 / 1.85}},
		{"unlike weights", []Edge{{0, 1, -10000}, {0, 2, .0001}, {1, 0, 1}}, map[Node]float64{
			0: (1 - .7225) / 3.186625, 1: -.85 / 3.186625, 2: -.614125 / 3.186625}},
		{"deleted loop", []Edge{{0, 2, 1}, {2, 0, 1}, {2, 1, 1}, {1, 2, 1}, {1, 2, 0}, {1, 0, 1}, {1, 0, 0}, {2, 0, 0}, {2, 1, 0}},
			map[Node]float64{0: 1 / 1.85, 2: .85 / 1.85}},
		{"cut off", []Edge{{0, 1, 1}, {1, 2, 1}, {1, 0, 1}, {2, 1, 1}, {1, 2, 0}, {0, 1, 0}}, map[Node]float64{0: 1}},
	} {
		g := loaded(Config{}, nil)
		if _, err := g.Scores(nil, 0); err != nil {
			t.Fatal(err)
		}
		for _, e := range c.edges {
			if err := g.Set(e.From, e.To, e.Weight); err != nil {
				t.Fatal(err)
			}
			touch(g)
		}
		scores, _ := g.Scores(nil, 0)
		for _, s := range scores {
			if math.Abs(s.Value-c.want[s.Node]) > 5*s.Error+1e-4 {
				t.Errorf("%s: node %d has %.4f ± %.4f, want %.4f", c.name, s.Node, s.Value, s.Error, c.want[s.Node])
			}
			delete(c.want, s.Node)
		}
		if len(c.want) > 0 {
			t.Errorf("%s: missing %v", c.name, c.want)
		}
	}
}

// The standard errors are those of the values, plain and refined.
func TestErrorsAreStandardErrors(t *testing.T) {
	const n = 7
	var plain, refined deviations
	for i := range 300 {
		random := rand.New(rand.NewPCG(uint64(i), 4))
		weights := drawWeights(n, random)
		g := loaded(Config{Seed: uint64(i), Walks: 3000}, weights)
		h := chances(n, weights, g.cfg.Alpha, 0)
		total := 0.0
		for _, p := range h {
			total += p
		}
		add := func(d *deviations, scores []Score) {
			for _, s := range scores {
				if s.Error == 0 || h[s.Node] < 0.01 {
					continue
				}
				z := (s.Value - (h[s.Node]-h[n+s.Node])/total) / s.Error
				d.squares += z * z
				d.most = max(d.most, math.Abs(z))
				d.count++
			}
		}
		list, _ := g.Scores(nil, 0)
		add(&plain, list)
		list, _ = g.Refined(nil, 0, n)
		add(&refined, slices.DeleteFunc(list, func(s Score) bool { return s.Node == 0 }))
	}
	t.Logf("plain rms %.3f most %.2f of %d, refined rms %.3f most %.2f of %d",
		plain.rms(), plain.most, plain.count, refined.rms(), refined.most, refined.count)
	if math.Abs(plain.rms()-1) > 0.1 || plain.most > 4.8 {
		t.Errorf("plain errors: rms %.3f, most %.2f", plain.rms(), plain.most)
	}
	if refined.rms() < 0.6 || refined.rms() > 1.15 || refined.most > 5 {
		t.Errorf("refined errors: rms %.3f, most %.2f", refined.rms(), refined.most)
	}
}

// What an ego's walks are depends on the seed, the graph and the ego, not on who
// was asked before or how the graph came about.
func TestSeedDecidesWalks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	weights := drawWeights(40, random)
	one, other := loaded(Config{Seed: 5}, weights), loaded(Config{Seed: 5}, nil)
	for e, w := range weights {
		if err := other.Set(e[0], e[1], w); err != nil {
			t.Fatal(err)
		}
	}
	for v := range Node(40) {
		if _, err := other.Scores(nil, v); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := one.Scores(nil, 3)
	for _, g := range []*Graph{other, loaded(Config{Seed: 6}, weights)} {
		got, _ := g.Scores(nil, 3)
		if same := slices.Equal(got, want); same != (g == other) {
			t.Errorf("seed %d: scores equal to those of seed 5: %t", g.cfg.Seed, same)
		}
	}
	refined, _ := one.Refined(nil, 3, 10)
	again, _ := other.Refined(nil, 3, 10)
	if !slices.Equal(refined, again) {
		t.Error("refined scores differ")
	}
}

// The numbers themselves, so that another platform or release that walks
// differently is noticed.
func TestGoldenScores(t *testing.T) {
	g := loaded(Config{Seed: 1, Walks: 1000, Beta: 0.3}, nil)
	for i := range Node(300) {
		if err := g.Set(i*7%50, i*i%47, float64(i%11)-3.5); err != nil && !errors.Is(err, ErrSelf) {
			t.Fatal(err)
		}
		if i == 100 {
			if _, err := g.Scores(nil, 2); err != nil {
				t.Fatal(err)
			}
		}
		touch(g)
	}
	hash := fnv.New64a()
	for _, read := range []func([]Score, Node, int) ([]Score, error){g.Top, g.Refined} {
		list, _ := read(nil, 2, 30)
		for _, s := range list {
			fmt.Fprintf(hash, "%d %x %x\n", s.Node, math.Float64bits(s.Value), math.Float64bits(s.Error))
		}
	}
	const want = 0x6ae75b1d661d3216
	if got := hash.Sum64(); got != want {
		t.Errorf("scores hash to %#x, want %#x", got, uint64(want))
	}
}

func TestTopIsTheBeginningOfScores(t *testing.T) {
	for _, beta := range []float64{0, 0.7} {
		g := loaded(Config{Walks: 3000, Beta: beta}, drawWeights(400, rand.New(rand.NewPCG(3, 3))))
		all, _ := g.Scores(nil, 1)
		if len(all) < 300 || !slices.IsSortedFunc(all, func(a, b Score) int {
			switch {
			case a.Value > b.Value || a.Value == b.Value && a.Node < b.Node:
				return -1
			}
			return 1
		}) {
			t.Fatalf("beta %v: %d scores, sorted by value and node is false", beta, len(all))
		}
		for _, k := range []int{-1, 0, 1, 7, 299, len(all), len(all) + 5} {
			top, _ := g.Top(nil, 1, k)
			if !slices.Equal(top, all[:min(max(k, 0), len(all))]) {
				t.Errorf("beta %v: the first %d differ", beta, k)
			}
		}
		for _, s := range all {
			if one, _ := g.Score(1, s.Node); one != s {
				t.Errorf("beta %v: score %v, in the list %v", beta, one, s)
			}
		}
	}
}

// What is reached through one node only loses its share, and distrust does not.
func TestConnectivityDecay(t *testing.T) {
	// 0 trusts 1 and 2; 3 is known to both, 4 to 1 alone, 5 to 4; 1 distrusts 6.
	edges := []Edge{{0, 1, 1}, {0, 2, 1}, {1, 3, 1}, {2, 3, 1}, {1, 4, 1}, {4, 5, 1}, {1, 6, -1}, {5, 0, 1}}
	decayed, plain := loaded(Config{Beta: 0.6}, nil), loaded(Config{}, nil)
	for _, g := range []*Graph{decayed, plain} {
		if err := g.Load(edges); err != nil {
			t.Fatal(err)
		}
	}
	for v, factor := range []float64{1, 1, 1, 1, 0.4, 0.4, 1} {
		a, _ := decayed.Score(0, Node(v))
		b, _ := plain.Score(0, Node(v))
		if math.Abs(a.Value-factor*b.Value) > 1e-6 {
			t.Errorf("node %d: %v with decay, %v without, want a factor of %v", v, a.Value, b.Value, factor)
		}
	}
	soft := loaded(Config{Beta: 0.6, Threshold: 0.3}, nil)
	if err := soft.Load(edges); err != nil {
		t.Fatal(err)
	}
	a, _ := soft.Score(0, 3)
	b, _ := plain.Score(0, 3)
	if math.Abs(a.Value-0.4*b.Value) > 1e-6 {
		t.Errorf("3 comes through 1 more than 3 times in 10, yet has %v, without decay %v", a.Value, b.Value)
	}
}

func TestMutual(t *testing.T) {
	g := loaded(Config{}, map[[2]Node]float64{{0, 1}: 2, {1, 0}: 1, {0, 2}: 1, {2, 0}: -1, {0, 3}: 0.5})
	pairs, err := g.Mutual(nil, 0, 10)
	if err != nil || len(pairs) != 3 {
		t.Fatal(pairs, err)
	}
	for i, want := range []struct {
		node   Node
		mutual bool
	}{{1, true}, {2, false}, {3, false}} {
		p := pairs[i]
		back, _ := g.Score(want.node, 0)
		if p.Node != want.node || p.Mutual() != want.mutual || p.Back != back {
			t.Errorf("place %d: %+v", i, p)
		}
	}
}

// An ego makes room for another, and comes back as it was if nothing has changed.
func TestEviction(t *testing.T) {
	weights := drawWeights(30, rand.New(rand.NewPCG(2, 2)))
	g := loaded(Config{Walks: 500, Egos: 3}, weights)
	first, _ := g.Scores(nil, 0)
	for v := range Node(30) {
		if _, err := g.Scores(nil, v); err != nil {
			t.Fatal(err)
		}
		if v > 0 {
			if _, err := g.Scores(nil, 1); err != nil { // asked for often: stays
				t.Fatal(err)
			}
		}
		if u := g.Usage(); u.Egos > 3 || v > 0 && g.byNode[1] == nil {
			t.Fatalf("after %d: %d egos, 1 kept: %t", v, u.Egos, g.byNode[1] != nil)
		}
	}
	again, _ := g.Scores(nil, 0)
	if !slices.Equal(first, again) {
		t.Error("evicted and asked for again, an ego has other scores")
	}
	checkAll(t, g)
}

// Walks that nobody asks for follow a few changes, are forgotten after many, and
// come back as those of a fresh graph.
func TestUnaskedWalksAreForgotten(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	weights := drawWeights(40, random)
	g := loaded(Config{Seed: 2}, weights)
	if _, err := g.Scores(nil, 7); err != nil {
		t.Fatal(err)
	}
	set := func(from, to Node, weight float64) {
		weights[[2]Node{from, to}] = weight
		if err := g.Set(from, to, weight); err != nil {
			t.Fatal(err)
		}
	}
	set(5, 6, 0.1)
	set(7, 9, 1e-3)
	if redrawn := g.Usage().Redrawn; len(g.egos) != 1 || redrawn == 0 {
		t.Fatalf("%d egos after two changes, %d walks redrawn", len(g.egos), redrawn)
	}
	checkAll(t, g)
	for i := range Node(60) {
		set(i%39, 39, float64(i+1))
	}
	redrawn := g.Usage().Redrawn
	set(8, 3, 7)
	if len(g.egos) != 0 || g.Usage().Redrawn != redrawn {
		t.Fatalf("%d egos after many changes, which go on to redraw walks", len(g.egos))
	}
	got, _ := g.Scores(nil, 7)
	want, _ := loaded(Config{Seed: 2}, weights).Scores(nil, 7)
	if !slices.Equal(got, want) {
		t.Error("walks that were forgotten did not come back as fresh ones")
	}
	for _, c := range []struct {
		from Node
		egos int
	}{{6, 1}, {7, 0}} { // the ego's own edges count for more
		for i := range 8 {
			set(c.from, 9, float64(i+1))
		}
		if len(g.egos) != c.egos {
			t.Errorf("%d egos after eight changes of an edge of %d, want %d", len(g.egos), c.from, c.egos)
		}
	}
}

func TestRefusals(t *testing.T) {
	g := loaded(Config{Nodes: 10, Edges: 2}, nil)
	for _, c := range []struct {
		edge Edge
		want error
	}{
		{Edge{1, 1, 1}, ErrSelf}, {Edge{0, 10, 1}, ErrNode}, {Edge{1 << 31, 0, 1}, ErrNode},
		{Edge{0, 1, math.NaN()}, ErrWeight}, {Edge{0, 1, math.Inf(-1)}, ErrWeight}, {Edge{0, 1, 1e101}, ErrWeight},
		{Edge{0, 1, 1}, nil}, {Edge{0, 2, 1e-6}, nil}, {Edge{0, 2, -1e-7}, nil}, {Edge{0, 2, -1}, nil}, {Edge{0, 3, 1}, ErrFull},
		{Edge{0, 2, 1}, nil}, {Edge{0, 1, 0}, nil}, {Edge{0, 3, 1}, nil},
	} {
		before := g.AppendEdges(nil)
		if err := g.Set(c.edge.From, c.edge.To, c.edge.Weight); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.edge, err, c.want)
		}
		if c.want == nil {
			continue
		}
		if err := g.Load([]Edge{c.edge}); !errors.Is(err, c.want) {
			t.Errorf("loading %v: %v, want %v", c.edge, err, c.want)
		}
		if !slices.Equal(before, g.AppendEdges(nil)) {
			t.Errorf("%v was refused and changed the graph", c.edge)
		}
	}
	if _, err := g.Scores(nil, 10); !errors.Is(err, ErrNode) {
		t.Error(err)
	}
	for _, cfg := range []Config{{Walks: -1}, {Walks: WalksMax + 1}, {Alpha: 1}, {Alpha: -0.1}, {Alpha: math.NaN()},
		{Beta: 1.1}, {Beta: math.NaN()}, {Threshold: 2}, {Nodes: -5}, {Edges: EdgesMax + 1}, {Egos: -1}} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Later rows count, and a loaded graph is the one that Set makes.
func TestLoad(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	var rows []Edge
	for range 3000 {
		if e := (Edge{Node(random.IntN(60)), Node(random.IntN(60)), float64(random.IntN(9) - 4)}); e.From != e.To {
			rows = append(rows, e)
		}
	}
	set := loaded(Config{Walks: 100}, nil)
	for _, e := range rows {
		if err := set.Set(e.From, e.To, e.Weight); err != nil {
			t.Fatal(err)
		}
	}
	halves := loaded(Config{Walks: 100}, nil)
	for _, part := range [][]Edge{rows[:1000], rows[1000:]} {
		if err := halves.Load(part); err != nil {
			t.Fatal(err)
		}
		if _, err := halves.Scores(nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if want := set.AppendEdges(nil); !slices.Equal(want, halves.AppendEdges(nil)) || set.Edges() != len(want) || halves.Edges() != len(want) {
		t.Errorf("%d edges set, %d loaded, %d listed", set.Edges(), halves.Edges(), len(want))
	}
	a, _ := set.Scores(nil, 7)
	b, _ := halves.Scores(nil, 7)
	if !slices.Equal(a, b) {
		t.Error("scores differ")
	}
}

// An edge where nobody walks and a graph that has come to rest take no memory.
func TestUpdatesAllocateNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	weights := drawWeights(60, random)
	g := loaded(Config{Walks: 2000}, weights)
	for v := range Node(3) {
		if _, err := g.Scores(nil, v); err != nil {
			t.Fatal(err)
		}
	}
	for range 20_000 {
		update(g, weights, 60, random)
	}
	checkAll(t, g)
	clear(weights)
	got := testing.AllocsPerRun(2000, func() {
		s, d := Node(random.IntN(60)), Node(random.IntN(59))
		if d >= s {
			d++
		}
		if err := g.Set(s, d, float64(random.IntN(7)-3)); err != nil {
			t.Fatal(err)
		}
		touch(g)
	})
	if got > 0.02 { // an array that still grows now and then
		t.Errorf("%.3f allocations for each update", got)
	}
	u := g.Usage()
	if each := float64(u.Bytes) / float64(u.WalkNodes); each > 32 {
		t.Errorf("%.1f bytes for each of %d nodes of walks", each, u.WalkNodes)
	}
}

func TestAging(t *testing.T) {
	const day = 86_400_000_000_000
	g := loaded(Config{}, nil)
	a, err := NewAging(g, 10*day, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	observe := func(from, to Node, weight float64, at int64, want bool) {
		t.Helper()
		if changed, err := a.Observe(from, to, weight, at); err != nil || changed != want {
			t.Fatalf("%d to %d, %v at %d: changed %t, %v", from, to, weight, at, changed, err)
		}
	}
	observe(0, 1, 4, 0, true)
	observe(0, 2, 4, 20*day, true)
	if x, y := g.Weight(0, 1), g.Weight(0, 2); math.Abs(y/x-4) > 1e-12 {
		t.Errorf("weights %v and %v, want the later four times the earlier", x, y)
	}
	if w := a.Weight(0, 1, 30*day); math.Abs(w-0.5) > 1e-12 {
		t.Errorf("4 weighs %v after three half-lives", w)
	}
	observe(0, 2, 4.1, 20*day, false) // below epsilon
	observe(0, 2, 4, 21*day, false)
	observe(0, 2, -4, 21*day, true)
	observe(0, 2, 4, 25*day, true)
	// Far later: the walks stay while the weights are brought back, and what is too
	// light ends.
	if _, err := g.Scores(nil, 0); err != nil {
		t.Fatal(err)
	}
	observe(0, 3, 2, 400*day, true)
	checkAll(t, g)
	if g.Weight(0, 1) != 0 || g.Weight(0, 2) != 0 || math.Abs(a.Weight(0, 3, 400*day)-2) > 1e-12 {
		t.Errorf("edges %v", g.AppendEdges(nil))
	}
	observe(0, 4, 2, 390*day, true)
	if x, y := a.Weight(0, 4, 400*day), a.Weight(0, 3, 400*day); math.Abs(y/x-2) > 1e-12 {
		t.Errorf("weights %v and %v, want half", x, y)
	}
	observe(5, 6, 1, TimeMax, true)
	observe(5, 7, 1, -TimeMax, false) // nothing is left of it
	observe(7, 5, 1, -TimeMax, true)
	observe(7, 6, 1, TimeMax, true)
	for _, at := range []int64{TimeMax + 1, -TimeMax - 1} {
		if _, err := a.Observe(0, 1, 1, at); !errors.Is(err, ErrTime) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	if _, err := NewAging(g, 0, 0); !errors.Is(err, ErrTime) {
		t.Error(err)
	}
	if _, err := NewAging(g, 1, 2); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// exp2 and ln are right and are their own: those of package math differ between
// platforms.
func TestFloats(t *testing.T) {
	for i := range 2000 {
		x := math.Pow(2, -float64(i)/37)
		if got := ln(x); math.Abs(got-math.Log(x)) > 1e-14*max(1, -math.Log(x)) {
			t.Errorf("ln(%v) = %v, want %v", x, got, math.Log(x))
		}
		p := x / 1.0001
		if got, want := ln1m(p), math.Log1p(-p); math.Abs(got-want) > 1e-14*-want {
			t.Errorf("ln(1-%v) = %v, want %v", p, got, want)
		}
		y := float64(i-1000) / 3
		if got, want := exp2(y), math.Exp2(y); math.Abs(got-want) > 1e-14*want {
			t.Errorf("2^%v = %v, want %v", y, got, want)
		}
	}
}
