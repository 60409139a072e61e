package overlay

import (
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/codec"
)

// PeerSwap lets neighbours exchange their places in a graph whose shape never
// changes: a Poisson clock runs on every edge, and when it rings the two peers at its
// ends take over each other's neighbours. After about ten swaps per peer a peer's
// neighbours can't be told from a uniform sample of all, and all the time every peer
// has the same number of neighbours (Guerraoui, Kermarrec, Kucherenko, Pinot, de Vos,
// "PeerSwap: A Peer-Sampler with Randomness Guarantees", SRDS 2024).
//
// The paper locks the neighbours of both for a swap, and refuses a swap that meets a
// lock. Where round trips take 150 ms that would lock fourteen peers for half a
// second, and at a swap each five seconds hardly any would succeed. Here only the two
// are locked, and the neighbours follow.
//
// # Ends
//
// An edge has two ends, and who holds an end is connected to who holds the other one.
// An end is a number; its lowest bit tells which of the two it is. A swap hands ends
// over and makes none, so the graph stays what it is whatever crosses on the way. A
// version counts the hands that an end went through.
//
// A peer knows who holds the other end as far as it was told by somebody who had it:
// by whom it took its own end from, or by the holder before. Who has passed an end
// remembers to whom, and answers a HOLD for it by a REPLACE. So two that look for each
// other walk along the chains of former holders until they meet. They have met when
// each has had a HOLD of the other that names the right versions of both ends.
//
//	state of an end  what happens             what is done                       next
//	—                taken in a swap          connect to the other end's holder  seeking
//	seeking          connected to it          HOLD                               seeking
//	seeking          its HOLD has come        —                                  up
//	seeking          its REPLACE(z)           connect to z                       seeking
//	up               its REPLACE(z)           wait for z, who connects           waiting
//	waiting          connected to z           HOLD                               waiting
//	waiting          its HOLD has come        —                                  up
//	waiting          HOLD of somebody else    connect: z must have passed it     seeking
//	any              HOLD for older versions  REPLACE(itself)                    same
//	any              passed in a swap         REPLACE, and to all who say HOLD   —
//	up               connection lost          —                                  —
//	seeking          connection lost          connect again, four times          seeking
//	not up           time out                 GONE                               —
//	any              its GONE                 —                                  —
//
// # Swaps
//
// The clock of an edge belongs to who holds its even end.
//
//	state   what happens                   what is done                            next
//	free    the clock rings, the end up    OFFER with all other ends               locked
//	free    OFFER over an end that is up   ACCEPT with all other ends; they pass,  free
//	                                       those offered are taken
//	locked  OFFER                          REFUSE                                  locked
//	locked  HOLD for an end not known yet  keep it until unlocked                  locked
//	locked  ACCEPT                         all other ends pass, the new are taken  free
//	locked  REFUSE, connection lost        —                                       free
//	locked  time out                       hang up, so that no late ACCEPT comes   free
//
// Who accepts has swapped at once, so only who offers is ever locked, for one round
// trip. If it dies, or the connection, before the ACCEPT arrives, the ends that the
// other one passed are held by nobody: their edges end by time out and are made anew.
//
// # Repair
//
// A peer with too few edges sends a SEEK on a random walk. Everybody remembers whom
// it saw last, and sends the next one there, so two that are short meet after about
// √n steps; they LINK. Where a walk meets nobody, its last peer gives up an edge to
// link with who seeks, and the peer at the other end of that edge is short instead:
// this lets newcomers in, and moves a last one that is short until it meets another.
//
// # Limits
//
// Nobody can make a peer hold more than a bounded number of ends, connections and
// notes, nor swap or search more often than a pace allows. But the protocol believes
// its neighbours: one that lies about its own ends can keep those that it was handed.
type PeerSwap struct {
	// Degree is how many edges a peer has, 2 to 32; 7.
	Degree int
	// EveryNs is the mean time between two rings of an edge's clock, at most 2⁴⁷; 0
	// for never.
	EveryNs int64
	// Counts tells what has happened so far.
	Counts SwapCounts

	table   *Table
	rng     *rand.Rand
	ends    []end
	links   []link
	passed  []passedEnd
	asked   asked
	early   []hold
	swaps   uint64 // numbers the offers
	ring    int64  // when the clocks ring next, 0 for not set
	seek    int64  // when to seek next, if short
	swept   int64  // when to look next for connections that nothing keeps
	note    note
	accepts pace // of offers
	seeks   pace // of others that are helped on
	rooms   pace // of edges given up for others
	wake    int64
	in      swapMessage
	out     []Effect
}

// SwapCounts are a peer's own rings and what became of them; what it accepted is
// counted at the other side.
type SwapCounts struct {
	Rings   int // of edges whose clock the peer has
	Busy    int // came to nothing at once: the peer locked, or an end not up
	Swaps   int // offers that were accepted
	Refused int // offers that were not
	Broken  int // offers that got no answer
	Lost    int // ends that were given up, from either side
}

// asked is the lock of who has offered a swap and has no answer yet.
type asked struct {
	peer  codec.PeerID
	swap  uint64
	end   uint64
	until int64 // 0 for no lock
}

// Times, ns.
const (
	swapLockNs  = 5e9  // for an answer to an offer
	swapOpenNs  = 10e9 // for the two holders of an edge to find each other
	swapRetryNs = 2e8  // before a dial is repeated, longer each time
	swapSweepNs = 3e9  // between two looks for connections without an edge
	swapSeekNs  = 5e9  // between two searches
)

// NewPeerSwap returns the policy of a table, whose degree and mean time between the
// rings of an edge, ns, are those of everybody else.
func NewPeerSwap(table *Table, degree int, everyNs int64, rng *rand.Rand) *PeerSwap {
	s := &PeerSwap{Degree: min(max(degree, 2), swapDegreeMax), EveryNs: everyNs, table: table, rng: rng,
		seek: swapSeekNs, swept: swapSweepNs}
	s.accepts = pace{every: max(everyNs/int64(2*s.Degree), 1), burst: 16} // four times what is to be expected
	s.seeks = pace{every: 1e9 / 64, burst: 64}
	s.rooms = pace{every: swapSeekNs, burst: 2}
	s.plan(0)
	return s
}

// Handle implements [Policy].
func (s *PeerSwap) Handle(now int64, ev Event) []Effect {
	s.out = s.out[:0]
	switch ev := ev.(type) {
	case Up:
		s.wentUp(now, ev)
	case Down:
		s.wentDown(now, ev.Peer)
	case Told:
		s.told(now, ev)
	case Wake:
		s.woken(now)
	}
	s.plan(now)
	return s.out
}

// NextWake implements [Policy].
func (s *PeerSwap) NextWake() int64 { return s.wake }

// Chosen implements [Policy]: the holders of the other ends.
func (s *PeerSwap) Chosen() []codec.PeerID {
	list := make([]codec.PeerID, len(s.ends))
	for i := range s.ends {
		list[i] = s.ends[i].other
	}
	return list
}

// Settled reports whether all ends are up and no swap is going on.
func (s *PeerSwap) Settled() bool {
	for i := range s.ends {
		if !s.ends[i].up() {
			return false
		}
	}
	return s.asked.until == 0
}

// told handles a message. One that can't be read ends the connection.
func (s *PeerSwap) told(now int64, ev Told) {
	l, m := s.link(ev.Peer), &s.in
	if l == nil || l.state != linkUp {
		return
	}
	if err := m.read(ev.Body); err != nil {
		s.hangUp(l, err.Error())
		return
	}
	switch m.kind {
	case swapOffer:
		s.offered(now, ev.Peer, m)
	case swapAccept:
		s.accepted(now, ev.Peer, m)
	case swapRefuse:
		if s.asked.is(ev.Peer, m.swap) {
			s.Counts.Refused++
			s.unlock(now)
		}
	case swapHold:
		s.held(now, hold{ev.Peer, m.end, m.version, m.theirs})
	case swapLink:
		s.linked(now, ev.Peer, m.end)
	case swapGone:
		s.gone(now, ev.Peer, m.end)
	case swapReplace:
		s.replaced(now, ev.Peer, m)
	case swapSeek:
		s.sought(now, ev.Peer, m)
	}
}

// woken does what is due.
func (s *PeerSwap) woken(now int64) {
	if s.asked.until != 0 && s.asked.until <= now {
		if l := s.link(s.asked.peer); l != nil {
			s.hangUp(l, "overlay: no answer to an offer")
		}
		s.Counts.Broken++
		s.unlock(now)
	}
	for i := len(s.ends) - 1; i >= 0; i-- {
		switch e := &s.ends[i]; {
		case e.up():
		case e.since+swapOpenNs <= now:
			s.giveUp(now, e.id)
		default:
			s.reach(now, e)
		}
	}
	if s.swept <= now {
		s.sweep(now)
	}
	if s.ring != 0 && s.ring <= now {
		s.ring = 0
		s.rings(now)
	}
	if s.short() && s.seek <= now {
		s.search(now)
	}
}

// plan sets the next wake. The clocks of all edges are one that ticks for each of
// the Degree edges that a peer may have; it has no memory, so edges come and go.
func (s *PeerSwap) plan(now int64) {
	if s.ring == 0 && s.EveryNs > 0 {
		s.ring = now + 1 + exponential(s.rng, s.EveryNs/int64(s.Degree))
	}
	if s.EveryNs == 0 {
		s.ring = 0
	}
	s.wake = s.ring
	if s.asked.until != 0 {
		s.wakeBy(s.asked.until)
	}
	for i := range s.ends {
		if e := &s.ends[i]; !e.up() {
			s.wakeBy(e.since + swapOpenNs)
			if e.seeks && e.retry > now {
				s.wakeBy(e.retry)
			}
		}
	}
	if len(s.links) > 0 {
		s.wakeBy(s.swept)
	}
	if s.short() {
		s.wakeBy(s.seek)
	}
}

func (s *PeerSwap) wakeBy(at int64) {
	if s.wake == 0 || at < s.wake {
		s.wake = at
	}
}

// exponential draws from the exponential distribution of a mean, at most 2⁴⁷, by
// comparing integers alone (von Neumann, "Various techniques used in connection with
// random digits", 1951).
func exponential(rng *rand.Rand, mean int64) int64 {
	for whole := int64(0); ; whole += mean {
		first := rng.Uint32() >> 16
		falling, last := 1, first
		for x := rng.Uint32() >> 16; x < last; x = rng.Uint32() >> 16 {
			falling, last = falling+1, x
		}
		if falling%2 == 1 {
			return whole + mean*int64(first)>>16
		}
	}
}

// rings lets one of the clocks ring.
func (s *PeerSwap) rings(now int64) {
	i := s.rng.IntN(s.Degree)
	if i >= len(s.ends) || s.ends[i].id&1 != 0 {
		return
	}
	s.Counts.Rings++
	e := &s.ends[i]
	if !e.ready() || !s.free(now) {
		s.Counts.Busy++
		return
	}
	s.swaps++
	s.asked = asked{e.other, s.swaps, e.id, now + swapLockNs}
	s.tell(e.other, swapMessage{kind: swapOffer, swap: s.swaps, end: e.id, ends: s.handed(e.id)})
}

// free reports whether the peer may swap: not while it waits for an answer, nor with
// a new edge not yet there, nor with an end whose other holder is hard to find, as
// that would be passed on and on.
func (s *PeerSwap) free(now int64) bool {
	for i := range s.ends {
		if e := &s.ends[i]; !e.up() && (e.fresh || e.since+swapOpenNs/4 < now) {
			return false
		}
	}
	return s.asked.until == 0
}

// handed lists all ends but one, as they are to be handed over.
func (s *PeerSwap) handed(but uint64) (list []handedEnd) {
	for i := range s.ends {
		if e := &s.ends[i]; e.id != but {
			list = append(list, handedEnd{e.id, e.version + 1, s.place(e.other), e.theirs})
		}
	}
	return list
}

// offered answers an OFFER, and swaps if it can.
func (s *PeerSwap) offered(now int64, peer codec.PeerID, m *swapMessage) {
	e := s.find(m.end ^ 1)
	if e == nil || e.other != peer || !e.ready() || len(m.ends) >= s.Degree || !s.free(now) || !s.accepts.spend(now) {
		s.tell(peer, swapMessage{kind: swapRefuse, swap: m.swap})
		return
	}
	mine := s.handed(e.id)
	s.tell(peer, swapMessage{kind: swapAccept, swap: m.swap, ends: mine})
	s.exchange(now, peer, mine, m.ends)
}

// accepted ends a swap that the peer has offered.
func (s *PeerSwap) accepted(now int64, peer codec.PeerID, m *swapMessage) {
	if !s.asked.is(peer, m.swap) || len(m.ends) >= s.Degree {
		return
	}
	s.Counts.Swaps++
	s.exchange(now, peer, s.handed(s.asked.end), m.ends)
	s.unlock(now)
}

// unlock ends the wait for an answer, and hears those who knew it before.
func (s *PeerSwap) unlock(now int64) {
	s.asked = asked{}
	for _, h := range s.early {
		s.held(now, h)
	}
	s.early = s.early[:0]
}

func (a *asked) is(peer codec.PeerID, swap uint64) bool {
	return a.until != 0 && a.peer == peer && a.swap == swap
}

// exchange passes ends to a peer and takes over others.
func (s *PeerSwap) exchange(now int64, peer codec.PeerID, mine, theirs []handedEnd) {
	for i := range mine {
		s.pass(mine[i].end, peer)
	}
	for i := range theirs {
		s.take(now, &theirs[i])
	}
}

// tell sends a message to a connected peer.
func (s *PeerSwap) tell(peer codec.PeerID, m swapMessage) {
	s.out = append(s.out, Tell{peer, m.append(nil)})
}

// learn makes sure that a peer can be dialed.
func (s *PeerSwap) learn(now int64, p *place) {
	if known := s.table.Enter(now, p.id); known != nil && known.Address == "" {
		known.Address = p.address
	}
}

// place is what is known of where a peer is.
func (s *PeerSwap) place(id codec.PeerID) place {
	p := place{id: id}
	if known := s.table.Find(id); known != nil && len(known.Address) <= swapAddressMax {
		p.address = known.Address
	}
	return p
}

// A pace bounds how often something is done: once every so many ns in the long run,
// and that many times in a row.
type pace struct {
	every, burst int64
	full         int64 // when all of burst is there again
}

// spend reports whether it may be done now, and counts it if so.
func (p *pace) spend(now int64) bool {
	full := max(p.full, now) + p.every
	if full > now+p.every*p.burst {
		return false
	}
	p.full = full
	return true
}
