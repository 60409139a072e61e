package main

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/engine/overlay/lab"
)

// What the figures of PeerSwap are for: 1,024 peers of degree 7, each in a swap every
// five seconds, and twelve swaps of each.
const (
	swapPeers  = 1024
	swapDegree = 7
	swapEvery  = 32e9 // ns between two rings of an edge: with those that come to nothing, a peer swaps each five seconds
)

// swapsEach are the numbers of swaps of a peer after which its neighbours are looked at.
var swapsEach = []int{4, 8, 12}

// swapRuns is how many runs the figures are of.
var swapRuns int

func swapFlags(flags *flag.FlagSet) {
	flags.IntVar(&swapRuns, "swap-runs", 150, "runs of PeerSwap that its figures are made from")
}

// peerSwap lets PeerSwap run on real delays, the peers being at random sites, and
// compares the neighbours that each peer ends with to a uniform sample: the total
// variation of their frequencies, divided by that of as many samples that are
// uniform. All runs begin with the same graph, and all peers are looked at.
func peerSwap(int) error {
	all, err := matrices()
	if err != nil {
		return err
	}
	m := all["wonderproxy222"]
	if m == nil {
		progress("no data set wonderproxy222: give its folder with -data")
		return nil
	}
	s := newSwapStudy()
	for run := range swapRuns {
		if run%10 == 0 {
			progress("PeerSwap, run %d of %d", run, swapRuns)
		}
		if err := s.run(m, uint64(run)); err != nil {
			return fmt.Errorf("run %d: %w", run, err)
		}
	}
	s.report()
	return nil
}

// floors is how many samples give the variation that is due to sampling alone.
const floors = 16

// A swapStudy counts who was whose neighbour, in the runs and where the peers are put
// on the same graph by a random permutation.
type swapStudy struct {
	graph    [][2]int
	distance [][]int8                 // between any two peers in the graph
	seen     []*neighbourCounts       // for each of swapsEach
	drawn    [floors]*neighbourCounts // uniform
	rng      *rand.Rand

	swaps, refused, rings, messages int
	simulated                       float64 // seconds
	cost                            float64 // seconds of processor time
}

func newSwapStudy() *swapStudy {
	s := &swapStudy{graph: lab.Regular(swapPeers, swapDegree, 1), rng: rand.New(rand.NewPCG(1, 2))}
	s.distance = lab.Distances(swapPeers, s.graph)
	for range swapsEach {
		s.seen = append(s.seen, newNeighbourCounts())
	}
	for i := range s.drawn {
		s.drawn[i] = newNeighbourCounts()
	}
	return s
}

func (s *swapStudy) run(m *lab.Matrix, seed uint64) error {
	watch := start()
	delay := lab.Scatter(swapPeers, m.N, seed, func(from, to int) int64 { return m.Mean[from*m.N+to] / 2 })
	swaps := lab.NewSwaps(lab.SwapsConfig{N: swapPeers, Degree: swapDegree, EveryNs: swapEvery, Graph: 1,
		Arena: lab.ArenaConfig{Seed: seed, Delay: delay}})
	for at, each := range swapsEach {
		began := swaps.Now()
		done := swaps.RunSwaps(swapPeers * each / 2)
		s.simulated += float64(swaps.Now()-began) / 1e9
		if !done || !swaps.Settle() {
			return fmt.Errorf("the swaps do not come to an end")
		}
		if err := swaps.Check(0); err != nil {
			return err
		}
		for i := range swapPeers {
			for _, j := range swaps.Neighbours(i) {
				s.seen[at].add(i, j, s.distance)
			}
		}
	}
	s.draw()
	c := swaps.Counts()
	s.swaps, s.refused, s.rings = s.swaps+c.Swaps, s.refused+c.Refused, s.rings+c.Rings
	s.messages += swaps.Messages
	_, cpu := watch.stop()
	s.cost += cpu.Seconds()
	return nil
}

// draw puts the peers on the graph at random.
func (s *swapStudy) draw() {
	for _, c := range s.drawn {
		at := s.rng.Perm(swapPeers)
		for _, e := range s.graph {
			c.add(at[e[0]], at[e[1]], s.distance)
			c.add(at[e[1]], at[e[0]], s.distance)
		}
	}
}

func (s *swapStudy) report() {
	for at, each := range swapsEach {
		s.reportVariation(each, s.seen[at])
	}
	rate := parameters{"n": swapPeers, "k": swapDegree, "delays": "wonderproxy222", "runs": swapRuns,
		"swaps_per_s_per_peer": 2 * float64(s.swaps) / s.simulated / swapPeers}
	emit("peerswap_failed_share", float64(s.rings-s.swaps)/float64(s.rings), "", rate)
	emit("peerswap_refused_share", float64(s.refused)/float64(s.swaps+s.refused), "", rate)
	emit("peerswap_messages_per_swap", float64(s.messages)/float64(s.swaps), "", rate)
	emit("peerswap_run_s", s.cost/float64(swapRuns), "s", rate)
}

func (s *swapStudy) reportVariation(each int, seen *neighbourCounts) {
	tvs, floorTVs := seen.variations(), s.drawn[0].variations()
	noise := math.Hypot(deviation(tvs), deviation(floorTVs)) / math.Sqrt(swapPeers)
	tv, floor := mean(tvs), mean(floorTVs)
	emit("peerswap_tv_ratio", tv/floor, "", parameters{"n": swapPeers, "k": swapDegree, "delays": "wonderproxy222",
		"runs": swapRuns, "swaps_per_peer": each, "tv": tv, "floor": floor, "excess": excess(tv, floor), "error": noise / floor})

	tv, floorTVs = seen.classVariation(s.distance), nil
	for _, c := range s.drawn {
		floorTVs = append(floorTVs, c.classVariation(s.distance))
	}
	floor = mean(floorTVs)
	emit("peerswap_class_tv", tv, "", parameters{"n": swapPeers, "k": swapDegree, "delays": "wonderproxy222",
		"runs": swapRuns, "swaps_per_peer": each, "floor": floor, "most": maximum(floorTVs), "excess": excess(tv, floor)})
}

// excess is what is left of a total variation without the noise of sampling.
func excess(tv, floor float64) float64 { return math.Sqrt(max(0, tv*tv-floor*floor)) }

func deviation(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(values)-1))
}

// neighbourCounts are how often each peer had each other one, and how often a
// neighbour had been at each distance at the start.
type neighbourCounts struct {
	pairs   []uint32 // row by row
	classes [16]int
}

func newNeighbourCounts() *neighbourCounts {
	return &neighbourCounts{pairs: make([]uint32, swapPeers*swapPeers)}
}

func (c *neighbourCounts) add(peer, neighbour int, distance [][]int8) {
	c.pairs[peer*swapPeers+neighbour]++
	c.classes[distance[peer][neighbour]]++
}

// variations are the total variations from uniform, a peer each.
func (c *neighbourCounts) variations() (tv []float64) {
	for i := range swapPeers {
		sum, total := 0.0, 0.0
		row := c.pairs[i*swapPeers : (i+1)*swapPeers]
		for _, n := range row {
			total += float64(n)
		}
		for j, n := range row {
			if j != i {
				sum += math.Abs(float64(n)/total - 1.0/(swapPeers-1))
			}
		}
		tv = append(tv, sum/2)
	}
	return tv
}

// classVariation is the total variation of the shares of neighbours at each distance
// from the shares of all pairs.
func (c *neighbourCounts) classVariation(distance [][]int8) (tv float64) {
	var all [16]int
	for i, row := range distance {
		for j, d := range row {
			if j != i {
				all[d]++
			}
		}
	}
	seen, pairs := 0, swapPeers*(swapPeers-1)
	for _, n := range c.classes {
		seen += n
	}
	for d := range all {
		tv += math.Abs(float64(c.classes[d])/float64(seen)-float64(all[d])/float64(pairs)) / 2
	}
	return tv
}
