package lab

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// scattered is the config of a run whose messages take 1 to 101 ms each, at random,
// and are lost now and then. A peer's clocks ring once in so many ns.
func scattered(n, degree int, peerNs int64, seed uint64) SwapsConfig {
	rng := rand.New(rand.NewPCG(seed, 3))
	return SwapsConfig{N: n, Degree: degree, EveryNs: peerNs * int64(degree), Graph: seed, Arena: ArenaConfig{
		Seed:  seed,
		Delay: func(i, j int) int64 { return 1e6 + rng.Int64N(100e6) },
		Loss:  0.02, Again: 200e6, Timeout: 3e9, Detect: 3e9,
	}}
}

func settle(t *testing.T, s *Swaps, missing int) {
	t.Helper()
	if !s.Settle() {
		t.Fatal("does not settle")
	}
	if err := s.Check(missing); err != nil {
		t.Fatal(err)
	}
}

// mend waits until there are all edges but so many ends: a last one that is missing
// wanders, and others with it for moments.
func mend(t *testing.T, s *Swaps, missing int) {
	t.Helper()
	var err error
	for deadline := s.Now() + 300e9; s.Now() < deadline; {
		s.Run(s.Now() + 5e9)
		if !s.Settle() {
			t.Fatal("does not settle")
		}
		if err = s.Check(missing); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// Whatever crosses on the way, a graph without deaths loses no edge: it stays regular,
// and everybody is where exactly as many others say. Every second or so each peer is
// in a swap, which is more than there is time for.
func TestSwapsKeepTheGraph(t *testing.T) {
	for seed := range uint64(60) {
		n, degree := []int{12, 16, 24, 64}[seed%4], []int{3, 4, 5, 7}[seed/4%4]
		s := NewSwaps(scattered(n, degree, []int64{1e9, 5e9, 20e9}[seed%3], seed))
		for range 2 {
			s.RunSwaps(s.Counts().Swaps + 4*n)
			settle(t, s, 0)
		}
		if c := s.Counts(); c.Lost > 0 || c.Rings != c.Swaps+c.Busy+c.Refused+c.Broken {
			t.Errorf("%d peers of degree %d, seed %d: %+v", n, degree, seed, c)
		}
	}
}

// Peers die in the middle of swaps. Nobody stays locked, and those left have all
// their edges again, but one where their number is odd, and are in one piece.
func TestSwapsSurviveDeaths(t *testing.T) {
	const n = 60
	for seed := range uint64(24) {
		degree, deaths := []int{4, 7}[seed%2], []int{1, 6, 30}[seed%3]
		s := NewSwaps(scattered(n, degree, 2e9, seed))
		s.RunSwaps(n)
		for _, i := range s.rng.Perm(n)[:deaths] {
			s.Kill(i)
			s.Run(s.Now() + 100e6)
		}
		mend(t, s, (n-deaths)*degree%2)
		if lost := s.Counts().Lost; lost < deaths*degree/2 {
			t.Errorf("%d deaths cost %d ends", deaths, lost)
		}
		if size := reached(s); size != n-deaths {
			t.Errorf("degree %d, seed %d: a part of %d of %d", degree, seed, size, n-deaths)
		}
	}
}

// reached counts who can be reached from the first living member.
func reached(s *Swaps) (size int) {
	var edges [][2]int
	first := -1
	for i := range s.Policies {
		if s.Members[i].Dead {
			continue
		}
		if first < 0 {
			first = i
		}
		for _, j := range s.Neighbours(i) {
			edges = append(edges, [2]int{i, j})
		}
	}
	for _, d := range Distances(len(s.Policies), edges)[first] {
		if d >= 0 {
			size++
		}
	}
	return size
}

// Who knows a single peer gets all its edges, and nobody else is left with fewer.
func TestNewcomersAreLetIn(t *testing.T) {
	const n, degree, late = 40, 4, 5
	s := newSwaps(scattered(n, degree, 5e9, 1), Regular(n-late, degree, 1))
	for i := n - late; i < n; i++ {
		s.Meet(i, i-n+late)
		s.dial(i, i-n+late)
	}
	mend(t, s, 0)
}

// After ten swaps each, peers that were neighbours are so again as often as any two;
// after one, much more often.
func TestSwapsMix(t *testing.T) {
	const n, degree, runs = 64, 4, 40
	again := func(each int) float64 {
		same := 0
		for seed := range uint64(runs) {
			cfg := scattered(n, degree, 10e9, seed)
			cfg.Graph = 1
			s := NewSwaps(cfg)
			s.RunSwaps(n * each / 2)
			settle(t, s, 0)
			for _, e := range s.Start {
				if slices.Contains(s.Neighbours(e[0]), e[1]) {
					same++
				}
			}
		}
		return float64(same) / float64(runs*n*degree/2)
	}
	const uniform = float64(degree) / (n - 1)
	if share := again(1); share < 3*uniform {
		t.Errorf("after a swap each %.3f of the edges are between the same peers", share)
	}
	sd := math.Sqrt(uniform * (1 - uniform) / (runs * n * degree / 2))
	if share := again(10); math.Abs(share-uniform) > 4*sd {
		t.Errorf("after ten swaps each %.4f of the edges are between the same peers, want %.4f ± %.4f", share, uniform, sd)
	}
}

func TestSwapsGiveUp(t *testing.T) {
	s := NewSwaps(scattered(8, 3, 1e9, 1))
	for i := range s.Members {
		s.Kill(i)
	}
	if s.RunSwaps(1) {
		t.Error("the dead have swapped")
	}
}

func TestSwapsRepeat(t *testing.T) {
	run := func(seed uint64) ([]int, int) {
		cfg := scattered(24, 4, 2e9, seed)
		cfg.Graph = 1
		s := NewSwaps(cfg)
		s.RunSwaps(100)
		return s.Neighbours(3), s.Messages
	}
	near, messages := run(1)
	if again, count := run(1); !slices.Equal(near, again) || messages != count {
		t.Error("one seed, two runs")
	}
	if _, count := run(2); messages == count {
		t.Error("two seeds, one run")
	}
}

func TestRegular(t *testing.T) {
	for _, c := range [][2]int{{4, 3}, {8, 7}, {50, 4}, {1024, 7}} {
		n, degree := c[0], c[1]
		count, seen := make([]int, n), map[[2]int]bool{}
		for _, e := range Regular(n, degree, 5) {
			count[e[0]]++
			count[e[1]]++
			if e[0] == e[1] || seen[key(e[0], e[1])] {
				t.Fatalf("%v: the edge %v", c, e)
			}
			seen[key(e[0], e[1])] = true
		}
		if slices.Min(count) != degree || slices.Max(count) != degree {
			t.Errorf("%v: degrees %d to %d", c, slices.Min(count), slices.Max(count))
		}
	}
}
