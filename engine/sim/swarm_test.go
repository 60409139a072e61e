package sim

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/intersubjective/rapprochement/engine/sim/swarm"
)

var swarmSeed = flag.Uint64("seed", 1, "first seed of TestSwarm")

// TestSwarm draws small worlds with everything that can go wrong, adversaries
// included, and wants the invariants to hold of all of them, twice alike. SWARM=n runs n of them.
func TestSwarm(t *testing.T) {
	count := 12
	if text := os.Getenv("SWARM"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for seed := *swarmSeed; seed < *swarmSeed+uint64(count); seed++ {
		text := swarm.Scenario(seed)
		w := run(t, text)
		r := w.Result()
		wrong := w.Violations()
		if seed%4 == 0 && run(t, text).Result().Audit != r.Audit {
			wrong = append(wrong, "another run has another audit hash")
		}
		if len(wrong) > 0 {
			t.Errorf("%q\nreplay: SWARM=1 go test -run TestSwarm ./engine/sim -args -seed %d\n%s", wrong, seed, text)
		}
	}
}
