package meritrank

import (
	"math"
	"slices"
)

// build makes a graph of at least so many nodes from edges in order of age: of two
// between the same nodes the later counts.
func build(rows []Edge, nodes int) edges {
	for i := range rows {
		nodes = max(nodes, int(rows[i].From)+1, int(rows[i].To)+1)
	}
	// Targets and places by source, in the order of the rows.
	ends := make([]uint32, nodes+1)
	for i := range rows {
		ends[rows[i].From+1]++
	}
	for v := range nodes {
		ends[v+1] += ends[v]
	}
	order := make([]uint64, len(rows))
	for i := range rows {
		at := &ends[rows[i].From]
		order[*at] = uint64(rows[i].To)<<32 | uint64(i)
		*at++
	}
	g := edges{lists: make([]list, nodes), arcs: make([]arc, 0, len(rows)), weights: make([]float64, 0, len(rows))}
	begin := uint32(0)
	for v, end := range ends[:nodes] {
		slices.Sort(order[begin:end])
		g.fill(&g.lists[v], rows, order[begin:end])
		begin = end
	}
	g.spans.end, g.count = uint32(len(g.arcs)), len(g.arcs)
	return g
}

// fill writes a node's list at the end of the arcs: order has the targets and the
// places of its rows.
func (g *edges) fill(l *list, rows []Edge, order []uint64) {
	l.at = uint32(len(g.arcs))
	for i, key := range order {
		weight := rows[uint32(key)].Weight
		if i+1 < len(order) && order[i+1]>>32 == key>>32 || math.Abs(weight) <= WeightMin {
			continue
		}
		to := uint32(key >> 32)
		if weight < 0 {
			to |= distrusts
		}
		g.arcs = append(g.arcs, arc{to: to})
		g.weights = append(g.weights, weight)
	}
	l.len = uint32(len(g.arcs)) - l.at
	l.cap = l.len
}

// appendEdges appends all edges, by source and target.
func (g *edges) appendEdges(dst []Edge) []Edge {
	for v := range g.lists {
		l := &g.lists[v]
		weights := g.weightsOf(l)
		for i, a := range g.arcsOf(l) {
			dst = append(dst, Edge{Node(v), a.target(), weights[i]})
		}
	}
	return dst
}
