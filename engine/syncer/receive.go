package syncer

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Frame takes the bytes that arrived on a link; false for an unknown link.
func (s *Syncer) Frame(id uint64, data []byte) bool {
	var l *link
	for _, candidate := range s.links {
		if candidate.id == id {
			l = candidate
			break
		}
	}
	if l == nil {
		return false
	}
	s.only = l
	if l.closing {
		return true // the host has been asked to hang up
	}
	var buf [8]codec.Message
	head, messages, err := codec.ParseFrame(data, buf[:0])
	if err != nil {
		s.fault(l, codec.FaultFrame, err.Error())
		return true
	}
	l.t.heard()
	if !l.t.acknowledged(s.now, &head) {
		s.fault(l, codec.FaultFrame, "acknowledges a frame that was never sent")
		return true
	}
	for _, r := range l.t.reached {
		s.host.Reached(r.space, r.short, l.peer.id)
	}
	l.t.reached = l.t.reached[:0]
	if head.Seq != 0 {
		s.arrived(l, head.Seq, messages)
	} else {
		s.datagrams(l, messages)
	}
	if len(l.control) > controlMax {
		s.fault(l, codec.FaultQuota, "asks for more answers than it takes")
		s.hangUp(l, "too many answers wait")
	}
	return true
}

// datagrams handles the messages of a frame without number.
func (s *Syncer) datagrams(l *link, messages []codec.Message) {
	for _, m := range messages {
		if m.Kind != codec.MsgService {
			s.fault(l, codec.FaultFrame, "messages in a frame without number")
			return
		}
		if !l.hello || l.closing {
			return // it has overtaken the hello, or is late
		}
		if err := s.onService(l, m, true); err != nil {
			s.fault(l, codec.FaultMessage, err.Error())
		}
	}
}

func (s *Syncer) onService(l *link, m codec.Message, datagram bool) error {
	return decoded(m, func(v *codec.Service) error {
		s.host.Service(l.peer.id, v, datagram)
		return nil
	})
}

// arrived handles a numbered frame: at once where nothing is missing before it;
// else what needs no order at once and the rest when the gap is filled.
func (s *Syncer) arrived(l *link, seq uint64, messages []codec.Message) {
	fresh, inOrder := l.t.receive(s.now, seq)
	if !fresh {
		return
	}
	if inOrder {
		s.deliver(l, messages)
		l.t.advance(func(waiting []codec.Message) { s.deliver(l, waiting) })
		return
	}
	if l.t.held > heldBytesMax {
		l.t.forget(seq)
		return
	}
	var later []codec.Message
	for _, m := range messages {
		if l.closing {
			return
		}
		if !s.orderFree(l, m) {
			later = append(later, m)
		} else if err := s.handle(l, m); err != nil {
			s.fault(l, codec.FaultMessage, err.Error())
		}
	}
	if len(later) > 0 {
		l.t.hold(seq, later)
	}
}

// orderFree reports whether a message means the same before its predecessors:
// live records and announcements of a space that is known already.
func (s *Syncer) orderFree(l *link, m codec.Message) bool {
	var index uint64
	switch m.Kind {
	case codec.MsgRecords:
		r, err := m.Records()
		if err != nil || r.Session != 0 {
			return false
		}
		index = r.Index
	case codec.MsgHave:
		h, err := m.Have()
		if err != nil {
			return false
		}
		index = h.Index
	default:
		return false
	}
	return l.byTheirs(index) != nil
}

func (s *Syncer) deliver(l *link, messages []codec.Message) {
	for _, m := range messages {
		if l.closing {
			return
		}
		if err := s.handle(l, m); err != nil {
			s.fault(l, codec.FaultMessage, err.Error())
		}
	}
}

// handle acts on one message. An error is the peer's mistake.
func (s *Syncer) handle(l *link, m codec.Message) error {
	if !l.hello && m.Kind != codec.MsgHello {
		return fmt.Errorf("message %d before hello", m.Kind)
	}
	switch m.Kind {
	case codec.MsgHello:
		return decoded(m, func(h *codec.Hello) error { return s.onHello(l, h) })
	case codec.MsgSpaces:
		return decoded(m, func(v *codec.Spaces) error { return s.onSpaces(l, v) })
	case codec.MsgRecords:
		v, err := m.Records()
		if err != nil {
			return err
		}
		return s.onRecords(l, &v)
	case codec.MsgHave:
		v, err := m.Have()
		if err != nil {
			return err
		}
		return s.onHave(l, &v)
	case codec.MsgWant:
		return decoded(m, func(v *codec.Want) error { return s.onWant(l, v) })
	case codec.MsgEager:
		return decoded(m, func(v *codec.Eager) error {
			if ch := l.byTheirs(v.Index); ch != nil {
				ch.eager, ch.prunedAt = v.Eager, s.now
			}
			return nil
		})
	case codec.MsgOpen:
		return decoded(m, func(v *codec.Open) error { return s.onOpen(l, v, nil) })
	case codec.MsgOpenPart:
		return decoded(m, func(v *codec.OpenPart) error {
			return s.onOpen(l, &codec.Open{Session: v.Session, Index: v.Index, Strategy: v.Strategy, Count: v.Count}, &v.Part)
		})
	case codec.MsgData:
		return decoded(m, func(v *codec.Data) error { s.onData(l, v); return nil })
	case codec.MsgClose:
		return decoded(m, func(v *codec.Close) error { s.onClose(l, v); return nil })
	case codec.MsgService:
		return s.onService(l, m, false)
	case codec.MsgCredential:
		return decoded(m, func(v *codec.Credential) error { return s.onCredential(l, v) })
	case codec.MsgRefuse:
		return decoded(m, func(v *codec.Refuse) error { s.onRefuse(l, v); return nil })
	}
	l.say(codec.MsgRefuse, &codec.Refuse{Kind: m.Kind})
	return nil
}

func decoded[T any](m codec.Message, fn func(*T) error) error {
	v := new(T)
	if err := m.Decode(v); err != nil {
		return err
	}
	return fn(v)
}

func (s *Syncer) onHello(l *link, h *codec.Hello) error {
	if l.hello {
		return fmt.Errorf("a second hello")
	}
	if h.Protocol != codec.ProtocolVersion {
		s.hangUp(l, fmt.Sprintf("protocol %d, this node speaks %d", h.Protocol, codec.ProtocolVersion))
		return nil
	}
	if len(h.Strategies) > 64 || h.Window == 0 {
		return fmt.Errorf("hello: %d strategies, window %d", len(h.Strategies), h.Window)
	}
	l.hello, l.theirs = true, *h
	l.t.credit = int(min(h.Window, windowMax))
	s.host.PeerUp(l.peer.id, l.address, l.dialed)
	s.match(l)
	return nil
}

func (s *Syncer) onSpaces(l *link, v *codec.Spaces) error {
	if len(l.unknown)+len(l.channels)+len(v.Add) > 2*codec.SpacesPerLinkMax {
		return fmt.Errorf("spaces: more than %d on one link", codec.SpacesPerLinkMax)
	}
	l.unknown = append(l.unknown, v.Add...)
	for _, index := range v.Remove {
		if ch := l.byTheirs(index); ch != nil {
			s.endSession(ch.session, codec.OutcomeNotAllowed, false)
			ch.open = false
			ch.hush()
		}
		l.unknown = slices.DeleteFunc(l.unknown, func(n codec.SpaceName) bool { return n.Index == index })
	}
	if len(v.Add) > 0 {
		s.match(l)
	}
	return nil
}

func (s *Syncer) onRecords(l *link, v *codec.Records) error {
	ch := l.byTheirs(v.Index)
	if ch == nil {
		return nil // left since, or never ours: unknown and forbidden look alike
	}
	if l.paused() {
		return nil
	}
	got := s.host.Admit(l.id, l.peer.id, ch.space.id, v.Batch)
	if got.Err != nil {
		s.fault(l, got.Fault, got.Err.Error())
		if l.closing {
			return nil
		}
	}
	ch.activity = s.now
	if ss := s.session(l, -v.Session); v.Session != 0 && ss != nil {
		ss.progress = s.now
		ss.report.Received += uint64(got.New)
	}
	if v.Session == 0 && got.New == 0 && got.Duplicate > 0 && s.cfg.Announce && ch.space.isProbe(s.now, got.Zeros) {
		s.prune(ch)
	}
	return nil
}

// prune makes a link that brings nothing new one of announcements, both ways, as
// long as another one still pushes. Frames that were under way before the peer
// heard of it are no reason to say so again.
func (s *Syncer) prune(ch *channel) {
	if !ch.eager && s.now < ch.prunedAt+2*ch.link.t.srtt {
		return
	}
	for _, other := range ch.space.channels {
		if other != ch && other.open && other.eager && !other.link.paused() {
			ch.eager, ch.prunedAt = false, s.now
			ch.link.say(codec.MsgEager, &codec.Eager{Index: ch.mine, Eager: false})
			return
		}
	}
}

// probeEveryNs is about how much time lies between two records that may prune:
// several times what a record takes to reach everybody.
const probeEveryNs = 4e9

// isProbe tells whether a duplicate may prune. All nodes choose alike, by the
// low bits of the short id, and so few that hardly ever two are on their way at
// once: the links on which one record comes second are what its spanning tree
// leaves over, but two records have two trees, and together they would cut the
// network into pieces that only announcements join again.
func (sp *space) isProbe(now int64, zeros int) bool {
	if elapsed := now - sp.rateAt; elapsed >= 1e9 {
		sp.probe = bits.Len64(sp.fresh * probeEveryNs / uint64(elapsed))
		sp.fresh, sp.rateAt = 0, now
	}
	return zeros >= sp.probe
}

func shortIDs(b []byte) ([]uint64, error) {
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("short ids: %d bytes are no multiple of 8", len(b))
	}
	ids := make([]uint64, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		ids = append(ids, binary.LittleEndian.Uint64(b))
	}
	return ids, nil
}

func (s *Syncer) onHave(l *link, v *codec.Have) error {
	ch := l.byTheirs(v.Index)
	if ch == nil || l.paused() {
		return nil
	}
	shorts, err := shortIDs(v.Short)
	if err != nil {
		return err
	}
	for _, short := range shorts {
		s.host.Reached(ch.space.id, short, l.peer.id)
		if !s.host.Holds(ch.space.id, short) {
			s.announced(ch, short)
		}
	}
	return nil
}

// announced notes a record that a peer has and this node lacks. From a peer that
// pushes, an announcement says that it will not push this one: it is asked for at
// once. Others announce what the tree brings as well.
func (s *Syncer) announced(ch *channel, short uint64) {
	sp := ch.space
	w := sp.wanted[short]
	switch {
	case ch.eager:
		if len(ch.wants) < wantedMax && s.missing(ch, short) {
			ch.wants = append(ch.wants, short)
		}
	case w != nil:
		w.has(ch)
	case len(sp.wanted) < wantedMax: // else a session will find it
		w = &wanted{short: short, at: s.now + s.cfg.PullNs, from: []*channel{ch}}
		sp.wanted[short] = w
		sp.waiting = append(sp.waiting, deadline{w, w.at})
	}
}

func (s *Syncer) onWant(l *link, v *codec.Want) error {
	ch := l.byTheirs(v.Index)
	if ch == nil || l.paused() {
		return nil
	}
	shorts, err := shortIDs(v.Short)
	if err != nil {
		return err
	}
	if v.Session != 0 {
		s.onSessionWant(l, v.Session, shorts, v.More)
		return nil
	}
	// What goes beyond the bound is asked for again, or found by a session.
	ch.asked = append(ch.asked, shorts[:min(len(shorts), askedMax-len(ch.asked))]...)
	return nil
}
