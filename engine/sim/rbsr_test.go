package sim

import (
	"fmt"
	"testing"
)

// Ranges alone repair what live push loses: twenty nodes behind links that lose
// every tenth frame, half of them cut off for a while, hold the same in the end.
func TestRangesConverge(t *testing.T) {
	for _, strategy := range []string{"rbsr", "negentropy"} {
		text := fmt.Sprintf(`
name = "ranges"
nodes = 20
duration = "120s"
[node]
strategies = [%q]
[links]
latency = "lognormal"
mean = "30ms"
loss = 0.1
duplicate = 0.02
[[workload]]
count = 30
every = "500ms"
[[fault]]
kind = "partition"
at = "3s"
until = "15s"
split = 0.5
`, strategy)
		r := run(t, text).Result()
		t.Logf("%s: converged at %.1f s, %d bytes, %d rounds", strategy, float64(r.ConvergedAt)/1e9, r.Totals.BytesOut, r.Totals.Rounds)
		if r.ConvergedAt < 0 || r.Held != 20*600 || r.Faults != 0 {
			t.Errorf("%s: not converged: %+v", strategy, r)
		}
		if again := run(t, text).Result(); again.Audit != r.Audit {
			t.Errorf("%s: audit %s, then %s", strategy, r.Audit, again.Audit)
		}
	}
}
