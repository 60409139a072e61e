package overlay

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

func id(n int) codec.PeerID { return codec.PeerID{1, byte(n >> 8), byte(n)} }

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func TestEstimate(t *testing.T) {
	var e Estimate
	if e.RTT() != 0 || e.Loss() != 0 || e.Cost() != 0 {
		t.Error("an estimate of nothing")
	}
	for range 20 {
		e.Sample(10e6)
	}
	if e.Sample(500e6); e.RTT() != 10e6 {
		t.Errorf("one spike moves the estimate to %d", e.RTT())
	}
	for range window {
		e.Sample(30e6)
	}
	if e.RTT() != 30e6 || e.Samples() != 21+window {
		t.Errorf("after a change of route %d, %d samples", e.RTT(), e.Samples())
	}
	for range 3 * lossWindow {
		e.Sample(30e6)
		e.Lost()
	}
	if loss := e.Loss(); loss < 450_000 || loss > 550_000 {
		t.Errorf("half is lost, the estimate says %d ppm", loss)
	}
	if e.Cost() < 3*e.RTT() {
		t.Errorf("a link that loses half costs %d, its round trip is %d", e.Cost(), e.RTT())
	}
	if e.Sample(-5); e.RTT() < 0 {
		t.Error("a negative estimate")
	}
}

// On a plane with access delays, coordinates find round trips that they were not
// fitted to.
func TestFitFindsThePlane(t *testing.T) {
	r := newRand(1)
	var sites []Coordinate
	for range 60 {
		sites = append(sites, Coordinate{300 * r.Float64(), 200 * r.Float64(), 1 + 10*r.Float64()})
	}
	me := sites[0]
	at := Coordinate{-50, 400, 5}
	var springs []spring
	for _, s := range sites[1:25] {
		springs = append(springs, spring{s, me.Distance(s), 1})
	}
	springs = append(springs, spring{sites[25], 1, 1}) // a liar
	for range 40 {
		at = at.fit(springs)
	}
	for _, s := range sites[30:] {
		if got, want := at.Distance(s), me.Distance(s); math.Abs(got-want) > 5+0.1*want {
			t.Errorf("predicts %.1f ms for %.1f", got, want)
		}
	}
	if still := at.fit(nil); still != at {
		t.Error("moved by nothing")
	}
}

func TestInvalidCoordinatesAreRefused(t *testing.T) {
	c := NewChart(id(0), newRand(1))
	c.Placed(id(1), Coordinate{1, 2, 3})
	for _, bad := range []Coordinate{
		{math.NaN(), 0, 1}, {0, math.Inf(1), 1}, {0, 0, math.NaN()}, {0, 0, -1}, {2e4, 0, 1}, {0, -2e4, 1}, {0, 0, 2e4},
	} {
		if bad.Valid() {
			t.Errorf("%v is valid", bad)
		}
		c.Placed(id(1), bad)
	}
	if got := c.board.peers[c.board.index[id(1)]].place; got != (Coordinate{1, 2, 3}) {
		t.Errorf("the peer is at %v", got)
	}
}

func TestPredictions(t *testing.T) {
	c := NewChart(id(0), newRand(1))
	if _, ok := c.Predict(id(1)); ok {
		t.Error("predicts what it has never heard of")
	}
	c.Enter(id(1))
	if _, ok := c.Predict(id(1)); ok {
		t.Error("predicts out of nothing")
	}
	c.Measure(id(2), 2e6)
	c.Claim(id(2), id(1), 80e6) // somebody near says that it is 80 ms away
	if got, ok := c.Predict(id(1)); !ok || got < 70e6 || got > 82e6 {
		t.Errorf("predicts %d", got)
	}
	c.Claim(id(3), id(2), 3e6) // and another one is near that one
	if got, _ := c.Predict(id(3)); got > 5e6 {
		t.Errorf("two legs of 2 and 3 ms make %d", got)
	}
	list := c.Prospects(5, func(codec.PeerID) bool { return true })
	if len(list) != 2 || list[0].Peer != id(3) || list[1].Peer != id(1) {
		t.Errorf("prospects %v", list)
	}
	c.Claim(id(2), id(1), 0)
	if _, ok := c.Predict(id(1)); ok {
		t.Error("a claim that was taken back counts")
	}
	if got := c.Prospects(5, func(p codec.PeerID) bool { return p == id(1) }); len(got) != 1 || got[0].RTTNs != 0 {
		t.Errorf("prospects %v", got)
	}
}

// Claims that can't be true cost their author its say.
func TestLiarsLoseTheirSay(t *testing.T) {
	honest, liar := 1, 2
	c := NewChart(id(0), newRand(1))
	for _, n := range []int{honest, liar} {
		c.Measure(id(n), 5e6)
	}
	for n := 10; n < 16; n++ {
		c.Measure(id(n), 200e6)
		c.Claim(id(honest), id(n), 203e6)
		c.Claim(id(liar), id(n), 1e6) // 5 + 1 ms could not become 200
	}
	c.Claim(id(honest), id(20), 150e6)
	c.Claim(id(liar), id(20), 1e6)
	if got, _ := c.Predict(id(20)); got > 100e6 {
		t.Errorf("before the check half is believed, predicts %d", got)
	}
	c.Update()
	if got, _ := c.Predict(id(20)); got < 120e6 {
		t.Errorf("the liar is still believed: predicts %d", got)
	}
	if right, wrong := c.Agreement(id(liar)); right != 0 || wrong != 6 {
		t.Errorf("the liar's claims: %v right, %v wrong", right, wrong)
	}
	if right, wrong := c.Agreement(id(honest)); right != 6 || wrong != 0 {
		t.Errorf("the honest one's claims: %v right, %v wrong", right, wrong)
	}
	c.Score(id(honest), 0)
	if got, ok := c.Predict(id(20)); ok {
		t.Errorf("nobody is trusted, predicts %d", got)
	}
}

// Whatever comes, a chart stays within its bounds and its numbers finite, and two
// charts that were told the same say the same.
func TestChartUnderNoise(t *testing.T) {
	for seed := range uint64(20) {
		build := func() *Chart {
			r := newRand(seed)
			c := NewChart(id(0), newRand(seed))
			for range 2000 {
				a, b := id(r.IntN(40)), id(r.IntN(40))
				value := []int64{-1 << 60, -1, 0, 1, 5e6, 1e9, 1 << 62}[r.IntN(7)]
				switch r.IntN(6) {
				case 0:
					c.Measure(a, value)
				case 1:
					c.Lost(a)
				case 2, 3:
					c.Claim(a, b, value)
				case 4:
					c.Placed(a, Coordinate{float64(value), r.NormFloat64() * 100, math.Abs(r.NormFloat64())})
				case 5:
					c.Score(a, r.NormFloat64())
				}
				if r.IntN(50) == 0 {
					c.Update()
				}
			}
			return c
		}
		c, d := build(), build()
		if !c.Place().Valid() {
			t.Fatalf("seed %d: the node is at %v", seed, c.Place())
		}
		all := func(codec.PeerID) bool { return true }
		if !slices.Equal(c.Prospects(50, all), d.Prospects(50, all)) || c.Place() != d.Place() {
			t.Fatalf("seed %d: two charts differ", seed)
		}
		for n := range 40 {
			if v, ok := c.Predict(id(n)); ok && v < 0 {
				t.Fatalf("seed %d: predicts %d", seed, v)
			}
		}
		if c.Len() > 39 {
			t.Fatalf("%d peers of 39", c.Len())
		}
	}
	c := NewChart(id(0), newRand(1))
	for n := range ClaimsMax + 50 {
		c.Claim(id(1), id(n+2), 1e6)
	}
	if got := len(c.board.peers[c.board.index[id(1)]].by); got != ClaimsMax {
		t.Errorf("%d claims of one peer", got)
	}
}

// What others say can't keep a node from measuring whom it is connected to.
func TestClaimsLeaveRoom(t *testing.T) {
	c := NewChart(id(0), newRand(1))
	for n := range PeersMax {
		c.Claim(id(1), codec.PeerID{2, byte(n >> 8), byte(n)}, 0)
	}
	if c.Len() != ClaimedMax-1 {
		t.Fatalf("%d peers on the chart, named by one", c.Len())
	}
	if c.Measure(id(3), 5e6); c.Estimate(id(3)).RTT() != 5e6 {
		t.Error("no room for a peer of the node's own")
	}
}

func TestNearest(t *testing.T) {
	c, r := NewChart(id(0), newRand(1)), newRand(2)
	for n := 1; n <= 30; n++ {
		c.Enter(id(n))
		if n <= 20 {
			c.Measure(id(n), int64(n)*10e6)
		}
	}
	p := NewNearest(NewTable(id(0)), c, 1, r)
	uptime := func(x codec.PeerID) float64 {
		if x == id(3) {
			return 0
		}
		return 1
	}
	keep, probe := p.Round(uptime)
	best, random := p.Slots()
	if !slices.Equal(best, []codec.PeerID{id(1), id(2), id(4), id(5), id(6), id(7)}) || len(random) != 2 || len(keep) != 8 {
		t.Fatalf("best %v, random %v", best, random)
	}
	for _, x := range probe {
		if e := c.Estimate(x); e.Samples() != 0 {
			t.Errorf("probes %v, which it knows", x)
		}
	}
	if len(probe) != 3 {
		t.Errorf("probes %v", probe)
	}
	for range 5 * window { // 2 % nearer is no reason to move, 20 % is
		c.Measure(id(8), 68.6e6)
	}
	p.Round(uptime)
	if best, _ = p.Slots(); slices.Contains(best, id(8)) {
		t.Error("moved for two per cent")
	}
	for range 5 * window {
		c.Measure(id(8), 56e6)
	}
	p.Round(uptime)
	if best, _ = p.Slots(); !slices.Contains(best, id(8)) || slices.Contains(best, id(7)) {
		t.Errorf("did not move for twenty per cent: %v", best)
	}
	c.Score(id(1), 0.1)
	c.Score(id(2), 0)
	p.Round(uptime)
	if best, _ = p.Slots(); slices.Contains(best, id(2)) || best[len(best)-1] == id(2) || best[0] == id(1) {
		t.Errorf("scores do not count: %v", best)
	}
	seen := map[codec.PeerID]bool{}
	for range 100 {
		p.Round(uptime)
		_, random := p.Slots()
		for _, x := range random {
			seen[x] = true
		}
	}
	if len(seen) < 15 || seen[id(3)] {
		t.Errorf("%d peers had a random slot", len(seen))
	}
	none, probes := NewNearest(NewTable(id(0)), NewChart(id(0), r), 1, r).Round(uptime)
	if len(none)+len(probes) != 0 {
		t.Error("chooses among nobody")
	}
}
