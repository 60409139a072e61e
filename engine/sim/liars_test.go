package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/intersubjective/rapprochement/engine/overlay"
)

// lied is a world of nodes in cities, each with the service "rtt": nodes, seed, length
// in seconds and topology, to be followed by faults.
const lied = `
nodes = %d
seed = %d
duration = "%ds"
stop = "never"
[node]
services = ["rtt"]
[rtt]
round = "5s"
publish = "15s"
best = 4
probes = 1
[links]
latency = "geographic"
loss = 0.01
jitter = "3ms"
[topology]
%s
`

func liedTo(t *testing.T, text string) (*World, Standing) {
	t.Helper()
	w := run(t, text)
	s, err := w.Standing()
	if err != nil {
		t.Fatal(err)
	}
	return w, s
}

// Three in ten nodes claim a millisecond to each other and name nobody else. They
// get as many slots as are theirs by where they are.
func TestLiarsGetTheirShareOfSlots(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	var all Standing
	for seed := 1; seed <= 2; seed++ {
		w, s := liedTo(t, fmt.Sprintf(lied, 40, seed, 35, "degree = 4")+"[[fault]]\nkind = \"collude\"\ncount = 12\n")
		t.Logf("seed %d: %d of %d slots are liars', fair are %d: %.2f", seed, s.Taken, s.Slots, s.Fair, s.Ratio())
		all.Add(s)
		if s.Honest != 28 || s.Slots < 150 || s.Unseen > 0 || s.Alone > 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
		for i, n := range w.nodes {
			if l := n.liar; l != nil && l.Added != 12 {
				t.Errorf("seed %d: node %d wrote %d lies", seed, i, l.Added)
			}
		}
	}
	if all.Ratio() > 1.15 {
		t.Errorf("liars hold %.2f of their share", all.Ratio())
	}
}

// Held-back answers make liars look far away, and cost them slots.
func TestHeldBackAnswersCostSlots(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	fault := "[[fault]]\nkind = \"collude\"\ncount = 6\ndelay = \"%s\"\n"
	text := fmt.Sprintf(lied, 20, 1, 30, "degree = 4")
	_, swift := liedTo(t, text+fmt.Sprintf(fault, "0s"))
	_, slow := liedTo(t, text+fmt.Sprintf(fault, "30ms"))
	t.Logf("without delay %d of %d slots, with delay %d of %d", swift.Taken, swift.Slots, slow.Taken, slow.Slots)
	if slow.Taken*4 > swift.Taken*3 || slow.Slots < 4*slow.Honest {
		t.Errorf("liars hold %d slots, those with slow answers %d of %d", swift.Taken, slow.Taken, slow.Slots)
	}
}

// Of peers that do not exist tables take no more than each introducer may name, they push
// nobody out who does exist, and cost the honest less than they cost the liars.
func TestInventedPeersPushNobodyOut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w, s := liedTo(t, fmt.Sprintf(lied, 12, 2, 40, "degree = 4")+"[[fault]]\nkind = \"invent\"\ncount = 3\nat = \"1s\"\nevery = \"50ms\"\n")
	t.Logf("%+v", s)
	if s.Table < 12 {
		t.Errorf("tables hold %d peers: nothing was invented", s.Table)
	}
	if s.Table > 11+3*overlay.NamedMax || s.Unseen > 0 || s.Alone > 0 || s.Slots < 3*s.Honest {
		t.Errorf("%+v", s)
	}
	for i, node := range w.accused {
		a := w.adversaries[node]
		t.Logf("node %d sent %d bytes, which caused %d, and CPU of %.0f ms", w.accused[i], a.Bytes, a.bytes, float64(a.costNs)/1e6)
		if a.bytes > a.Bytes/2 {
			t.Errorf("node %d sent %d bytes, which caused %d", node, a.Bytes, a.bytes)
		}
	}
	if w.slanders > 0 || !w.Equal() {
		t.Errorf("%d slanders (%s), equal: %t", w.slanders, w.lastSlander, w.Equal())
	}
}

// A node joins that knows liars only. They dial it, stay, and name each other to it;
// within four rounds it has found somebody honest, and is connected to more than them.
func TestAJoiningNodeIsNotSurrounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	pairs := []string{"[0, 1]", "[0, 2]", "[0, 3]", "[0, 4]", "[0, 5]"}
	for i := 1; i < 18; i++ {
		pairs = append(pairs, fmt.Sprintf("[%d, %d], [%d, %d]", i, i%17+1, i, (i+6)%17+1))
	}
	topology := "kind = \"pairs\"\npairs = [" + strings.Join(pairs, ", ") + "]"
	for seed := 1; seed <= 3; seed++ {
		w := run(t, fmt.Sprintf(lied, 18, seed, 50, topology)+`
[[fault]]
kind = "leave"
nodes = [0]
until = "30s"
[[fault]]
kind = "collude"
nodes = [1, 2, 3, 4, 5]
[[fault]]
kind = "besiege"
nodes = [1, 2, 3, 4, 5]
target = 0
`)
		r := rttReport(t, w, 0)
		honest, besiegers := 0, 0
		for _, p := range r.Peers {
			switch liar := !w.nodes[w.byPeer[p.Peer]].honest(); {
			case p.Up && liar:
				besiegers++
			case p.Up && p.Slot:
				honest++
			}
		}
		t.Logf("seed %d: after %d rounds %d honest slots, %d liars connected", seed, r.Round, honest, besiegers)
		if r.Round > 5 || besiegers != 5 {
			t.Errorf("seed %d: %d rounds, %d of 5 liars are connected", seed, r.Round, besiegers)
		}
		if honest == 0 {
			t.Errorf("seed %d: surrounded", seed)
		}
	}
}

// Whatever shape the opinions between made-up identities have, they get no more slots
// than are theirs by where they are.
func TestSybilRegionsGainNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	var all Standing
	for _, region := range []string{"parallel", "path", "cycle"} {
		_, s := liedTo(t, fmt.Sprintf(lied, 20, 5, 30, "degree = 4")+
			fmt.Sprintf("[[fault]]\nkind = \"sybil\"\ncount = 6\nregion = %q\n", region))
		t.Logf("%s: %d of %d slots are liars', fair are %d: %.2f", region, s.Taken, s.Slots, s.Fair, s.Ratio())
		all.Add(s)
	}
	if all.Ratio() > 1.15 || all.Fair == 0 {
		t.Errorf("%d slots are liars', fair are %d: %.2f", all.Taken, all.Fair, all.Ratio())
	}
}

// Half the nodes die at one moment. The others have found new neighbours within four
// rounds and hold the same set.
func TestHalfTheNodesDie(t *testing.T) {
	w, err := NewWorld(plan(t, fmt.Sprintf(lied, 20, 3, 90, "degree = 4")+`
[[workload]]
count = 8
every = "5s"
[[fault]]
kind = "crash"
at = "40s"
count = 10
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Run(60e9, 0)
	s, err := w.Standing()
	t.Logf("%+v", s)
	if err != nil || s.Honest != 10 || s.Slots < 35 || s.Alone > 0 { // of the 60 chosen, random ones may be dead
		t.Errorf("%+v, %v", s, err)
	}
	for !w.Equal() && !w.Over() { // they publish opinions all the time
		w.Run(w.Now()+1e9, 0)
	}
	if w.Over() {
		t.Error("the survivors never hold the same set")
	}
}

// A node that will take part in a plot is honest to the last byte until then, and a
// run with liars repeats.
func TestLiarsAreHonestUntilTheyBegin(t *testing.T) {
	text := fmt.Sprintf(lied, 8, 1, 30, "degree = 4")
	fault := "[[fault]]\nkind = \"collude\"\nnodes = [1, 2, 3]\ndelay = \"5ms\"\nat = \"%s\"\nuntil = \"%s\"\n"
	never, later := run(t, text), run(t, text+fmt.Sprintf(fault, "1h", "2h"))
	if never.Audit() != later.Audit() {
		t.Error("a plot that has not begun changes the run")
	}
	once, again := run(t, text+fmt.Sprintf(fault, "5s", "20s")), run(t, text+fmt.Sprintf(fault, "5s", "20s"))
	if once.Audit() != again.Audit() || once.Audit() == never.Audit() {
		t.Error("a run with liars does not repeat, or is like one without")
	}
	for _, n := range once.nodes {
		if !n.honest() {
			t.Errorf("node %d lies on", n.index)
		}
	}
}
