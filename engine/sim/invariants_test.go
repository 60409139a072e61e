package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

const quiet = `
nodes = 5
duration = "60s"
[topology]
kind = "ring"
[space]
history = "all"
[[workload]]
count = 3
every = "1s"
[[fault]]
kind = "partition"
nodes = [1]
at = "500ms"
until = "9s"
`

// drop removes the first record that a store holds, behind the node's back.
func drop(t *testing.T, w *World, n *simNode, id codec.ID) {
	t.Helper()
	for _, ref := range n.store.Find(w.plan.space(), codec.ShortID(&w.salt, &id), nil) {
		n.store.Remove(w.plan.space(), ref)
	}
	if err := n.store.Commit(true); err != nil {
		t.Fatal(err)
	}
}

// Every rule is broken once, to see it noticed.
func TestViolationsAreNoticed(t *testing.T) {
	blame := func(w *World, accused int) {
		w.fault(w.nodes[0], &codec.PeerFault{Peer: w.plan.Nodes[accused].Peer, Fault: codec.FaultFrame})
	}
	for want, breakIt := range map[string]func(w *World){
		"":            func(*World) {},
		"late: ":      func(w *World) { w.plan.Within = 1 },
		"slander: 1":  func(w *World) { blame(w, 2) },
		"unfinished:": func(w *World) { w.ready = false },
		"diverged: ":  func(w *World) { drop(t, w, w.nodes[3], w.acks[4].id) },
		"lost: 1 of ": func(w *World) {
			for _, n := range w.nodes {
				drop(t, w, n, w.acks[4].id)
			}
		},
		"lost: 1 records": func(w *World) { w.acknowledge(w.nodes[0], &codec.Stored{IDs: []codec.ID{{1}}}) },
		"slander: 1 honest": func(w *World) {
			w.equivocation(w.nodes[0], &codec.Equivocation{Author: w.plan.Nodes[1].Peer})
		},
	} {
		w := run(t, quiet)
		if len(w.acks) != 15 {
			t.Fatalf("%d acknowledged", len(w.acks))
		}
		breakIt(w)
		got := w.Violations()
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
			t.Errorf("%q, want one that begins with %q", got, want)
		}
	}
}

// What nobody but a store that was lost has ever held is gone, and nobody's fault.
func TestWhatOnlyALostStoreHeldIsNotMissed(t *testing.T) {
	w := run(t, `
nodes = 3
duration = "60s"
[[workload]]
node = 1
at = "2s"
[[fault]]
kind = "partition"
nodes = [1]
at = "1s"
until = "9s"
[[fault]]
kind = "crash"
nodes = [1]
store = "lost"
at = "3s"
until = "5s"
`)
	if got := w.Violations(); len(got) > 0 || len(w.acks) != 1 || w.Result().Held != 0 {
		t.Errorf("%q, %d acknowledged, %d held", got, len(w.acks), w.Result().Held)
	}
}

// Leaving parts out changes nothing of what is left: same keys, values and victims.
func TestKeepChangesNothingElse(t *testing.T) {
	text := "seed = 4\nnodes = 9\n[[workload]]\ncount = 2\n[[workload]]\nnode = 5\n" +
		"[[fault]]\nkind = \"pause\"\ncount = 2\n[[fault]]\nkind = \"crash\"\ncount = 3\n"
	all, part := plan(t, text), plan(t, text+"[keep]\nnodes = [0, 2, 3, 5, 6, 7]\nfaults = [1]\nwrites = [4, 9, 18]\n")
	present := func(n uint32) bool { return !part.Absent[n] }
	for _, l := range part.Links {
		if !present(l[0]) || !present(l[1]) {
			t.Errorf("a link to a node that is not there: %v", l)
		}
	}
	describe := func(p *Plan, of ...ActionKind) (list []string) {
		for _, a := range p.Actions {
			for _, kind := range of {
				if a.Kind == kind && present(a.Node) {
					text := fmt.Sprint(a.At, a.Kind, a.Node)
					if a.Event != nil {
						text += codec.Describe(a.Event) + fmt.Sprint(a.Event)
					}
					list = append(list, text)
				}
			}
		}
		return list
	}
	if got, want := describe(part, Crash), describe(all, Crash); strings.Join(got, ";") != strings.Join(want, ";") || len(want) == 0 {
		t.Errorf("crashes %v, want %v", got, want)
	}
	if got := describe(part, Pause, Resume); len(got) > 0 {
		t.Errorf("faults that were left out: %v", got)
	}
	if got := describe(part, Give); len(got) != 2 { // write 9 is of node 4, which is not there
		t.Errorf("writes %v", got)
	}
	if all.Nodes[7].Peer != part.Nodes[7].Peer {
		t.Error("another key")
	}
}
