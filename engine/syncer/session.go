package syncer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// A session is one run of a strategy on a channel. At most one runs there.
type session struct {
	ch       *channel
	number   int64 // positive: opened by us
	strategy reconcile.Strategy
	part     *codec.Part       // of the set that it is about, nil for all of it
	run      reconcile.Session // nil until the responder has answered
	view     View
	began    int64
	progress int64  // when something last came
	follows  bool   // it was started because another did not find everything
	news     uint64 // of the space when it began

	payloads [][]byte
	gives    []uint64
	loaded   []*codec.Record // of gives, next to leave
	want     []uint64        // our last word, not nil while it has to be said
	decided  bool            // we know what is missing
	partial  bool            // others have been asked for some of it
	closing  bool            // we are asked to give what is left and close

	report codec.SyncEnded
}

// mine says whether this side opened the session and decides.
func (ss *session) mine() bool { return ss.number > 0 }

// strategyFor picks a strategy that both sides have and that can do a part, if
// there is one: the wanted strategy, or the first of ours.
func (s *Syncer) strategyFor(l *link, want string, part *codec.Part) reconcile.Strategy {
	for _, st := range s.cfg.Strategies {
		name := st.Name()
		if _, splits := st.(reconcile.Splitter); part != nil && !splits {
			continue
		}
		if (want == "" || want == name) && slices.Contains(l.theirs.Strategies, name) {
			return st
		}
	}
	return nil
}

// HasStrategy reports whether the node knows a strategy.
func (s *Syncer) HasStrategy(name string) bool {
	return slices.ContainsFunc(s.cfg.Strategies, func(st reconcile.Strategy) bool { return st.Name() == name })
}

// SyncNow starts a session on demand, on a part of a space unless that is nil. Its
// end is reported with the request's number, at once when there can be none now.
func (s *Syncer) SyncNow(ev *codec.SyncNow, part *codec.Part) {
	report := &codec.SyncEnded{Req: ev.Req, Peer: ev.Peer, Space: ev.Space, Strategy: ev.Strategy}
	at, found := s.findPeer(ev.Peer)
	switch {
	case !found || s.peers[at].link == nil:
		report.Outcome = codec.OutcomeLinkDown
	case s.peers[at].paused:
		report.Outcome = codec.OutcomePaused
	default:
		ch := s.peers[at].link.channel(ev.Space)
		if ch == nil || !ch.open {
			report.Outcome = codec.OutcomeNotAllowed
			break
		}
		if st := s.strategyFor(ch.link, ev.Strategy, part); st != nil {
			s.supersede(ch.session, part)
			s.open(ch, st, ev.Req, part, false)
			return
		}
		report.Outcome = codec.OutcomeUnsupported
	}
	s.host.Emit(report)
}

// supersede ends a session, if there is one, so that another one can begin. Where
// that is about a part alone, the whole is still to be done, and comes next.
func (s *Syncer) supersede(old *session, part *codec.Part) {
	s.endSession(old, codec.OutcomeSuperseded, true)
	if old != nil && old.part == nil && part != nil {
		old.ch.nextSync = s.now
	}
}

// open starts a session as initiator.
func (s *Syncer) open(ch *channel, st reconcile.Strategy, req uint64, part *codec.Part, follows bool) {
	l := ch.link
	view := s.host.Pin(ch.space.id)
	ss := &session{
		ch: ch, number: l.nextOpen, strategy: st, part: part, view: view, began: s.now, progress: s.now, follows: follows, news: ch.space.news,
		report: codec.SyncEnded{Req: req, Peer: l.peer.id, Space: ch.space.id, Strategy: st.Name(), Rounds: 1},
	}
	l.nextOpen++
	ch.session = ss
	s.host.Counters().Sessions++
	s.host.Counters().Rounds++
	var out reconcile.Out
	if part != nil {
		p := st.(reconcile.Splitter).Part(view, part)
		l.queue(forReconcile, codec.MsgOpenPart, &codec.OpenPart{
			Session: ss.number, Index: ch.mine, Strategy: st.Name(), Count: p.Count(), Part: *part,
		})
		ss.run = p.Open(reconcile.Peer{}, &out)
	} else {
		if !follows {
			ch.lag = 0
		}
		l.queue(forReconcile, codec.MsgOpen, &codec.Open{
			Session: ss.number, Index: ch.mine, Strategy: st.Name(), Count: view.Count(), Summary: view.Summary(),
		})
		ss.run = st.Open(view, s.peerOf(ss, ch.peerCount), &out)
	}
	s.apply(ss, &out)
}

// peerOf is what a strategy is told of the other side of a session, and notes what
// a salt of its own costs.
func (s *Syncer) peerOf(ss *session, count uint64) reconcile.Peer {
	peer := reconcile.Peer{Count: count}
	if ss.strategy.Name() == reconcile.SaltedName {
		peer.Salt = ss.salt()
		s.worked(ss.ch.link.peer, saltNs*int64(ss.view.Count()))
	}
	return peer
}

// salt is a number that both sides of a session know, and nobody else.
func (ss *session) salt() uint64 {
	l := ss.ch.link
	opener, other := l.nonce, l.theirs.Nonce
	if !ss.mine() {
		opener, other = other, opener
	}
	b := []byte("rapprochement/1 session\x00")
	for _, word := range []uint64{opener, other, uint64(max(ss.number, -ss.number))} {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// onOpen answers the peer's Open; what an OpenPart says beside that is in part.
func (s *Syncer) onOpen(l *link, m *codec.Open, part *codec.Part) error {
	if m.Session <= 0 || len(m.Strategy) > 32 {
		return fmt.Errorf("open: session %d, strategy of %d bytes", m.Session, len(m.Strategy))
	}
	if part != nil {
		if err := part.Check(); err != nil {
			return fmt.Errorf("open: %w", err)
		}
	}
	ch, st := l.byTheirs(m.Index), s.strategyFor(l, m.Strategy, part)
	if outcome := s.refusal(l, ch, st, m, part); outcome != 0 {
		l.queue(forReconcile, codec.MsgClose, &codec.Close{Session: -m.Session, Outcome: outcome})
		return nil
	}
	s.accept(ch, st, m, part)
	return nil
}

// refusal is why a session cannot be accepted, 0 if it can: whatever ran there has
// been superseded then.
func (s *Syncer) refusal(l *link, ch *channel, st reconcile.Strategy, m *codec.Open, part *codec.Part) codec.Outcome {
	switch {
	case ch == nil || !s.host.MayRead(ch.space.id, l.peer.id):
		return codec.OutcomeNotAllowed
	case l.paused():
		return codec.OutcomePaused
	case st == nil || m.Strategy == "":
		return codec.OutcomeUnsupported
	case (part != nil || m.Strategy == reconcile.SaltedName) && !s.mayWork(l.peer):
		return codec.OutcomeBusy
	}
	// Of two sessions that cross, the smaller key's wins on both sides.
	if old := ch.session; old != nil && old.mine() && s.cfg.Self.Compare(l.peer.id) < 0 {
		return codec.OutcomeSuperseded
	}
	s.supersede(ch.session, part)
	if l.openSessions() >= sessionsPerLinkMax || m.Count > s.host.Count(ch.space.id)+wantedMax && !s.mayCatchUp(ch) {
		return codec.OutcomeBusy
	}
	return 0
}

// mayCatchUp reports whether a session may bring very many records: a node far
// behind gets them from one peer at a time, or every peer would bring them all.
// Who takes too long has to share the turn.
func (s *Syncer) mayCatchUp(ch *channel) bool {
	c := ch.space.catchUp
	return c == nil || c.ch == ch || s.now >= c.began+s.cfg.TimeoutNs
}

func (l *link) openSessions() (n int) {
	for _, ch := range l.channels {
		if ch.session != nil && !ch.session.mine() {
			n++
		}
	}
	return n
}

// accept starts a session as responder, or closes it where the sets are equal.
func (s *Syncer) accept(ch *channel, st reconcile.Strategy, m *codec.Open, part *codec.Part) {
	view, number := s.host.Pin(ch.space.id), -m.Session
	if part == nil && s.compared(ch, m.Count, m.Summary, view.Count(), view.Summary()) {
		ch.lag = 0
		s.synced(ch, true)
		ch.link.queue(forReconcile, codec.MsgClose, &codec.Close{
			Session: number, Outcome: codec.OutcomeEqual, Count: view.Count(), Summary: view.Summary(),
		})
		view.Close()
		return
	}
	ss := &session{ch: ch, number: number, strategy: st, part: part, view: view, began: s.now, progress: s.now}
	ch.session = ss
	if m.Count > view.Count()+wantedMax {
		ch.space.catchUp = ss
	}
	var out reconcile.Out
	if peer := s.peerOf(ss, m.Count); part != nil {
		p := st.(reconcile.Splitter).Part(view, part)
		s.worked(ch.link.peer, readNs*int64(p.Read()))
		ss.run = p.Accept(peer, &out)
	} else {
		ss.run = st.Accept(view, peer, &out)
	}
	s.apply(ss, &out)
}

// compared notes what a comparison of both sets found.
func (s *Syncer) compared(ch *channel, theirCount uint64, theirs codec.ID, count uint64, ours codec.ID) bool {
	ch.peerCount, ch.comparedAt = theirCount, s.now
	ch.equal = theirCount == count && theirs == ours
	if ch.equal {
		ch.equalAt = s.now
	}
	return ch.equal
}

// synced tells the node of a complete session and plans the next one.
func (s *Syncer) synced(ch *channel, equal bool) {
	s.planNext(ch)
	s.host.Synced(ch.space.id, ch.link.peer.id, equal)
}

func (s *Syncer) planNext(ch *channel) {
	ch.lastSync = s.now
	ch.nextSync = s.nextInterval(ch.link.peer)
}

// apply queues what a strategy wants done.
func (s *Syncer) apply(ss *session, out *reconcile.Out) {
	ss.payloads = append(ss.payloads, out.Payloads...)
	ss.gives = append(ss.gives, s.giving(ss.ch, out.Give)...)
	if ss.mine() && ss.part == nil {
		ss.ch.lag += uint64(len(out.Give) + len(out.Want) + out.Asked)
	}
	if out.Fallback {
		s.follow(ss, codec.OutcomeUnconfirmed, true, s.resort(ss))
		return
	}
	if out.Done && ss.mine() {
		ss.decided, ss.want = true, s.wanting(ss, out.Want)
		ss.partial = len(ss.want) < len(out.Want)
	}
}

// shared reports whether others exchange the space with this node as well.
func (ch *channel) shared() bool {
	return slices.ContainsFunc(ch.space.channels, func(c *channel) bool { return c != ch && c.active() })
}

// giving is what a session gives away by itself. Where several peers may give the
// same, records are announced instead: who lacks one asks one of them.
func (s *Syncer) giving(ch *channel, shorts []uint64) []uint64 {
	if !ch.shared() || !s.cfg.Announce {
		return shorts
	}
	n := min(len(shorts), announcedMax-len(ch.announced))
	for _, short := range shorts[:n] {
		ch.announce(s.now, short)
	}
	return shorts[n:]
}

// wanting is what a session asks for: what nobody else has been asked for. Where
// another link pushes, that one has its chance first.
func (s *Syncer) wanting(ss *session, shorts []uint64) []uint64 {
	ch, want := ss.ch, make([]uint64, 0, len(shorts))
	if len(shorts) > wantedMax {
		if !s.mayCatchUp(ch) {
			return want // the next session finds what is still missing then
		}
		ch.space.catchUp = ss
		return append(want, shorts...)
	}
	for _, short := range shorts {
		if !ch.eager && len(ch.space.wanted) < wantedMax {
			s.announced(ch, short)
		} else if s.missing(ch, short) {
			want = append(want, short)
		}
	}
	return want
}

func (s *Syncer) session(l *link, number int64) *session {
	for _, ch := range l.channels {
		if ch.session != nil && ch.session.number == number {
			return ch.session
		}
	}
	return nil
}

// onData hands a payload to its session. Payloads of a session that has ended
// here are late, not wrong.
func (s *Syncer) onData(l *link, m *codec.Data) {
	ss := s.session(l, -m.Session)
	if ss == nil || l.paused() {
		return
	}
	ss.progress = s.now
	ss.report.BytesIn += uint64(len(m.Payload))
	if ss.report.BytesIn > sessionBytesMin+64*ss.view.Count() {
		s.fault(l, codec.FaultQuota, "session: too many payload bytes")
		s.endSession(ss, codec.OutcomeFault, true)
		return
	}
	if !ss.mine() && len(ss.payloads) > payloadsWaitingMax {
		s.fault(l, codec.FaultQuota, "session: asks on before it has taken what it asked for")
		s.endSession(ss, codec.OutcomeFault, true)
		return
	}
	if ss.decided {
		return // what was already under way when we decided
	}
	var out reconcile.Out
	if err := ss.run.Receive(m.Payload, &out); err != nil {
		s.fault(l, codec.FaultSession, err.Error())
		s.follow(ss, codec.OutcomeFault, true, s.resort(ss))
		return
	}
	if ss.mine() && (len(out.Payloads) > 0 || out.Done) {
		ss.report.Rounds++
		s.host.Counters().Rounds++
	}
	s.apply(ss, &out)
}

// follow ends a session and starts another one in its place, which takes over its
// request: with the named strategy, or the first of ours that is another one.
// Only once, or twice where the salted sketch is in between: others that fail in a
// row wait for the next interval. Nothing follows a session on a part, which few
// strategies can do.
func (s *Syncer) follow(ss *session, outcome codec.Outcome, tell bool, name string) {
	again := ss.follows && ss.strategy.Name() != reconcile.SaltedName
	if !ss.mine() || ss.part != nil || again || ss.ch.session != ss || name == ss.strategy.Name() {
		s.endSession(ss, outcome, tell)
		return
	}
	var next reconcile.Strategy
	for _, st := range s.cfg.Strategies {
		if next == nil && st.Name() != ss.strategy.Name() && (name == "" || name == st.Name()) {
			next = s.strategyFor(ss.ch.link, st.Name(), nil)
		}
	}
	s.replace(ss, outcome, tell, next)
}

// replace ends a session, and opens one with another strategy if there is one.
func (s *Syncer) replace(ss *session, outcome codec.Outcome, tell bool, next reconcile.Strategy) {
	req := ss.report.Req
	if next != nil {
		ss.report.Req = 0 // the next one answers
	}
	s.endSession(ss, outcome, tell)
	if next != nil {
		s.open(ss.ch, next, req, nil, true)
	}
}

// overlooked reports that a session has found some differences but not all, although
// nobody wrote meanwhile: two registers share a place in its sketch. Where records
// may come or go by other ways, it cannot be known.
func (ss *session) overlooked() bool {
	sp := ss.ch.space
	return !ss.follows && !ss.ch.shared() && len(sp.wanted) == 0 && sp.news == ss.news+ss.report.Received
}

// resort is what follows a session that could not finish: the salted sketch, if both
// sides have it and this node may be made to walk through its set, else full.
func (s *Syncer) resort(ss *session) string {
	name := reconcile.SaltedName
	if ss.strategy.Name() == name || s.strategyFor(ss.ch.link, name, nil) == nil || !s.mayWork(ss.ch.link.peer) {
		return reconcile.FullName
	}
	return name
}

// onSessionWant is the initiator's last word: give what it wants, then close.
func (s *Syncer) onSessionWant(l *link, number int64, shorts []uint64, more bool) {
	ss := s.session(l, -number)
	if ss == nil || ss.mine() {
		return
	}
	ss.progress = s.now
	if uint64(len(ss.gives)+len(shorts)) > 2*ss.view.Count()+shortsPerMessage {
		s.fault(l, codec.FaultQuota, "session: wants more than there is")
		s.endSession(ss, codec.OutcomeFault, true)
		return
	}
	ss.gives = append(ss.gives, shorts...)
	ss.closing = !more
}

// onClose ends a session that the other side has finished with.
func (s *Syncer) onClose(l *link, m *codec.Close) {
	ss := s.session(l, -m.Session)
	if ss == nil {
		return
	}
	outcome := m.Outcome
	if outcome == 0 || outcome > codec.OutcomeBusy {
		outcome = codec.OutcomeFault // whatever it means, it is not what was asked for
	}
	switch {
	case !ss.mine() || ss.part != nil:
		s.endSession(ss, outcome, false)
	case outcome == codec.OutcomeEqual || outcome == codec.OutcomeFinished:
		s.finished(ss, outcome, m)
	case outcome == codec.OutcomeUnconfirmed || outcome == codec.OutcomeFault || ss.strategy.Name() == reconcile.SaltedName:
		s.follow(ss, outcome, false, s.resort(ss))
	case outcome == codec.OutcomeUnsupported:
		s.follow(ss, outcome, false, "")
	default:
		s.endSession(ss, outcome, false)
	}
}

// onRefuse ends the sessions that began with a message which the peer does not
// know: its vocabulary is older.
func (s *Syncer) onRefuse(l *link, m *codec.Refuse) {
	for _, ch := range l.channels {
		if ss := ch.session; m.Kind == codec.MsgOpenPart && ss != nil && ss.mine() && ss.part != nil {
			s.endSession(ss, codec.OutcomeUnsupported, false)
		}
	}
}

// finished ends a session of ours that ran to its end. Another one follows when
// it found nothing although the sets differ (two records share a short id), and
// when its strategy is only a hint.
func (s *Syncer) finished(ss *session, outcome codec.Outcome, m *codec.Close) {
	ch := ss.ch
	ours, count := s.host.Summary(ch.space.id)
	equal := s.compared(ch, m.Count, m.Summary, count, ours)
	found := ch.lag
	hint := reconcile.IsHint(ss.strategy)
	if equal {
		ch.lag = 0
	}
	switch {
	case equal || !hint && !ss.partial:
		s.synced(ch, equal)
	case !hint:
		s.planNext(ch)
	}
	switch {
	case equal:
		s.endSession(ss, outcome, false)
	case hint:
		s.follow(ss, codec.OutcomeUnconfirmed, false, "")
	case found == 0:
		s.follow(ss, outcome, false, reconcile.FullName)
	case ss.overlooked():
		s.replace(ss, outcome, false, ss.strategy)
	default: // both sides kept writing
		s.endSession(ss, outcome, false)
	}
}

// endSession ends a session, tells the other side when asked to, and reports
// sessions that this side opened.
func (s *Syncer) endSession(ss *session, outcome codec.Outcome, tell bool) {
	if ss == nil || ss.ch.session != ss {
		return
	}
	ch := ss.ch
	ch.session = nil
	if ch.space.catchUp == ss {
		ch.space.catchUp = nil
	}
	ss.view.Close()
	if tell {
		ch.link.queue(forReconcile, codec.MsgClose, &codec.Close{Session: ss.number, Outcome: outcome})
	}
	if ss.part == nil && outcome != codec.OutcomeEqual && outcome != codec.OutcomeFinished {
		ch.lastSync = s.now
		if ch.nextSync <= s.now { // its time came while the session ran
			ch.nextSync = s.nextInterval(ch.link.peer)
		}
	}
	if ss.mine() {
		ss.report.Outcome, ss.report.ElapsedNs = outcome, s.now-ss.began
		s.host.Emit(&ss.report)
	}
}

// wakeChannel starts sessions that are due and ends those that have stalled.
func (s *Syncer) wakeChannel(ch *channel) {
	if ss := ch.session; ss != nil {
		if ss.progress+s.cfg.TimeoutNs <= s.now {
			s.endSession(ss, codec.OutcomeTimedOut, true)
		}
		return
	}
	if at := s.sessionDue(ch); at == 0 || at > s.now {
		return
	}
	ch.nextSync = s.nextInterval(ch.link.peer)
	ch.lastSync = s.now
	if st := s.strategyFor(ch.link, "", nil); st != nil {
		s.open(ch, st, 0, nil, false)
	}
}

// sessionDue is when the next session is to start, 0 for never: at the interval,
// or when a burst of records is over. Of two idle sides the smaller key starts.
func (s *Syncer) sessionDue(ch *channel) int64 {
	if !ch.open || ch.link.paused() {
		return 0
	}
	due := ch.nextSync
	// What left in the very step in which a session ended is not settled either.
	stirred := ch.activity > ch.lastSync || ch.activity == ch.lastSync && ch.activity > 0 && !ch.equal
	if stirred && s.cfg.IdleNs > 0 && s.cfg.Self.Compare(ch.link.peer.id) < 0 {
		due = earlier(due, ch.activity+s.cfg.IdleNs)
	}
	return due
}

func (s *Syncer) channelWake(ch *channel) int64 {
	var at int64
	if len(ch.announced) > 0 && ch.open && ch.link.t.room() > 0 { // else an acknowledgement will come first
		at = ch.announceAt
	}
	if ss := ch.session; ss != nil {
		return earlier(at, ss.progress+s.cfg.TimeoutNs)
	}
	return earlier(at, s.sessionDue(ch))
}
