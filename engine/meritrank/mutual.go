package meritrank

import "slices"

// A Pair is how a node and a peer see each other.
type Pair struct {
	Score       // of the peer, by the node
	Back  Score // of the node, by the peer
}

// Mutual reports whether both trust each other.
func (p Pair) Mutual() bool { return p.Value > 0 && p.Back.Value > 0 }

// Mutual appends the k peers that a node trusts most, itself left out, each with
// what it thinks of the node. The peers become egos for that, which may crowd out
// others.
func (g *Graph) Mutual(dst []Pair, node Node, k int) ([]Pair, error) {
	top, err := g.Top(nil, node, max(k, 0)+1)
	if err != nil {
		return dst, err
	}
	top = slices.DeleteFunc(top, func(s Score) bool { return s.Node == node })
	for _, s := range top[:min(len(top), max(k, 0))] {
		back, err := g.Score(s.Node, node)
		if err != nil {
			return dst, err
		}
		dst = append(dst, Pair{s, back})
	}
	return dst, nil
}
