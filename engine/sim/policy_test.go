package sim

import (
	"fmt"
	"slices"
	"testing"
)

// policyScenario has nodes that begin as a ring: how many, and what the service does.
const policyScenario = `
nodes = %d
seed = 4
duration = "300s"
stop = "never"
[node]
services = ["rtt"]
[rtt]
publish = "1h"
%s
[topology]
kind = "ring"
[links]
latency = "geographic"
loss = 0.01
[[workload]]
count = 1
`

func policyWorld(t *testing.T, nodes int, does, faults string) *World {
	t.Helper()
	w, err := NewWorld(plan(t, fmt.Sprintf(policyScenario, nodes, does)+faults), nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// degrees counts the connections of every node that is there, by what it reports.
func degrees(t *testing.T, w *World) (list []int) {
	for i, n := range w.nodes {
		if n.node == nil {
			continue
		}
		up := 0
		for _, p := range rttReport(t, w, uint32(i)).Peers {
			if p.Up {
				up++
			}
		}
		list = append(list, up)
	}
	return list
}

// Real nodes that begin as a ring make a mesh: everybody's degree is within bounds,
// and everybody has everything; when half of them crash, so it is again two heartbeats
// later.
func TestNodesKeepAMesh(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := policyWorld(t, 60, "policy = \"mesh\"", "[[fault]]\nkind = \"crash\"\nat = \"60s\"\ncount = 30\n")
	within := func(seconds int64) {
		t.Helper()
		w.Run(seconds*1e9, 0)
		list := degrees(t, w)
		if slices.Min(list) < 5 || slices.Max(list) > 12 {
			t.Errorf("degrees after %d s: %v", seconds, list)
		}
		for !w.Equal() && w.now < (seconds+10)*1e9 {
			w.Run(w.now+1e8, 0)
		}
		if !w.Equal() || len(w.parts()) != 1 {
			t.Errorf("no converged set of one network after %d s", seconds)
		}
		t.Logf("after %d s, equal after %d ms: %v", seconds, w.now/1e6, list)
	}
	within(40)
	within(80)
	if len(degrees(t, w)) != 30 {
		t.Error("half of the nodes have not crashed")
	}
}

// Real nodes that begin as a ring come to four neighbours each, who change all the
// time, and stay one network.
func TestNodesSwapPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := policyWorld(t, 24, "policy = \"peerswap\"\ndegree = 4\nround = \"2s\"", "")
	neighbours := func() map[[2]uint32]bool {
		list := map[[2]uint32]bool{}
		for i := range w.nodes {
			for _, p := range rttReport(t, w, uint32(i)).Peers {
				if p.Slot && p.Up {
					list[[2]uint32{uint32(i), w.byPeer[p.Peer]}] = true
				}
			}
		}
		return list
	}
	w.Run(60e9, 0)
	early := neighbours()
	w.Run(120e9, 0)
	late, both := neighbours(), 0
	for edge := range late {
		if early[edge] {
			both++
		}
	}
	t.Logf("%d and %d neighbours, %d of them the same", len(early), len(late), both)
	if want := 4 * len(w.nodes); min(len(early), len(late)) < want*8/10 || max(len(early), len(late)) > want*11/10 {
		t.Errorf("%d and %d neighbours, want about %d", len(early), len(late), want)
	}
	if both > len(late)/2 {
		t.Errorf("%d of %d neighbours stayed for a minute", both, len(late))
	}
	if !w.Equal() || len(w.parts()) != 1 {
		t.Error("not one network with one set")
	}
}
