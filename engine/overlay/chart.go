package overlay

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Bounds on what others can make a chart hold.
const (
	PeersMax  = 16384 // peers in a chart
	ClaimsMax = 512   // claims of one peer: what it measured last would fit many times
)

// A Chart is what one node knows of the network. It is bounded: peers beyond
// PeersMax are not entered.
type Chart struct {
	self  codec.PeerID
	place Coordinate
	index map[codec.PeerID]int32 // only looked up
	peers []charted
	near  []int32 // measured peers, in the order in which they were first measured
	sums  []evidence
}

// charted is a peer on the chart.
type charted struct {
	id     codec.PeerID
	own    Estimate
	place  Coordinate
	placed bool
	score  float64 // what the node thinks of the peer, 0 to 1
	right  float64 // claims of late that agree with own measurements
	wrong  float64 // and that don't
	claims []claim // by peer
}

type claim struct {
	peer int32
	rtt  float64 // ms
}

// evidence gathers what claims say of the way to one peer.
type evidence struct {
	num, den float64
	upper    float64 // the shortest detour
}

// NewChart returns the chart of a node. The seed draws where it starts: two
// nodes at one point would never come apart.
func NewChart(self codec.PeerID, rng *rand.Rand) *Chart {
	c := &Chart{self: self, index: map[codec.PeerID]int32{}}
	c.place = Coordinate{X: 100*rng.Float64() - 50, Y: 100*rng.Float64() - 50, Height: 5}
	return c
}

// Place is the node's own coordinate.
func (c *Chart) Place() Coordinate { return c.place }

// Len is the number of peers on the chart.
func (c *Chart) Len() int { return len(c.peers) }

// Enter puts a peer on the chart. It returns false for the node itself, and when
// the chart is full.
func (c *Chart) Enter(id codec.PeerID) bool {
	_, ok := c.enter(id)
	return ok
}

func (c *Chart) enter(id codec.PeerID) (int32, bool) {
	if at, known := c.index[id]; known {
		return at, true
	}
	if id == c.self || len(c.peers) >= PeersMax {
		return 0, false
	}
	at := int32(len(c.peers))
	c.index[id] = at
	c.peers = append(c.peers, charted{id: id, score: 1})
	return at, true
}

// Measure takes in a round trip of the node's own, in ns.
func (c *Chart) Measure(id codec.PeerID, rttNs int64) {
	if at, ok := c.enter(id); ok {
		p := &c.peers[at]
		if p.own.Sample(rttNs); p.own.Samples() == 1 {
			c.near = append(c.near, at)
		}
	}
}

// Lost takes in a ping of the node's own without an answer.
func (c *Chart) Lost(id codec.PeerID) {
	if at, ok := c.enter(id); ok {
		c.peers[at].own.Lost()
	}
}

// Estimate is what the node measured, nil for a peer that is not on the chart.
func (c *Chart) Estimate(id codec.PeerID) *Estimate {
	if at, known := c.index[id]; known {
		return &c.peers[at].own
	}
	return nil
}

// Claim takes in what an author says of its round trip to a peer, in ns; 0 takes
// the claim back.
func (c *Chart) Claim(author, peer codec.PeerID, rttNs int64) {
	from, ok := c.enter(author)
	to, also := c.enter(peer)
	if ok && also {
		c.ClaimByNumber(from, to, rttNs)
	}
}

// Number is a peer's on this chart, from 0, which enters it if need be; ok is
// false for the node itself, and when the chart is full. It is for hosts of very
// many charts: looking keys up is most of what a claim costs.
func (c *Chart) Number(id codec.PeerID) (number int32, ok bool) { return c.enter(id) }

// ClaimByNumber is [Chart.Claim] of peers whose numbers are known.
func (c *Chart) ClaimByNumber(from, to int32, rttNs int64) {
	if from == to {
		return
	}
	p := &c.peers[from]
	i, known := slices.BinarySearchFunc(p.claims, to, func(x claim, to int32) int { return cmp.Compare(x.peer, to) })
	switch rtt := float64(min(max(rttNs, 0), longest)) / 1e6; {
	case known && rttNs <= 0:
		p.claims = slices.Delete(p.claims, i, i+1)
	case known:
		p.claims[i].rtt = rtt
	case rttNs > 0 && len(p.claims) < ClaimsMax:
		p.claims = slices.Insert(p.claims, i, claim{to, rtt})
	}
}

// Placed takes in where a peer says it is. An invalid coordinate is ignored.
func (c *Chart) Placed(id codec.PeerID, at Coordinate) {
	if i, ok := c.enter(id); ok && at.Valid() {
		c.peers[i].place, c.peers[i].placed = at, true
	}
}

// Score says what the node thinks of a peer, 0 to 1: of its claims, and of
// staying connected to it. Peers start at 1.
func (c *Chart) Score(id codec.PeerID, score float64) {
	if i, ok := c.enter(id); ok {
		c.peers[i].score = min(max(score, 0), 1)
	}
}

// slack is by how much a claim may miss the triangle inequality, as a share and
// in ms: three quarters of real triples have a shorter detour somewhere, few by
// this much.
const (
	slackShare = 0.5
	slackMs    = 10
)

// trust is how much a peer's claims count, 0 to 1: its score, and how well they
// fit what the node measured. Who was not checked yet counts half.
func (p *charted) trust() float64 {
	if p.wrong+p.right == 0 {
		return p.score / 2
	}
	share := p.right / (p.right + float64(3*p.wrong))
	return float64(p.score * share * share)
}

// Update learns from what was measured since the last time: it checks claims
// against it and moves the node's coordinate. Once a round is often enough.
func (c *Chart) Update() {
	springs := make([]spring, 0, len(c.near))
	for _, at := range c.near {
		p := &c.peers[at]
		c.check(p)
		if p.placed {
			springs = append(springs, spring{p.place, ms(p.own.RTT()), p.score})
		}
	}
	c.place = c.place.fit(springs)
}

func ms(ns int64) float64 { return float64(ns) / 1e6 }

// check counts the claims of a measured peer about other measured peers that
// can, and that can't, be true: the three round trips make a triangle.
func (c *Chart) check(p *charted) {
	p.right, p.wrong = 0, 0
	x := ms(p.own.RTT())
	for _, cl := range p.claims {
		other := &c.peers[cl.peer].own
		if other.Samples() == 0 {
			continue
		}
		if gap := math.Abs(x - ms(other.RTT())); gap > float64(cl.rtt*(1+slackShare))+slackMs {
			p.wrong++
		} else {
			p.right++
		}
	}
}

// Predict is what the chart expects of the round trip to a peer that was not
// measured, in ns; ok is false where it has nothing to go by.
func (c *Chart) Predict(id codec.PeerID) (rttNs int64, ok bool) {
	at, known := c.index[id]
	if !known {
		return 0, false
	}
	c.gather()
	v := c.predict(at)
	if math.IsInf(v, 1) {
		return 0, false
	}
	return int64(v * 1e6), true
}

// gather adds up what all claims say of all ways.
func (c *Chart) gather() {
	c.sums = slices.Grow(c.sums[:0], len(c.peers))[:len(c.peers)]
	for i := range c.sums {
		c.sums[i] = evidence{upper: math.Inf(1)}
	}
	for i := range c.peers {
		p := &c.peers[i]
		trust := p.trust()
		if trust == 0 {
			continue
		}
		for _, cl := range p.claims {
			if p.own.Samples() > 0 { // a measured peer speaks of another
				c.sums[cl.peer].add(ms(p.own.RTT()), cl.rtt, trust)
			}
			if q := &c.peers[cl.peer]; q.own.Samples() > 0 { // another speaks of a measured one
				c.sums[i].add(ms(q.own.RTT()), cl.rtt, trust)
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
func (c *Chart) predict(at int32) float64 {
	p, e := &c.peers[at], &c.sums[at]
	num, den := e.num, e.den
	if p.placed {
		d := c.place.Distance(p.place)
		w := p.trust() / (float64(0.5*d*d) + 25)
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
	for i := range c.peers {
		p := &c.peers[i]
		if p.own.Samples() > 0 || !allowed(p.id) {
			continue
		}
		v := c.predict(int32(i))
		if math.IsInf(v, 1) {
			v = spread * 10
		}
		list = append(list, Prospect{p.id, int64(v * 1e6)})
	}
	slices.SortFunc(list, func(a, b Prospect) int {
		return cmp.Or(cmp.Compare(a.RTTNs, b.RTTNs), a.Peer.Compare(b.Peer))
	})
	list = list[:min(k, len(list))]
	for i := range list {
		if list[i].RTTNs >= spread*1e7 {
			list[i].RTTNs = 0
		}
	}
	return list
}

// Agreement counts the claims of a peer that fit what the node measured, and
// those that can't be true, as of the last Update.
func (c *Chart) Agreement(id codec.PeerID) (right, wrong float64) {
	if at, known := c.index[id]; known {
		return c.peers[at].right, c.peers[at].wrong
	}
	return 0, 0
}
