package meritrank

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// An Edge is what one node thinks of another: trust if its weight is positive,
// distrust if negative.
type Edge struct {
	From, To Node
	Weight   float64
}

// distrusts marks the target of a negative edge.
const distrusts = 1 << 31

// arc is an out-edge as walks see it, in a list sorted by target. A random number
// chooses the first arc whose cum is not below it; guide says where to begin.
type arc struct {
	cum   uint64 // share of this arc and those before it, in units of 2⁻⁶⁴
	to    uint32 // target, with distrusts
	guide uint32 // in the list's j-th arc: the first that any number from j/len on can choose
}

func (a *arc) target() Node { return a.to &^ distrusts }

// list is a node's out-edges.
type list struct {
	at, len, cap uint32
	drawn        uint8   // draws since the weights changed; above searches, cum and guide are theirs
	added        bool    // whether the sums are those of the weights
	all, pos     float64 // sums of all amounts and of the positive ones
}

// edges is the graph alone.
type edges struct {
	lists   []list
	arcs    []arc
	weights []float64 // beside arcs
	spans   spans
	count   int
}

// reserve makes nodes 0 to v exist.
func (g *edges) reserve(v Node) {
	if n := int(v) + 1 - len(g.lists); n > 0 {
		g.lists = append(g.lists, make([]list, n)...)
	}
}

// arcsOf is a node's part of the arcs.
func (g *edges) arcsOf(l *list) []arc { return g.arcs[l.at:][:l.len] }

func (g *edges) weightsOf(l *list) []float64 { return g.weights[l.at:][:l.len] }

// find returns where d is or would be among a node's arcs.
func (g *edges) find(l *list, d Node) (i uint32, ok bool) {
	arcs := g.arcsOf(l)
	lo, n := 0, len(arcs)
	for n > 0 {
		half := n >> 1
		if arcs[lo+half].target() < d {
			lo += n - half
		}
		n = half
	}
	return uint32(lo), lo < len(arcs) && arcs[lo].target() == d
}

// weight is that of an edge, 0 if there is none.
func (g *edges) weight(s, d Node) float64 {
	if int(s) >= len(g.lists) {
		return 0
	}
	l := &g.lists[s]
	i, ok := g.find(l, d)
	if !ok {
		return 0
	}
	return g.weights[l.at+i]
}

// set writes a weight; 0 removes the edge. Nodes exist.
func (g *edges) set(s, d Node, weight float64) {
	l := &g.lists[s]
	i, ok := g.find(l, d)
	switch {
	case ok && weight == 0:
		copy(g.arcsOf(l)[i:], g.arcsOf(l)[i+1:])
		copy(g.weightsOf(l)[i:], g.weightsOf(l)[i+1:])
		l.len--
		g.count--
	case weight != 0:
		if !ok {
			g.insert(l, i)
		}
		to := uint32(d)
		if weight < 0 {
			to |= distrusts
		}
		g.arcs[l.at+i].to = to
		g.weights[l.at+i] = weight
	}
	l.drawn, l.added = 0, false
}

// insert makes room for the i-th arc.
func (g *edges) insert(l *list, i uint32) {
	if l.len == l.cap {
		to := list{len: l.len, cap: roomFor(l.len + 1)}
		to.at = g.spans.take(to.cap)
		g.arcs, g.weights = fit(g.arcs, g.spans.end), fit(g.weights, g.spans.end)
		copy(g.arcsOf(&to), g.arcsOf(l))
		copy(g.weightsOf(&to), g.weightsOf(l))
		g.spans.give(l.at, l.cap)
		l.at, l.cap = to.at, to.cap
	}
	l.len++
	g.count++
	copy(g.arcsOf(l)[i+1:], g.arcsOf(l)[i:])
	copy(g.weightsOf(l)[i+1:], g.weightsOf(l)[i:])
}

// summed is a node's list with its sums. They are added up again after a change, as
// sums that are corrected drift, but not before somebody comes by.
func (g *edges) summed(v Node) *list {
	l := &g.lists[v]
	if !l.added {
		l.all, l.pos = g.sums(l)
		l.added = true
	}
	return l
}

// sums adds the weights up: all amounts, and the positive ones. Two sums of each
// side by side, so that one addition need not wait for the other.
func (g *edges) sums(l *list) (all, pos float64) {
	weights := g.weightsOf(l)
	var p0, p1, n0, n1 float64
	for ; len(weights) >= 2; weights = weights[2:] {
		p, n := amounts(weights[0])
		p0, n0 = p0+p, n0+n
		p, n = amounts(weights[1])
		p1, n1 = p1+p, n1+n
	}
	if len(weights) > 0 {
		p, n := amounts(weights[0])
		p0, n0 = p0+p, n0+n
	}
	return (p0 + p1) + (n0 + n1), p0 + p1
}

// amounts are a weight's own as trust and as distrust, one of them 0. There is no
// branch, as no guess at the sign would be good.
func amounts(w float64) (pos, neg float64) {
	bits := math.Float64bits(w)
	sign := uint64(int64(bits) >> 63)
	return math.Float64frombits(bits &^ sign), math.Float64frombits(bits & sign &^ (1 << 63))
}

// prepare computes cum and guide.
func (g *edges) prepare(l *list) {
	arcs, weights := g.arcsOf(l), g.weightsOf(l)
	arcs = arcs[:len(weights)]
	sum, scale := 0.0, l.scale()
	for i, w := range weights {
		sum += math.Abs(w)
		arcs[i].cum = share(sum, scale)
	}
	arcs[len(arcs)-1].cum = math.MaxUint64
	width, bound, i := math.MaxUint64/uint64(len(arcs)), uint64(0), uint32(0)
	for j := range arcs {
		for arcs[i].cum < bound {
			i++
		}
		arcs[j].guide = i
		bound += width
	}
}

// scale turns sums of weights into units of 2⁻⁶⁴ of the whole.
func (l *list) scale() float64 { return two64 / l.all }

const two64 = 1 << 64

// share is a part of the whole in units of 2⁻⁶⁴, short of the whole itself.
func share(sum, scale float64) uint64 {
	if x := sum * scale; x < two64 {
		return uint64(x)
	}
	return math.MaxUint64
}

// draw chooses an out-edge by weight, among the positive ones only if the walk
// has met distrust. ok is false if there is none.
func (g *edges) draw(v Node, distrust bool, random *rand.ChaCha8) (to uint32, ok bool) {
	l := g.summed(v)
	if l.len == 0 {
		return 0, false
	}
	if distrust && l.pos != l.all {
		return g.drawPositive(l, random)
	}
	return g.choose(l, random.Uint64()), true
}

// searches is how many draws after a change add up instead of preparing: that is
// less work, and many lists change again before it would have been worth it.
const searches = 4

// choose returns the arc that a random number means.
func (g *edges) choose(l *list, x uint64) uint32 {
	if l.drawn <= searches {
		if l.drawn++; l.drawn <= searches {
			return g.search(l, x)
		}
		g.prepare(l)
	}
	arcs := g.arcsOf(l)
	j, _ := bits.Mul64(x, uint64(len(arcs)))
	i := arcs[j].guide
	for x > arcs[i].cum {
		i++
	}
	return arcs[i].to
}

// search is choose by the weights alone.
func (g *edges) search(l *list, x uint64) uint32 {
	weights := g.weightsOf(l)
	sum, scale := 0.0, l.scale()
	low := float64(x) * (1 - 1.0/(1<<52)) // not above x, however it is rounded
	for i, w := range weights[:len(weights)-1] {
		sum += math.Abs(w)
		if sum*scale >= low && x <= share(sum, scale) {
			return g.arcs[l.at+uint32(i)].to
		}
	}
	return g.arcs[l.at+l.len-1].to
}

// drawPositive chooses among the positive edges: by refusal where few draws are
// refused, else by adding up.
func (g *edges) drawPositive(l *list, random *rand.ChaCha8) (to uint32, ok bool) {
	if l.pos == 0 {
		return 0, false
	}
	if 4*l.pos > l.all {
		for {
			if to = g.choose(l, random.Uint64()); to&distrusts == 0 {
				return to, true
			}
		}
	}
	weights := g.weightsOf(l)
	rest := float64(l.pos * unit(random.Uint64()))
	for i, w := range weights {
		if w < 0 {
			continue
		}
		to = g.arcs[l.at+uint32(i)].to
		if rest -= w; rest < 0 {
			break
		}
	}
	return to, true
}

// unit is in [0, 1).
func unit(x uint64) float64 { return float64(x>>11) * (1.0 / (1 << 53)) }
