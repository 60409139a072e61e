package sim

import (
	"fmt"
	"testing"
)

const lossy = `
name = "lossy %[1]s"
nodes = 20
duration = "300s"
[node]
strategies = [%[1]q]
interval = "5s"
[topology]
degree = 4
[links]
latency = "exponential"
delay = "5ms"
mean = "20ms"
loss = 0.2
duplicate = 0.05
reorder = 0.1
reorder_delay = "80ms"
[space]
history = %[2]q
[[workload]]
count = 10
every = "500ms"
batch = 3
keys = 5
[[fault]]
kind = "partition"
at = "2s"
until = "30s"
split = 0.4
[[fault]]
kind = "crash"
at = "4s"
until = "20s"
count = 3
store = "lost"
`

// Twenty nodes that lose every fifth frame converge with one strategy alone, and
// twice alike.
func TestLossyWorldConverges(t *testing.T) {
	for _, strategy := range []string{"prolly", "bloom", "kvriblt"} {
		for _, history := range []string{"all", "current"} {
			text := fmt.Sprintf(lossy, strategy, history)
			r := run(t, text).Result()
			if r.ConvergedAt < 0 || r.Faults != 0 {
				t.Errorf("%s, %s: %+v", strategy, history, r)
			}
			if again := run(t, text).Result(); again.Audit != r.Audit {
				t.Errorf("%s, %s: audit %s, then %s", strategy, history, r.Audit, again.Audit)
			}
		}
	}
}
