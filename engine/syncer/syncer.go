// Package syncer decides with whom a node reconciles and when, and moves
// everything that nodes say to each other: it owns ordering, acknowledgement,
// retransmission, credit and time-outs, so that strategies see payloads in
// order and once.
//
// Two paths work together. The live path pushes new records to neighbours at
// once, and demotes links that bring nothing new to announcements, as in
// Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007). The repair path runs
// reconciliation sessions on connection, at intervals, after bursts and on
// demand; what they bring is pushed on as well.
//
// The syncer is part of a node and as deterministic: time and randomness are
// given, and whatever is iterated has an order.
package syncer

import (
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Bounds on what one peer can make a node hold or do.
const (
	sessionsPerLinkMax = 8        // a peer reconciles several spaces at once, not hundreds
	liveBacklogMax     = 1024     // records waiting for a slow link; the rest is announced
	announcedMax       = 8192     // names waiting for a slow link; a session repairs the rest
	wantedMax          = 8192     // records a space knows of and waits for
	askedMax           = 8192     // records asked for by name that have not left yet
	controlMax         = 8192     // messages a peer lets wait although it caused them
	heldBytesMax       = 1 << 20  // frames that arrived before their predecessors
	payloadsWaitingMax = 256      // of a session, each at most 32 KiB
	sessionBytesMin    = 64 << 20 // payload bytes one session may bring, plus a share of the set
	faultsMax          = 64       // faults before a link is given up
	creditBytes        = 1 << 20  // what this side accepts unacknowledged
)

const (
	// repairNs is how soon a session makes up for records that a slow link could
	// not be given.
	repairNs = 1e9
	// crossingNs is how old a link may be for another one to count as a crossing
	// dial. Later ones replace it: it has died unnoticed on the other side.
	crossingNs = 10e9
)

// Config is the part of a node's configuration that the syncer uses. All times
// are in nanoseconds.
type Config struct {
	Self       codec.PeerID
	Strategies []reconcile.Strategy // in order of preference; the first is the default
	IntervalNs int64                // between sessions with a peer, unless the peer has its own
	IdleNs     int64                // a session follows a burst of records after this silence
	TimeoutNs  int64                // a session without progress ends
	PullNs     int64                // wait for an announced record before asking for it
	AnnounceNs int64                // announcements are collected this long
	DialNs     int64                // first pause between attempts to dial; doubles up to 64 times that
	FrameBytes int                  // frames are filled up to this size
	Announce   bool                 // demote links that bring duplicates to announcements
}

// Admission is what became of a batch of records.
type Admission struct {
	New       int
	Duplicate int
	Zeros     int             // most trailing zeros in the short id of a duplicate
	Fault     codec.FaultKind // what Err is to be called
	Err       error           // the batch was malformed, or a record broke a rule
}

// Blame notes the first thing that is wrong with a batch.
func (a *Admission) Blame(kind codec.FaultKind, err error) {
	if a.Err == nil {
		a.Fault, a.Err = kind, err
	}
}

// A Host is the node, as the syncer sees it.
type Host interface {
	// Spaces calls fn for every joined space, in a fixed order.
	Spaces(fn func(space codec.ID))
	// MayRead reports whether a peer may be told anything about a space.
	MayRead(space codec.ID, peer codec.PeerID) bool
	// Admit verifies a batch from a peer and keeps what is new. The syncer hears
	// of each new record through Publish.
	Admit(link uint64, peer codec.PeerID, space codec.ID, batch []byte) Admission
	// Holds reports whether a record of that short id is in the space's set.
	Holds(space codec.ID, short uint64) bool
	// Records appends the records of that short id, each with whatever must
	// travel with it.
	Records(space codec.ID, short uint64, dst []*codec.Record) []*codec.Record
	// Summary is the fingerprint and size of the space's set now.
	Summary(space codec.ID) (codec.ID, uint64)
	// Count is the number of records in the space's set.
	Count(space codec.ID) uint64
	// Pin opens a view for a session. The caller closes it.
	Pin(space codec.ID) View
	// Emit hands an effect to the host of the node.
	Emit(effect codec.Effect)
	// SavePeer keeps what AddPeer said; a nil value forgets it.
	SavePeer(peer codec.PeerID, value []byte)
	// Synced says that a session with a peer has ended with everything exchanged
	// and, if equal, that the peer holds the very set that this node holds now.
	Synced(space codec.ID, peer codec.PeerID, equal bool)
	// Short is the short id of a record.
	Short(rec *codec.Record) uint64
	// Tracking reports whether Reached matters for any record now.
	Tracking() bool
	// Reached says that a peer is known to hold a record.
	Reached(space codec.ID, short uint64, peer codec.PeerID)
	// Credential is a batch of the grant that lets this node read a space, and the
	// grant's id; nil where there is none, or the peer should not see it.
	Credential(space codec.ID, peer codec.PeerID) (grant codec.ID, batch []byte)
	// AdmitCredential admits what a peer shows as its own.
	AdmitCredential(link uint64, peer codec.PeerID, space codec.ID, batch []byte) Admission
	// Counters are the node's accounts.
	Counters() *codec.Counters
	// PeerUp says that a peer can be spoken to, PeerDown that it no longer can.
	PeerUp(peer codec.PeerID, address string, dialed bool)
	PeerDown(peer codec.PeerID)
	// Service hands on what a peer's service says.
	Service(peer codec.PeerID, message *codec.Service, datagram bool)
}

// A View is a pinned set that must be closed.
type View interface {
	reconcile.SplitView
	Summary() codec.ID
	Close()
}

// Syncer is the exchange of one node with all its peers.
type Syncer struct {
	cfg    Config
	host   Host
	rng    *rand.ChaCha8
	now    int64
	links  []*link // by number
	peers  []*peer // by key
	spaces []*space

	debtOfStrangers int64

	batch batchCache
	body  []byte // scratch of the frame being filled

	// Most steps are a frame that concerns only the link it came on: the other
	// links then have nothing to say, and their wakes stay what they were.
	many bool  // the step may concern any link
	only *link // else this one
}

// New makes a syncer. The seed drives jitter only.
func New(cfg Config, host Host, seed [32]byte) *Syncer {
	s := &Syncer{cfg: cfg, host: host, rng: rand.NewChaCha8(seed)}
	// Nodes that miss the same record do not all ask at once: the first who got
	// it pushes it to the others.
	s.cfg.PullNs += int64(s.rng.Uint64() % uint64(max(cfg.PullNs, 1)))
	return s
}

// A space as the syncer sees it: its channels and the records announced to it.
type space struct {
	id       codec.ID
	channels []*channel // by link number
	wanted   map[uint64]*wanted
	fresh    uint64 // records that have come since rateAt
	news     uint64 // records that have come at all
	rateAt   int64
	probe    int        // trailing zeros of short ids that may prune
	waiting  []deadline // for announced records to come by themselves
	asking   []deadline // for answers
	catchUp  *session   // in which this node gets more than can be shared out
}

// wanted is a record that somebody has and this node lacks.
type wanted struct {
	short uint64
	at    int64      // when to ask, or to ask the next one
	from  []*channel // who has it, at most three
	tried int        // so many have been asked
	hole  bool       // it was pushed to us in vain, or not at all
}

// A deadline stands in a queue of equal waits, so in order. It is void when the
// record has come or its own time has changed.
type deadline struct {
	w  *wanted
	at int64
}

func (s *Syncer) space(id codec.ID) *space {
	for _, sp := range s.spaces {
		if sp.id == id {
			return sp
		}
	}
	return nil
}

// jitter spreads a duration by a tenth to both sides, so that intervals of many
// nodes do not fall together.
func (s *Syncer) jitter(d int64) int64 {
	if d < 10 {
		return d
	}
	return d - d/10 + int64(s.rng.Uint64()%uint64(d/5+1))
}

// Begin starts a step at a monotonic time. The first nanosecond counts as the
// second one: a time of 0 means never. frame says that the step's only event is
// a frame.
func (s *Syncer) Begin(now int64, frame bool) { s.now, s.many, s.only = max(now, 1), !frame, nil }

// concerned calls fn with the links that the step may have changed, in order.
func (s *Syncer) concerned(fn func(*link)) {
	for _, l := range s.links {
		if s.many || l == s.only {
			fn(l)
		}
	}
}

// SpaceJoined announces a space on every link.
func (s *Syncer) SpaceJoined(id codec.ID) {
	s.spaces = append(s.spaces, &space{id: id, wanted: map[uint64]*wanted{}})
	for _, l := range s.links {
		s.offer(l, []codec.ID{id})
	}
}

// SpaceLeft ends everything about a space.
func (s *Syncer) SpaceLeft(id codec.ID) {
	for _, l := range s.links {
		if ch := l.channel(id); ch != nil {
			s.withdraw(ch)
		}
	}
	s.spaces = slices.DeleteFunc(s.spaces, func(sp *space) bool { return sp.id == id })
}

// ReadersChanged looks again at which peers may know of a space.
func (s *Syncer) ReadersChanged(id codec.ID) {
	s.many = true
	for _, l := range s.links {
		if ch := l.channel(id); ch == nil {
			s.offer(l, []codec.ID{id})
		} else if !s.host.MayRead(id, l.peer.id) {
			s.withdraw(ch)
		}
	}
}

// withdraw ends the exchange of a space on a link that stays up.
func (s *Syncer) withdraw(ch *channel) {
	l := ch.link
	s.endSession(ch.session, codec.OutcomeNotAllowed, true)
	l.say(codec.MsgSpaces, &codec.Spaces{Remove: []uint64{ch.mine}})
	if ch.open { // the peer still offers it, should we come back
		l.unknown = append(l.unknown, codec.SpaceName{Index: ch.theirs, Blind: ch.blind})
	}
	l.drop(ch)
}

// Publish passes a record that is new to this node on to the neighbours, but
// not to the link it came from (0 for a record of our own). urgent records are
// pushed even where announcements would do.
func (s *Syncer) Publish(rec *codec.Record, short uint64, from uint64, urgent bool) {
	sp := s.space(rec.Space)
	if sp == nil {
		return
	}
	s.many = true
	sp.fresh++
	sp.news++
	if w := sp.wanted[short]; w != nil {
		delete(sp.wanted, short)
		if w.hole {
			s.graft(w, from)
		}
	}
	for _, ch := range sp.channels {
		ch.activity = s.now
		if ch.link.id == from || !ch.open || ch.link.paused() {
			continue
		}
		switch {
		case (ch.eager || urgent) && !ch.link.t.stalled() && len(ch.live) < liveBacklogMax:
			ch.live = append(ch.live, rec)
		case len(ch.announced) < announcedMax:
			ch.announce(s.now+s.cfg.AnnounceNs, short)
		default:
			ch.nextSync = earlier(ch.nextSync, s.now+max(s.cfg.IdleNs, repairNs))
		}
	}
}

// Want asks for a record by name, from a link if it is up, else from anybody.
func (s *Syncer) Want(id codec.ID, short uint64, link uint64) {
	sp := s.space(id)
	if sp == nil {
		return
	}
	for _, ch := range sp.channels {
		if ch.active() && (link == 0 || ch.link.id == link) {
			s.many = true
			ch.wants = append(ch.wants, short)
			return
		}
	}
	if link != 0 {
		s.Want(id, short, 0)
	}
}

// End finishes a step: it does what is due and lets every link say what it has
// to say.
func (s *Syncer) End() {
	s.concerned(s.schedule)
	if at := s.NextWake(); at != 0 && at <= s.now {
		s.many = true
		s.wake()
	}
	s.concerned(s.pump)
	s.concerned(s.schedule)
}

// schedule notes when a link has something to do next.
func (s *Syncer) schedule(l *link) {
	l.wakeAt = l.t.wake()
	for _, ch := range l.channels {
		l.wakeAt = earlier(l.wakeAt, s.channelWake(ch))
	}
}

// wake does whatever is due, but for what pump does.
func (s *Syncer) wake() {
	for _, sp := range s.spaces {
		s.pull(sp)
	}
	for _, l := range s.links {
		for _, ch := range l.channels {
			s.wakeChannel(ch)
		}
	}
	s.dialDue()
}

// NextWake is the monotonic time of the next thing to do, 0 for none.
func (s *Syncer) NextWake() int64 {
	var at int64
	for _, l := range s.links {
		at = earlier(at, l.wakeAt)
	}
	for _, sp := range s.spaces {
		for _, queue := range [][]deadline{sp.waiting, sp.asking} {
			if len(queue) > 0 {
				at = earlier(at, queue[0].at)
			}
		}
	}
	for _, p := range s.peers {
		at = earlier(at, p.dialAt)
	}
	return at
}

// graft makes a link push again that brought a record only on request: the tree
// has a hole there. Grafting when asking would be too early: where a whole part
// of the network is cut off, everybody in it asks, and one answer mends it.
func (s *Syncer) graft(w *wanted, from uint64) {
	for _, ch := range w.from[:w.tried] {
		if ch.link.id == from && ch.open && !ch.eager {
			ch.eager = true
			ch.link.say(codec.MsgEager, &codec.Eager{Index: ch.mine, Eager: true})
		}
	}
}

// pull asks for announced records that did not come by themselves, and asks the
// next one where no answer has come.
func (s *Syncer) pull(sp *space) {
	for _, queue := range []*[]deadline{&sp.waiting, &sp.asking} {
		for len(*queue) > 0 && (*queue)[0].at <= s.now {
			d := (*queue)[0]
			*queue = (*queue)[1:]
			if d.w.at != d.at || sp.wanted[d.w.short] != d.w {
				continue
			}
			d.w.hole = true
			if s.host.Holds(sp.id, d.w.short) {
				delete(sp.wanted, d.w.short)
			} else if ch := s.ask(sp, d.w); ch != nil {
				ch.wants = append(ch.wants, d.w.short)
			}
		}
	}
}

// answerPulls is how many times longer than for a push a node waits for an answer:
// links lose nothing, but an answer may stand in a queue.
const answerPulls = 10

// ask picks who is asked for a record next, nil when nobody is left: sessions
// repair what nobody gives.
func (s *Syncer) ask(sp *space, w *wanted) *channel {
	for w.tried < len(w.from) && !w.from[w.tried].active() {
		w.tried++
	}
	if w.tried == len(w.from) {
		delete(sp.wanted, w.short)
		return nil
	}
	w.tried++
	w.at = s.now + answerPulls*s.cfg.PullNs
	sp.asking = append(sp.asking, deadline{w, w.at})
	return w.from[w.tried-1]
}

// missing notes that a session found a record missing which its peer has. It
// returns false if somebody has been asked for it, or is expected to push it.
func (s *Syncer) missing(ch *channel, short uint64) bool {
	sp := ch.space
	w := sp.wanted[short]
	switch {
	case w == nil && len(sp.wanted) >= wantedMax:
		return true
	case w == nil:
		w = &wanted{short: short}
		sp.wanted[short] = w
	case w.tried > 0:
		w.has(ch)
		return false
	}
	w.from = slices.Insert(w.from, 0, ch)
	s.ask(sp, w)
	return true
}

// has notes another one who has the record.
func (w *wanted) has(ch *channel) {
	if len(w.from) < 3 && !slices.Contains(w.from, ch) {
		w.from = append(w.from, ch)
	}
}
