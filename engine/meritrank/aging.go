package meritrank

import "math"

// Aging lets evidence lose weight: half of it every half-life. As a walk chooses
// by the ratios of a node's out-edges, and all of them age alike, nothing changes
// while time passes. Instead what comes later weighs more; when the factor gets
// large, all edges of a node are brought back by the same power of two, which
// leaves every walk as it is.
//
// A change below a share of Epsilon of the weight is left out, so that repeating an
// opinion costs nothing until it has aged.
type Aging struct {
	graph    *Graph
	halfLife float64
	epsilon  float64
	bases    []int64 // by source: the time at which evidence has its own weight
	begun    []bool
}

// TimeMax is the latest time of evidence, in nanoseconds, and the longest
// half-life; the earliest is its negative.
const TimeMax = 1 << 62

// growthMax is how many half-lives may be between a node's base and new evidence.
const growthMax = 32

// NewAging returns a way to add evidence to a graph that halves in halfLife
// nanoseconds, 1 to TimeMax. Epsilon is 0 to 1. Errors are ErrTime and ErrConfig.
func NewAging(graph *Graph, halfLife int64, epsilon float64) (*Aging, error) {
	if halfLife < 1 || halfLife > TimeMax {
		return nil, refuse(ErrTime, "half-life of %d ns", halfLife)
	}
	if !(epsilon >= 0 && epsilon <= 1) {
		return nil, refuse(ErrConfig, "epsilon is %v, want 0 to 1", epsilon)
	}
	return &Aging{graph: graph, halfLife: float64(halfLife), epsilon: epsilon}, nil
}

// Observe sets what a node thinks of another as of a time in nanoseconds; it takes
// the place of what it thought before. It reports whether that changed the graph.
// Errors are those of Graph.Set, and ErrTime.
func (a *Aging) Observe(from, to Node, weight float64, at int64) (changed bool, err error) {
	if at < -TimeMax || at > TimeMax {
		return false, refuse(ErrTime, "evidence of %d ns", at)
	}
	if weight, err = a.graph.cfg.checkEdge(from, to, weight); err != nil {
		return false, err
	}
	grown, err := a.grown(from, weight, at)
	if err != nil {
		return false, err
	}
	if math.Abs(grown) <= WeightMin {
		grown = 0
	}
	old := a.graph.weight(from, to)
	most := max(math.Abs(old), math.Abs(grown))
	if math.Signbit(old) == math.Signbit(grown) && math.Abs(old-grown) <= float64(a.epsilon*most) {
		return false, nil
	}
	return true, a.graph.Set(from, to, grown)
}

// grown is the weight of evidence in the units of its source.
func (a *Aging) grown(from Node, weight float64, at int64) (float64, error) {
	if n := int(from) + 1 - len(a.bases); n > 0 {
		a.bases = append(a.bases, make([]int64, n)...)
		a.begun = append(a.begun, make([]bool, n)...)
	}
	if !a.begun[from] {
		a.bases[from], a.begun[from] = at, true
	}
	age := a.age(from, at)
	if age > growthMax {
		if err := a.rebase(from, math.Floor(age)); err != nil {
			return 0, err
		}
		age = a.age(from, at)
	}
	return float64(weight * exp2(max(age, -1000))), nil
}

// age is how many half-lives a time lies after a node's base.
func (a *Aging) age(from Node, at int64) float64 {
	return (float64(at) - float64(a.bases[from])) / a.halfLife
}

// rebase moves a node's base by whole half-lives. Edges that have become too light
// end.
func (a *Aging) rebase(from Node, halfLives float64) error {
	a.bases[from] += int64(uint64(float64(halfLives * a.halfLife))) // up to 2⁶³, which wraps back
	if int(from) >= len(a.graph.lists) {
		return nil
	}
	l := &a.graph.lists[from]
	shift := -int(min(halfLives, 2000))
	for i := int(l.len) - 1; i >= 0; i-- {
		w := a.graph.weightsOf(l)[i]
		if math.Abs(math.Ldexp(w, shift)) <= WeightMin {
			if err := a.graph.Set(from, a.graph.arcsOf(l)[i].target(), 0); err != nil {
				return err
			}
		}
	}
	weights := a.graph.weightsOf(l)
	for i := range weights {
		weights[i] = math.Ldexp(weights[i], shift)
	}
	l.added = false
	return nil
}

// Weight is what an edge weighs at a time, 0 if there is none.
func (a *Aging) Weight(from, to Node, at int64) float64 {
	w := a.graph.weight(from, to)
	if w == 0 {
		return 0
	}
	return float64(w * exp2(max(-a.age(from, at), -1000)))
}
