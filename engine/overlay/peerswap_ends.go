package overlay

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// An end of an edge that the peer holds.
type end struct {
	id      uint64
	version uint64       // counts the hands it went through
	other   codec.PeerID // who holds the end id^1, as far as is known
	theirs  uint64       // and since which version of that end
	said    bool         // HOLD, to other on the present connection
	heard   bool         // HOLD, from other on the present connection
	seeks   bool         // it is for this side to connect
	fresh   bool         // of an edge that the other side has not agreed to yet
	tries   int          // dials, while it is not up
	retry   int64        // not to dial before
	since   int64        // when it was taken or its other end was passed
	claim   *hold        // of somebody who is not known to hold the other end
}

func (e *end) up() bool { return e.said && e.heard }

// ready reports whether the end may be swapped over: who was waited for and has
// connected will hold the other end.
func (e *end) ready() bool { return e.said && (e.heard || !e.seeks) }

// triesMax bounds the dials for an end: the connection sought may be the one that is
// just being taken down.
const triesMax = 4

// A hold is what a HOLD says: who holds an end, since which version, and which
// version of the other end it takes for the one of whom it tells.
type hold struct {
	peer                 codec.PeerID
	end, version, theirs uint64
}

// A passedEnd is one that the peer held, and who holds it since.
type passedEnd struct {
	id, version uint64
	to          codec.PeerID
}

// passedMax bounds the ends remembered: ten swaps of degree seven.
const passedMax = 64

func (s *PeerSwap) find(id uint64) *end {
	for i := range s.ends {
		if s.ends[i].id == id {
			return &s.ends[i]
		}
	}
	return nil
}

func (s *PeerSwap) findPassed(id uint64) *passedEnd {
	for i := range s.passed {
		if p := &s.passed[i]; p.id == id {
			return p
		}
	}
	return nil
}

// neighbour reports whether there is an end whose other one a peer holds.
func (s *PeerSwap) neighbour(peer codec.PeerID) bool {
	return slices.ContainsFunc(s.ends, func(e end) bool { return e.other == peer })
}

// pass hands an end over, if the peer still has it.
func (s *PeerSwap) pass(id uint64, to codec.PeerID) {
	e := s.find(id)
	if e == nil {
		return
	}
	passed := passedEnd{id, e.version + 1, to}
	if s.connected(e.other) {
		s.tellPassed(e.other, &passed)
	}
	if e.claim != nil && e.claim.peer != e.other {
		s.tellPassed(e.claim.peer, &passed)
	}
	s.remove(id)
	if len(s.passed) >= passedMax {
		s.passed = slices.Delete(s.passed, 0, 1)
	}
	s.passed = append(s.passed, passed)
}

// tellPassed tells who holds an end now.
func (s *PeerSwap) tellPassed(peer codec.PeerID, p *passedEnd) {
	s.tell(peer, swapMessage{kind: swapReplace, end: p.id, version: p.version, peer: s.place(p.to)})
}

// take takes an end over.
func (s *PeerSwap) take(now int64, h *handedEnd) {
	if s.find(h.end) != nil || len(s.ends) >= s.Degree {
		return
	}
	s.passed = slices.DeleteFunc(s.passed, func(p passedEnd) bool { return p.id == h.end })
	if s.find(h.end^1) != nil { // an edge to oneself
		s.drop(now, h.end^1)
		return
	}
	other, theirs, ok := s.follow(h.end^1, h.other, h.theirs)
	if !ok {
		return
	}
	s.learn(now, &other)
	s.ends = append(s.ends, end{id: h.end, version: h.version, other: other.id, theirs: theirs, seeks: true, since: now})
	s.reach(now, &s.ends[len(s.ends)-1])
}

// follow corrects news of who holds an end: if it is the peer itself, it has passed
// it on since.
func (s *PeerSwap) follow(id uint64, holder place, version uint64) (place, uint64, bool) {
	if holder.id != s.table.Self {
		return holder, version, true
	}
	p := s.findPassed(id)
	if p == nil {
		return holder, version, false
	}
	return s.place(p.to), p.version, true
}

// propose makes a new edge to a peer, if it agrees.
func (s *PeerSwap) propose(now int64, peer codec.PeerID) {
	s.ends = append(s.ends, end{id: s.rng.Uint64() &^ 1, other: peer, seeks: true, fresh: true, since: now})
	s.reach(now, &s.ends[len(s.ends)-1])
}

// reach says HOLD to who holds the other end, or connects to it first.
func (s *PeerSwap) reach(now int64, e *end) {
	l := s.link(e.other)
	switch {
	case l != nil && l.state == linkUp && !e.said:
		e.said = true
		kind := byte(swapHold)
		if e.fresh {
			kind = swapLink
		}
		s.tell(e.other, swapMessage{kind: kind, end: e.id, version: e.version, theirs: e.theirs})
	case l == nil && e.seeks && e.retry <= now:
		e.tries++
		e.retry = now + int64(e.tries)*swapRetryNs
		s.dial(e.other)
	}
	s.risen(now, e)
}

// held handles a HOLD. One that is meant for an earlier holder of the other end, or
// for the peer itself when it held it before, is told who holds it now.
func (s *PeerSwap) held(now int64, h hold) {
	id := h.end ^ 1
	e, p := s.find(id), s.findPassed(id)
	switch {
	case e == nil && s.asked.until != 0 && len(s.early) < earlyMax:
		s.early = append(s.early, h) // who has accepted the offer may have told others first
	case e == nil && p == nil:
		s.tell(h.peer, swapMessage{kind: swapGone, end: id})
	case e == nil:
		s.tellPassed(h.peer, p)
	case h.theirs != e.version:
		s.tellPassed(h.peer, &passedEnd{id, e.version, s.table.Self})
	case e.other == h.peer && e.theirs == h.version:
		e.heard, e.fresh = true, false
		s.risen(now, e)
	default:
		if e.claim == nil || e.claim.version < h.version {
			e.claim = &h
		}
		if !e.up() { // who is waited for has passed its end before it came
			e.seeks = true
			s.reach(now, e)
		}
	}
}

// earlyMax is a HOLD for each end that a swap brings.
const earlyMax = swapDegreeMax

// replaced handles a REPLACE: only who holds the other end may name another holder.
func (s *PeerSwap) replaced(now int64, peer codec.PeerID, m *swapMessage) {
	if m.peer.id != peer {
		s.retract(peer, m.end)
	}
	e := s.find(m.end ^ 1)
	if e == nil || e.other != peer || m.version <= e.theirs {
		return
	}
	other, theirs, ok := s.follow(m.end, m.peer, m.version)
	if !ok { // an edge to oneself
		s.drop(now, e.id)
		return
	}
	claim := e.claim
	e.claim = nil
	if e.up() {
		e.seeks, e.since, e.tries = false, now, 0
	}
	s.learn(now, &other)
	e.other, e.theirs, e.said, e.heard = other.id, theirs, false, false
	if claim != nil {
		s.held(now, *claim)
	}
	if e = s.find(m.end ^ 1); e != nil {
		s.reach(now, e)
	}
}

// gone handles a GONE.
func (s *PeerSwap) gone(now int64, peer codec.PeerID, sent uint64) {
	s.retract(peer, sent)
	if e := s.find(sent ^ 1); e != nil && e.other == peer {
		s.drop(now, e.id)
	}
}

// retract forgets what a peer has said of an end that it does not hold any more.
func (s *PeerSwap) retract(peer codec.PeerID, sent uint64) {
	if e := s.find(sent ^ 1); e != nil && e.claim != nil && e.claim.peer == peer {
		e.claim = nil
	}
	s.early = slices.DeleteFunc(s.early, func(h hold) bool { return h.peer == peer && h.end == sent })
}

// risen looks at an end that may just have come up. Of two edges between the same two
// peers both sides give up the one with the larger number.
func (s *PeerSwap) risen(now int64, e *end) {
	if !e.up() {
		return
	}
	e.tries = 0
	for i := range s.ends {
		if twin := &s.ends[i]; twin.up() && twin.other == e.other && twin != e {
			s.giveUp(now, max(e.id, twin.id))
			return
		}
	}
}

// giveUp drops an end and tells the other side.
func (s *PeerSwap) giveUp(now int64, id uint64) {
	if e := s.find(id); s.connected(e.other) {
		s.tell(e.other, swapMessage{kind: swapGone, end: id})
	}
	s.drop(now, id)
}

// drop forgets an end; the peer is short of one then, and seeks another soon.
func (s *PeerSwap) drop(now int64, id uint64) {
	s.remove(id)
	s.Counts.Lost++
	s.seekSoon(now)
}

func (s *PeerSwap) remove(id uint64) {
	s.ends = slices.DeleteFunc(s.ends, func(e end) bool { return e.id == id })
}
