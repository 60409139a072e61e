package meritrank

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// Any sequence of calls keeps every index and count right, and none panics. Four
// bytes are a call: what, from, to, weight.
func FuzzCalls(f *testing.F) {
	f.Add([]byte{0, 0, 1, 200, 0, 1, 2, 30, 4, 0, 0, 0, 1, 2, 0, 150, 2, 0, 1, 0, 5, 1, 3, 0})
	f.Add([]byte{4, 0, 0, 0, 0, 0, 1, 255, 0, 1, 0, 255, 0, 0, 2, 1, 0, 2, 0, 127, 3, 0, 1, 1, 6, 0, 0, 5})
	f.Fuzz(func(t *testing.T, calls []byte) {
		g, err := New(Config{Walks: 40, Nodes: 12, Edges: 60, Egos: 3, Beta: 0.5, Threshold: 0.8, Alpha: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		a, err := NewAging(g, 1000, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		model := map[[2]Node]float64{}
		for ; len(calls) >= 4; calls = calls[4:] {
			from, to := Node(calls[1]%13), Node(calls[2]%13)
			weight := math.Ldexp(float64(int(calls[3])-128), int(calls[0]>>4)-8)
			switch calls[0] % 8 {
			case 0, 1, 2:
				if g.Set(from, to, weight) == nil {
					model[[2]Node{from, to}] = weight
				}
				if calls[0]%8 > 0 {
					touch(g)
				}
			case 3:
				_, _ = a.Observe(from, to, weight, int64(calls[3])*977)
				model = nil
			case 4:
				_, _ = g.Scores(nil, from)
			case 5:
				_, _ = g.Mutual(nil, from, int(calls[3]%4))
			case 6:
				_, _ = g.Refined(nil, from, int(calls[3]%16))
			case 7:
				if g.Forget(from); calls[3] == 0 {
					_ = g.Load([]Edge{{from, to, 3}})
					model = nil
				}
			}
			for _, e := range g.egos {
				if err := check(g, e); err != nil {
					t.Fatal(err)
				}
			}
			if model == nil {
				model = map[[2]Node]float64{}
				for _, e := range g.AppendEdges(nil) {
					model[[2]Node{e.From, e.To}] = e.Weight
				}
			}
		}
		compareEdges(t, g, model)
	})
}

func compareEdges(t *testing.T, g *Graph, model map[[2]Node]float64) {
	var want []Edge
	for e, w := range model {
		if math.Abs(w) > WeightMin {
			want = append(want, Edge{e[0], e[1], w})
		}
	}
	slices.SortFunc(want, func(a, b Edge) int {
		if a.From != b.From {
			return int(a.From) - int(b.From)
		}
		return int(a.To) - int(b.To)
	})
	if got := g.AppendEdges(nil); !slices.Equal(got, want) || g.Edges() != len(want) {
		t.Errorf("edges %v, want %v", got, want)
	}
	for v := range g.lists {
		l := &g.lists[v]
		if all, pos := g.sums(l); l.added && (all != l.all || pos != l.pos) {
			t.Errorf("node %d: sums %v %v, want %v %v", v, l.all, l.pos, all, pos)
		}
	}
}

// Loading any bytes as edges is refused or gives what setting them one by one
// gives.
func FuzzLoad(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows []Edge
		for ; len(data) >= 10; data = data[10:] {
			weight := math.Float64frombits(binary.LittleEndian.Uint64(data[2:]))
			rows = append(rows, Edge{Node(data[0]), Node(data[1]), weight})
		}
		one, _ := New(Config{Nodes: 250})
		other, _ := New(Config{Nodes: 250})
		err := one.Load(rows)
		for _, e := range rows {
			if other.Set(e.From, e.To, e.Weight) != nil {
				if err == nil {
					t.Fatalf("loaded %v, which cannot be set", e)
				}
				return
			}
		}
		if err != nil || !slices.Equal(one.AppendEdges(nil), other.AppendEdges(nil)) {
			t.Errorf("loaded and set differ: %v", err)
		}
	})
}
