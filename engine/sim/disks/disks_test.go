package disks

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/sim"
)

const scenario = `
name = "stores"
seed = 7
nodes = 5
duration = "60s"
[topology]
kind = "ring"
[links]
loss = 0.05
[[workload]]
count = 12
every = "1s"
batch = 3
keys = 10
[[fault]]
kind = "crash"
at = "4s"
until = "6s"
nodes = [1]
[[fault]]
kind = "crash"
at = "7s"
until = "9s"
nodes = [2]
store = "lost"
`

func run(t *testing.T, stores sim.Stores) *sim.World {
	t.Helper()
	s, err := sim.ParseScenario(scenario)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sim.Compile(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := sim.NewWorld(p, stores)
	if err != nil {
		t.Fatal(err)
	}
	w.Run(p.Duration, 0)
	return w
}

// The store must not show in anything that a node says.
func TestBothStoresGiveOneAudit(t *testing.T) {
	memory, files := run(t, nil).Result(), run(t, New()).Result()
	if memory.ConvergedAt < 0 || files.ConvergedAt < 0 {
		t.Fatalf("converged at %d in memory, at %d on disks", memory.ConvergedAt, files.ConvergedAt)
	}
	if memory.Audit != files.Audit {
		t.Fatalf("audit %s in memory, %s on disks", memory.Audit, files.Audit)
	}
}
