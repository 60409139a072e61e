package overlay

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Nearest connects a node to the peers that cost least, and to a few at random:
// the nearest alone would fall apart into continents, and would only ever hear
// from each other. Cost is the round trip, dearer with loss and the more often the
// peer is not there, divided by its score.
type Nearest struct {
	Best   int // slots for the nearest; 6
	Random int // slots for anybody; 2
	Probes int // peers to measure for the first time, a round; 3

	rounds
	table  *Table
	chart  *Chart
	best   []codec.PeerID
	random []codec.PeerID
	round  int
	last   int64 // when it was

	dialing []codec.PeerID
}

// NewNearest returns the policy of a table and a chart, which its host updates. It
// chooses anew every period, ns; the first time after one, as it knows nothing yet.
func NewNearest(table *Table, chart *Chart, periodNs int64, rng *rand.Rand) *Nearest {
	return &Nearest{Best: 6, Random: 2, Probes: 3, table: table, chart: chart, rounds: rounds{periodNs, rng, periodNs}}
}

// hurry is into what part of a period a round can be brought forward by the loss of
// a chosen peer.
const hurry = 8

// Handle implements [Policy].
func (n *Nearest) Handle(now int64, ev Event) []Effect {
	switch ev := ev.(type) {
	case Up:
		n.dialing = without(n.dialing, ev.Peer)
	case Down:
		n.dialing = without(n.dialing, ev.Peer)
		if slices.Contains(n.Chosen(), ev.Peer) {
			n.at = min(n.at, max(now, n.last+n.periodNs/hurry))
		}
	case Wake:
		if n.due(now) {
			n.last = now
			return n.choose(now)
		}
	}
	return nil
}

// choose has a round and says what is to be done: whoever dialed hangs up.
func (n *Nearest) choose(now int64) (out []Effect) {
	keep, probe := n.Round(func(id codec.PeerID) float64 {
		if p := n.table.Find(id); p != nil && (p.Usable(now) || slices.Contains(n.dialing, id)) {
			return p.Uptime(now)
		}
		return 0
	})
	wanted := slices.Concat(keep, probe)
	for _, id := range wanted {
		if len(n.dialing) < n.Best+n.Random+n.Probes && n.table.Find(id).dialable(now, n.dialing) {
			n.dialing = append(n.dialing, id)
			out = append(out, Dial{id})
		}
	}
	for _, p := range n.table.All() {
		if p.Up && p.Dialed && !slices.Contains(wanted, p.ID) {
			out = append(out, HangUp{p.ID, "overlay: others are nearer"})
		}
	}
	return out
}

// Chosen implements [Policy]: the best, then those at random. Connections to others
// are made to measure them, and end with the round.
func (n *Nearest) Chosen() []codec.PeerID { return slices.Concat(n.best, n.random) }

// stay is by how much, in per cent, a peer outside has to be cheaper than one
// inside to take its slot: connections that come and go cost more than they win.
const stay = 5

// exploreEvery is how often one of the probes goes to anybody instead of a good
// prospect. Predictions are only as good as what they are made from.
const exploreEvery = 4

// Round chooses anew: the peers to be connected to, the best first, and those to
// be measured. uptime tells what share of the time each is there, above 0 and up to
// 1; it is 0 for who can't be reached.
func (n *Nearest) Round(uptime func(codec.PeerID) float64) (keep, probe []codec.PeerID) {
	n.round++
	usable := func(id codec.PeerID) bool { return uptime(id) > 0 }
	n.chooseBest(uptime)
	n.chooseRandom(usable)
	return n.Chosen(), n.chooseProbes(usable)
}

// Slots are the peers chosen last, the best and those at random.
func (n *Nearest) Slots() (best, random []codec.PeerID) { return n.best, n.random }

func (n *Nearest) chooseBest(uptime func(codec.PeerID) float64) {
	type candidate struct {
		id   codec.PeerID
		cost float64
	}
	order := func(a, b candidate) int { return cmp.Or(cmp.Compare(a.cost, b.cost), a.id.Compare(b.id)) }
	var list []candidate
	for number, e := range n.chart.Measured() {
		id, score := n.chart.board.peers[number].id, n.chart.peers[number].score
		if len(list) == n.Best && float64(e.RTT()*(100-stay)/100) > list[n.Best-1].cost {
			break // nobody further away can be cheaper
		}
		share := uptime(id)
		if score <= 0 || share <= 0 {
			continue
		}
		c := candidate{id, float64(e.Cost()) / score / share}
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
// in every round, so that all get their turn. They are drawn from all who are known,
// as of those who were measured too many would be liars: it is their claims that have
// made them look near.
func (n *Nearest) chooseRandom(usable func(codec.PeerID) bool) {
	n.random = slices.DeleteFunc(n.random, func(id codec.PeerID) bool {
		return !usable(id) || slices.Contains(n.best, id)
	})
	if len(n.random) >= n.Random && n.Random > 0 {
		n.random = slices.Delete(n.random, 0, 1)
	}
	for tries := 0; len(n.random) < n.Random && tries < 8*n.Random && n.chart.Len() > 0; tries++ {
		number := n.rng.IntN(n.chart.board.Len())
		id := n.chart.board.peers[number].id
		if int32(number) != n.chart.self && usable(id) && !slices.Contains(n.best, id) && !slices.Contains(n.random, id) {
			n.random = append(n.random, id)
		}
	}
}

func (n *Nearest) chooseProbes(usable func(codec.PeerID) bool) (probe []codec.PeerID) {
	for _, p := range n.chart.Prospects(n.Probes, usable) {
		probe = append(probe, p.Peer)
	}
	if n.round%exploreEvery != 0 || len(probe) < n.Probes {
		return probe
	}
	for range 8 {
		number := int32(n.rng.IntN(n.chart.board.Len()))
		id := n.chart.board.peers[number].id
		if number != n.chart.self && n.chart.peers[number].rtt == 0 && usable(id) && !slices.Contains(probe, id) {
			probe[len(probe)-1] = id
			break
		}
	}
	return probe
}
