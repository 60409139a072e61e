package main

import (
	"math"

	"github.com/intersubjective/rapprochement/engine/meritrank"
)

// meritSybil measures what Sybils gain: the sum of their scores by that of the
// attacker who made them up and sends all its walks to them, beside the most that
// the law allows.
func meritSybil(rounds int) error {
	rounds = max(rounds, 2) // for an error
	if err := sybilGains("generated", trustOnly(scaleFree(1_000, 10_000, 1)), rounds); err != nil {
		return err
	}
	return onOTC("sybil_gain", func(edges []meritrank.Edge) error {
		return sybilGains("bitcoin_otc", trustOnly(edges), rounds)
	})
}

func trustOnly(edges []meritrank.Edge) []meritrank.Edge {
	var trust []meritrank.Edge
	for _, e := range edges {
		if e.Weight > 0 {
			trust = append(trust, e)
		}
	}
	return trust
}

// A region is an attacker with its Sybils, who are the nodes from first on.
type region struct {
	edges           []meritrank.Edge
	attacker, first meritrank.Node
}

func sybilGains(name string, edges []meritrank.Edge, rounds int) error {
	ego := edges[0].From
	g, err := meritGraph(edges, meritrank.Config{})
	if err != nil {
		return err
	}
	top, err := g.Top(nil, ego, 2)
	if err != nil {
		return err
	}
	for _, law := range []struct{ alpha, beta float64 }{{0.85, 0}, {0.85, 0.9}, {0.99, 0}} {
		for _, topology := range []string{"path", "cycle", "parallel"} {
			for _, k := range []int{50, 1000} {
				r := newRegion(edges, top[1].Node, topology, k)
				gains := make([]float64, rounds)
				for round := range gains {
					cfg := meritrank.Config{Seed: uint64(round), Alpha: law.alpha, Beta: law.beta}
					if gains[round], err = r.gain(cfg, ego); err != nil {
						return err
					}
				}
				a := law.alpha
				emit("sybil_gain", mean(gains), "x", parameters{
					"graph": name, "alpha": a, "beta": law.beta, "k": k, "topology": topology, "rounds": rounds,
					"standard_error": standardError(gains),
					"bound":          (1 - law.beta) * a * (1 - math.Pow(a, float64(k))) / (1 - a),
				})
			}
		}
	}
	return nil
}

// newRegion gives a node k Sybils instead of its own edges.
func newRegion(edges []meritrank.Edge, attacker meritrank.Node, topology string, k int) region {
	r := region{attacker: attacker}
	for _, e := range edges {
		r.first = max(r.first, e.From+1, e.To+1)
		if e.From != attacker {
			r.edges = append(r.edges, e)
		}
	}
	for sybil := r.first; sybil < r.first+meritrank.Node(k); sybil++ {
		from := attacker
		if topology == "path" && sybil > r.first {
			from = sybil - 1
		}
		r.edges = append(r.edges, meritrank.Edge{From: from, To: sybil, Weight: 1})
		if topology == "cycle" {
			r.edges = append(r.edges, meritrank.Edge{From: sybil, To: attacker, Weight: 1})
		}
	}
	return r
}

// gain is the sum of the Sybils' scores by the attacker's, as an ego sees them.
func (r region) gain(cfg meritrank.Config, ego meritrank.Node) (float64, error) {
	g, err := meritGraph(r.edges, cfg)
	if err != nil {
		return 0, err
	}
	scores, err := g.Scores(nil, ego)
	own, sybils := 0.0, 0.0
	for _, s := range scores {
		switch {
		case s.Node == r.attacker:
			own = s.Value
		case s.Node >= r.first:
			sybils += s.Value
		}
	}
	return sybils / own, err
}

// standardError is that of the mean.
func standardError(values []float64) float64 {
	middle, squares := mean(values), 0.0
	for _, v := range values {
		squares += (v - middle) * (v - middle)
	}
	n := float64(len(values))
	return math.Sqrt(squares / (n - 1) / n)
}
