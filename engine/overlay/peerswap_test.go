package overlay

import (
	"bytes"
	"math"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// swapper is a peer with a degree of four whose neighbours are id(1) to id(4).
func swapper(t testing.TB, everyNs int64) *PeerSwap {
	t.Helper()
	s := NewPeerSwap(NewTable(id(0)), 4, everyNs, newRand(1))
	for n := 1; n <= 4; n++ {
		s.Handle(0, Up{Peer: id(n)})
		s.say(0, n, swapMessage{kind: swapLink, end: uint64(10 * n)})
		s.say(0, n, swapMessage{kind: swapHold, end: uint64(10 * n)})
	}
	if len(s.Chosen()) != 4 || !s.Settled() {
		t.Fatalf("has the neighbours %v", s.Chosen())
	}
	return s
}

// say lets a peer send a message, and returns the answers to anybody.
func (s *PeerSwap) say(now int64, peer int, m swapMessage) (answers []swapMessage) {
	for _, ef := range s.Handle(now, Told{id(peer), m.append(nil)}) {
		if tell, ok := ef.(Tell); ok {
			var answer swapMessage
			if answer.read(tell.Body) != nil {
				panic("an answer that can't be read")
			}
			answers = append(answers, answer)
		}
	}
	return answers
}

func kinds(list []swapMessage) (kinds []byte) {
	for i := range list {
		kinds = append(kinds, list[i].kind)
	}
	return kinds
}

func TestSwapAcceptsAndRefuses(t *testing.T) {
	s := swapper(t, 0)
	offer := swapMessage{kind: swapOffer, swap: 7, end: 10, ends: []handedEnd{{end: 50, version: 3, other: place{id(9), "there"}, theirs: 2}}}
	got := s.say(1e9, 1, offer)
	if !bytes.Equal(kinds(got), []byte{swapAccept, swapReplace, swapReplace, swapReplace}) || len(got[0].ends) != 3 {
		t.Fatalf("answers %v", got)
	}
	if near := s.Chosen(); len(near) != 2 || near[0] != id(1) || near[1] != id(9) || s.table.Find(id(9)).Address != "there" {
		t.Errorf("now has the neighbours %v", near)
	}
	if got := s.say(1e9, 2, swapMessage{kind: swapOffer, end: 20}); !bytes.Equal(kinds(got), []byte{swapRefuse}) {
		t.Errorf("an offer over an edge that is no more: %v", got)
	}
	if got := s.say(1e9, 2, swapMessage{kind: swapHold, end: 20}); !bytes.Equal(kinds(got), []byte{swapReplace}) || got[0].peer.id != id(1) {
		t.Errorf("who asks for an end that was passed hears %v", got)
	}
	if got := s.say(1e9, 2, swapMessage{kind: swapHold, end: 500}); !bytes.Equal(kinds(got), []byte{swapGone}) {
		t.Errorf("who asks for an end that never was hears %v", got)
	}
}

// Who offers is locked until there is an answer, but no longer than a time.
func TestSwapLocksEnd(t *testing.T) {
	s := swapper(t, 1e9)
	for i := range s.ends { // this side has the clocks
		s.ends[i].id ^= 1
	}
	now := int64(0)
	for s.asked.until == 0 {
		now = s.NextWake()
		s.Handle(now, Wake{})
	}
	partner := 1
	for id(partner) != s.asked.peer {
		partner++
	}
	if got := s.say(now, partner%4+1, swapMessage{kind: swapOffer, end: s.find(s.ends[partner%4].id).id ^ 1}); !bytes.Equal(kinds(got), []byte{swapRefuse}) {
		t.Errorf("an offer to who is locked: %v", got)
	}
	if s.say(now, partner, swapMessage{kind: swapRefuse, swap: s.asked.swap + 1}); s.asked.until == 0 {
		t.Error("the answer to another offer ends the lock")
	}
	until := s.asked.until
	hungUp := false
	for s.NextWake() <= until {
		now = s.NextWake()
		for _, ef := range s.Handle(now, Wake{}) {
			h, ok := ef.(HangUp)
			hungUp = hungUp || ok && h.Peer == id(partner)
		}
	}
	if s.Counts.Broken != 1 || !hungUp {
		t.Errorf("after %d s: %+v, hung up %v", now/1e9, s.Counts, hungUp)
	}
	if got := s.say(now, partner, swapMessage{kind: swapAccept, swap: 1}); len(got) > 0 || s.Counts.Swaps > 0 {
		t.Errorf("a late answer has the effects %v", got)
	}
}

// Only who holds the other end may say who holds it now; and an end whose other
// holder is nowhere is given up.
func TestSwapReplaceToNowhere(t *testing.T) {
	s := swapper(t, 0)
	nowhere := swapMessage{kind: swapReplace, end: 10, version: 1, peer: place{id: id(77)}}
	if s.say(1e9, 2, nowhere); !s.neighbour(id(1)) {
		t.Error("a stranger has replaced a neighbour")
	}
	if s.say(1e9, 1, nowhere); s.neighbour(id(1)) || !s.neighbour(id(77)) {
		t.Error("a neighbour can't be replaced")
	}
	for now := int64(1e9); s.neighbour(id(77)); now = s.NextWake() {
		if now > 1e9+swapOpenNs {
			t.Fatal("an end to nowhere is kept")
		}
		s.Handle(now, Wake{})
	}
	if !s.short() || s.Counts.Lost != 1 {
		t.Errorf("%+v", s.Counts)
	}
}

// A peer that asks without end is answered at a pace.
func TestSwapFloods(t *testing.T) {
	s := swapper(t, 8e9)
	accepted, helped := 0, 0
	for i := range 1000 {
		m := swapMessage{kind: swapSeek, hops: 20, peer: place{id: id(100 + i)}}
		helped += len(s.Handle(1e9, Told{id(1), m.append(nil)}))
	}
	for i := range uint64(1000) {
		offer := swapMessage{kind: swapOffer, swap: i, end: 10}
		for n := range uint64(3) {
			offer.ends = append(offer.ends, handedEnd{end: 1000 + 10*i + 2*n, other: place{id: id(int(2 + n))}})
		}
		if s.say(1e9, 1, offer)[0].kind == swapAccept {
			accepted++
		}
	}
	if accepted != 16 || helped != 64 {
		t.Errorf("%d swaps, %d seekers helped", accepted, helped)
	}
	s = swapper(t, 0)
	for n := 100; n < 1100; n++ { // each is to get an edge of ours, and takes it
		s.say(1e9, 1, swapMessage{kind: swapSeek, peer: place{id: id(n)}})
		for _, ef := range s.Handle(1e9, Up{Peer: id(n), Dialed: true}) {
			var link swapMessage
			if tell, ok := ef.(Tell); ok && link.read(tell.Body) == nil && link.kind == swapLink {
				s.say(1e9, n, swapMessage{kind: swapHold, end: link.end ^ 1})
			}
		}
	}
	if s.Counts.Lost != 2 || !s.Settled() {
		t.Errorf("gave up %d edges at once", s.Counts.Lost)
	}
	for n := range 1000 {
		s.Handle(2e9, Up{Peer: id(1000 + n)})
		s.say(2e9, 1000+n, swapMessage{kind: swapHold, end: uint64(n)})
	}
	s.bounded(t)
}

// bounded checks that a peer holds no more than it may.
func (s *PeerSwap) bounded(t testing.TB) {
	t.Helper()
	box := 0
	for i := range s.links {
		box = max(box, len(s.links[i].outbox))
	}
	if len(s.ends) > s.Degree || len(s.links) > 2*linksMax || box > outboxMax || len(s.passed) > passedMax || len(s.early) > earlyMax {
		t.Fatalf("%d ends, %d connections, %d messages for one, %d passed, %d early", len(s.ends), len(s.links), box, len(s.passed), len(s.early))
	}
}

func TestExponential(t *testing.T) {
	const n, mean = 20000, 1_000_000
	sum, late := 0.0, 0
	rng := newRand(3)
	for range n {
		x := exponential(rng, mean)
		sum += float64(x)
		if x > 2*mean {
			late++
		}
	}
	if got := sum / n / mean; math.Abs(got-1) > 4/math.Sqrt(n) {
		t.Errorf("the mean is %.3f of what it is to be", got)
	}
	if share := float64(late) / n; math.Abs(share-math.Exp(-2)) > 4*0.35/math.Sqrt(n) {
		t.Errorf("%.3f are beyond twice the mean, want %.3f", share, math.Exp(-2))
	}
}

var swapSeeds = []swapMessage{
	{kind: swapOffer, swap: 1, end: 10, ends: []handedEnd{{50, 1, place{id(9), "a"}, 0}, {11, 1, place{id(0), ""}, 0}}},
	{kind: swapAccept, swap: 1, ends: []handedEnd{{60, 2, place{id(3), ""}, 5}}},
	{kind: swapRefuse, swap: 1},
	{kind: swapHold, end: 10, version: 1, theirs: 2},
	{kind: swapLink, end: 30},
	{kind: swapGone, end: 20},
	{kind: swapReplace, end: 20, version: 1, peer: place{id(6), "b"}},
	{kind: swapSeek, hops: 3, peer: place{id(8), ""}},
}

func FuzzSwapMessage(f *testing.F) {
	for _, m := range swapSeeds {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m swapMessage
		if m.read(b) != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is read as %+v and written as %x", b, m, again)
		}
		if len(b) > TellMax {
			t.Fatalf("a message of %d bytes", len(b))
		}
	})
}

// FuzzSwapHandle lets neighbours and strangers come, go and say anything.
func FuzzSwapHandle(f *testing.F) {
	for _, m := range swapSeeds {
		f.Add(append([]byte{byte(len(m.append(nil))), 1}, m.append(nil)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, now := swapper(t, 1e9), int64(1e9)
		for len(b) > 2 {
			n, peer := int(b[0]), id(int(b[1]%8))
			b = b[2:]
			switch {
			case n == 0:
				s.Handle(now, Up{Peer: peer, Dialed: len(b)%2 == 0})
			case n == 1:
				s.Handle(now, Down{Peer: peer})
			case n == 2:
				now = max(now, s.NextWake())
				s.Handle(now, Wake{})
			default:
				n = min(n, len(b))
				s.Handle(now, Told{peer, b[:n]})
				b = b[n:]
			}
			s.bounded(t)
			if s.NextWake() == 0 {
				t.Fatal("the clocks have stopped")
			}
		}
	})
}

func TestSwapMessagesFit(t *testing.T) {
	m := swapMessage{kind: swapOffer}
	for range swapDegreeMax {
		m.ends = append(m.ends, handedEnd{other: place{codec.PeerID{}, string(make([]byte, swapAddressMax))}})
	}
	if b := m.append(nil); len(b) > TellMax || new(swapMessage).read(b) != nil {
		t.Errorf("the longest message has %d bytes", len(b))
	}
	m.ends = append(m.ends, handedEnd{})
	if new(swapMessage).read(m.append(nil)) == nil {
		t.Error("too many ends are read")
	}
	m = swapMessage{kind: swapReplace, peer: place{address: string(make([]byte, swapAddressMax+1))}}
	if new(swapMessage).read(m.append(nil)) == nil {
		t.Error("too long an address is read")
	}
}
