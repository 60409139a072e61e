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
	if from, to := meritrank.Node(i), meritrank.Node(j); l.ranks.Weight(from, to) != weight {
		l.moved = append(l.moved, meritrank.Edge{From: from, To: to, Weight: weight})
	}
}

// rank lets all nodes weigh each other by everybody's opinions. So many of them
// move in a round that drawing all walks anew is less work than following each.
func (l *Lab) rank() {
	if l.ranks == nil {
		return
	}
	if err := l.ranks.Load(l.moved); err != nil {
		panic(err) // unreachable: the graph has room for all
	}
	l.moved = l.moved[:0]
	var scores []meritrank.Score
	for i, nd := range l.nodes {
		var err error
		if scores, err = l.ranks.Scores(scores[:0], meritrank.Node(i)); err != nil {
			panic(err) // unreachable: all nodes are in range
		}
		bad := func(n meritrank.Node) bool { return rtt.Merit(nd.chart, l.nodes[n].id) < 0 }
		rtt.Weigh(scores, bad, func(n meritrank.Node, weight float64) { nd.chart.Score(l.nodes[n].id, weight) })
	}
}
