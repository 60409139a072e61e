package sim

import (
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
)

// simLink joins two nodes. Its number for the nodes changes with every epoch,
// so that frames of an earlier connection are not mistaken for this one's.
type simLink struct {
	ends  [2]uint32
	epoch uint64
	up    bool
}

// other is the other end.
func (l *simLink) other(end uint32) uint32 {
	if l.ends[0] == end {
		return l.ends[1]
	}
	return l.ends[0]
}

func linkNumber(index uint32, epoch uint64) uint64 { return uint64(index+1)<<24 | epoch&(1<<24-1) }

// redialNs is how long a link stays down after a node hung up.
const redialNs = 5e9

func (w *World) addLink(index uint32, pair [2]uint32) {
	w.links = append(w.links, simLink{ends: pair})
	for _, end := range pair {
		w.nodes[end].links = append(w.nodes[end].links, index)
	}
}

// linkUp connects the two ends, if both are there.
func (w *World) linkUp(index uint32) {
	l := &w.links[index]
	a, b := w.nodes[l.ends[0]], w.nodes[l.ends[1]]
	if l.up || a.node == nil || b.node == nil {
		return
	}
	l.up = true
	l.epoch++
	number := linkNumber(index, l.epoch)
	a.linkUp(number, b.peer(w))
	b.linkUp(number, a.peer(w))
	w.step(a, &codec.LinkUp{Peer: b.node.Peer(), Link: number, Dialed: true, Observed: b.address()})
	if b.node != nil { // a's step may have crashed nothing, but a hang-up may have come
		w.step(b, &codec.LinkUp{Peer: a.peer(w), Link: number, Observed: a.address()})
	}
}

// address is where nodes believe to have reached this one, and what they tell others.
func (n *simNode) address() string { return fmt.Sprintf("node %d", n.index) }

// linkDown tells whichever end is still there.
func (w *World) linkDown(index uint32) {
	l := &w.links[index]
	if !l.up {
		return
	}
	l.up = false
	number := linkNumber(index, l.epoch)
	for _, end := range l.ends {
		n := w.nodes[end]
		if n.node != nil {
			w.step(n, &codec.LinkDown{Link: number})
		}
		if n.adversary != nil {
			n.adversary.LinkDown(number)
		}
	}
}

// hungUp takes a link down that a node gave up, unless it has gone already, and
// lets it come back later, if that is not the nodes' own business.
func (w *World) hungUp(number uint64) {
	index := uint32(number>>24) - 1
	if l := &w.links[index]; l.up && linkNumber(index, l.epoch) == number {
		w.linkDown(index)
		if !w.plan.Managed {
			w.queue.Push(w.now+redialNs, payloadDial|uint64(index))
		}
	}
}

// dial makes a link that the plan does not have, for a node that asks for one.
func (w *World) dial(n *simNode, peer codec.PeerID) {
	to, known := w.byPeer[peer]
	if !known {
		return
	}
	for _, index := range n.links {
		l := &w.links[index]
		if l.ends[0] != to && l.ends[1] != to {
			continue
		}
		if !l.up && w.plan.Managed {
			l.ends = [2]uint32{n.index, to} // whoever dials comes first
		}
		w.queue.Push(w.now, payloadDial|uint64(index))
		return
	}
	index := uint32(len(w.links))
	w.addLink(index, [2]uint32{n.index, to})
	w.queue.Push(w.now, payloadDial|uint64(index))
}
