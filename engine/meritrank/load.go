package meritrank

import "math"

// build makes a graph of at least so many nodes from edges in order of age: of two
// between the same nodes the later counts.
func build(rows []Edge, nodes int) edges {
	for i := range rows {
		nodes = max(nodes, int(rows[i].From)+1, int(rows[i].To)+1)
	}
	order := make([]uint32, len(rows))
	for i := range order {
		order[i] = uint32(i)
	}
	counts := make([]uint32, nodes+1)
	order = countingSort(order, counts, func(i uint32) Node { return rows[i].To })
	order = countingSort(order, counts, func(i uint32) Node { return rows[i].From })
	return fill(rows, order, nodes)
}

// countingSort returns the order sorted by a key, equal ones as they were.
func countingSort(order, counts []uint32, key func(uint32) Node) []uint32 {
	clear(counts)
	for _, i := range order {
		counts[key(i)+1]++
	}
	for v := 1; v < len(counts); v++ {
		counts[v] += counts[v-1]
	}
	sorted := make([]uint32, len(order))
	for _, i := range order {
		at := &counts[key(i)]
		sorted[*at] = i
		*at++
	}
	return sorted
}

// fill writes the lists, from edges in the order of source, target, age.
func fill(rows []Edge, order []uint32, nodes int) edges {
	g := edges{lists: make([]list, nodes), arcs: make([]arc, 0, len(rows)), weights: make([]float64, 0, len(rows))}
	for i, at := range order {
		e := &rows[at]
		if i+1 < len(order) && rows[order[i+1]].From == e.From && rows[order[i+1]].To == e.To || math.Abs(e.Weight) <= WeightMin {
			continue
		}
		l := &g.lists[e.From]
		if l.len == 0 {
			l.at = uint32(len(g.arcs))
		}
		to := e.To
		if e.Weight < 0 {
			to |= distrusts
		}
		g.arcs = append(g.arcs, arc{to: to})
		g.weights = append(g.weights, e.Weight)
		l.len++
	}
	for v := range g.lists {
		l := &g.lists[v]
		l.cap = l.len
		l.all, l.pos = g.sums(l, math.MaxUint32)
	}
	g.spans.end, g.count = uint32(len(g.arcs)), len(g.arcs)
	return g
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
