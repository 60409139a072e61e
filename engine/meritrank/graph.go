package meritrank

import (
	"fmt"
)

// Graph is a signed graph and the views of its egos. It is not safe for concurrent
// use.
type Graph struct {
	edges
	cfg     Config
	keep    []uint64 // αᵏ, k from 1, in units of 2⁻⁶⁴
	egos    []*ego
	byNode  map[Node]*ego
	spare   *ego // the memory of one that is gone
	calls   uint64
	redrawn int64

	// Scratch.
	marks     []mark
	stepRoom  []step
	visitRoom []visit
	cuts      []visit
	concerned []*ego
	path      []uint32
	rank      ranking
	push      pusher
	refined   []Score
}

// New returns an empty graph, or ErrConfig.
func New(cfg Config) (*Graph, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	g := &Graph{cfg: cfg, byNode: map[Node]*ego{}}
	for p := cfg.Alpha; len(g.keep) < LengthMax-1 && fraction(p) > 0; p = float64(p * cfg.Alpha) {
		g.keep = append(g.keep, fraction(p))
	}
	return g, nil
}

// Config returns the config with its defaults filled in.
func (g *Graph) Config() Config { return g.cfg }

// Nodes returns how many nodes there are: one more than the highest that an edge
// or a question has named.
func (g *Graph) Nodes() int { return len(g.lists) }

// Edges returns how many edges there are.
func (g *Graph) Edges() int { return g.count }

// AppendEdges appends all edges to dst, by source and target.
func (g *Graph) AppendEdges(dst []Edge) []Edge { return g.appendEdges(dst) }

// Weight returns the weight of an edge, 0 if there is none.
func (g *Graph) Weight(from, to Node) float64 { return g.weight(from, to) }

// Set gives an edge a weight: positive for trust, negative for distrust; 0, or
// what is not above WeightMin by its amount, removes it. The walks of all egos
// follow: afterwards they are distributed as if drawn on the new graph. Walks that
// nobody asks for while many edges change are forgotten instead: drawing them anew
// costs less.
//
// Errors are ErrNode, ErrSelf, ErrWeight and ErrFull; then nothing has changed.
func (g *Graph) Set(from, to Node, weight float64) error {
	weight, err := g.cfg.checkEdge(from, to, weight)
	if err != nil {
		return err
	}
	old := g.weight(from, to)
	if old == weight {
		return nil
	}
	if old == 0 && g.count >= g.cfg.Edges {
		return refuse(ErrFull, "%d", g.count)
	}
	g.reserve(max(from, to))
	g.forgetUnasked()
	if old < 0 && weight > 0 || old > 0 && weight < 0 {
		g.move(from, to, old, 0)
		old = 0
	}
	g.move(from, to, old, weight)
	return nil
}

// move changes a weight without changing its sign.
func (g *Graph) move(from, to Node, old, weight float64) {
	g.concerned = g.concerned[:0]
	for _, e := range g.egos {
		e.owed += g.expected(e, from)
		if _, ok := e.find(from); ok {
			g.concerned = append(g.concerned, e)
		}
	}
	if len(g.concerned) == 0 {
		g.set(from, to, weight)
		return
	}
	before := *g.summed(from)
	g.set(from, to, weight)
	c := g.compare(from, to, before, old, weight, g.cfg.Alpha)
	for _, e := range g.concerned {
		g.follow(e, &c)
	}
}

// redrawShare is the share of an ego's walks that cost as much to redraw one by one
// as all do to draw anew. An ego that is not asked for while changes redraw more
// than that is forgotten: until it is asked for again they cost it nothing.
const redrawShare = 1.0 / 4

func (g *Graph) forgetUnasked() {
	for i := len(g.egos) - 1; i >= 0; i-- {
		if e := g.egos[i]; e.owed > float64(len(e.walks))*redrawShare {
			g.Forget(e.node)
		}
	}
}

// expected is about how many walks of an ego a change of one of a node's edges
// redraws, were all nodes but the ego visited alike and all edges of one weight. It
// must not depend on the walks: if how they turned out decided which are kept, those
// kept would not be typical.
func (g *Graph) expected(e *ego, from Node) float64 {
	visits := float64(len(e.walks))
	if from != e.node {
		visits /= (1 - g.cfg.Alpha) * float64(len(g.lists))
	}
	return visits / float64(g.lists[from].len+1)
}

// Load sets many edges at once, in their order, and forgets all walks: they are
// drawn again when they are asked for. Errors are those of Set; then nothing has
// changed.
func (g *Graph) Load(list []Edge) error {
	for i := range list {
		e := &list[i]
		if _, err := g.cfg.checkEdge(e.From, e.To, e.Weight); err != nil {
			return fmt.Errorf("edge %d: %w", i, err)
		}
	}
	if g.count > 0 {
		list = append(g.appendEdges(make([]Edge, 0, g.count+len(list))), list...)
	}
	built := build(list, len(g.lists))
	if built.count > g.cfg.Edges {
		return refuse(ErrFull, "%d, room for %d", built.count, g.cfg.Edges)
	}
	g.edges = built
	for len(g.egos) > 0 {
		g.Forget(g.egos[len(g.egos)-1].node)
	}
	return nil
}

// Forget drops the walks of an ego.
func (g *Graph) Forget(node Node) {
	e := g.byNode[node]
	if e == nil {
		return
	}
	for i := range g.egos {
		if g.egos[i] == e {
			g.egos = append(g.egos[:i], g.egos[i+1:]...)
			break
		}
	}
	delete(g.byNode, node)
	g.spare = e
}

// view returns an ego with its walks, which it draws if it has none.
func (g *Graph) view(node Node) (*ego, error) {
	if uint64(node) >= uint64(g.cfg.Nodes) {
		return nil, refuse(ErrNode, "%d, the graph has room for %d", node, g.cfg.Nodes)
	}
	g.calls++
	e := g.byNode[node]
	if e == nil {
		e = g.admit(node)
	}
	e.used, e.owed = g.calls, 0
	return e, nil
}

// admit makes a node an ego; where there are too many, the one not asked for
// longest gives way.
func (g *Graph) admit(node Node) *ego {
	g.reserve(node)
	if len(g.egos) == g.cfg.Egos {
		oldest := g.egos[0]
		for _, e := range g.egos {
			if e.used < oldest.used {
				oldest = e
			}
		}
		g.Forget(oldest.node)
	}
	e := g.spare
	g.spare = nil
	if e == nil {
		e = new(ego)
	}
	g.calculate(e, node)
	g.egos = append(g.egos, e)
	g.byNode[node] = e
	return e
}

// Usage is what the views of a graph take.
type Usage struct {
	Egos      int
	WalkNodes int64 // nodes of all walks, starts included
	Bytes     int64 // of all walks with their indexes
	Redrawn   int64 // walks that changes have cut and let go on anew, since the beginning
}

// Usage returns what the views take now.
func (g *Graph) Usage() Usage {
	u := Usage{Egos: len(g.egos), Redrawn: g.redrawn}
	for _, e := range g.egos {
		u.WalkNodes += e.length + int64(len(e.walks))
		u.Bytes += int64(12*cap(e.walks) + 8*cap(e.steps) + 4*cap(e.visits) + 24*cap(e.list) + 4*cap(e.places))
	}
	return u
}
