package rtt

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
)

// firstPings follow each other at once, so that a new peer is known by more than
// one sample.
const firstPings = 3

// ping asks a connected peer to answer. What was asked before and not answered is
// lost.
func (s *Service) ping(p *peer) {
	if p.ping != 0 {
		s.chart.Lost(p.id)
	}
	p.ping, p.pingedNs = s.number(), s.now.Mono
	s.do(service.Send{Peer: p.id, Body: datagram(kindPing, p.ping), Datagram: true})
}

// number is one that nobody can guess, and not 0.
func (s *Service) number() uint64 { return s.rng.Uint64() | 1 }

func (s *Service) message(m service.Message) {
	at, known := s.find(m.Peer)
	if !known || len(m.Body) == 0 {
		return
	}
	p := s.peers[at]
	switch kind := m.Body[0]; {
	case kind <= kindDone && m.Datagram:
		s.measure(p, kind, m.Body)
	case kind == kindAsk && len(m.Body) == 1:
		s.introduce(p)
	case kind == kindTell:
		s.introduced(m.Body[1:])
	}
}

// measure handles a ping and what answers it. Answers that nobody waits for, and
// numbers that were never sent, are ignored.
func (s *Service) measure(p *peer, kind byte, body []byte) {
	switch kind {
	case kindPing:
		if n, ok := numbers(body, 1); ok {
			p.pong, p.pongNs = s.number(), s.now.Mono
			s.do(service.Send{Peer: p.id, Body: datagram(kindPong, n[0], p.pong), Datagram: true})
		}
	case kindPong:
		n, ok := numbers(body, 2)
		if !ok || p.ping == 0 || n[0] != p.ping {
			return
		}
		p.ping = 0
		s.do(service.Send{Peer: p.id, Body: datagram(kindDone, n[1]), Datagram: true})
		s.sample(p.id, s.now.Mono-p.pingedNs)
		if s.chart.Estimate(p.id).Samples() < firstPings {
			s.ping(p)
		}
	case kindDone:
		if n, ok := numbers(body, 1); ok && p.pong != 0 && n[0] == p.pong {
			p.pong = 0
			s.sample(p.id, s.now.Mono-p.pongNs)
		}
	}
}

func (s *Service) sample(id codec.PeerID, ns int64) { s.chart.Measure(id, ns) }

// introduce names peers at random that have been reached.
func (s *Service) introduce(to *peer) {
	var list []introduction
	for tries := 0; tries < 4*introductionsMax && len(list) < introductionsMax && len(s.peers) > 0; tries++ {
		p := s.peers[s.rng.IntN(len(s.peers))]
		if p != to && p.address != "" && len(p.address) <= addressMax && p.fails == 0 {
			list = append(list, introduction{Peer: p.id, Address: p.address})
		}
	}
	s.do(service.Send{Peer: to.id, Body: tell(list)})
}

// introduced enters peers that somebody named. An address that is known already
// is not replaced: who names peers could lead us away from them.
func (s *Service) introduced(body []byte) {
	list, err := told(body)
	if err != nil {
		return
	}
	for _, in := range list {
		if _, known := s.find(in.Peer); !known && len(s.peers) >= PeersMax {
			continue // words alone push nobody out of the table
		}
		if p := s.enter(in.Peer); p != nil && p.address == "" {
			p.address = in.Address
		}
	}
}
