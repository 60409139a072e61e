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
	return e.score(ranked{g.net(e, number), peer, number}), nil
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
	r := &e.list[item.number]
	total := float64(e.hits)
	share := math.Ldexp(float64(int64(item.key)-netZero), -netBits) / total
	squares, joint := e.moments(item.number)
	spread := squares - float64(2*share*joint) + float64(float64(share*share)*float64(e.squares))
	return Score{Node: r.node, Value: share, Error: math.Sqrt(max(spread, 1)) / total}
}

// moments are Σ x² and Σ x·t of a node over the walks. For a node that few walks
// meet the latter hardly matters, and what a hit goes with on average will do.
func (e *ego) moments(number uint32) (squares, joint float64) {
	r := &e.list[number]
	if 100*int(r.len) < len(e.walks) && number != 0 {
		net := float64(int64(r.plus) - int64(r.minus))
		return float64(r.plus + r.minus), net * float64(e.squares) / float64(e.hits)
	}
	sum, both := int64(0), uint32(0)
	if number == 0 {
		sum = e.hits
	}
	for _, v := range e.visitsOf(number) {
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
	return float64(r.plus + r.minus - 2*both), float64(sum)
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
		if node := e.list[i].node; node != vacant {
			r.items = append(r.items, ranked{g.net(e, uint32(i)), node, uint32(i)})
		}
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
	for shift := 0; shift < 32; shift += digit {
		r.pass(func(item *ranked) uint64 { return uint64(item.node) >> shift })
	}
	for shift := 0; shift < 64; shift += digit {
		r.pass(func(item *ranked) uint64 { return ^item.key >> shift })
	}
}

// pass sorts by one digit, unless it is the same everywhere.
func (r *ranking) pass(key func(*ranked) uint64) {
	const mask = 1<<digit - 1
	var counts [mask + 1]uint32
	for i := range r.items {
		counts[key(&r.items[i])&mask]++
	}
	if counts[key(&r.items[0])&mask] == uint32(len(r.items)) {
		return
	}
	sum := uint32(0)
	for i, n := range counts {
		counts[i] = sum
		sum += n
	}
	for i := range r.items {
		at := &counts[key(&r.items[i])&mask]
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
