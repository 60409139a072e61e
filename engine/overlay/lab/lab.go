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
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/meritrank"
	"github.com/intersubjective/rapprochement/engine/overlay"
)

// A Config is one run.
type Config struct {
	Matrix *Matrix
	Seed   uint64
	Start  int // random peers that a node begins with; 8
	// Liars is the share of nodes, drawn from the seed, that collude: they claim a
	// millisecond to each other, say that they are where the honest nodes' centre
	// is, hold back their answers to honest nodes by Delay, and speak well of each
	// other and ill of the rest.
	Liars float64
	Delay int64 // ns
	Trust Trust
}

// Trust is what honest nodes make of what others say.
type Trust uint8

// The ways to trust, each with what the one before it has.
const (
	Credulous Trust = iota // everything is taken at face value
	Checked                // claims count by how well they fit what the node measured
	Ranked                 // and by the rank of who makes them
)

// Trusts names the ways to trust.
var Trusts = []string{"credulous", "checked", "ranked"}

// A Lab is a run.
type Lab struct {
	cfg    Config
	rng    *rand.Rand
	board  *overlay.Board // as everybody reads everything
	nodes  []*node        // numbered as on the board
	byPeer map[codec.PeerID]int
	liar   []bool
	round  int
	ranks  *meritrank.Graph // everybody's opinions; nil where nobody asks
	moved  []meritrank.Edge // those of this round
	audit  [32]byte
}

type node struct {
	id     codec.PeerID
	chart  *overlay.Chart
	policy *overlay.Nearest
	keep   []int
	probe  []int
	fresh  []int   // nodes that it has measured in this round
	said   []int64 // what it published of each other node, ns

	oracleNs int64 // 0 before it was asked for
}

// New prepares a run of a matrix that Check has let pass.
func New(cfg Config) *Lab {
	l := &Lab{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6c6162)),
		board: overlay.NewBoard(), byPeer: map[codec.PeerID]int{},
	}
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
		nd.chart = l.board.Chart(nd.id, own)
		nd.chart.Credulous = cfg.Trust == Credulous
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
	}
	if cfg.Trust == Ranked {
		l.ranks = newRanks(cfg.Seed, n)
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
	l.rank()
	l.choose()
	l.round++
	l.seal()
}

// choose lets all nodes learn and choose, on all processors: each reads the board
// and changes only what is its own, so their order does not matter.
func (l *Lab) choose() {
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(l.nodes) {
					return
				}
				nd := l.nodes[i]
				nd.chart.Update()
				keep, probe := nd.policy.Round(func(codec.PeerID) float64 { return 1 })
				nd.keep, nd.probe = l.numbers(keep), l.numbers(probe)
			}
		})
	}
	all.Wait()
}

func (l *Lab) numbers(ids []codec.PeerID) (list []int) {
	for _, id := range ids {
		list = append(list, l.byPeer[id])
	}
	return list
}

// ping measures the way between two nodes, for both.
func (l *Lab) ping(i, j int) {
	l.measure(i, j)
	l.measure(j, i)
}

func (l *Lab) measure(i, j int) {
	nd := l.nodes[i]
	nd.chart.Measure(l.nodes[j].id, l.sample(i, j))
	nd.fresh = append(nd.fresh, j)
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
	l.board.Placed(nd.id, place)
	for _, j := range nd.fresh {
		if !l.liar[i] || !l.liar[j] {
			e := nd.chart.Estimate(l.nodes[j].id)
			l.claim(i, j, e.RTT())
		}
		l.opine(i, j)
	}
	nd.fresh = nd.fresh[:0]
	if l.liar[i] && l.round == 0 {
		for j := range l.nodes {
			if l.liar[j] {
				l.claim(i, j, 1e6)
			}
		}
	}
}

// claim publishes a round trip if it has moved.
func (l *Lab) claim(i, j int, rttNs int64) {
	said := &l.nodes[i].said[j]
	if moved := rttNs - *said; max(moved, -moved)*100 > *said*epsilon {
		*said = rttNs
		l.board.ClaimByNumber(int32(i), int32(j), rttNs)
	}
}
