package rtt

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
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
	if entry := s.table.Find(m.Peer); !known || entry == nil || !entry.Up || len(m.Body) == 0 {
		return
	}
	p := s.met[at]
	switch kind := m.Body[0]; {
	case kind <= kindDone && m.Datagram:
		s.measure(p, kind, m.Body)
	case m.Datagram: // all else has to arrive once and in order
	case kind == kindAsk && len(m.Body) == 1:
		s.do(service.Send{Peer: p.id, Body: tell(s.table.Introductions(s.rng, introductionsMax, p.id))})
	case kind == kindTell && p.asked:
		p.asked = false
		s.introduced(p.id, m.Body[1:])
	case kind == kindPolicy && len(m.Body) <= 1+overlay.TellMax:
		s.tell(overlay.Told{Peer: p.id, Body: m.Body[1:]})
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
		if n := s.chart.Estimate(p.id).Samples(); n > 0 && n < firstPings { // 0 where the chart is full
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

// ask asks a peer for introductions.
func (s *Service) ask(p *peer) {
	p.asked = true
	s.do(service.Send{Peer: p.id, Body: []byte{kindAsk}})
}

// introduced enters peers that somebody named.
func (s *Service) introduced(by codec.PeerID, body []byte) {
	list, err := told(body)
	if err != nil {
		s.table.Find(by).Faults++
		return
	}
	for _, in := range list {
		if s.table.Introduce(s.now.Mono, in, by) != nil {
			s.chart.Enter(in.Peer)
		}
	}
}
