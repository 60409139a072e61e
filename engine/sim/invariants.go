package sim

import (
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// What must hold of every run, whatever goes wrong in it, is said of the honest
// nodes that are up, and of those among them that are connected through each other.

// parts are the connected parts of the honest nodes that are up.
func (w *World) parts() [][]*simNode {
	var list [][]*simNode
	seen := make([]bool, len(w.nodes))
	for _, n := range w.nodes {
		if !seen[n.index] && n.matters() {
			list = append(list, w.walk(n, func(m *simNode, _ int) { seen[m.index] = true }))
		}
	}
	return list
}

// matters reports whether the node is up and honest.
func (n *simNode) matters() bool { return n.node != nil && n.honest() }

// walk visits everybody whom a node reaches over honest nodes, nearest first, with
// the number of links between.
func (w *World) walk(from *simNode, visit func(n *simNode, hops int)) []*simNode {
	hops := map[uint32]int{from.index: 0}
	list := []*simNode{from}
	for i := 0; i < len(list); i++ {
		n := list[i]
		visit(n, hops[n.index])
		for _, index := range n.links {
			m := w.nodes[w.links[index].other(n.index)]
			if _, known := hops[m.index]; !known && m.matters() {
				hops[m.index] = hops[n.index] + 1
				list = append(list, m)
			}
		}
	}
	return list
}

// Equal reports whether all honest nodes that are up and connected through each
// other hold the same set.
func (w *World) Equal() bool {
	id := w.plan.space()
	for _, part := range w.parts() {
		want := part[0].node.Count(id)
		for _, n := range part {
			if n.node.Count(id) != want {
				return false
			}
		}
	}
	for _, part := range w.parts() {
		want, _ := part[0].node.Summary(id)
		for _, n := range part {
			if got, _ := n.node.Summary(id); got != want {
				return false
			}
		}
	}
	return true
}

// diameter is the largest number of links between two nodes of one part.
func (w *World) diameter() (longest int) {
	for _, part := range w.parts() {
		for _, n := range part {
			w.walk(n, func(_ *simNode, hops int) { longest = max(longest, hops) })
		}
	}
	return longest
}

// intervalsPerHop is within how many intervals, for each hop of the diameter, a
// world has to converge once nothing more goes wrong.
const intervalsPerHop = 3

// shortestInterval is what shorter intervals count as: where a third of all frames is
// lost, the repetition of a few takes that long.
const shortestInterval = 5e9

// bound is how long after the last action the world has to have converged: so many
// intervals, and the time in which the narrowest link carries everything there and
// back.
func (w *World) bound() int64 {
	if w.plan.Within > 0 {
		return w.plan.Within
	}
	var carry int64
	for _, b := range []links.Bandwidth{w.plan.Params.Bandwidth, w.plan.Uplink, w.plan.Downlink} {
		if b.BytesPerSecond > 0 {
			carry = max(carry, 2*w.size*1000/b.BytesPerSecond*1e6)
		}
	}
	interval := w.plan.Nodes[0].IntervalNs
	if interval == 0 {
		interval = 10e9 // the engine's own
	}
	interval = max(interval, shortestInterval)
	return intervalsPerHop*interval*int64(max(w.diameter(), 1)) + carry
}

// Recovery is how long after the last action the sets were equal, in nanoseconds; 0
// if they were before, or are not.
func (w *World) Recovery() int64 { return max(w.convergedAt-w.readyAt, 0) }

// Violations says what does not hold of the run so far that has to hold of every
// run: everything has happened; the honest and connected converged, in time; what
// an honest node acknowledged is still there; no honest node was blamed. It is meant
// for worlds that are over, and takes about a second for 10,000 nodes.
func (w *World) Violations() []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch bound := w.bound(); {
	case !w.ready:
		say("unfinished: %d of %d actions happened before the run ended", w.acted, len(w.plan.Actions))
	case !w.Equal():
		say("diverged: honest, connected nodes hold different sets at %s", seconds(w.now))
	case w.convergedAt-w.readyAt > bound:
		say("late: converged %s after the last action, at most %s are allowed", seconds(w.convergedAt-w.readyAt), seconds(bound))
	}
	if w.slanders > 0 {
		say("slander: %d faults of honest nodes reported by honest nodes, the last: %s", w.slanders, w.lastSlander)
	}
	if w.framed > 0 {
		say("slander: %d honest authors said to equivocate", w.framed)
	}
	if w.unkept > 0 {
		say("lost: %d records were acknowledged and not stored", w.unkept)
	}
	if w.ready && w.Equal() {
		if lost := w.lost(); len(lost) > 0 {
			say("lost: %d of %d acknowledged records, the first %s", len(lost), len(w.acks), lost[0].describe(w))
		}
	}
	return list
}

func seconds(ns int64) string { return fmt.Sprintf("%.3f s", float64(ns)/1e9) }

// ack is a record that an honest node said to have stored.
type ack struct {
	id      codec.ID
	record  int32 // its number among all records
	node    uint32
	version uint64
	key     codec.Key
}

func (a *ack) describe(w *World) string {
	return fmt.Sprintf("%s of node %d at %s, held by %d nodes in its time", a.id.Short(), a.node, codec.Describe(a.key), w.holders[a.record])
}

// acknowledge notes what a node says to have stored.
func (w *World) acknowledge(n *simNode, ef *codec.Stored) {
	if !n.honest() {
		return
	}
	for i := range ef.IDs {
		if rec := w.find(n, &ef.IDs[i]); rec != nil {
			w.acks = append(w.acks, ack{rec.ID, w.records[recordName(&rec.ID)], n.index, rec.Version, rec.Key})
		} else if w.keepsAll { // else the same put may have superseded it
			w.unkept++
		}
	}
}

// find finds a record in a node's store.
func (w *World) find(n *simNode, id *codec.ID) *codec.Record {
	for _, ref := range n.store.Find(w.plan.space(), codec.ShortID(&w.salt, id), nil) {
		if rec := n.store.Load(w.plan.space(), ref); rec.ID == *id {
			return rec
		}
	}
	return nil
}

// lost are the acknowledged records that nobody has any more, nor a later version,
// although more nodes have had them than have lost a store, are down or dishonest:
// somebody must have dropped them.
func (w *World) lost() (list []ack) {
	gone := w.losses
	for _, n := range w.nodes {
		if !n.matters() {
			gone++
		}
	}
	parts := w.parts()
	for _, a := range w.acks {
		if w.adversaries[a.node] != nil {
			continue // it may have signed something else in its place since
		}
		if int(w.holders[a.record]) > gone && !slices.ContainsFunc(parts, func(p []*simNode) bool { return w.keeps(p[0], &a) }) {
			list = append(list, a)
		}
	}
	return list
}

// keeps reports whether a node holds a record or a later version of its register.
func (w *World) keeps(n *simNode, a *ack) bool {
	if w.find(n, &a.id) != nil {
		return true
	}
	if w.keepsAll {
		return false
	}
	refs := n.store.Register(w.plan.space(), w.plan.Nodes[a.node].Peer, a.key, nil)
	return len(refs) > 0 && n.store.Load(w.plan.space(), refs[len(refs)-1]).Version > a.version
}
