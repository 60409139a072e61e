package overlay

import "github.com/intersubjective/rapprochement/codec"

// A note is of the last peer that was seen seeking.
type note struct {
	peer  codec.PeerID
	until int64
}

const (
	swapHops   = 48   // of a walk; two walks of this length in 2,000 peers likely meet
	swapNoteNs = 10e9 // how long a note is followed
)

// short reports whether the peer has too few edges.
func (s *PeerSwap) short() bool { return len(s.ends) < s.Degree }

// open reports whether an edge to a peer may be made now.
func (s *PeerSwap) open(peer codec.PeerID) bool {
	return s.short() && s.asked.until == 0 && peer != s.table.Self && !s.neighbour(peer)
}

// seekSoon plans a search, but not for all who miss the same peer at once.
func (s *PeerSwap) seekSoon(now int64) {
	if soon := now + 1 + s.rng.Int64N(swapSeekNs/4); s.seek <= now || soon < s.seek {
		s.seek = soon
	}
}

// search sends a SEEK: on a walk from a neighbour, or to anybody who was heard of and
// is to give up an edge at once, as the neighbours may all be cut off together.
func (s *PeerSwap) search(now int64) {
	s.seek = now + swapSeekNs - s.rng.Int64N(swapSeekNs/4)
	m := swapMessage{kind: swapSeek, hops: swapHops, peer: place{id: s.table.Self}}
	if next, ok := s.anyNeighbour(s.table.Self, s.table.Self); ok && s.rng.IntN(2) == 0 {
		s.tell(next, m)
		return
	}
	m.hops = 0
	for _, p := range s.table.Draw(s.rng, 1, func(p *Peer) bool { return p.Up || p.DialNs <= now }) {
		s.bring(p.ID, m)
	}
}

// anyNeighbour draws a peer, but two, from those at the other ends of edges.
func (s *PeerSwap) anyNeighbour(but, nor codec.PeerID) (peer codec.PeerID, ok bool) {
	seen := 0
	for i := range s.ends {
		e := &s.ends[i]
		if !e.up() || e.other == but || e.other == nor {
			continue
		}
		if seen++; s.rng.IntN(seen) == 0 {
			peer = e.other
		}
	}
	return peer, seen > 0
}

// bring sends a message to anybody, connecting first if need be.
func (s *PeerSwap) bring(peer codec.PeerID, m swapMessage) {
	l := s.link(peer)
	switch {
	case l == nil && len(s.links) < linksMax:
		l = s.dial(peer)
		l.outbox = append(l.outbox, m.append(nil))
	case l != nil && l.state == linkUp:
		s.tell(peer, m)
	case l != nil && l.state == linkDialing && len(l.outbox) < outboxMax:
		l.outbox = append(l.outbox, m.append(nil))
	}
}

// sought helps a peer that is short of edges: by linking with it, by sending the walk
// to another one that is short, or on, or at its end by giving up an edge.
func (s *PeerSwap) sought(now int64, from codec.PeerID, m *swapMessage) {
	who := m.peer
	if who.id == s.table.Self || !s.seeks.spend(now) {
		return
	}
	if who.id == from {
		who = s.place(from)
	}
	s.learn(now, &who)
	seen := s.note
	s.note = note{who.id, now + swapNoteNs}
	if s.open(who.id) {
		s.propose(now, who.id)
		return
	}
	if m.hops == 0 {
		s.makeRoom(now, who.id)
		return
	}
	walk := swapMessage{kind: swapSeek, hops: min(m.hops, swapHops) - 1, peer: who}
	if seen.until > now && seen.peer != who.id && seen.peer != from && seen.peer != s.table.Self {
		s.bring(seen.peer, walk)
	} else if next, ok := s.anyNeighbour(from, who.id); ok {
		s.tell(next, walk)
	}
}

// makeRoom gives up an edge for one with a peer that is short.
func (s *PeerSwap) makeRoom(now int64, who codec.PeerID) {
	old, ok := s.anyNeighbour(who, who)
	if !ok || s.neighbour(who) || !s.free(now) || !s.rooms.spend(now) {
		return
	}
	for i := range s.ends {
		if e := &s.ends[i]; e.other == old && e.up() {
			s.giveUp(now, e.id)
			break
		}
	}
	s.propose(now, who)
}

// linked answers a LINK. If both have proposed one, that of the lower peer counts.
func (s *PeerSwap) linked(now int64, peer codec.PeerID, sent uint64) {
	for i := range s.ends {
		if e := &s.ends[i]; e.other == peer && e.fresh && peer.Compare(s.table.Self) < 0 {
			s.remove(e.id)
			break
		}
	}
	id := sent ^ 1
	if !s.open(peer) || s.find(id) != nil || s.find(sent) != nil {
		s.tell(peer, swapMessage{kind: swapGone, end: id})
		return
	}
	s.ends = append(s.ends, end{id: id, other: peer, heard: true, since: now})
	s.reach(now, &s.ends[len(s.ends)-1])
}
