// Package swarm draws small worlds in which everything goes wrong that can, for
// tests that want what has to hold of every run to hold of thousands of them.
package swarm

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Scenario writes a scenario whose every choice is drawn from the seed: 2 to 10
// nodes, up to three workloads, adversaries and faults. Partitions heal and what
// stops starts again, and there is time to recover afterwards; adversaries may stay.
func Scenario(seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 9))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	nodes := 2 + rng.IntN(9)
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("name = \"swarm %d\"\nseed = %d\nnodes = %d\nduration = \"600s\"", seed, seed, nodes)
	say("[node]\nstrategies = [%s]", pick(`"riblt"`, `"frontier", "riblt"`, `"full"`, `"frontier"`, ``))
	say("durable = %t\npush_all = %t\nframe_bytes = %d", rng.IntN(2) == 0, rng.IntN(4) == 0, []int{512, 1400, 16384}[rng.IntN(3)])
	say("interval = \"%ds\"\ncpu = %t", 2+rng.IntN(9), rng.IntN(4) == 0)
	say("[topology]\nkind = %q\ndegree = %d", pick("random", "ring", "line", "star", "full"), 2+2*rng.IntN(2))
	say("[links]\nlatency = %q\ndelay = \"%dms\"\nmean = \"%dms\"\nsigma = 0.5", pick("constant", "uniform", "exponential", "lognormal"), 1+rng.IntN(40), 1+rng.IntN(80))
	say("jitter = \"%dms\"\nloss = %.2f\nduplicate = %.2f\nreorder = %.2f\nreorder_delay = \"50ms\"", rng.IntN(20), 0.3*rng.Float64(), 0.1*rng.Float64(), 0.2*rng.Float64())
	if rng.IntN(4) == 0 {
		say("bandwidth = %d\nqueue = %d", 20_000+rng.IntN(200_000), 20_000+rng.IntN(50_000))
	}
	say("[space]\nhistory = %q\nwrite = %q", pick("current", "all"), pick("open", "open", "members"))
	for range 1 + rng.IntN(3) {
		say("[[workload]]\nat = \"%dms\"\ncount = %d\nevery = \"%dms\"\nbatch = %d\nkeys = %d\nbytes = %d",
			rng.IntN(3000), 1+rng.IntN(15), 50+rng.IntN(900), 1+rng.IntN(4), rng.IntN(6), 8+rng.IntN(600))
	}
	for range rng.IntN(3) {
		kind := pick("forge", "equivocate", "flood", "lie", "silence", "replay")
		say("[[fault]]\nkind = %q\ncount = %d\nshare = %.2f\nbytes = %d\nevery = \"%dms\"\nat = \"%dms\"", kind, 1+rng.IntN(max(nodes/3, 1)),
			0.05+0.95*rng.Float64(), 64+rng.IntN(2000), 50+rng.IntN(500), rng.IntN(3000))
		if rng.IntN(2) == 0 {
			say("until = \"%dms\"", 4000+rng.IntN(15000))
		}
	}
	for range rng.IntN(4) {
		at := 500 + rng.IntN(8000)
		say("[[fault]]\nat = \"%dms\"\nuntil = \"%dms\"", at, at+6000+rng.IntN(10000))
		switch pick("partition", "crash", "pause", "clock", "store", "leave") {
		case "partition":
			say("kind = \"partition\"\nnodes = [%d]\none_way = %t", rng.IntN(nodes), rng.IntN(2) == 0)
		case "crash":
			say("kind = \"crash\"\ncount = %d\nstore = %q", 1+rng.IntN(nodes-1), pick("kept", "torn", "lost"))
		case "pause":
			say("kind = \"pause\"\ncount = 1")
		case "clock":
			say("kind = \"clock\"\ncount = 1\nshift = \"%ds\"\ndrift = %.3f", rng.IntN(200_000)-100_000, 0.1*rng.Float64()-0.05)
		case "store":
			say("kind = \"store\"\ncount = 1\ncommit = %d", 1+rng.IntN(3)) // before it is mended
		case "leave":
			say("kind = \"leave\"\ncount = 1")
		}
	}
	if rng.IntN(3) == 0 { // last, so that what was drawn before stays what it was
		say("[[fault]]\nkind = \"churn\"\nat = \"%dms\"\nuntil = \"%dms\"\nonline = \"%dms\"\noffline = \"%dms\"\nstore = %q", rng.IntN(5000),
			6000+rng.IntN(15000), 500+rng.IntN(9500), 200+rng.IntN(3000), pick("kept", "torn", "lost"))
	}
	return b.String()
}
