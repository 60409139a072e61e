package overlay

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// A link is a connection, or one that is coming or going.
type link struct {
	peer   codec.PeerID
	state  linkState
	spare  int      // sweeps that found it coming, going, or needed by no end
	outbox [][]byte // to be sent when it is up
}

type linkState byte

const (
	linkDialing linkState = iota
	linkUp
	linkLeaving // hung up on; Down is to come
)

// Bounds of what strangers can make a peer hold.
const (
	linksMax  = 4 * swapDegreeMax
	outboxMax = 4
	spareMax  = 4 // sweeps for the host to answer a dial or a hang-up
)

func (s *PeerSwap) link(peer codec.PeerID) *link {
	for i := range s.links {
		if s.links[i].peer == peer {
			return &s.links[i]
		}
	}
	return nil
}

func (s *PeerSwap) connected(peer codec.PeerID) bool {
	l := s.link(peer)
	return l != nil && l.state == linkUp
}

func (s *PeerSwap) dial(peer codec.PeerID) *link {
	s.links = append(s.links, link{peer: peer})
	s.out = append(s.out, Dial{peer})
	return &s.links[len(s.links)-1]
}

func (s *PeerSwap) hangUp(l *link, reason string) {
	l.state, l.spare = linkLeaving, 0
	s.out = append(s.out, HangUp{l.peer, reason})
}

// wentUp welcomes a connection. One that the host has made while edges are missing is
// to become an edge.
func (s *PeerSwap) wentUp(now int64, ev Up) {
	l := s.link(ev.Peer)
	asked := l != nil && l.state == linkDialing
	if !asked && len(s.links) >= linksMax {
		s.out = append(s.out, HangUp{ev.Peer, "overlay: too many connections"})
		return
	}
	if l == nil {
		s.links = append(s.links, link{peer: ev.Peer})
		l = &s.links[len(s.links)-1]
	}
	l.state, l.spare = linkUp, 0
	for _, body := range l.outbox {
		s.out = append(s.out, Tell{ev.Peer, body})
	}
	l.outbox = nil
	for i := len(s.ends) - 1; i >= 0; i-- {
		if e := &s.ends[i]; e.other == ev.Peer {
			s.reach(now, e)
		}
	}
	if ev.Dialed && !asked && s.open(ev.Peer) {
		s.propose(now, ev.Peer)
	}
}

// wentDown loses a connection, or a hope for one.
func (s *PeerSwap) wentDown(now int64, peer codec.PeerID) {
	s.links = slices.DeleteFunc(s.links, func(l link) bool { return l.peer == peer })
	s.early = slices.DeleteFunc(s.early, func(h hold) bool { return h.peer == peer })
	if s.asked.until != 0 && s.asked.peer == peer {
		s.Counts.Broken++
		s.unlock(now)
	}
	for i := len(s.ends) - 1; i >= 0; i-- {
		e := &s.ends[i]
		if e.claim != nil && e.claim.peer == peer {
			e.claim = nil
		}
		switch {
		case e.other != peer:
		case e.up() || e.seeks && (e.fresh || e.tries >= triesMax):
			s.drop(now, e.id)
		default:
			e.said, e.heard = false, false
			s.reach(now, e)
		}
	}
}

// sweep hangs up where nothing keeps a connection, and forgets dials and hang-ups
// that the host has not answered. Who is connected for nothing is given the time
// between two sweeps, as others may still ask about ends that were passed.
func (s *PeerSwap) sweep(now int64) {
	s.swept = now + swapSweepNs
	s.links = slices.DeleteFunc(s.links, func(l link) bool { return l.state != linkUp && l.spare >= spareMax })
	for i := range s.links {
		l := &s.links[i]
		if l.state == linkUp && s.neighbour(l.peer) {
			l.spare = 0
		} else if l.spare++; l.spare > 1 && l.state == linkUp {
			s.hangUp(l, "overlay: not a neighbour any more")
		}
	}
}
