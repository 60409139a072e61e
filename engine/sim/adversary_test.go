package sim

import (
	"fmt"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// besieged is a world in which two of ten nodes misbehave while all others write.
const besieged = `
name = "besieged"
seed = %d
nodes = 10
duration = "300s"
[node]
interval = "3s"
strategies = [%q]
[topology]
kind = "random"
degree = 4
[links]
latency = "uniform"
delay = "5ms"
mean = "60ms"
jitter = "5ms"
loss = 0.05
[[workload]]
count = 20
every = "700ms"
keys = 5
bytes = 60
[[fault]]
kind = %q
nodes = [3, 7]
share = %g
bytes = 1000
every = "200ms"
until = %q
`

// Whatever an adversary does, the honest and connected converge, and blame nobody
// but the adversary.
func TestAdversaries(t *testing.T) {
	faults := map[string][]codec.FaultKind{
		"forge": {codec.FaultSignature}, "equivocate": nil, "silence": nil, "replay": nil,
		"flood": {codec.FaultFrame, codec.FaultSession}, "lie": {codec.FaultSession},
	}
	for _, kind := range []string{"forge", "equivocate", "flood", "lie", "silence", "replay"} {
		for _, until := range []string{"0s", "20s"} {
			t.Run(kind+" until "+until, func(t *testing.T) {
				text := fmt.Sprintf(besieged, 1, "riblt", kind, 0.5, until)
				w := run(t, text)
				for _, v := range w.Violations() {
					t.Error(v)
				}
				r := w.Result()
				seen := map[codec.FaultKind]uint64{}
				for i, k := range w.reports.kind {
					seen[codec.FaultKind(k)] += w.reports.count[i]
				}
				for _, want := range faults[kind] {
					if seen[want] == 0 {
						t.Errorf("nobody reported %v", want)
					}
				}
				if kind == "equivocate" && r.Equivocations == 0 {
					t.Error("nobody saw the equivocation")
				}
				for i, node := range w.accused {
					a := w.adversaries[node]
					t.Logf("node %d: %+v", w.accused[i], *a)
					if adv := w.nodes[node].adversary; adv != nil {
						t.Logf("node %d: %+v", node, adv.Account)
					}
				}
				if again := run(t, text).Result(); again.Audit != r.Audit {
					t.Errorf("audit %s, then %s", r.Audit, again.Audit)
				}
				t.Logf("converged at %.1f s after %.1f s, %v, %d equivocations, refused %d %s", float64(r.ConvergedAt)/1e9, float64(w.readyAt)/1e9, seen, r.Equivocations, r.Refused, r.LastRefusal)
			})
		}
	}
}
