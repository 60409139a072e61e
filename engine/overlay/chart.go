package overlay

import (
	"cmp"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// A Chart is what one node knows of the network: what it measured itself, what it
// thinks of peers, and a [Board] of what they say. Peers are numbered as on the
// board.
type Chart struct {
	// Credulous takes all claims at face value: what checking them wins, shows by
	// comparison.
	Credulous bool

	self  int32
	place Coordinate
	board *Board
	peers []charted  // by number; those that have come to the board later are missing
	near  []measured // in the order in which they were first measured
	order []int32    // numbers of those with a round trip, the nearest first as of the last sort
	turn  int        // of the peers whose claims are checked in turn
	sums  []evidence // by number
}

// charted is a peer on the chart.
type charted struct {
	near  int32   // 1 + its place among the measured, 0 for none
	rtt   float32 // as estimated, ms; 0 before the first round trip
	score float64
	trust float64 // how much its claims count, 0 to 1
}

// measured is a peer that the node has measured, or tried to.
type measured struct {
	peer  int32
	own   Estimate
	right float64 // claims of late that agree with own measurements
	wrong float64 // and that don't
}

// evidence gathers what claims say of the way to one peer.
type evidence struct {
	num, den float64
	upper    float64 // the shortest detour
}

// NewChart returns the chart of a node with a board of its own. The seed draws
// where it starts: two nodes at one point would never come apart.
func NewChart(self codec.PeerID, rng *rand.Rand) *Chart { return NewBoard().Chart(self, rng) }

// Chart returns the chart of a node that reads this board. A full board is a bug
// of the host's: there is no room for the node itself.
func (b *Board) Chart(self codec.PeerID, rng *rand.Rand) *Chart {
	number, ok := b.Number(self)
	if !ok {
		panic("overlay: no room on the board for the node itself")
	}
	c := &Chart{self: number, board: b}
	c.place = Coordinate{X: float64(100*rng.Float64()) - 50, Y: float64(100*rng.Float64()) - 50, Height: 5}
	return c
}

// Place is the node's own coordinate.
func (c *Chart) Place() Coordinate { return c.place }

// Len is the number of peers on the chart.
func (c *Chart) Len() int { return c.board.Len() - 1 }

// Reached is the number of peers that were measured.
func (c *Chart) Reached() int { return len(c.order) }

// Enter puts a peer on the chart. It returns false for the node itself, and when
// the board is full.
func (c *Chart) Enter(id codec.PeerID) bool {
	_, ok := c.enter(id)
	return ok
}

func (c *Chart) enter(id codec.PeerID) (number int32, ok bool) {
	number, ok = c.board.Number(id)
	return number, ok && number != c.self
}

// follow makes room for those who have come to the board since.
func (c *Chart) follow() {
	for len(c.peers) < c.board.Len() {
		c.peers = append(c.peers, charted{score: 1, trust: stranger})
	}
}

// at is the chart's entry of a peer.
func (c *Chart) at(number int32) *charted {
	c.follow()
	return &c.peers[number]
}

// enterNear is the place of a peer among the measured, made if need be; ok is
// false where there is no room.
func (c *Chart) enterNear(id codec.PeerID) (at int32, ok bool) {
	number, ok := c.enter(id)
	if !ok {
		return 0, false
	}
	p := c.at(number)
	if p.near == 0 {
		c.near = append(c.near, measured{peer: number})
		p.near = int32(len(c.near))
	}
	return p.near - 1, true
}

// Measure takes in a round trip of the node's own, in ns.
func (c *Chart) Measure(id codec.PeerID, rttNs int64) {
	at, ok := c.enterNear(id)
	if !ok {
		return
	}
	m := &c.near[at]
	p := &c.peers[m.peer]
	if p.rtt == 0 {
		c.order = append(c.order, m.peer)
	}
	m.own.Sample(rttNs)
	p.rtt = float32(ms(m.own.RTT()))
}

// Lost takes in a ping of the node's own without an answer.
func (c *Chart) Lost(id codec.PeerID) {
	if at, ok := c.enterNear(id); ok {
		c.near[at].own.Lost()
	}
}

// Estimate is what the node measured, which may be nothing.
func (c *Chart) Estimate(id codec.PeerID) Estimate {
	if m := c.find(id); m != nil {
		return m.own
	}
	return Estimate{}
}

// Measured ranges over the peers that were measured, by number, the nearest
// first. The estimates are the chart's.
func (c *Chart) Measured() iter.Seq2[int32, *Estimate] {
	c.sort()
	return func(yield func(int32, *Estimate) bool) {
		for _, number := range c.order {
			if !yield(number, &c.measured(number).own) {
				return
			}
		}
	}
}

func (c *Chart) find(id codec.PeerID) *measured {
	number, known := c.board.index[id]
	if !known || c.at(number).near == 0 {
		return nil
	}
	return c.measured(number)
}

func (c *Chart) measured(number int32) *measured { return &c.near[c.peers[number].near-1] }

// Claim takes in what an author says of its round trip to a peer, in ns; 0 takes
// the claim back.
func (c *Chart) Claim(author, peer codec.PeerID, rttNs int64) { c.board.Claim(author, peer, rttNs) }

// Placed takes in where a peer says it is. An invalid coordinate is ignored.
func (c *Chart) Placed(id codec.PeerID, at Coordinate) { c.board.Placed(id, at) }

// Score says what the node thinks of a peer, 0 to 1: of its claims, and of
// staying connected to it. Peers start at 1.
func (c *Chart) Score(id codec.PeerID, score float64) {
	if number, ok := c.enter(id); ok {
		c.at(number).score = min(max(score, 0), 1)
		c.weigh(number)
	}
}

// slack is by how much a claim may miss the triangle inequality, as a share and
// in ms: three quarters of real triples have a shorter detour somewhere, few by
// this much.
const (
	slackShare = 0.5
	slackMs    = 10
)

// stranger is how much a claim counts whose author was not checked yet.
const stranger = 0.5

// weigh decides how much a peer's claims count: by its score, and by how well they
// fit what the node measured.
func (c *Chart) weigh(number int32) {
	p := &c.peers[number]
	if p.trust = float64(stranger * p.score); p.near == 0 {
		return
	}
	if m := c.measured(number); m.wrong+m.right > 0 && !c.Credulous {
		share := m.right / (m.right + float64(3*m.wrong))
		p.trust = float64(p.score * share * share)
	}
}

// What a round looks at, as a network is larger than what one node can weigh
// every time. Claims by and of the nearest peers are what helps to find others that
// are near: with those of more, overlays in the lab come out worse. Of the rest
// some get their turn.
const (
	lookNear = 16
	lookTurn = 16
	checkMax = 64  // claims of one peer that are checked at a time
	weighMax = 128 // claims by one peer, and of one, that are weighed at a time
)

// Update learns from what was measured since the last time: it checks claims
// against it and moves the node's coordinate. Once a round is often enough.
func (c *Chart) Update() {
	c.follow()
	c.sort()
	springs := make([]spring, 0, lookNear+lookTurn)
	for _, number := range c.looked() {
		c.check(number)
		p, own := &c.board.peers[number], &c.peers[number]
		if p.placed {
			springs = append(springs, spring{p.place, float64(own.rtt), own.score})
		}
	}
	c.place = c.place.fit(springs)
}

// looked are the numbers of the nearest peers, and of those whose turn it is.
func (c *Chart) looked() []int32 {
	list := slices.Clone(c.nearest())
	if rest := c.order[len(list):]; len(rest) > 0 {
		for range min(lookTurn, len(rest)) {
			c.turn++
			list = append(list, rest[c.turn%len(rest)])
		}
	}
	return list
}

func (c *Chart) nearest() []int32 { return c.order[:min(lookNear, len(c.order))] }

// sort brings the measured peers into order. They nearly are: it goes through
// them once, and moves each a few places at most.
func (c *Chart) sort() {
	for i, number := range c.order {
		rtt := c.peers[number].rtt
		for ; i > 0 && rtt < c.peers[c.order[i-1]].rtt; i-- {
			c.order[i] = c.order[i-1]
		}
		c.order[i] = number
	}
}

func ms(ns int64) float64 { return float64(ns) / 1e6 }

// check counts the claims of a measured peer about other measured peers that
// can, and that can't, be true: the three round trips make a triangle.
func (c *Chart) check(number int32) {
	m, x := c.measured(number), c.peers[number].rtt
	m.right, m.wrong = 0, 0
	for _, cl := range c.window(c.board.peers[number].by, checkMax) {
		switch y := c.peers[cl.peer].rtt; {
		case y == 0: // not measured
		case max(x-y, y-x) > float32(cl.rtt*(1+slackShare))+slackMs:
			m.wrong++
		default:
			m.right++
		}
	}
	c.weigh(number)
}

// window is a part of many claims, another one each round.
func (c *Chart) window(claims []claim, most int) []claim {
	if over := len(claims) - most; over > 0 {
		from := c.turn * most % (over + 1)
		return claims[from : from+most]
	}
	return claims
}

// Predict is what the chart expects of the round trip to a peer that was not
// measured, in ns; ok is false where it has nothing to go by.
func (c *Chart) Predict(id codec.PeerID) (rttNs int64, ok bool) {
	number, known := c.board.index[id]
	if !known || number == c.self {
		return 0, false
	}
	c.gather()
	v := c.predict(number)
	if math.IsInf(v, 1) {
		return 0, false
	}
	return int64(v * 1e6), true
}

// gather adds up what claims say of the ways to peers: a measured peer speaks of
// another, and another of a measured one.
func (c *Chart) gather() {
	c.follow()
	c.sort()
	c.sums = c.sums[:0]
	for range c.peers {
		c.sums = append(c.sums, evidence{upper: math.Inf(1)})
	}
	for _, number := range c.nearest() {
		x, p := float64(c.peers[number].rtt), &c.board.peers[number]
		for _, cl := range c.window(p.by, weighMax) {
			if c.peers[cl.peer].rtt == 0 {
				c.sums[cl.peer].add(x, float64(cl.rtt), c.peers[number].trust)
			}
		}
		for _, cl := range c.window(p.of, weighMax) {
			if c.peers[cl.peer].rtt == 0 {
				c.sums[cl.peer].add(x, float64(cl.rtt), c.peers[cl.peer].trust)
			}
		}
	}
}

// add takes in one detour of two legs. If one leg is short, the peer is about as
// far away as the other one is long.
func (e *evidence) add(x, y, trust float64) {
	short := min(x, y)
	w := trust / (float64(short*short) + 4)
	e.num += float64(w * max(x, y))
	e.den += w
	if trust >= 0.25 {
		e.upper = min(e.upper, x+y)
	}
}

// predict weighs the coordinates, which are off by a share of the distance, and
// the detours against each other, in ms.
func (c *Chart) predict(number int32) float64 {
	p, e := &c.board.peers[number], &c.sums[number]
	num, den := e.num, e.den
	if p.placed {
		d := c.place.Distance(p.place)
		w := c.peers[number].trust / (float64(0.5*d*d) + 25)
		num += float64(w * d)
		den += w
	}
	if den == 0 {
		return math.Inf(1)
	}
	return min(num/den, e.upper)
}

// A Prospect is a peer that was not measured yet.
type Prospect struct {
	Peer  codec.PeerID
	RTTNs int64 // expected; 0 where nothing is
}

// Prospects returns the k unmeasured peers for which allowed holds that are
// expected to be nearest, nearest first; those of whom nothing is known come
// last. Ties go by key.
func (c *Chart) Prospects(k int, allowed func(codec.PeerID) bool) []Prospect {
	c.gather()
	var list []Prospect
	order := func(a, b Prospect) int { return cmp.Or(cmp.Compare(a.RTTNs, b.RTTNs), a.Peer.Compare(b.Peer)) }
	for i := range c.board.peers {
		number, p := int32(i), &c.board.peers[i]
		if number == c.self || c.peers[i].rtt != 0 {
			continue
		}
		next := Prospect{p.id, unknown}
		if v := c.predict(number); !math.IsInf(v, 1) {
			next.RTTNs = int64(v * 1e6)
		}
		if len(list) < k || k > 0 && order(next, list[k-1]) < 0 {
			if allowed(p.id) {
				list = keepLeast(list, k, next, order)
			}
		}
	}
	for i := range list {
		if list[i].RTTNs == unknown {
			list[i].RTTNs = 0
		}
	}
	return list
}

// keepLeast adds a value to a list of the k least so far, which is in order.
func keepLeast[T any](list []T, k int, v T, order func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(list, v, order)
	if at >= k {
		return list
	}
	list = slices.Insert(list, at, v)
	return list[:min(k, len(list))]
}

// unknown is longer than any prediction.
const unknown = math.MaxInt64

// Agreement counts the claims of a peer that fit what the node measured, and
// those that can't be true, as of the last Update.
func (c *Chart) Agreement(id codec.PeerID) (right, wrong float64) {
	if m := c.find(id); m != nil {
		return m.right, m.wrong
	}
	return 0, 0
}
