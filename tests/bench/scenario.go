package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/intersubjective/rapprochement/engine"
)

// randomScenario is a small world with everything in it drawn from the seed:
// 3 to 8 nodes, a workload or two, up to four faults.
func randomScenario(seed uint64) string {
	d := dice{rand.New(rand.NewPCG(seed, 0x5eed))}
	nodes := 3 + d.IntN(6)
	durable := d.IntN(3) > 0
	b := &strings.Builder{}
	fmt.Fprintf(b, "name = \"seed %d\"\nseed = %d\nnodes = %d\nduration = \"60s\"\n", seed, seed, nodes)
	fmt.Fprintf(b, "[node]\nstrategies = [%s]\ndurable = %t\npush_all = %t\ncpu = %t\ninterval = %q\n",
		d.strategies(), durable, d.IntN(4) == 0, d.IntN(4) == 0, d.ms(1000, 5000))
	fmt.Fprintf(b, "frame_bytes = %d\n", []int{512, 1200, 4096, 16384}[d.IntN(4)])
	fmt.Fprintf(b, "[topology]\nkind = %q\ndegree = %d\n", d.of("random", "ring", "line", "star", "full", "nearest"), 2+2*d.IntN(2))
	fmt.Fprintf(b, "[space]\nhistory = %q\nwrite = %q\n", d.of("current", "all"), d.of("open", "open", "members"))
	fmt.Fprintf(b, "[links]\n%s", d.links())
	for range 1 + d.IntN(2) {
		fmt.Fprintf(b, "[[workload]]\nat = %q\ncount = %d\nevery = %q\nbatch = %d\nbytes = %d\nkeys = %d\n",
			d.ms(0, 3000), 1+d.IntN(4), d.ms(200, 2000), 1+d.IntN(4), 8+d.IntN(300), d.IntN(4))
	}
	for range d.IntN(5) {
		d.fault(b, nodes, durable)
	}
	return b.String()
}

type dice struct{ *rand.Rand }

func (d dice) of(choices ...string) string { return choices[d.IntN(len(choices))] }

func (d dice) ms(lo, hi int) string { return fmt.Sprintf("%dms", lo+d.IntN(hi-lo)) }

// strategies are all of them in some order, so that there is always one that
// finishes.
func (d dice) strategies() string {
	names := engine.StrategyNames()
	d.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return `"` + strings.Join(names, `", "`) + `"`
}

func (d dice) links() string {
	text := fmt.Sprintf("latency = %q\ndelay = %q\nmean = %q\nsigma = 0.5\n",
		d.of("constant", "uniform", "exponential", "lognormal", "geographic"), d.ms(1, 50), d.ms(51, 120))
	text += fmt.Sprintf("jitter = %q\nloss = %.3f\nduplicate = %.3f\nreorder = %.3f\nreorder_delay = %q\n",
		d.ms(0, 20), 0.2*d.Float64()*d.Float64(), 0.1*d.Float64(), 0.2*d.Float64(), d.ms(1, 100))
	if d.IntN(3) == 0 {
		text += fmt.Sprintf("bandwidth = %d\nuplink = %d\n", 50_000+d.IntN(1_000_000), 100_000+d.IntN(1_000_000))
	}
	return text
}

// fault writes one fault. Stores differ in how much of what was not synced a
// power loss leaves, so only durable nodes meet one.
func (d dice) fault(b *strings.Builder, nodes int, durable bool) {
	kind := d.of("partition", "crash", "pause", "clock", "store", "leave", "link")
	at := 500 + d.IntN(6000)
	fmt.Fprintf(b, "[[fault]]\nkind = %q\nat = \"%dms\"\nuntil = \"%dms\"\n", kind, at, at+200+d.IntN(8000))
	if kind != "link" {
		fmt.Fprintf(b, "nodes = [%d]\n", d.IntN(nodes))
	}
	switch kind {
	case "partition":
		fmt.Fprintf(b, "one_way = %t\n", d.IntN(3) == 0)
	case "crash":
		fates := []string{"kept", "lost"}
		if durable {
			fates = append(fates, "torn")
		}
		fmt.Fprintf(b, "store = %q\n", d.of(fates...))
	case "clock":
		fmt.Fprintf(b, "shift = \"%ds\"\ndrift = %.4f\n", d.IntN(7200)-3600, 0.2*d.Float64()-0.1)
	case "store":
		fmt.Fprintf(b, "commit = %d\n", 1+d.IntN(20))
	case "link":
		fmt.Fprintf(b, "[fault.links]\n%s", d.links())
	}
}
