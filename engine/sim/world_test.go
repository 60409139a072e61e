package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func plan(t testing.TB, text string) *Plan {
	t.Helper()
	s, err := ParseScenario(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t testing.TB, text string) *World {
	t.Helper()
	p := plan(t, text)
	w, err := NewWorld(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Run(p.Duration, 0)
	return w
}

const mesh = `
name = "mesh"
nodes = 100
duration = "120s"
[links]
latency = "geographic"
jitter = "2ms"
loss = 0.01
[[workload]]
count = 10
every = "1s"
[[fault]]
kind = "partition"
at = "3s"
until = "20s"
split = 0.4
`

func TestMeshConverges(t *testing.T) {
	start := time.Now()
	w := run(t, mesh)
	r := w.Result()
	t.Logf("%v %+v", time.Since(start), r)
	if r.ConvergedAt < 0 || r.Held != 100*1000 {
		t.Fatalf("not converged: %+v", r)
	}
	// A healed partition is where every link has the same to say. 0.6 duplicates
	// and 650 bytes per record that was missing when this was written.
	if u := r.Totals.Useful; r.Totals.Duplicate > u*8/10 || r.Totals.BytesOut > u*750 {
		t.Errorf("%d records cost %d duplicates and %d bytes", u, r.Totals.Duplicate, r.Totals.BytesOut)
	}
	if again := run(t, mesh).Result(); again.Audit != r.Audit {
		t.Fatalf("audit %s, then %s", r.Audit, again.Audit)
	}
}

// Cuts are independent: healing one leaves the others.
func TestCutsOverlap(t *testing.T) {
	w := run(t, "nodes = 4\nduration = \"1s\"")
	passes := func() (list string) {
		for from := range uint32(4) {
			for to := range uint32(4) {
				if from != to && !w.net.IsCut(from, to) {
					list += fmt.Sprintf("%d%d ", from, to)
				}
			}
		}
		return list
	}
	for _, step := range []struct {
		a    Action
		want string
	}{
		{Action{Kind: Cut, Nodes: []uint32{0, 1}}, "01 10 23 32 "},
		{Action{Kind: Cut, Nodes: []uint32{1, 2}, OneWay: true}, "01 32 "},
		{Action{Kind: Heal, Nodes: []uint32{0, 1}}, "01 02 03 12 21 30 31 32 "},
		{Action{Kind: Heal, Nodes: []uint32{3}}, "01 02 03 12 21 30 31 32 "},
		{Action{Kind: Cut, Nodes: []uint32{3}}, "01 02 12 21 "},
		{Action{Kind: Heal}, "01 02 03 10 12 13 20 21 23 30 31 32 "},
	} {
		if err := w.Disturb(step.a); err != nil {
			t.Fatal(err)
		}
		if got := passes(); got != step.want {
			t.Errorf("after %v %v frames pass %q, want %q", step.a.Kind, step.a.Nodes, got, step.want)
		}
	}
	s, err := ParseScenario("nodes = 9\n" + strings.Repeat("[[fault]]\nkind = \"partition\"\nnodes = [1]\n", 7))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(s, nil); err == nil || !strings.Contains(err.Error(), "6 partitions") {
		t.Errorf("seven partitions at a time: %v", err)
	}
}
