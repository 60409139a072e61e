package lab

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plane makes a matrix of sites that lie in clusters on a plane, each with an
// access delay of its own, and with detours.
func plane(n int, seed uint64) *Matrix {
	r := rand.New(rand.NewPCG(seed, 7))
	type site struct{ x, y, h float64 }
	var sites []site
	for i := range n {
		c := rand.New(rand.NewPCG(seed, uint64(i%9)))
		sites = append(sites, site{250*c.Float64() + 12*r.NormFloat64(), 150*c.Float64() + 12*r.NormFloat64(), 1 + 4*r.ExpFloat64()})
	}
	m := &Matrix{N: n, Mean: make([]int64, n*n), Noise: make([]int64, n*n)}
	for i := range n {
		for j := range i {
			d := math.Hypot(sites[i].x-sites[j].x, sites[i].y-sites[j].y) * (1 + 0.3*r.ExpFloat64())
			for _, at := range []int{i*n + j, j*n + i} {
				m.Mean[at] = int64((d + sites[i].h + sites[j].h) * 1e6)
				m.Noise[at] = m.Mean[at] / 10
			}
		}
	}
	return m
}

// Nodes that pinged thirty of a hundred peers have found nearly the best, and
// colluding liars do not get more than their share.
func TestNearestFindsTheNearest(t *testing.T) {
	m := plane(100, 1)
	for _, c := range []struct{ liars, ratio, share float64 }{{0, 1.2, 0}, {0.3, 1.25, 1.15}} {
		l := New(Config{Matrix: m, Seed: 5, Start: 8, Liars: c.liars, Trust: Checked})
		l.Round()
		first := l.Ratio()
		for range 10 {
			l.Round()
		}
		t.Logf("%v liars: %.2f at first, %.3f after ten rounds, share %.2f", c.liars, first, l.Ratio(), l.LiarShare()/max(c.liars, 0.01))
		if first < 2 {
			t.Errorf("%.2f at first: there is nothing to find", first)
		}
		if l.Ratio() > c.ratio {
			t.Errorf("%v liars: %.3f after ten rounds", c.liars, l.Ratio())
		}
		if c.liars > 0 && l.LiarShare() > c.share*c.liars {
			t.Errorf("%v liars hold %.2f of the slots", c.liars, l.LiarShare())
		}
	}
}

func TestRunsRepeat(t *testing.T) {
	run := func(seed uint64) float64 {
		l := New(Config{Matrix: plane(40, 2), Seed: seed, Start: 8, Liars: 0.2, Delay: 1e6})
		for range 5 {
			l.Round()
		}
		return l.Ratio()
	}
	if run(1) != run(1) || run(1) == run(2) {
		t.Error("a run is no function of its seed")
	}
}
