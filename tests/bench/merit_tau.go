package main

import (
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/engine/meritrank"
)

// meritTau compares the order of the exact 50 best with that of the estimates:
// those of plain walks, and refined ones. The tau of an ego is that of the exact
// best ordered by what was estimated of each.
func meritTau(rounds int) error {
	return onOTC("meritrank_tau", func(edges []meritrank.Edge) error {
		const egos, best, enough = 10, 50, 100
		exact := newExact(edges, meritrank.DefaultAlpha)
		var taus, plain, cost, drawCost []float64
		for _, ego := range someEgos(edges, 4*egos, rand.New(rand.NewPCG(11, 2))) {
			nodes, value, trusted := exact.scores(ego, best)
			if trusted < enough {
				continue
			}
			for seed := range rounds {
				g, err := meritGraph(edges, meritrank.Config{Seed: uint64(seed)})
				if err != nil {
					return err
				}
				for range 2 { // the second time on a prepared graph
					g.Forget(ego)
					watch := start()
					if err := draws(g, ego); err != nil {
						return err
					}
					_, cpu := watch.stop()
					drawCost = append(drawCost, cpu.Seconds()*1e3)
				}
				watch := start()
				refined, err := g.Refined(nil, ego, 2*best)
				if err != nil {
					return err
				}
				_, cpu := watch.stop()
				cost = append(cost, cpu.Seconds()*1e3)
				walked, err := g.Scores(nil, ego)
				if err != nil {
					return err
				}
				taus = append(taus, kendall(among(refined, nodes), value))
				plain = append(plain, kendall(among(walked, nodes), value))
			}
			if len(taus) == egos*rounds {
				break
			}
		}
		p := parameters{"graph": "bitcoin_otc", "walks": meritWalks, "egos": len(taus) / rounds, "seeds": rounds, "best": best,
			"tau_min": minimum(taus), "tau_plain": mean(plain), "refine_ms": median(cost), "draw_ms": median(drawCost)}
		emit("meritrank_tau", mean(taus), "", p)
		return nil
	})
}

// among is the order of some nodes by a list of scores; those that it lacks are put
// first, where they do not belong.
func among(scores []meritrank.Score, nodes []meritrank.Node) []meritrank.Node {
	left := map[meritrank.Node]bool{}
	for _, n := range nodes {
		left[n] = true
	}
	var order []meritrank.Node
	for _, s := range scores {
		if left[s.Node] {
			order = append(order, s.Node)
			delete(left, s.Node)
		}
	}
	for _, n := range nodes {
		if left[n] {
			order = append([]meritrank.Node{n}, order...)
		}
	}
	return order
}

func minimum(values []float64) float64 {
	least := values[0]
	for _, v := range values {
		least = min(least, v)
	}
	return least
}
