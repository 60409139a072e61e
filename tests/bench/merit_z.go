package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/engine/meritrank"
)

// Random signed graphs for meritrank_z.
const (
	zGraphs  = 1000
	zNodes   = 7
	zWalks   = 20_000
	zUpdates = 25
)

// zModes are the histories of walks whose hits are compared with the closed form.
var zModes = []string{"fresh", "updated", "recalculated", "evicted"}

// meritExactness compares hits with what the closed form expects: z is their
// difference in standard deviations, over all nodes and both parts of the walks. A
// hit that cannot be, or that has to be and is not, is an error.
func meritExactness(int) error {
	squares, most, counts := make([]float64, len(zModes)), make([]float64, len(zModes)), make([]int, len(zModes))
	for seed := range uint64(zGraphs) {
		h, err := newHistory(seed)
		if err != nil {
			return err
		}
		for mode := range zModes {
			if err := h.live(mode); err != nil {
				return err
			}
			err := h.compare(func(z float64) {
				squares[mode] += z * z
				most[mode] = max(most[mode], math.Abs(z))
				counts[mode]++
			})
			if err != nil {
				return fmt.Errorf("graph %d, %s: %w", seed, zModes[mode], err)
			}
		}
	}
	for mode, name := range zModes {
		emit("meritrank_z", math.Sqrt(squares[mode]/float64(counts[mode])), "rms", parameters{
			"mode": name, "max": most[mode], "counts": counts[mode], "graphs": zGraphs, "nodes": zNodes, "walks": zWalks, "updates": zUpdates,
		})
	}
	return nil
}

// A history is a random graph, kept twice, and node 0's walks on it.
type history struct {
	random  *rand.Rand
	graph   *meritrank.Graph
	weights map[[2]meritrank.Node]float64
}

func newHistory(seed uint64) (*history, error) {
	g, err := meritrank.New(meritrank.Config{Seed: seed, Walks: zWalks, Egos: 1})
	if err != nil {
		return nil, err
	}
	h := &history{rand.New(rand.NewPCG(seed, 21)), g, map[[2]meritrank.Node]float64{}}
	for from := range meritrank.Node(zNodes) {
		for to := range meritrank.Node(zNodes) {
			if from != to && h.random.Float64() < 0.35 {
				if err := h.set(from, to, h.weight()); err != nil {
					return nil, err
				}
			}
		}
	}
	return h, nil
}

// weight is 1 to 4, a quarter of them negative.
func (h *history) weight() float64 {
	w := float64(1 + h.random.IntN(4))
	if h.random.IntN(4) == 0 {
		w = -w
	}
	return w
}

func (h *history) set(from, to meritrank.Node, weight float64) error {
	h.weights[[2]meritrank.Node{from, to}] = weight
	return h.graph.Set(from, to, weight)
}

// live brings the walks from the mode before to this one.
func (h *history) live(mode int) error {
	switch zModes[mode] {
	case "updated":
		return h.update(zUpdates)
	case "recalculated":
		h.graph.Forget(0)
	case "evicted":
		if err := draws(h.graph, 1); err != nil { // there is room for one
			return err
		}
		return h.update(1)
	}
	return nil
}

func (h *history) update(times int) error {
	for range times {
		from := meritrank.Node(h.random.IntN(zNodes))
		to := (from + 1 + meritrank.Node(h.random.IntN(zNodes-1))) % zNodes
		weight := h.weight()
		if h.random.Float64() < 0.35 {
			weight = 0
		}
		if err := h.set(from, to, weight); err != nil {
			return err
		}
		if err := draws(h.graph, 0); err != nil { // or the walks would be forgotten
			return err
		}
	}
	return nil
}

func (h *history) compare(add func(z float64)) error {
	var edges []meritrank.Edge
	for from := range meritrank.Node(zNodes) {
		for to := range meritrank.Node(zNodes) {
			if w := h.weights[[2]meritrank.Node{from, to}]; w != 0 {
				edges = append(edges, meritrank.Edge{From: from, To: to, Weight: w})
			}
		}
	}
	exact := newExact(edges, h.graph.Config().Alpha)
	exact.reach(zNodes)
	visits := exact.visits(0)
	for v := range meritrank.Node(zNodes) {
		plus, minus, err := h.graph.Hits(0, v)
		if err != nil {
			return err
		}
		for part, hits := range []uint32{plus, minus} {
			state := 2*int(v) + part
			p := 0.0
			if visits[state] > 0 {
				p = visits[state] / exact.visits(state)[state]
			}
			switch expected := zWalks * p; {
			case p < 1e-12 || p > 1-1e-7:
				if math.Abs(float64(hits)-expected) > 0.5 {
					return fmt.Errorf("node %d has %d hits, want %.0f", v, hits, expected)
				}
			default:
				add((float64(hits) - expected) / math.Sqrt(expected*(1-p)))
			}
		}
	}
	return nil
}
