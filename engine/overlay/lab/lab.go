// Package lab runs the overlay's policies on a matrix of round trips, a round at
// a time and without nodes: thousands of runs in the time of one world. What
// nodes publish reaches everybody before the next round.
//
// In a round every node pings the peers that it is connected to once, and the
// few that it wants to measure for the first time. A ping is a round trip for
// both its ends, as the answer is answered. Then it learns, publishes what it
// measured and where it is, and chooses anew.
package lab

import (
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
)

// A Matrix gives the mean round trip between any two of n sites, in ns, and the
// mean of the noise in it, which is exponential: a round trip has a floor.
type Matrix struct {
	N     int
	Mean  []int64 // row by row
	Noise []int64
}

// A Config is one run.
type Config struct {
	Matrix *Matrix
	Seed   uint64
	Start  int // random peers that a node begins with; 8
	// Liars is the share of nodes, drawn from the seed, that collude: they claim a
	// millisecond to each other, and to be where the honest nodes' centre is, and
	// hold back their answers to honest nodes by Delay.
	Liars float64
	Delay int64 // ns
}

// A Lab is a run.
type Lab struct {
	cfg    Config
	rng    *rand.Rand
	nodes  []*node
	byPeer map[codec.PeerID]int
	liar   []bool
}

type node struct {
	id     codec.PeerID
	chart  *overlay.Chart
	policy *overlay.Nearest
	keep   []int
	probe  []int
	said   []int64 // what it published of each other node, ns
	number []int32 // of each node on its chart, −1 for itself
}

// New prepares a run.
func New(cfg Config) *Lab {
	l := &Lab{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6c6162)), byPeer: map[codec.PeerID]int{}}
	n := cfg.Matrix.N
	l.liar = make([]bool, n)
	for _, i := range l.rng.Perm(n)[:int(cfg.Liars*float64(n)+0.5)] {
		l.liar[i] = true
	}
	for i := range n {
		nd := &node{said: make([]int64, n)}
		for k := range nd.id {
			nd.id[k] = byte(l.rng.Uint32())
		}
		own := rand.New(rand.NewPCG(cfg.Seed, uint64(i)))
		nd.chart = overlay.NewChart(nd.id, own)
		nd.policy = overlay.NewNearest(overlay.NewTable(nd.id), nd.chart, 1, own)
		l.nodes = append(l.nodes, nd)
		l.byPeer[nd.id] = i
	}
	for i, nd := range l.nodes {
		for _, j := range l.rng.Perm(n) {
			if j != i && len(nd.keep) < cfg.Start {
				nd.keep = append(nd.keep, j)
			}
		}
		for j := range l.nodes { // everybody is heard of through the records
			number, ok := nd.chart.Number(l.nodes[j].id)
			if !ok {
				number = -1
			}
			nd.number = append(nd.number, number)
		}
	}
	return l
}

// Round lets one round pass.
func (l *Lab) Round() {
	for i, nd := range l.nodes {
		for _, j := range slices.Concat(nd.keep, nd.probe) {
			l.ping(i, j)
		}
	}
	for i := range l.nodes {
		l.publish(i)
	}
	for i, nd := range l.nodes {
		nd.chart.Update()
		keep, probe := nd.policy.Round(func(id codec.PeerID) float64 {
			if l.byPeer[id] == i {
				return 0
			}
			return 1
		})
		nd.keep, nd.probe = l.numbers(keep), l.numbers(probe)
	}
}

func (l *Lab) numbers(ids []codec.PeerID) (list []int) {
	for _, id := range ids {
		list = append(list, l.byPeer[id])
	}
	return list
}

// ping measures the way between two nodes, for both.
func (l *Lab) ping(i, j int) {
	l.nodes[i].chart.Measure(l.nodes[j].id, l.sample(i, j))
	l.nodes[j].chart.Measure(l.nodes[i].id, l.sample(j, i))
}

func (l *Lab) sample(i, j int) int64 {
	m := l.cfg.Matrix
	at := i*m.N + j
	rtt := m.Mean[at] - m.Noise[at] + int64(float64(m.Noise[at])*l.rng.ExpFloat64())
	if l.liar[j] && !l.liar[i] {
		rtt += l.cfg.Delay
	}
	return rtt
}

// epsilon is by how much, in per cent, an estimate has to move to be published
// again.
const epsilon = 10

// publish tells everybody what a node measured, and where it is.
func (l *Lab) publish(i int) {
	nd := l.nodes[i]
	place := nd.chart.Place()
	if l.liar[i] {
		place = overlay.Coordinate{Height: 0.1}
	}
	for j := range l.nodes {
		rtt := nd.chart.Estimate(l.nodes[j].id)
		say := int64(0)
		if j != i && rtt != nil {
			say = rtt.RTT()
		}
		if l.liar[i] && l.liar[j] && i != j {
			say = 1e6
		}
		moved := say - nd.said[j]
		if say == 0 || max(moved, -moved)*100 <= nd.said[j]*epsilon {
			continue
		}
		nd.said[j] = say
		for _, other := range l.nodes {
			if from, to := other.number[i], other.number[j]; from >= 0 && to >= 0 {
				other.chart.ClaimByNumber(from, to, say)
			}
		}
	}
	for k := range l.nodes {
		if k != i {
			l.nodes[k].chart.Placed(nd.id, place)
		}
	}
}

// Ratio is the mean round trip to the best slots of honest nodes, divided by
// what an oracle would choose among honest peers.
func (l *Lab) Ratio() float64 {
	var got, want float64
	for i, nd := range l.nodes {
		if l.liar[i] {
			continue
		}
		best, _ := nd.policy.Slots()
		sum := int64(0)
		for _, id := range best {
			sum += l.mean(i, l.byPeer[id])
		}
		got += float64(sum) / float64(len(best))
		var all []int64
		for j := range l.nodes {
			if j != i && !l.liar[j] {
				all = append(all, l.mean(i, j))
			}
		}
		slices.Sort(all)
		sum = 0
		for _, v := range all[:nd.policy.Best] {
			sum += v
		}
		want += float64(sum) / float64(nd.policy.Best)
	}
	return got / want
}

func (l *Lab) mean(i, j int) int64 { return l.cfg.Matrix.Mean[i*l.cfg.Matrix.N+j] }

// LiarShare is the liars' share of the slots of honest nodes.
func (l *Lab) LiarShare() float64 {
	slots, theirs := 0, 0
	for i, nd := range l.nodes {
		if l.liar[i] {
			continue
		}
		best, random := nd.policy.Slots()
		for _, id := range slices.Concat(best, random) {
			slots++
			if l.liar[l.byPeer[id]] {
				theirs++
			}
		}
	}
	return float64(theirs) / float64(slots)
}
