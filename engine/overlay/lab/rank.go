package lab

import (
	"github.com/intersubjective/rapprochement/engine/meritrank"
	"github.com/intersubjective/rapprochement/engine/rtt"
)

// newRanks returns the graph of everybody's opinions, which each node walks from
// where it stands.
func newRanks(seed uint64, nodes int) *meritrank.Graph {
	g, err := meritrank.New(meritrank.Config{Seed: seed, Walks: 2000, Nodes: nodes, Edges: nodes * nodes, Egos: nodes})
	if err != nil {
		panic(err) // unreachable: numbers in range
	}
	return g
}

// opine publishes what a node thinks of one that it has measured.
func (l *Lab) opine(i, j int) {
	if l.ranks == nil {
		return
	}
	nd := l.nodes[i]
	weight := float64(rtt.Merit(nd.chart, l.nodes[j].id)) / 1000
	if l.liar[i] {
		weight = 1
		if !l.liar[j] {
			weight = -1
		}
	}
	if l.ranks.Weight(meritrank.Node(i), meritrank.Node(j)) != weight {
		if err := l.ranks.Set(meritrank.Node(i), meritrank.Node(j), weight); err != nil {
			panic(err) // unreachable: the graph has room for all
		}
	}
}

// rank lets all nodes weigh each other by everybody's opinions.
func (l *Lab) rank() {
	if l.ranks == nil {
		return
	}
	var scores []meritrank.Score
	for i, nd := range l.nodes {
		var err error
		if scores, err = l.ranks.Scores(scores[:0], meritrank.Node(i)); err != nil {
			panic(err) // unreachable: all nodes are in range
		}
		rtt.Weigh(scores, func(n meritrank.Node, weight float64) { nd.chart.Score(l.nodes[n].id, weight) })
	}
}
