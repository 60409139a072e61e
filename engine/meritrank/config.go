package meritrank

import (
	"errors"
	"fmt"
	"math"
)

// A Node is a peer by number. Numbers are dense: arrays are as long as the
// highest one in use.
type Node = uint32

// Bounds of what a Graph can hold.
const (
	// WalksMax is the most walks of one ego.
	WalksMax = 1 << 19
	// LengthMax is the most nodes of one walk, its start included. Longer ones are
	// cut: at AlphaMax one in 10¹⁷ would be.
	LengthMax = 1 << 12
	// AlphaMax is the highest probability to go on.
	AlphaMax = 0.99
	// NodesMax is the most nodes of a graph.
	NodesMax = 1 << 30
	// EdgesMax is the most edges of a graph.
	EdgesMax = 1 << 30
	// WeightMin is the smallest weight: what is not above it, by its amount, is no
	// edge.
	WeightMin = 1e-6
	// WeightMax is the largest weight, by its amount.
	WeightMax = 1e100
)

// Config says how a Graph walks and what it may hold. Zero fields mean the
// defaults.
type Config struct {
	// Seed chooses the walks. The same seed, graph and ego give the same walks, on
	// every platform, whatever else was asked before.
	Seed uint64
	// Walks is how many each ego has, 1 to WalksMax. Errors shrink with its root.
	Walks int
	// Alpha is the probability to go on at each step, above 0, at most AlphaMax.
	Alpha float64
	// Beta is the connectivity decay, 0 (none) to 1: this share is taken from the
	// trust in peers that are reached through one single other.
	Beta float64
	// Threshold says how single: the share of the walks to a peer that pass the
	// same node, from which on Beta applies, above 0, at most 1.
	Threshold float64
	// Nodes and Edges bound the graph, Egos the egos whose walks are kept: the one
	// that was not asked for longest gives way.
	Nodes, Edges, Egos int
}

// What zero fields of a Config mean.
const (
	DefaultWalks     = 10_000
	DefaultAlpha     = 0.85
	DefaultThreshold = 1.0
	DefaultNodes     = 1 << 20
	DefaultEdges     = 1 << 24
	DefaultEgos      = 64
)

// Reasons why a call is refused, to be tested with errors.Is.
var (
	// ErrConfig is a field of a Config out of its range.
	ErrConfig = errors.New("config out of range")
	// ErrNode is a node beyond Config.Nodes.
	ErrNode = errors.New("node out of range")
	// ErrWeight is a weight that is no finite number or too large.
	ErrWeight = errors.New("weight out of range")
	// ErrSelf is an edge from a node to itself.
	ErrSelf = errors.New("edge to itself")
	// ErrFull is an edge beyond Config.Edges.
	ErrFull = errors.New("too many edges")
	// ErrTime is an age or half-life out of range.
	ErrTime = errors.New("time out of range")
)

func refuse(reason error, format string, args ...any) error {
	return fmt.Errorf("meritrank: %w: %s", reason, fmt.Sprintf(format, args...))
}

func withDefault[T int | float64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// complete fills in the defaults and checks the ranges.
func (c *Config) complete() error {
	withDefault(&c.Walks, DefaultWalks)
	withDefault(&c.Alpha, DefaultAlpha)
	withDefault(&c.Threshold, DefaultThreshold)
	withDefault(&c.Nodes, DefaultNodes)
	withDefault(&c.Edges, DefaultEdges)
	withDefault(&c.Egos, DefaultEgos)
	for _, f := range []struct {
		name        string
		value, most int
	}{
		{"walks", c.Walks, WalksMax}, {"nodes", c.Nodes, NodesMax},
		{"edges", c.Edges, EdgesMax}, {"egos", c.Egos, NodesMax},
	} {
		if f.value < 1 || f.value > f.most {
			return refuse(ErrConfig, "%s is %d, want 1 to %d", f.name, f.value, f.most)
		}
	}
	switch {
	case !(c.Alpha > 0 && c.Alpha <= AlphaMax):
		return refuse(ErrConfig, "alpha is %v, want above 0, at most %v", c.Alpha, AlphaMax)
	case !(c.Beta >= 0 && c.Beta <= 1):
		return refuse(ErrConfig, "beta is %v, want 0 to 1", c.Beta)
	case !(c.Threshold > 0 && c.Threshold <= 1):
		return refuse(ErrConfig, "threshold is %v, want above 0, at most 1", c.Threshold)
	}
	return nil
}

// checkEdge refuses what cannot be an edge and makes 0 of what is none.
func (c *Config) checkEdge(from, to Node, weight float64) (float64, error) {
	switch {
	case uint64(max(from, to)) >= uint64(c.Nodes):
		return 0, refuse(ErrNode, "%d, the graph has room for %d", max(from, to), c.Nodes)
	case from == to:
		return 0, refuse(ErrSelf, "node %d", from)
	case !(math.Abs(weight) <= WeightMax):
		return 0, refuse(ErrWeight, "%v from %d to %d", weight, from, to)
	case math.Abs(weight) <= WeightMin:
		return 0, nil
	}
	return weight, nil
}
