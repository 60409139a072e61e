package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/engine/overlay"
)

// A SwapsConfig is a run of the policy PeerSwap. Loss, Again, Timeout, Detect and
// Delay are those of [ArenaConfig].
type SwapsConfig struct {
	N, Degree int    // members, and edges of each; their product is even
	EveryNs   int64  // mean time between the rings of an edge's clock
	Graph     uint64 // seed of the graph at the start
	Arena     ArenaConfig
}

// Swaps is a run of PeerSwap in an [Arena], on a random regular graph.
type Swaps struct {
	*Arena
	Start    [][2]int // the edges at the start
	Policies []*overlay.PeerSwap
	cfg      SwapsConfig
}

// NewSwaps prepares a run and lets the edges come up.
func NewSwaps(cfg SwapsConfig) *Swaps {
	return newSwaps(cfg, Regular(cfg.N, cfg.Degree, cfg.Graph))
}

func newSwaps(cfg SwapsConfig, start [][2]int) *Swaps {
	s := &Swaps{cfg: cfg, Start: start}
	arena := cfg.Arena
	arena.N = cfg.N
	arena.Policy = func(_ int, table *overlay.Table, rng *rand.Rand) overlay.Policy {
		p := overlay.NewPeerSwap(table, cfg.Degree, cfg.EveryNs, rng)
		s.Policies = append(s.Policies, p)
		return p
	}
	s.Arena = NewArena(arena)
	for _, e := range s.Start {
		s.Connect(e[0], e[1])
	}
	s.Settle()
	s.Messages = 0
	return s
}

// Counts adds up what all living members count.
func (s *Swaps) Counts() (sum overlay.SwapCounts) {
	for _, p := range s.Policies {
		c := p.Counts
		sum.Rings, sum.Busy, sum.Swaps = sum.Rings+c.Rings, sum.Busy+c.Busy, sum.Swaps+c.Swaps
		sum.Refused, sum.Broken, sum.Lost = sum.Refused+c.Refused, sum.Broken+c.Broken, sum.Lost+c.Lost
	}
	return sum
}

// RunSwaps lets time pass until there were so many swaps since the start. It gives up
// after a hundred times as long as the clocks need, and a minute, and reports whether
// there were.
func (s *Swaps) RunSwaps(swaps int) bool {
	step := max(s.cfg.EveryNs/int64(50*s.cfg.Degree), 1e6)
	steps := 100*50*s.cfg.Degree*max(swaps-s.Counts().Swaps, 0)/len(s.Start) + int(60e9/step)
	for ; s.Counts().Swaps < swaps && steps > 0; steps-- {
		s.Run(s.Now() + step)
	}
	return s.Counts().Swaps >= swaps
}

// Settle stops the clocks until all swaps have ended and all edges are up, and starts
// them again. It gives up after a minute, and reports whether they were.
func (s *Swaps) Settle() bool {
	s.clocks(0)
	defer s.clocks(s.cfg.EveryNs)
	for range 600 {
		s.Run(s.Now() + 100e6)
		if s.settled() {
			return true
		}
	}
	return false
}

func (s *Swaps) clocks(everyNs int64) {
	for i, p := range s.Policies {
		p.EveryNs = everyNs
		if !s.Members[i].Dead {
			s.tell(i, overlay.Wake{})
		}
	}
}

func (s *Swaps) settled() bool {
	for i, p := range s.Policies {
		if !s.Members[i].Dead && !p.Settled() {
			return false
		}
	}
	return true
}

// Neighbours are the members at the other ends of a member's edges.
func (s *Swaps) Neighbours(member int) (list []int) {
	for _, id := range s.Policies[member].Chosen() {
		list = append(list, MemberOf(id))
	}
	return list
}

// Check looks at a graph that is settled: every edge is held and connected at both
// its sides, there are no two between the same members, and every living member has
// its degree but short many.
func (s *Swaps) Check(short int) error {
	missing := 0
	for i := range s.Policies {
		if s.Members[i].Dead {
			continue
		}
		list := s.Neighbours(i)
		missing += s.cfg.Degree - len(list)
		for at, j := range list {
			switch {
			case j == i || slices.Contains(list[:at], j):
				return fmt.Errorf("member %d has the neighbours %v", i, list)
			case !slices.Contains(s.Neighbours(j), i):
				return fmt.Errorf("member %d has the neighbour %d, which has it not", i, j)
			case !s.Connected(i, j):
				return fmt.Errorf("the neighbours %d and %d are not connected", i, j)
			}
		}
	}
	if missing != short {
		return fmt.Errorf("%d edges' ends are missing, want %d", missing, short)
	}
	return nil
}

// Scatter puts members at random sites, and is the way from one to another then, ns.
// There is a tenth of a millisecond between two at the same site, and more elsewhere.
func Scatter(members, sites int, seed uint64, between func(from, to int) int64) (delay func(from, to int) int64) {
	rng := rand.New(rand.NewPCG(seed, 0x7369746573))
	at := make([]int, members)
	for i := range at {
		at[i] = rng.IntN(sites)
	}
	return func(from, to int) int64 { return between(at[from], at[to]) + 1e5 }
}

// Regular draws a graph of n members with degree edges each, none twice and none to
// itself; n > degree, and their product is even. It begins with a ring in which
// everybody knows the next few, and lets pairs of edges exchange an end, many times.
func Regular(n, degree int, seed uint64) [][2]int {
	rng := rand.New(rand.NewPCG(seed, 0x67726170))
	var edges [][2]int
	seen := map[[2]int]bool{}
	enter := func(i, j int) {
		edges = append(edges, [2]int{i, j})
		seen[key(i, j)] = true
	}
	for i := range n {
		for step := 1; step <= degree/2; step++ {
			enter(i, (i+step)%n)
		}
		if degree%2 == 1 && i < n/2 {
			enter(i, i+n/2)
		}
	}
	for range 20 * len(edges) {
		a, b := &edges[rng.IntN(len(edges))], &edges[rng.IntN(len(edges))]
		one, two := key(a[0], b[1]), key(b[0], a[1])
		if one[0] == one[1] || two[0] == two[1] || one == two || seen[one] || seen[two] {
			continue
		}
		delete(seen, key(a[0], a[1]))
		delete(seen, key(b[0], b[1]))
		a[1], b[1] = b[1], a[1]
		seen[one], seen[two] = true, true
	}
	return edges
}

// Distances are the lengths of the shortest paths between any two of n members,
// row by row; -1 where there is none.
func Distances(n int, edges [][2]int) [][]int8 {
	next := make([][]int, n)
	for _, e := range edges {
		next[e[0]], next[e[1]] = append(next[e[0]], e[1]), append(next[e[1]], e[0])
	}
	rows := make([][]int8, n)
	for from := range rows {
		row := slices.Repeat([]int8{-1}, n)
		row[from] = 0
		for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
			for _, j := range next[queue[0]] {
				if row[j] < 0 {
					row[j] = row[queue[0]] + 1
					queue = append(queue, j)
				}
			}
		}
		rows[from] = row
	}
	return rows
}
