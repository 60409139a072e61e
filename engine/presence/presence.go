// Package presence lets connected peers know what each other is up to: the
// smallest service, and the model for new ones (docs/services.md).
//
// A node's host sets a line of text, which is told to every connected peer and
// to each that connects later. A peer is present while it is connected; its last
// line is remembered until the node stops. Nothing is signed or passed on: who
// is told is whom the line was meant for.
package presence

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
)

// Name is the service's name.
const Name = "presence"

const (
	// LineMax bounds a line of text, in bytes.
	LineMax = 256
	// PeersMax bounds the peers that are remembered. Of those who are away the
	// first by key is forgotten.
	PeersMax = 1024
)

// A Question is what the host asks: the CBOR of this struct.
type Question struct {
	Say *string `cbor:"say,omitempty"` // the node's own line from now on; without it, only ask
}

// A Report answers a question.
type Report struct {
	Own   string `cbor:"own"`
	Peers []Peer `cbor:"peers"` // by key
}

// A Peer is one that this node has been connected to.
type Peer struct {
	Peer    codec.PeerID `cbor:"peer"`
	Present bool         `cbor:"present"`
	Line    string       `cbor:"line"`
	At      int64        `cbor:"at"` // monotonic ns of the last change
}

// Service implements [service.Service].
type Service struct {
	own   string
	peers []Peer // by key
	out   []service.Effect
}

// New returns the service of one node.
func New() *Service { return &Service{} }

// Name implements service.Service.
func (*Service) Name() string { return Name }

// NextWake implements service.Service: nothing is due by itself.
func (*Service) NextWake() int64 { return 0 }

// Handle implements service.Service.
func (s *Service) Handle(now codec.Now, ev service.Event) []service.Effect {
	s.out = s.out[:0]
	switch ev := ev.(type) {
	case service.Started:
		s.own = string(ev.Saved)
	case service.PeerUp:
		s.note(ev.Peer, now.Mono).Present = true
		s.out = append(s.out, service.Send{Peer: ev.Peer, Body: []byte(s.own)})
	case service.PeerDown:
		s.note(ev.Peer, now.Mono).Present = false
	case service.Message:
		if len(ev.Body) <= LineMax && utf8.Valid(ev.Body) { // else it is nobody's line
			s.note(ev.Peer, now.Mono).Line = string(ev.Body)
		}
	case service.Asked:
		s.out = append(s.out, s.answer(ev))
	}
	return s.out
}

// answer sets the node's own line, if there is one, and reports.
func (s *Service) answer(ev service.Asked) service.Effect {
	var q Question
	if err := codec.Unmarshal("presence question", ev.Body, &q); err != nil {
		return service.Answer{Req: ev.Req, Err: err.Error()}
	}
	if q.Say != nil && len(*q.Say) > LineMax {
		return service.Answer{Req: ev.Req, Err: fmt.Sprintf("presence: a line of %d bytes, at most %d are allowed", len(*q.Say), LineMax)}
	}
	if q.Say != nil && *q.Say != s.own {
		s.own = *q.Say
		s.out = append(s.out, service.Save{Value: []byte(s.own)})
		for _, p := range s.peers {
			if p.Present {
				s.out = append(s.out, service.Send{Peer: p.Peer, Body: []byte(s.own)})
			}
		}
	}
	body, err := codec.Marshal(Report{Own: s.own, Peers: s.peers})
	if err != nil {
		return service.Answer{Req: ev.Req, Err: err.Error()}
	}
	return service.Answer{Req: ev.Req, Body: body}
}

// note finds a peer, or makes room for it, and dates the change.
func (s *Service) note(id codec.PeerID, at int64) *Peer {
	i, known := slices.BinarySearchFunc(s.peers, id, func(p Peer, id codec.PeerID) int { return p.Peer.Compare(id) })
	if !known {
		if away := slices.IndexFunc(s.peers, func(p Peer) bool { return !p.Present }); len(s.peers) >= PeersMax && away >= 0 {
			s.peers = slices.Delete(s.peers, away, away+1)
			return s.note(id, at)
		}
		s.peers = slices.Insert(s.peers, i, Peer{Peer: id})
	}
	s.peers[i].At = at
	return &s.peers[i]
}
