package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/overlay/lab"
)

// What the arenas of these figures assume, ns.
const (
	heartbeatNs = int64(10e9)
	detectNs    = int64(5e9) // a dead neighbour goes unnoticed for so long
	timeoutNs   = int64(3e9) // a dial to the dead fails after so long
	delayNs     = int64(50e6)
)

type newPolicy func(*overlay.Table, *rand.Rand) overlay.Policy

func newMesh(t *overlay.Table, rng *rand.Rand) overlay.Policy {
	return overlay.NewMesh(t, heartbeatNs, rng)
}

func newIntroductions(t *overlay.Table, rng *rand.Rand) overlay.Policy {
	return overlay.NewIntroductions(t, heartbeatNs, rng)
}

func newNearest(t *overlay.Table, rng *rand.Rand) overlay.Policy {
	chart := overlay.NewChart(t.Self, rng)
	return &measuring{overlay.NewNearest(t, chart, heartbeatNs, rng), chart, t}
}

// measuring does for a nearest policy what pings do: whoever is connected is measured.
type measuring struct {
	overlay.Policy
	chart *overlay.Chart
	table *overlay.Table
}

func (m *measuring) Handle(now int64, ev overlay.Event) []overlay.Effect {
	switch ev := ev.(type) {
	case overlay.Up:
		m.chart.Measure(ev.Peer, 2*delayNs)
	case overlay.Wake:
		for _, p := range m.table.All() {
			m.chart.Enter(p.ID)
		}
	}
	return m.Policy.Handle(now, ev)
}

// arena prepares a network whose members have each heard of some others, drawn from
// the seed.
func arena(n, known int, seed uint64, policy newPolicy) *lab.Arena {
	a := lab.NewArena(lab.ArenaConfig{
		N: n, Seed: seed, Timeout: timeoutNs, Detect: detectNs,
		Delay:  func(int, int) int64 { return delayNs },
		Policy: func(_ int, t *overlay.Table, rng *rand.Rand) overlay.Policy { return policy(t, rng) },
	})
	rng := rand.New(rand.NewPCG(seed, 0x6d656574))
	for i := range n {
		for a.Members[i].Table.Len() < min(known, n-1) {
			if j := rng.IntN(n); j != i {
				a.Meet(i, j)
			}
		}
	}
	return a
}

// A graph is who is connected to whom among the living members of an arena.
type graph struct {
	edges  [][2]int
	degree []int // −1 for the dead
}

func graphOf(a *lab.Arena) *graph {
	g := &graph{degree: make([]int, len(a.Members))}
	for i, m := range a.Members {
		if m.Dead {
			g.degree[i] = -1
			continue
		}
		for _, p := range m.Table.All() {
			if j := lab.MemberOf(p.ID); p.Up && a.Connected(i, j) && !a.Members[j].Dead {
				g.degree[i]++
				if i < j {
					g.edges = append(g.edges, [2]int{i, j})
				}
			}
		}
	}
	return g
}

// least is the lowest degree of the living.
func (g *graph) least() int {
	least := math.MaxInt
	for _, d := range g.degree {
		if d >= 0 {
			least = min(least, d)
		}
	}
	return least
}

// connected reports whether all the living are in one piece.
func (g *graph) connected() bool {
	root := make([]int, len(g.degree))
	pieces := 0
	for i, d := range g.degree {
		root[i] = i
		pieces += min(d+1, 1)
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, e := range g.edges {
		if a, b := find(e[0]), find(e[1]); a != b {
			root[a] = b
			pieces--
		}
	}
	return pieces == 1
}

// converge counts rounds until everybody has everything, if everybody begins with one
// record and every edge has one session a round, in an order of its own in each.
func (g *graph) converge(rng *rand.Rand) (rounds int) {
	words := (len(g.degree) + 63) / 64
	sets := make([][]uint64, len(g.degree))
	for i := range sets {
		sets[i] = make([]uint64, words)
		sets[i][i/64] = 1 << (i % 64)
	}
	edges := slices.Clone(g.edges)
	for changed := true; changed; rounds++ {
		changed = false
		rng.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
		for _, e := range edges {
			a, b := sets[e[0]], sets[e[1]]
			for w := range words {
				changed = changed || a[w] != b[w]
				a[w] |= b[w]
				b[w] = a[w]
			}
		}
	}
	return rounds - 1 // the last one has found nothing
}

// meshSessions lets meshes of several sizes form and counts their edges, which are
// the sessions of a round, and the rounds in which a set converges.
func meshSessions(rounds int) error {
	sizes := []int{10, 50, 100, 500, 1000, 2000}
	var edges []float64
	for _, n := range sizes {
		seeds := 4 * rounds
		if n == 1000 {
			seeds = 40 * rounds
		}
		progress("meshes of %d, %d seeds", n, seeds)
		edges = append(edges, meshOf(n, seeds))
	}
	emit("mesh_sessions_slope", slope(sizes, edges), "", parameters{"nodes": sizes})
	return nil
}

func meshOf(n, seeds int) float64 {
	const known = 16
	var edges, beats, converged, least, most []float64
	connected, degrees := 0, 0
	for seed := range seeds {
		a := arena(n, known, uint64(seed), newMesh)
		g, h := &graph{}, 0
		for settled := false; !settled && h < 50; h++ {
			a.Run(int64(h+1) * heartbeatNs)
			g = graphOf(a)
			settled = g.least() >= min(5, n-1) && slices.Max(g.degree) <= 12
		}
		a.Run(int64(h+5) * heartbeatNs)
		g = graphOf(a)
		edges, beats = append(edges, float64(len(g.edges))), append(beats, float64(h))
		least, most = append(least, float64(g.least())), append(most, float64(slices.Max(g.degree)))
		degrees += 2 * len(g.edges)
		if g.connected() {
			connected++
			converged = append(converged, float64(g.converge(rand.New(rand.NewPCG(uint64(seed), 1)))))
		}
	}
	emit("mesh_sessions", mean(edges), "sessions/round", parameters{
		"nodes": n, "known": known, "seeds": seeds, "most": maximum(edges), "connected": connected,
		"degree_least": minimum(least), "degree_mean": float64(degrees) / float64(n*seeds), "degree_most": maximum(most),
		"heartbeats_mean": mean(beats), "heartbeats_most": maximum(beats),
		"rounds_mean": mean(converged), "rounds_most": maximum(converged),
	})
	return mean(edges)
}

// slope is that of the straight line that fits the logarithms best.
func slope(sizes []int, values []float64) float64 {
	var x, y, xx, xy float64
	for i, n := range sizes {
		u, v := math.Log(float64(n)), math.Log(values[i])
		x, y, xx, xy = x+u, y+v, xx+u*u, xy+u*v
	}
	k := float64(len(sizes))
	return (k*xy - x*y) / (k*xx - x*x)
}

// recoveryRounds lets a part of a network die at once and counts heartbeats until
// every survivor has five living neighbours again.
func recoveryRounds(rounds int) error {
	for _, p := range []struct {
		name string
		make newPolicy
	}{{"mesh", newMesh}, {"introductions", newIntroductions}, {"nearest", newNearest}} {
		for _, share := range []float64{0.5, 0.8} {
			progress("%s, %.0f %% die", p.name, 100*share)
			recoveries(p.name, p.make, share, 2*rounds)
		}
	}
	return nil
}

func recoveries(name string, policy newPolicy, share float64, seeds int) {
	const n, known, enough, longest = 1000, 128, 5, 20
	var took []float64
	connected, recovered := 0, 0
	for seed := range seeds {
		a := arena(n, known, uint64(seed), policy)
		a.Run(5 * heartbeatNs)
		died := a.Now()
		rng := rand.New(rand.NewPCG(uint64(seed), 0x646965))
		for _, i := range rng.Perm(n)[:int(share*n)] {
			a.Kill(i)
		}
		for g := graphOf(a); g.least() < enough && a.Now()-died < longest*heartbeatNs; g = graphOf(a) {
			a.Run(a.Now() + heartbeatNs/10)
		}
		took = append(took, float64(a.Now()-died)/float64(heartbeatNs))
		g := graphOf(a)
		if g.least() >= enough {
			recovered++
		}
		if g.connected() {
			connected++
		}
	}
	emit("recovery_rounds", mean(took), "heartbeats", parameters{
		"policy": name, "nodes": n, "died": share, "known": known, "seeds": seeds, "least": minimum(took), "most": maximum(took),
		"recovered": recovered, "connected": connected,
		"heartbeat_s": heartbeatNs / 1e9, "detect_s": detectNs / 1e9, "timeout_s": timeoutNs / 1e9,
	})
}
