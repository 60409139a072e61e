package main

import (
	"math"
	"slices"

	"github.com/intersubjective/rapprochement/engine/meritrank"
)

// exactScores are those of the closed form, up to one factor, for the nodes that
// come first: G[ego,x]/G[x,x] in the trusting part less the same in the
// distrusting one, where G counts the expected visits. It solves by iteration.
type exactScores struct {
	nodes      int
	alpha      float64
	edges      []meritrank.Edge
	all, pos   []float64
	next, mass []float64 // 2·node in the trusting part, 2·node+1 in the other
}

// reach makes at least so many nodes exist.
func (x *exactScores) reach(nodes int) {
	for x.nodes < nodes {
		x.nodes++
		x.all, x.pos = append(x.all, 0), append(x.pos, 0)
		x.next, x.mass = append(x.next, 0, 0), append(x.mass, 0, 0)
	}
}

func newExact(edges []meritrank.Edge, alpha float64) *exactScores {
	x := &exactScores{alpha: alpha, edges: slices.Clone(edges)}
	slices.SortFunc(x.edges, func(a, b meritrank.Edge) int { return int(a.From) - int(b.From) })
	for _, e := range edges {
		x.nodes = max(x.nodes, int(e.From)+1, int(e.To)+1)
	}
	x.all, x.pos = make([]float64, x.nodes), make([]float64, x.nodes)
	x.next, x.mass = make([]float64, 2*x.nodes), make([]float64, 2*x.nodes)
	for _, e := range edges {
		x.all[e.From] += math.Abs(e.Weight)
		x.pos[e.From] += max(e.Weight, 0)
	}
	return x
}

// visits returns the expected visits to all states from one.
func (x *exactScores) visits(from int) []float64 {
	total := make([]float64, 2*x.nodes)
	clear(x.mass)
	x.mass[from] = 1
	for left := 1.0; left > 1e-9; {
		clear(x.next)
		for i, m := range x.mass {
			total[i] += m
		}
		for _, e := range x.edges {
			s, d := 2*e.From, 2*e.To
			if e.Weight > 0 {
				x.next[d] += x.mass[s] * x.alpha * e.Weight / x.all[e.From]
				if m := x.mass[s+1]; m > 0 {
					x.next[d+1] += m * x.alpha * e.Weight / x.pos[e.From]
				}
			} else {
				x.next[d+1] -= x.mass[s] * x.alpha * e.Weight / x.all[e.From]
			}
		}
		x.mass, x.next = x.next, x.mass
		left = 0
		for _, m := range x.mass {
			left += m
		}
	}
	return total
}

// scores returns the nodes and their scores, the highest first, exact for about the
// k first, and how many nodes are trusted more than distrusted.
func (x *exactScores) scores(ego meritrank.Node, k int) (nodes []meritrank.Node, scores map[meritrank.Node]float64, trusted int) {
	v := x.visits(2 * int(ego))
	rough := func(n meritrank.Node) float64 { return v[2*n] - v[2*n+1] }
	for n := range x.nodes {
		nodes = append(nodes, meritrank.Node(n))
		if rough(meritrank.Node(n)) > 0 {
			trusted++
		}
	}
	slices.SortFunc(nodes, func(a, b meritrank.Node) int {
		if rough(a) > rough(b) {
			return -1
		}
		return 1
	})
	nodes = nodes[:2*k]
	scores = map[meritrank.Node]float64{}
	for _, n := range nodes {
		plus, minus := 2*int(n), 2*int(n)+1
		scores[n] = v[plus]/x.visits(plus)[plus] - v[minus]/x.visits(minus)[minus]
	}
	slices.SortFunc(nodes, func(a, b meritrank.Node) int {
		if scores[a] > scores[b] {
			return -1
		}
		return 1
	})
	return nodes[:k], scores, trusted
}

// kendall is Kendall's tau of an order against given values: the share of pairs in
// the right order less that in the wrong one.
func kendall(order []meritrank.Node, value map[meritrank.Node]float64) float64 {
	balance, pairs := 0, 0
	for i, a := range order {
		for _, b := range order[i+1:] {
			pairs++
			switch x, y := value[a], value[b]; {
			case x > y:
				balance++
			case x < y:
				balance--
			}
		}
	}
	return float64(balance) / float64(pairs)
}
