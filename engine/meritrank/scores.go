package meritrank

import (
	"math"
	"slices"
)

// A Score is how much an ego trusts a node: the node's share of all hits, those of
// distrust counted negative.
type Score struct {
	Node  Node
	Value float64 // −1 to 1; the amounts of all scores of an ego add up to at most 1
	Error float64 // standard error of Value, as far as it comes from the number of walks
}

// Scores appends the scores of all nodes that an ego's walks have met to dst, the
// highest first, equal ones by node. The ego is one of them. Nodes that no walk
// has met have the score 0. It draws the walks if there are none.
//
// The error is ErrNode.
func (g *Graph) Scores(dst []Score, node Node) ([]Score, error) {
	e, err := g.view(node)
	if err != nil {
		return dst, err
	}
	g.rank.fill(g, e)
	g.rank.sort()
	dst = slices.Grow(dst, len(g.rank.items))
	for _, item := range g.rank.items {
		dst = append(dst, e.score(item))
	}
	return dst, nil
}

// Top appends the k highest scores that Scores would give.
func (g *Graph) Top(dst []Score, node Node, k int) ([]Score, error) {
	e, err := g.view(node)
	if err != nil {
		return dst, err
	}
	g.rank.fill(g, e)
	g.rank.keep(k)
	for _, item := range g.rank.items {
		dst = append(dst, e.score(item))
	}
	return dst, nil
}

// Score returns the score that an ego gives a node. For a node that no walk has
// met it is 0, with one hit's worth of error.
func (g *Graph) Score(node, peer Node) (Score, error) {
	e, err := g.view(node)
	if err != nil {
		return Score{}, err
	}
	number, ok := e.find(peer)
	if !ok {
		return Score{Node: peer, Error: 1 / float64(e.hits)}, nil
	}
	return e.score(ranked{g.net(e, number), peer, number, 0}), nil
}

// Hits returns in how many of an ego's walks a node occurs before, and in how many
// after, they follow distrust. Of the ego itself the former are all walks.
func (g *Graph) Hits(node, peer Node) (trusting, distrusting uint32, err error) {
	e, err := g.view(node)
	if err != nil {
		return 0, 0, err
	}
	if number, ok := e.find(peer); ok {
		trusting, distrusting = e.list[number].plus, e.list[number].minus
	}
	return trusting, distrusting, nil
}

// A ranked node is on its way through a sort.
type ranked struct {
	key    uint64 // net hits, shifted and moved so that none is negative
	node   Node
	number uint32 // of its record
	hits   uint32 // of both kinds, where they say all of its error; else 0
}

const (
	netBits = 22                  // of a hit's fraction: two digits of the sort
	netZero = 1 << (21 + netBits) // the key of 0 hits
	digit   = 11
)

// score turns net hits into a share of all hits. Both are sums over the walks, x
// and t of each, so the share's variance is Σ(x − share·t)² over the square of all
// hits.
func (e *ego) score(item ranked) Score {
	total := float64(e.hits)
	net := float64(int64(item.key)-netZero) * (1.0 / (1 << netBits))
	share := net / total
	squares, joint := float64(item.hits), float64(net*float64(e.squares))/total
	if item.hits == 0 {
		squares, joint = e.moments(item.number)
	}
	spread := squares - float64(2*share*joint) + float64(float64(share*share)*float64(e.squares))
	return Score{Node: item.node, Value: share, Error: math.Sqrt(max(spread, 1)) / total}
}

// light reports whether few walks meet a node.
func (e *ego) light(r *record) bool { return 100*int(r.len) < len(e.walks) }

// momentSample is how many visits the moments look at of a node that has less than
// one of momentShare of all hits: an error of a few percent in what is itself a
// small correction.
const (
	momentSample = 512
	momentShare  = 50
)

// moments are Σ x² and Σ x·t of a node over the walks. For a node that few walks
// meet the latter hardly matters, and what a hit goes with on average will do.
func (e *ego) moments(number uint32) (squares, joint float64) {
	r := &e.list[number]
	hits := float64(r.plus + r.minus)
	if e.light(r) && number != 0 {
		return hits, float64(int64(r.plus)-int64(r.minus)) * float64(e.squares) / float64(e.hits)
	}
	sum, both := int64(0), 0
	visits := e.visitsOf(number)
	stride := 1
	if int64(r.plus+r.minus)*momentShare < e.hits {
		stride = max(len(visits)/momentSample, 1)
	}
	for i := 0; i < len(visits); i += stride {
		v := visits[i]
		if !v.first() {
			continue
		}
		w := &e.walks[v.walk()]
		if v.position() < int(w.turn) {
			sum += int64(w.hits)
			continue
		}
		sum -= int64(w.hits)
		if number == 0 || occurs(e.steps[w.at:][:w.turn-1], number) {
			both++
		}
	}
	joint = float64(int64(stride) * sum)
	if number == 0 { // at the start of every walk
		joint += float64(e.hits)
	}
	return max(hits-float64(2*stride*both), 0), joint
}

func occurs(steps []step, number uint32) bool {
	for _, s := range steps {
		if s.record == number {
			return true
		}
	}
	return false
}

// net is a node's key: its trusting hits, less what connectivity takes, less its
// distrusting ones.
func (g *Graph) net(e *ego, number uint32) uint64 {
	r := &e.list[number]
	net := (int64(r.plus) - int64(r.minus)) << netBits
	if g.cfg.Beta > 0 && g.single(e, number) {
		net -= int64(math.RoundToEven(math.Ldexp(float64(g.cfg.Beta*float64(r.plus)), netBits)))
	}
	return uint64(net + netZero)
}

// ranking is the scratch of sorting.
type ranking struct{ items, other []ranked }

// fill lists the nodes that an ego has met, in no particular order.
func (r *ranking) fill(g *Graph, e *ego) {
	r.items = slices.Grow(r.items[:0], e.size())
	for i := range e.list {
		rec := &e.list[i]
		if rec.node == vacant {
			continue
		}
		item := ranked{g.net(e, uint32(i)), rec.node, uint32(i), 0}
		if g.cfg.Beta == 0 && i > 0 && e.light(rec) { // most are: no need to look them up again after the sort
			item.hits = rec.plus + rec.minus
		}
		r.items = append(r.items, item)
	}
}

// before is the order of the result.
func before(a, b *ranked) int {
	switch {
	case a.key != b.key:
		if a.key > b.key {
			return -1
		}
		return 1
	case a.node < b.node:
		return -1
	}
	return 1
}

// sort orders the items by radix: by node, then by falling key.
func (r *ranking) sort() {
	if len(r.items) < 256 {
		slices.SortFunc(r.items, func(a, b ranked) int { return before(&a, &b) })
		return
	}
	r.other = slices.Grow(r.other[:0], len(r.items))[:len(r.items)]
	first := r.items[0]
	var keys uint64 // the bits in which keys differ
	var nodes Node
	for i := range r.items {
		keys |= r.items[i].key ^ first.key
		nodes |= r.items[i].node ^ first.node
	}
	for shift := 0; nodes>>shift != 0; shift += digit {
		r.pass(true, shift)
	}
	for shift := 0; shift < 64; shift += digit {
		if keys>>shift&(1<<digit-1) != 0 {
			r.pass(false, shift)
		}
	}
}

// digit is one digit of the node, or of the key, from the highest down.
func (item *ranked) digit(byNode bool, shift int) uint64 {
	key := ^item.key
	if byNode {
		key = uint64(item.node)
	}
	return key >> (shift & 63) & (1<<digit - 1)
}

// pass sorts by one digit.
func (r *ranking) pass(byNode bool, shift int) {
	var counts [1 << digit]uint32
	for i := range r.items {
		counts[r.items[i].digit(byNode, shift)]++
	}
	sum := uint32(0)
	for i, n := range counts {
		counts[i] = sum
		sum += n
	}
	for i := range r.items {
		at := &counts[r.items[i].digit(byNode, shift)]
		r.other[*at] = r.items[i]
		*at++
	}
	r.items, r.other = r.other, r.items
}

// keep leaves the k first of the result, in order: a heap whose root is the last
// of them.
func (r *ranking) keep(k int) {
	if k = max(k, 0); k < len(r.items) {
		heap := r.items[:k]
		for i := k/2 - 1; i >= 0; i-- {
			sink(heap, i)
		}
		for i := k; i < len(r.items) && k > 0; i++ {
			if before(&r.items[i], &heap[0]) < 0 {
				heap[0] = r.items[i]
				sink(heap, 0)
			}
		}
		r.items = heap
	}
	r.sort()
}

// sink restores the heap below i.
func sink(heap []ranked, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && before(&heap[child+1], &heap[child]) > 0 {
			child++
		}
		if before(&heap[child], &heap[i]) < 0 {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
