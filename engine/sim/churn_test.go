package sim

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

const churning = `
name = "churning"
seed = %d
nodes = 400
duration = "3h"
stop = "never"
[topology]
kind = "ring"
[[fault]]
kind = "churn"
at = "10m"
until = "%s"
online = "4m"
offline = "2m"
shape = 0.5
`

// The stays and absences of a plan, and how many nodes are away at a time.
type attendance struct {
	stays, absences []float64 // seconds; whole ones
	away            map[int64]int
}

func attend(p *Plan, times ...int64) attendance {
	a := attendance{away: map[int64]int{}}
	since, gone := make([]int64, len(p.Nodes)), make([]bool, len(p.Nodes))
	for _, t := range times {
		n := 0
		for i := range p.Nodes {
			down := false
			for _, act := range p.Actions {
				if act.At <= t && int(act.Node) == i {
					down = act.Kind == Crash
				}
			}
			if down {
				n++
			}
		}
		a.away[t] = n
	}
	for _, act := range p.Actions {
		span := float64(act.At-since[act.Node]) / 1e9
		switch {
		case since[act.Node] == 0: // it began before the churn
		case act.Kind == Restart && gone[act.Node]:
			a.absences = append(a.absences, span)
		case act.Kind == Crash:
			a.stays = append(a.stays, span)
		}
		since[act.Node], gone[act.Node] = act.At, act.Kind == Crash
	}
	return a
}

// Nodes stay and are away for Weibull times with the means and the shape of the
// fault; from the first moment a third of them is away; and in the end all are back.
func TestChurnIsDrawnFromTheWeibullDistribution(t *testing.T) {
	p := plan(t, fmt.Sprintf(churning, 1, "150m"))
	a := attend(p, 10*60e9, 40*60e9, 120*60e9, 150*60e9)
	for _, at := range []int64{10 * 60e9, 40 * 60e9, 120 * 60e9} {
		// A third of 400 with four deviations of 9.4.
		if n := a.away[at]; n < 96 || n > 171 {
			t.Errorf("%d of 400 nodes are away after %d minutes, want about 133", n, at/60e9)
		}
	}
	if n := a.away[150*60e9]; n != 0 {
		t.Errorf("%d nodes are away in the end", n)
	}
	for _, c := range []struct {
		name  string
		times []float64
		mean  float64
	}{{"stay", a.stays, 240}, {"absence", a.absences, 120}} {
		slices.Sort(c.times)
		median := c.times[len(c.times)/2]
		want := c.mean / math.Gamma(3) * math.Pow(math.Ln2, 2)
		t.Logf("%d times of %s, median %.1f s of %.1f s", len(c.times), c.name, median, want)
		if len(c.times) < 5000 || math.Abs(median/want-1) > 0.1 {
			t.Errorf("%d times of %s, median %.1f s, want about %.1f s", len(c.times), c.name, median, want)
		}
	}
}

// When a node comes and goes follows from the seed and its number, whoever else does.
func TestChurnOfANodeIsItsOwn(t *testing.T) {
	all := plan(t, fmt.Sprintf(churning, 1, "150m"))
	few := plan(t, fmt.Sprintf(churning, 1, "150m")+"nodes = [3, 77]\n")
	other := plan(t, fmt.Sprintf(churning, 2, "150m")+"nodes = [3, 77]\n")
	of := func(p *Plan) (list []int64) {
		for _, a := range p.Actions {
			if a.Node == 3 || a.Node == 77 {
				list = append(list, a.At)
			}
		}
		return list
	}
	if len(few.Actions) < 20 || !slices.Equal(of(all), of(few)) || slices.Equal(of(few), of(other)) {
		t.Errorf("%d actions of two nodes, %d alone, %d with another seed", len(of(all)), len(few.Actions), len(of(other)))
	}
}

// A churn that never ends may leave nodes away, and what is too much is refused.
func TestChurnIsBounded(t *testing.T) {
	p := plan(t, fmt.Sprintf(churning, 1, "0s"))
	if last := p.Actions[len(p.Actions)-1].At; last >= p.Duration {
		t.Errorf("something happens at %d, after the end", last)
	}
	if n := attend(p, p.Duration).away[p.Duration]; n < 96 || n > 171 {
		t.Errorf("%d of 400 nodes are away in the end, want about 133", n)
	}
	s, err := ParseScenario("duration = \"300h\"\n[[fault]]\nkind = \"churn\"\nonline = \"1ms\"\noffline = \"1ms\"")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(s, nil); err == nil {
		t.Error("a node comes and goes a million times")
	}
}

// A world of nodes that come and go converges when they are back, and repeats.
func TestWorldUnderChurn(t *testing.T) {
	const text = `
seed = 4
nodes = 20
duration = "5m"
[topology]
degree = 4
[links]
loss = 0.02
[[workload]]
count = 20
every = "3s"
[[fault]]
kind = "churn"
store = %q
until = "100s"
online = "20s"
offline = "10s"
`
	for _, store := range []string{"kept", "lost"} {
		w := run(t, fmt.Sprintf(text, store))
		r := w.Result()
		boots := uint64(0)
		for _, n := range w.nodes {
			boots += n.boot
		}
		t.Logf("%s: %d restarts, %d writes refused, converged at %.1f s", store, boots, r.Refused, float64(r.ConvergedAt)/1e9)
		if wrong := w.Violations(); len(wrong) > 0 || r.ConvergedAt < 0 || boots < 20 {
			t.Errorf("%s: %d restarts, %q", store, boots, wrong)
		}
		if again := run(t, fmt.Sprintf(text, store)).Result(); again.Audit != r.Audit {
			t.Errorf("%s: another run has another audit hash", store)
		}
	}
}
