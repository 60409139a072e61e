package main

import (
	"fmt"
	"math"

	"github.com/intersubjective/rapprochement/engine/sim"
)

// attackedWorld is a world of real nodes in cities with the service rtt, to be
// followed by faults.
const attackedWorld = `
name = "attacked"
seed = %d
nodes = 30
duration = "60s"
stop = "never"
[node]
services = ["rtt"]
[rtt]
round = "5s"
publish = "15s"
[topology]
degree = 4
[links]
latency = "geographic"
loss = 0.01
jitter = "3ms"
`

// plots are the attacks, and how many nodes take part. Node 0 joins late, so that it can be
// besieged.
var plots = []struct {
	name, faults string
}{
	{"none", ""},
	{"collude", plot("collude", 9, "")},
	{"collude, answers 10 ms late", plot("collude", 9, `delay = "10ms"`)},
	{"collude, answers 100 ms late", plot("collude", 9, `delay = "100ms"`)},
	{"slander", plot("slander", 9, "")},
	{"collude and slander", plot("collude", 9, "") + plot("slander", 9, "")},
	{"invent", plot("invent", 3, "")},
	{"the same three before they invent", plot("invent", 3, `at = "59900ms"`)},
	{"besiege and collude", plot("besiege", 9, "target = 0") + plot("collude", 9, "") +
		"[[fault]]\nkind = \"leave\"\nnodes = [0]\nuntil = \"40s\"\n"},
	{"sybil, parallel", plot("sybil", 9, `region = "parallel"`)},
	{"sybil, path", plot("sybil", 9, `region = "path"`)},
	{"sybil, cycle", plot("sybil", 9, `region = "cycle"`)},
}

// plot is a fault of every third node from 1 on, the same ones for every kind.
func plot(kind string, count int, more string) string {
	text := fmt.Sprintf("[[fault]]\nkind = %q\n%s\nnodes = [1", kind, more)
	for i := 1; i < count; i++ {
		text += fmt.Sprintf(", %d", 1+3*i)
	}
	return text + "]\n"
}

// attacks lets every attack happen in worlds of different seeds, and prints what the
// liars hold after eleven rounds, divided by what would be theirs by where they are;
// and how the honest nodes are, then and at their worst.
func attacks(rounds int) error {
	for _, a := range plots {
		var end sim.Standing
		least, alone := math.Inf(1), 0
		for seed := 1; seed <= rounds; seed++ {
			progress("%s, seed %d of %d", a.name, seed, rounds)
			list, err := underAttack(uint64(seed), a.faults)
			if err != nil {
				return err
			}
			for _, s := range list {
				least, alone = min(least, float64(s.Slots)/float64(s.Honest)), max(alone, s.Alone)
			}
			end.Add(list[len(list)-1])
		}
		emit("attack_slots_ratio", end.Ratio(), "", parameters{
			"attack": a.name, "seeds": rounds, "nodes": 30, "slots_per_node": float64(end.Slots) / float64(end.Honest),
			"least_slots_per_node": least, "most_alone": alone, "unseen": end.Unseen, "table": end.Table,
		})
	}
	return nil
}

// underAttack is how the nodes of a world stand every five seconds, once they have
// had three rounds to begin with.
func underAttack(seed uint64, faults string) (list []sim.Standing, err error) {
	p, err := compile(fmt.Sprintf(attackedWorld, seed) + faults)
	if err != nil {
		return nil, err
	}
	w, err := sim.NewWorld(p, nil)
	if err != nil {
		return nil, err
	}
	for at := int64(15e9); at <= p.Duration; at += 5e9 {
		w.Run(at, 0)
		s, err := w.Standing()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
