package sim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/rtt"
)

// Standing is what the liars of a world have come to among its honest nodes.
type Standing struct {
	Honest int // honest nodes that are up
	Slots  int // that they chose and are connected to
	Taken  int // of them liars'
	Fair   int // so many would be, if all slots went to the nearest peers
	Alone  int // honest nodes without a connected slot of an honest peer
	Table  int // peers in the largest table
	Unseen int // pairs of honest nodes of which the first has not heard of the second
}

// Ratio is what liars hold, divided by their fair share; 0 without liars.
func (s Standing) Ratio() float64 {
	if s.Fair == 0 {
		return 0
	}
	return float64(s.Taken) / float64(s.Fair)
}

// Add adds what liars have come to in another world.
func (s *Standing) Add(o Standing) {
	s.Honest, s.Slots, s.Taken, s.Fair = s.Honest+o.Honest, s.Slots+o.Slots, s.Taken+o.Taken, s.Fair+o.Fair
	s.Alone, s.Unseen, s.Table = s.Alone+o.Alone, s.Unseen+o.Unseen, max(s.Table, o.Table)
}

// Peers asks a node's service "rtt" for its report. That is an event: it is part of
// the run and of its audit. Errors wrap ErrManual.
func (w *World) Peers(node uint32) (r rtt.Report, err error) {
	effects, err := w.Give(uint64(node), &codec.Ask{Service: rtt.Name, Body: []byte{0xa0}})
	if err != nil {
		return r, err
	}
	for _, ef := range effects {
		if a, is := ef.(*codec.Answered); is {
			return r, codec.Unmarshal("report", a.Body, &r)
		}
	}
	return r, fmt.Errorf("%w: node %d does not answer", ErrManual, node)
}

// Standing asks all honest nodes that are up. It is meant for worlds of at most 64
// nodes: a report has room for so many peers.
func (w *World) Standing() (s Standing, err error) {
	for _, n := range w.nodes {
		if !n.matters() {
			continue
		}
		r, err := w.Peers(n.index)
		if err != nil {
			return s, err
		}
		s.Honest++
		s.Table = max(s.Table, r.Known)
		w.stand(n, &r, &s)
	}
	return s, nil
}

// stand adds what one node's report says.
func (w *World) stand(n *simNode, r *rtt.Report, s *Standing) {
	slots, friends, heard := 0, 0, map[codec.PeerID]bool{}
	for _, p := range r.Peers {
		heard[p.Peer] = true
		if p.Slot && p.Up {
			slots++
			if w.nodes[w.byPeer[p.Peer]].honest() {
				friends++
			}
		}
	}
	s.Slots, s.Taken, s.Fair = s.Slots+slots, s.Taken+slots-friends, s.Fair+w.fair(n, slots)
	if friends == 0 {
		s.Alone++
	}
	for _, other := range w.nodes {
		if other != n && other.matters() && !heard[other.peer(w)] {
			s.Unseen++
		}
	}
}

// fair is how many of so many peers, the nearest to a node, are liars.
func (w *World) fair(n *simNode, slots int) (liars int) {
	var all []*simNode
	for _, other := range w.nodes {
		if other != n && other.node != nil {
			all = append(all, other)
		}
	}
	slices.SortStableFunc(all, func(a, b *simNode) int {
		return cmp.Compare(w.plan.rtt(int(n.index), int(a.index)), w.plan.rtt(int(n.index), int(b.index)))
	})
	for _, other := range all[:min(slots, len(all))] {
		if !other.honest() {
			liars++
		}
	}
	return liars
}
