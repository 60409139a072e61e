package syncer

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// A link is one connection to a peer.
type link struct {
	id       uint64
	peer     *peer
	dialed   bool
	address  string // as the host sees it
	t        transport
	hello    bool // the peer's Hello has come
	nonce    uint64
	theirs   codec.Hello
	channels []*channel        // by our index
	unknown  []codec.SpaceName // names of the peer's that match no space of ours, yet
	nextName uint64
	nextOpen int64
	upAt     int64
	control  []message // waiting to leave, in order
	wakeAt   int64     // when it has something to do next, 0 for never
	turn     int       // which channel fills the next frame first
	faults   int
	closing  bool       // it is down, or a HangUp has been asked for
	shown    []codec.ID // grants that have been shown to the peer
	seen     int        // credentials that the peer has shown
}

// A message is encoded and waits for a frame.
type message struct {
	bytes []byte
	why   purpose
}

// A channel is one space on one link.
type channel struct {
	link   *link
	space  *space
	mine   uint64 // our index for the space
	theirs uint64
	blind  codec.Blind // the peer's name for the space, once its Hello has come
	open   bool        // both sides hold the space

	// Live path.
	eager      bool // both sides push; else they announce
	prunedAt   int64
	live       []*codec.Record
	announced  []uint64
	announceAt int64
	wants      []uint64
	asked      []uint64 // what the peer wants, to be loaded and sent

	// Repair path.
	session    *session
	nextSync   int64 // 0 for never
	lastSync   int64
	activity   int64 // when a record last came or went
	equal      bool
	comparedAt int64
	equalAt    int64
	peerCount  uint64
	lag        uint64
}

func (l *link) paused() bool { return l.peer.paused }

// active reports whether records may pass on a channel.
func (ch *channel) active() bool { return ch.open && !ch.link.paused() }

func (l *link) channel(id codec.ID) *channel {
	for _, ch := range l.channels {
		if ch.space.id == id {
			return ch
		}
	}
	return nil
}

func (l *link) byTheirs(index uint64) *channel {
	for _, ch := range l.channels {
		if ch.open && ch.theirs == index {
			return ch
		}
	}
	return nil
}

// say queues a control message.
func (l *link) say(kind codec.MessageKind, fields any) { l.queue(forControl, kind, fields) }

func (l *link) queue(why purpose, kind codec.MessageKind, fields any) {
	if l.closing {
		return
	}
	l.control = append(l.control, message{codec.AppendMessage(nil, kind, fields), why})
}

func (l *link) drop(ch *channel) {
	l.channels = slices.DeleteFunc(l.channels, func(c *channel) bool { return c == ch })
	ch.space.channels = slices.DeleteFunc(ch.space.channels, func(c *channel) bool { return c == ch })
	ch.open = false
	ch.hush()
}

// hush forgets what the live path was about to say.
func (ch *channel) hush() {
	ch.live, ch.announced, ch.wants, ch.asked = nil, nil, nil, nil
}

func (ch *channel) announce(at int64, short uint64) {
	if len(ch.announced) == 0 {
		ch.announceAt = at
	}
	ch.announced = append(ch.announced, short)
}

// LinkUp starts a link. Two links to one peer are two crossing dials, or a new
// one that replaces one that died unnoticed: the one dialed by the smaller key
// stays, of two alike the newer. It returns false for a number in use.
func (s *Syncer) LinkUp(peerID codec.PeerID, id uint64, dialed bool, address string) bool {
	at, found := slices.BinarySearchFunc(s.links, id, func(l *link, id uint64) int {
		return compareUint(l.id, id)
	})
	if found {
		return false
	}
	p := s.peer(peerID)
	l := &link{
		id: id, peer: p, dialed: dialed, address: address, t: newTransport(), nonce: s.rng.Uint64(), nextOpen: 1, upAt: s.now,
	}
	s.links = slices.Insert(s.links, at, l)
	if old := p.link; old != nil {
		preferred := s.cfg.Self.Compare(peerID) < 0 // we are the smaller key: our dial stays
		if old.dialed == preferred && dialed != preferred && s.now < old.upAt+crossingNs {
			s.hangUp(l, "a crossing link stays")
			return true
		}
		s.hangUp(old, "replaced by another link")
		p = s.peer(peerID) // a stranger was forgotten with its link
		l.peer = p
	}
	p.connected(l)
	var names []string
	for _, st := range s.cfg.Strategies {
		names = append(names, st.Name())
	}
	l.say(codec.MsgHello, &codec.Hello{
		Protocol: codec.ProtocolVersion, Nonce: l.nonce, Window: creditBytes, Strategies: names,
	})
	var ids []codec.ID
	s.host.Spaces(func(id codec.ID) { ids = append(ids, id) })
	s.offer(l, ids)
	return true
}

func compareUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// LinkDown ends a link; false for an unknown number.
func (s *Syncer) LinkDown(id uint64) bool {
	for i, l := range s.links {
		if l.id == id {
			s.closeLink(l)
			s.links = slices.Delete(s.links, i, i+1)
			return true
		}
	}
	return false
}

// closeLink stops all work on a link that may still be in the table.
func (s *Syncer) closeLink(l *link) {
	l.closing = true
	for len(l.channels) > 0 {
		ch := l.channels[0]
		s.endSession(ch.session, codec.OutcomeLinkDown, false)
		l.drop(ch)
	}
	l.control, l.unknown = nil, nil
	l.t = newTransport()
	if l.peer.link == l {
		if l.hello {
			s.host.PeerDown(l.peer.id)
		}
		s.disconnected(l.peer)
	}
}

// hangUp gives up a link at once; whatever still comes on it is ignored.
func (s *Syncer) hangUp(l *link, reason string) {
	s.closeLink(l)
	s.host.Emit(&codec.HangUp{Link: l.id, Reason: reason})
}

// linkTo is the link on which a peer can be spoken to, nil for none.
func (s *Syncer) linkTo(id codec.PeerID) *link {
	if at, found := s.findPeer(id); found {
		if l := s.peers[at].link; l != nil && l.hello && !l.closing {
			return l
		}
	}
	return nil
}

// SendService sends what a service says to a connected peer: at once and once as
// a datagram, else in order with everything else. It returns false for a peer
// that is not connected.
func (s *Syncer) SendService(id codec.PeerID, m *codec.Service, datagram bool) bool {
	l := s.linkTo(id)
	if l == nil {
		return false
	}
	if !datagram {
		s.many = true
		l.say(codec.MsgService, m)
		return true
	}
	bytes := codec.AppendFrame(nil, l.t.head(0), 1, codec.AppendMessage(nil, codec.MsgService, m))
	s.host.Counters().BytesControl += uint64(len(bytes))
	s.send(l, bytes)
	return true
}

// HangUpPeer gives up the link to a peer, if there is one.
func (s *Syncer) HangUpPeer(id codec.PeerID, reason string) {
	if at, found := s.findPeer(id); found && s.peers[at].link != nil && !s.peers[at].link.closing {
		s.hangUp(s.peers[at].link, reason)
	}
}

// offer names spaces to the peer that it may know of. The name can only be
// recognised by who knows the space.
func (s *Syncer) offer(l *link, ids []codec.ID) {
	var add []codec.SpaceName
	for _, id := range ids {
		s.showCredential(l, id)
		sp := s.space(id)
		if sp == nil || l.closing || len(l.channels) >= codec.SpacesPerLinkMax || !s.host.MayRead(id, l.peer.id) {
			continue
		}
		ch := &channel{link: l, space: sp, mine: l.nextName, eager: true}
		l.nextName++
		l.channels = append(l.channels, ch)
		sp.channels = append(sp.channels, ch)
		slices.SortFunc(sp.channels, func(a, b *channel) int { return compareUint(a.link.id, b.link.id) })
		add = append(add, codec.SpaceName{Index: ch.mine, Blind: blind(id, s.cfg.Self, l.peer.id, l.nonce)})
	}
	if len(add) > 0 {
		l.say(codec.MsgSpaces, &codec.Spaces{Add: add})
		s.match(l)
	}
}

// blind is the name of a space on one direction of one link.
func blind(space codec.ID, from, to codec.PeerID, nonce uint64) (b codec.Blind) {
	h := sha256.New()
	h.Write([]byte("rapprochement/1 space\x00"))
	h.Write(space[:])
	h.Write(from[:])
	h.Write(to[:])
	h.Write(binary.LittleEndian.AppendUint64(nil, nonce))
	copy(b[:], h.Sum(nil))
	return b
}

// match opens the channels of spaces that both sides have named.
func (s *Syncer) match(l *link) {
	if !l.hello {
		return
	}
	for _, ch := range l.channels {
		if ch.open {
			continue
		}
		if ch.blind == (codec.Blind{}) {
			ch.blind = blind(ch.space.id, l.peer.id, s.cfg.Self, l.theirs.Nonce)
		}
		at := slices.IndexFunc(l.unknown, func(n codec.SpaceName) bool { return n.Blind == ch.blind })
		if at < 0 {
			continue
		}
		ch.theirs, ch.open = l.unknown[at].Index, true
		l.unknown = slices.Delete(l.unknown, at, at+1)
		// One side starts at once; the other waits for its turn.
		ch.nextSync = s.now
		if s.cfg.Self.Compare(l.peer.id) > 0 {
			ch.nextSync = s.nextInterval(l.peer)
		}
	}
}

// fault reports a peer's mistake, and gives up a link that makes nothing else.
func (s *Syncer) fault(l *link, kind codec.FaultKind, detail string) {
	if len(detail) > codec.TextMax {
		detail = detail[:codec.TextMax]
	}
	s.host.Emit(&codec.PeerFault{Peer: l.peer.id, Link: l.id, Fault: kind, Detail: detail})
	if l.faults++; l.faults == faultsMax && !l.closing {
		s.hangUp(l, "too many faults")
	}
}

// Fault reports a mistake that the node found in a peer's records.
func (s *Syncer) Fault(link uint64, kind codec.FaultKind, detail string) {
	for _, l := range s.links {
		if l.id == link {
			s.fault(l, kind, detail)
		}
	}
}
