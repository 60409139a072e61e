package overlay

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Nearest connects a node to the peers that cost least, and to a few at random:
// the nearest alone would fall apart into continents, and would only ever hear
// from each other. Cost is the round trip, dearer with loss, divided by the
// peer's score.
type Nearest struct {
	Best   int // slots for the nearest; 6
	Random int // slots for anybody; 2
	Probes int // peers to measure for the first time, a round; 3

	best   []codec.PeerID
	random []codec.PeerID
	rng    *rand.Rand
	round  int
}

// NewNearest returns the policy with its usual sizes.
func NewNearest(rng *rand.Rand) *Nearest { return &Nearest{Best: 6, Random: 2, Probes: 3, rng: rng} }

// stay is by how much, in per cent, a peer outside has to be cheaper than one
// inside to take its slot: connections that come and go cost more than they win.
const stay = 5

// exploreEvery is how often one of the probes goes to anybody instead of a good
// prospect. Predictions are only as good as what they are made from.
const exploreEvery = 4

// Round chooses anew: the peers to be connected to, the best first, and those to
// be measured. usable tells who can be reached.
func (n *Nearest) Round(chart *Chart, usable func(codec.PeerID) bool) (keep, probe []codec.PeerID) {
	n.round++
	n.chooseBest(chart, usable)
	n.chooseRandom(chart, usable)
	return slices.Concat(n.best, n.random), n.chooseProbes(chart, usable)
}

// Slots are the peers chosen last, the best and those at random.
func (n *Nearest) Slots() (best, random []codec.PeerID) { return n.best, n.random }

func (n *Nearest) chooseBest(chart *Chart, usable func(codec.PeerID) bool) {
	type candidate struct {
		id   codec.PeerID
		cost float64
	}
	order := func(a, b candidate) int { return cmp.Or(cmp.Compare(a.cost, b.cost), a.id.Compare(b.id)) }
	var list []candidate
	for number, e := range chart.Measured() {
		id, score := chart.board.peers[number].id, chart.peers[number].score
		if len(list) == n.Best && float64(e.RTT()*(100-stay)/100) > list[n.Best-1].cost {
			break // nobody further away can be cheaper
		}
		if score <= 0 || !usable(id) {
			continue
		}
		c := candidate{id, float64(e.Cost()) / score}
		if slices.Contains(n.best, id) {
			c.cost = float64(c.cost*(100-stay)) / 100
		}
		list = keepLeast(list, n.Best, c, order)
	}
	n.best = n.best[:0]
	for _, c := range list {
		n.best = append(n.best, c.id)
	}
}

// chooseRandom keeps random peers as long as they can be used, and lets one go
// in every round, so that all get their turn.
func (n *Nearest) chooseRandom(chart *Chart, usable func(codec.PeerID) bool) {
	n.random = slices.DeleteFunc(n.random, func(id codec.PeerID) bool {
		return !usable(id) || slices.Contains(n.best, id)
	})
	if len(n.random) >= n.Random && n.Random > 0 {
		n.random = slices.Delete(n.random, 0, 1)
	}
	for tries := 0; len(n.random) < n.Random && tries < 8*n.Random && chart.Len() > 0; tries++ {
		number := n.rng.IntN(chart.board.Len())
		id := chart.board.peers[number].id
		if int32(number) != chart.self && usable(id) && !slices.Contains(n.best, id) && !slices.Contains(n.random, id) {
			n.random = append(n.random, id)
		}
	}
}

func (n *Nearest) chooseProbes(chart *Chart, usable func(codec.PeerID) bool) (probe []codec.PeerID) {
	for _, p := range chart.Prospects(n.Probes, usable) {
		probe = append(probe, p.Peer)
	}
	if n.round%exploreEvery != 0 || len(probe) < n.Probes {
		return probe
	}
	for range 8 {
		number := int32(n.rng.IntN(chart.board.Len()))
		id := chart.board.peers[number].id
		if number != chart.self && chart.peers[number].rtt == 0 && usable(id) && !slices.Contains(probe, id) {
			probe[len(probe)-1] = id
			break
		}
	}
	return probe
}
