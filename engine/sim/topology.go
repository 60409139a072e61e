package sim

import (
	"cmp"
	"slices"

	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

// topology draws the links. Every kind gives a connected graph.
func (p *Plan) topology(s *Scenario) {
	n := s.Nodes
	seen := map[[2]uint32]bool{}
	link := func(a, b int) {
		pair := [2]uint32{uint32(min(a, b)), uint32(max(a, b))}
		if a != b && !seen[pair] {
			seen[pair] = true
			p.Links = append(p.Links, pair)
		}
	}
	switch s.Topology.Kind {
	case "pairs":
		for _, pair := range s.Topology.Pairs {
			link(pair[0], pair[1])
		}
	case "star":
		for i := 1; i < n; i++ {
			link(0, i)
		}
	case "full":
		for i := 0; i < n; i++ {
			for j := i + 1; j < n; j++ {
				link(i, j)
			}
		}
	case "line", "ring":
		for i := 1; i < n; i++ {
			link(i-1, i)
		}
		if s.Topology.Kind == "ring" && n > 2 {
			link(n-1, 0)
		}
	case "nearest":
		p.nearest(n, s.Topology.Degree, link)
	default:
		p.random(n, s.Topology.Degree, link)
	}
}

// random joins rings over random orders of the nodes: a connected graph in
// which nearly every node has exactly that degree (even degrees).
func (p *Plan) random(n, degree int, link func(a, b int)) {
	for r := 0; r < max(degree/2, 1); r++ {
		order := p.shuffled(n, uint64(r))
		for i := range order {
			link(order[i], order[(i+1)%n])
		}
	}
}

func (p *Plan) shuffled(n int, round uint64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
		j := int(draw.Uniform(p.draw(1<<41|round, drawTopology, uint64(i)), 0, int64(i)))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// nearest links every node to the nodes with the shortest round trip and, so
// that the graph is connected, all of them in one random ring.
func (p *Plan) nearest(n, degree int, link func(a, b int)) {
	ring := p.shuffled(n, 0)
	for i := range ring {
		link(ring[i], ring[(i+1)%n])
	}
	others := make([]int, 0, n)
	for i := 0; i < n; i++ {
		others = others[:0]
		for j := 0; j < n; j++ {
			if j != i {
				others = append(others, j)
			}
		}
		slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(p.rtt(i, a), p.rtt(i, b)) })
		for _, j := range others[:min(max(degree-2, 1), len(others))] {
			link(i, j)
		}
	}
}

// rtt is the model's round trip between two nodes, without jitter.
func (p *Plan) rtt(a, b int) int64 {
	const middle = 1 << 63
	return p.Model.Latency(uint32(a), uint32(b), middle) + p.Model.Latency(uint32(b), uint32(a), middle)
}
