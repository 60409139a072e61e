package syncer

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// A peer is somebody this node knows by key: because the host said so (kept) or
// because a link to it is up.
type peer struct {
	id       codec.PeerID
	kept     bool
	paused   bool
	address  string
	interval int64 // ns; 0 for the default, negative for never
	link     *link
	dialAt   int64 // 0 for no dial to come
	attempts uint
	debt     int64 // when it has paid for the work it caused, see worked
}

// peerRecord is how a kept peer is written down.
type peerRecord struct {
	_        struct{} `cbor:",toarray"`
	Address  string
	Interval int64
	Paused   bool
}

func (s *Syncer) findPeer(id codec.PeerID) (at int, found bool) {
	return slices.BinarySearchFunc(s.peers, id, func(p *peer, id codec.PeerID) int { return p.id.Compare(id) })
}

func (s *Syncer) peer(id codec.PeerID) *peer {
	at, found := s.findPeer(id)
	if !found {
		s.peers = slices.Insert(s.peers, at, &peer{id: id})
	}
	return s.peers[at]
}

func (p *peer) connected(l *link) {
	p.link, p.dialAt, p.attempts = l, 0, 0
}

func (s *Syncer) disconnected(p *peer) {
	p.link = nil
	if p.kept {
		s.scheduleDial(p)
		return
	}
	if at, found := s.findPeer(p.id); found {
		s.peers = slices.Delete(s.peers, at, at+1) // strangers are not remembered
	}
}

func (s *Syncer) scheduleDial(p *peer) {
	p.dialAt = s.now + s.jitter(s.cfg.DialNs<<min(p.attempts, 6))
	p.attempts++
}

// AddPeer keeps a peer and dials it when it is not connected.
func (s *Syncer) AddPeer(id codec.PeerID, address string, interval int64) {
	p := s.peer(id)
	p.kept, p.address, p.interval = true, address, interval
	s.save(p)
	if p.link == nil {
		p.dialAt = s.now
		s.dialDue()
	} else {
		s.reschedule(p)
	}
}

// RestorePeer brings back a peer that SavePeer wrote down.
func (s *Syncer) RestorePeer(id codec.PeerID, value []byte) error {
	var r peerRecord
	if err := codec.Unmarshal("kept peer", value, &r); err != nil {
		return err
	}
	p := s.peer(id)
	p.kept, p.address, p.interval, p.paused = true, r.Address, r.Interval, r.Paused
	s.scheduleDial(p)
	return nil
}

func (s *Syncer) save(p *peer) {
	value, err := codec.Marshal(&peerRecord{Address: p.address, Interval: p.interval, Paused: p.paused})
	if err == nil { // a struct of plain fields always encodes
		s.host.SavePeer(p.id, value)
	}
}

// RemovePeer forgets a peer and hangs up; false for an unknown one.
func (s *Syncer) RemovePeer(id codec.PeerID) bool {
	at, found := s.findPeer(id)
	if !found {
		return false
	}
	p := s.peers[at]
	p.kept, p.dialAt = false, 0
	s.host.SavePeer(id, nil)
	if l := p.link; l != nil {
		s.hangUp(l, "peer removed")
	} else {
		s.peers = slices.Delete(s.peers, at, at+1)
	}
	return true
}

// PausePeer stops or resumes the exchange of records; false for an unknown peer.
func (s *Syncer) PausePeer(id codec.PeerID, paused bool) bool {
	at, found := s.findPeer(id)
	if !found {
		return false
	}
	p := s.peers[at]
	p.paused = paused
	if p.kept {
		s.save(p)
	}
	if p.link == nil {
		return true
	}
	for _, ch := range p.link.channels {
		if paused {
			s.endSession(ch.session, codec.OutcomePaused, true)
			ch.hush()
		} else if ch.open {
			ch.nextSync = s.now
		}
	}
	return true
}

// SetInterval changes how often a peer is reconciled with; false for an unknown
// peer.
func (s *Syncer) SetInterval(id codec.PeerID, interval int64) bool {
	at, found := s.findPeer(id)
	if !found {
		return false
	}
	p := s.peers[at]
	p.interval = interval
	if p.kept {
		s.save(p)
	}
	s.reschedule(p)
	return true
}

func (s *Syncer) reschedule(p *peer) {
	if p.link == nil {
		return
	}
	for _, ch := range p.link.channels {
		if ch.open {
			ch.nextSync = s.nextInterval(p)
		}
	}
}

// nextInterval is when a peer is to be reconciled with next, 0 for never.
func (s *Syncer) nextInterval(p *peer) int64 {
	interval := p.interval
	if interval == 0 {
		interval = s.cfg.IntervalNs
	}
	if interval < 0 {
		return 0
	}
	return s.now + s.jitter(interval)
}

func (s *Syncer) dialDue() {
	for _, p := range s.peers {
		if p.dialAt != 0 && p.dialAt <= s.now && p.link == nil {
			s.host.Emit(&codec.Dial{Peer: p.id, Address: p.address})
			s.scheduleDial(p)
		}
	}
}

// PeerStatus appends what is known of every peer and space.
func (s *Syncer) PeerStatus(dst []codec.PeerStatus) []codec.PeerStatus {
	for _, p := range s.peers {
		if p.link == nil || len(p.link.channels) == 0 {
			dst = append(dst, codec.PeerStatus{Peer: p.id, LinkUp: p.link != nil, Paused: p.paused})
			continue
		}
		for _, ch := range p.link.channels {
			dst = append(dst, ch.status())
		}
	}
	return dst
}

func (ch *channel) status() codec.PeerStatus {
	queued := 0
	for _, rec := range ch.live {
		queued += codec.BatchedSize(rec)
	}
	for _, m := range ch.link.control {
		queued += len(m.bytes)
	}
	return codec.PeerStatus{
		Peer: ch.link.peer.id, Space: ch.space.id, LinkUp: true, Paused: ch.link.peer.paused,
		Equal: ch.equal, ComparedAt: ch.comparedAt, EqualAt: ch.equalAt, PeerCount: ch.peerCount,
		InFlight: uint64(ch.link.t.flying), Queued: uint64(queued), SessionOpen: ch.session != nil,
		RTTNs: ch.link.t.srtt, Lag: ch.lag,
	}
}
