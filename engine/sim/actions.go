package sim

import (
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/engine/store"
)

// act carries out an action of the plan.
func (w *World) act(payload uint64) {
	i := int(payload &^ payloadMask)
	a := &w.plan.Actions[i]
	n := w.nodes[a.Node]
	if a.Kind == Give && n.node != nil {
		if n.paused {
			n.waits = append(n.waits, payload)
			return
		}
		if n.busy > w.now {
			w.queue.Push(n.busy, payload)
			return
		}
	}
	w.perform(a)
	w.acted++
	w.finishing()
}

// finishing looks whether that was the last action.
func (w *World) finishing() {
	if ready := w.acted == len(w.plan.Actions); ready != w.ready {
		w.ready, w.readyAt = ready, w.now
	}
}

func (w *World) perform(a *Action) {
	n := w.nodes[a.Node]
	switch a.Kind {
	case Give:
		if n.node != nil {
			w.step(n, a.Event)
		} else {
			w.down(n)
		}
	case Cut:
		w.cut(a.Nodes, a.OneWay)
	case Heal:
		w.heal(a.Nodes)
	case Crash:
		w.crash(n, a.Store)
	case Restart:
		w.restart(n)
	case Pause:
		n.paused = true
	case Resume:
		w.resume(n)
	case Clock:
		now := w.clock(n)
		n.wall, n.since, n.drift = now.Wall-WallStart-w.now+a.Shift, w.now, a.Drift
	case SetLinks:
		w.setLinks(a)
	case FailStore:
		n.store.FailAt = n.store.Commits + max(a.Commit, 1)
	case Leave:
		w.depart(n)
	case Corrupt, Reform:
		w.misbehave(n, a)
	}
}

// down notes that a node was not there for what it should have done.
func (w *World) down(n *simNode) {
	w.refused++
	w.lastRefusal = fmt.Sprintf("node %d: down", n.index)
}

// A cut keeps nodes apart from all others, or only what they send.
type cut struct {
	nodes  []uint32
	oneWay bool
}

// cutsMax is how many cuts there can be at a time: they make up to 2^cutsMax groups
// of nodes, and a network has links.MaxGroups.
const cutsMax = 6

func (w *World) cut(nodes []uint32, oneWay bool) {
	w.cuts = append(w.cuts, cut{nodes, oneWay})
	w.regroup()
}

// heal ends one cut of these nodes; without nodes all cuts.
func (w *World) heal(nodes []uint32) {
	at := slices.IndexFunc(w.cuts, func(c cut) bool { return slices.Equal(c.nodes, nodes) })
	switch {
	case len(nodes) == 0:
		w.cuts = nil
	case at >= 0:
		w.cuts = slices.Delete(w.cuts, at, at+1)
	}
	w.regroup()
}

// regroup puts nodes into groups by the cuts that they are in, and separates the
// groups that some cut keeps apart.
func (w *World) regroup() {
	w.net.HealAll()
	in := make([]int, len(w.nodes)) // bit c: in cut c
	for c, cut := range w.cuts {
		for _, n := range cut.nodes {
			in[n] |= 1 << c
		}
	}
	for n, group := range in {
		must(w.net.SetGroup(uint32(n), group))
	}
	for from := range 1 << len(w.cuts) {
		for to := range 1 << len(w.cuts) {
			if w.apart(from, to) {
				must(w.net.CutGroups(from, to))
			}
		}
	}
}

// apart reports whether frames from one group do not reach another.
func (w *World) apart(from, to int) bool {
	for c, cut := range w.cuts {
		sends, receives := from>>c&1 == 1, to>>c&1 == 1
		if sends && !receives || !cut.oneWay && !sends && receives {
			return true
		}
	}
	return false
}

func must(err error) {
	if err != nil {
		panic(err) // unreachable: the plan's parameters were checked
	}
}

func (w *World) setLinks(a *Action) {
	must(w.net.SetDefault(*a.Params))
	must(w.net.SetModel(a.Model))
}

// stop takes a node out of the world; its store stays as it is.
func (w *World) stop(n *simNode) {
	if n.node == nil {
		return
	}
	n.audits = append(n.audits, n.node.Audit())
	addCounters(&n.counts, n.node.Counters())
	n.node = nil
	w.queue.ClearWake(n.index)
	for _, payload := range n.waits {
		switch payload & payloadMask {
		case payloadArrive:
			w.frames.take(uint32(payload))
		case payloadAction:
			w.down(n)
			w.acted++
		}
	}
	w.finishing()
	n.waits, n.paused, n.busy = nil, false, 0
	for _, index := range n.links {
		w.linkDown(index)
	}
}

func (w *World) crash(n *simNode, fate StoreFate) {
	if n.node == nil {
		return
	}
	w.stop(n)
	w.breakStore(n, fate)
}

func (w *World) breakStore(n *simNode, fate StoreFate) {
	if fate == StoreLost || fate == StoreTorn && !w.plan.Nodes[n.index].Durable {
		w.losses++
	}
	next, err := w.stores.Crash(n.index, n.store.Store, fate, w.plan.draw(uint64(n.index), drawTorn, n.boot))
	if err != nil {
		panic(err) // a store that cannot be crashed is a bug of the world
	}
	n.store = &store.Faulty{Store: next, Err: errStoreFault}
}

// depart closes a node in good order.
func (w *World) depart(n *simNode) {
	if n.node == nil {
		return
	}
	w.stop(n)
	w.breakStore(n, StoreKept)
}

// restart opens a node again and connects it.
func (w *World) restart(n *simNode) {
	if n.node != nil {
		return
	}
	if n.store.FailAt > 0 {
		w.breakStore(n, StoreKept)
	}
	n.boot++
	if err := w.open(n); err != nil {
		panic(err) // the plan's configuration was valid before
	}
	for _, index := range n.links {
		if !w.plan.Managed || int(index) < len(w.plan.Links) {
			w.linkUp(index)
		}
	}
}

func (w *World) resume(n *simNode) {
	n.paused = false
	waits := n.waits
	n.waits = nil
	for _, payload := range waits {
		switch payload & payloadMask {
		case payloadMask:
			w.queue.SetWake(n.index, w.now)
		default:
			w.queue.Push(w.now, payload)
		}
	}
}
