package sim

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/adversary"
	"github.com/intersubjective/rapprochement/engine/sim/kernel"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// send gives a frame to the network, when the sender's CPU has got to it.
func (w *World) send(n *simNode, ef *codec.Send) {
	index := uint32(ef.Link>>24) - 1
	l := &w.links[index]
	if !l.up || linkNumber(index, l.epoch) != ef.Link {
		return
	}
	f := inFlight{from: n.index, to: l.other(n.index), link: ef.Link, bytes: ef.Bytes, sent: w.now}
	if n.adversary != nil {
		n.adversary.Outgoing(f.link, f.bytes, func(frame []byte) {
			f.bytes = frame
			w.leave(n, f)
		})
		return
	}
	if n.lies() {
		w.adversaries[n.index].add(&adversary.Account{Frames: 1, Bytes: uint64(len(f.bytes))})
	}
	w.leave(n, f)
}

// leave lets a frame leave when the node's CPU has got to it.
func (w *World) leave(n *simNode, f inFlight) {
	if n.busy > w.now {
		w.push(n.busy, payloadLeave, f)
		return
	}
	w.transmit(f)
}

func (w *World) transmit(f inFlight) {
	var drop links.Drop
	w.scratch, drop = w.net.Send(w.now, f.from, f.to, len(f.bytes), w.scratch[:0])
	w.sent++
	if drop != links.Delivered {
		w.drops[drop]++
	}
	for _, d := range w.scratch {
		w.push(d.At, payloadFrame, f)
	}
}

// push puts a frame into flight.
func (w *World) push(at int64, kind uint64, f inFlight) {
	w.serial++
	f.serial, f.at, f.kind = w.serial, at, kind
	slot := w.frames.add(f)
	w.frames.at(slot).ticket = w.queue.Push(at, kind|uint64(slot))
}

// reach passes a frame through the receiver's downlink.
func (w *World) reach(slot uint32) {
	f := w.frames.at(slot)
	at, drop := w.net.Arrive(w.now, f.to, len(f.bytes))
	switch {
	case drop != links.Delivered:
		w.drops[drop]++
		w.frames.take(slot)
	case at > w.now:
		f.at, f.kind = at, payloadArrive
		f.ticket = w.queue.Push(at, payloadArrive|uint64(slot))
	default:
		w.deliver(slot)
	}
}

// deliver hands a frame to its node, or lets it wait until the node has time.
func (w *World) deliver(slot uint32) {
	f := w.frames.at(slot)
	n := w.nodes[f.to]
	switch {
	case n.node != nil && n.paused:
		n.waits = append(n.waits, payloadArrive|uint64(slot))
	case n.node != nil && n.busy > w.now:
		f.at, f.kind = n.busy, payloadArrive
		f.ticket = w.queue.Push(n.busy, payloadArrive|uint64(slot))
	default:
		w.arrive(n, w.frames.take(slot))
	}
}

func (w *World) arrive(n *simNode, f inFlight) {
	index := uint32(f.link>>24) - 1
	if l := &w.links[index]; n.node == nil || !l.up || linkNumber(index, l.epoch) != f.link {
		w.stale++
		return
	}
	w.delivered++
	if n.adversary != nil {
		f.bytes = n.adversary.Incoming(f.link, f.bytes)
	}
	w.step(n, &codec.Frame{Link: f.link, Bytes: f.bytes})
}

// Slots of frames in flight are used again.
type slab struct {
	slots []inFlight
	free  []uint32
}

// inFlight is a frame between two nodes.
type inFlight struct {
	from, to uint32
	link     uint64
	bytes    []byte
	sent, at int64
	serial   uint64
	kind     uint64
	ticket   kernel.Ticket
}

func (s *slab) add(f inFlight) uint32 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		s.slots[slot] = f
		return slot
	}
	s.slots = append(s.slots, f)
	return uint32(len(s.slots) - 1)
}

func (s *slab) at(slot uint32) *inFlight { return &s.slots[slot] }

func (s *slab) take(slot uint32) inFlight {
	f := s.slots[slot]
	s.slots[slot] = inFlight{}
	s.free = append(s.free, slot)
	return f
}
