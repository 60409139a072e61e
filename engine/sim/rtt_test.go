package sim

import (
	"fmt"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/engine/rtt"
)

const rttScenario = `
nodes = %d
seed = %d
duration = "100s"
stop = "never"
[node]
services = ["rtt"]
[rtt]
round = "5s"
publish = "15s"
[topology]
kind = "random"
degree = 4
[links]
latency = "geographic"
loss = 0.01
jitter = "3ms"
`

func rttWorld(t *testing.T, nodes, seed int) *World {
	t.Helper()
	p := plan(t, fmt.Sprintf(rttScenario, nodes, seed))
	w, err := NewWorld(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func rttReport(t *testing.T, w *World, node uint32) rtt.Report {
	t.Helper()
	r, err := w.Peers(node)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Real nodes that begin with random neighbours find the nearest peers over a lossy
// network, and the run repeats to the last byte.
func TestNodesFindNearPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const nodes = 24
	w := rttWorld(t, nodes, 3)
	w.Run(100e9, 0)
	var got, want float64
	for i := range uint32(nodes) {
		r := rttReport(t, w, i)
		var own []int64
		for _, p := range r.Peers {
			if p.Slot && p.Up {
				own = append(own, w.plan.rtt(int(i), int(w.byPeer[p.Peer])))
			}
		}
		var all []int64
		for j := range nodes {
			if j != int(i) {
				all = append(all, w.plan.rtt(int(i), j))
			}
		}
		slices.Sort(own)
		slices.Sort(all)
		if len(own) < 6 || r.Known != nodes-1 {
			t.Fatalf("node %d has %d slots and knows %d of %d peers", i, len(own), r.Known, nodes-1)
		}
		for k := range 6 {
			got, want = got+float64(own[k]), want+float64(all[k])
		}
	}
	t.Logf("round trips to the slots: %.3f of the best", got/want)
	if got > 1.15*want {
		t.Errorf("round trips to the slots: %.3f of the best", got/want)
	}
	again := rttWorld(t, nodes, 3)
	again.Run(50e9, 0)
	again.Run(100e9, 0)
	for i := range uint32(nodes) {
		rttReport(t, again, i)
	}
	if w.Audit() != again.Audit() {
		t.Error("the run does not repeat")
	}
}
