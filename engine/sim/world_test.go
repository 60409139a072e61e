package sim

import (
	"testing"
	"time"
)

func run(t testing.TB, text string) *World {
	t.Helper()
	s, err := ParseScenario(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(s, nil)
	if err != nil {
		t.Fatal(err)
	}
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
