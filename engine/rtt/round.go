package rtt

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/service"
)

// round learns from what was measured, chooses connections, asks and publishes.
func (s *Service) round() {
	s.rounds++
	s.nextAt = s.later(s.cfg.RoundNs)
	s.chart.Update()
	s.score()
	keep, probe := s.policy.Round(s.chart, s.usable)
	if !s.cfg.Fixed {
		s.connect(slices.Concat(keep, probe))
	}
	var up []*peer
	for _, p := range s.peers {
		if p.up {
			up = append(up, p)
			s.ping(p)
		}
	}
	if len(up) > 0 {
		s.do(service.Send{Peer: up[s.rng.IntN(len(up))].id, Body: []byte{kindAsk}})
	}
	if s.joined {
		s.publish()
	}
	if s.rounds%saveEvery == 0 {
		s.save()
	}
}

// usable reports whether a peer is connected or can be dialed.
func (s *Service) usable(id codec.PeerID) bool {
	at, known := s.find(id)
	return known && (s.peers[at].up || s.peers[at].dialNs <= s.now.Mono)
}

// connect dials the peers that were chosen and hangs up on those that are not any
// more. Whoever dialed hangs up; of the others' connections the dearest go when
// there are too many.
func (s *Service) connect(chosen []codec.PeerID) {
	for _, p := range s.peers {
		p.wanted = false
	}
	for _, id := range chosen {
		at, _ := s.find(id)
		p := s.peers[at]
		p.wanted = true
		if !p.up {
			s.dial(p)
		}
	}
	var inbound []*peer
	for _, p := range s.peers {
		switch {
		case !p.up || p.wanted:
		case p.dialed:
			s.do(service.HangUp{Peer: p.id, Reason: "rtt: others are nearer"})
		default:
			inbound = append(inbound, p)
		}
	}
	for len(inbound) > s.cfg.Inbound {
		i := s.rng.IntN(len(inbound))
		s.do(service.HangUp{Peer: inbound[i].id, Reason: "rtt: too many connections"})
		inbound = slices.Delete(inbound, i, i+1)
	}
}

// dialsMax bounds the doubling of the pause between dials.
const dialsMax = 6

// dial asks for a connection, and counts it as failed until it is there.
func (s *Service) dial(p *peer) {
	p.dialNs = s.later(s.cfg.RoundNs << min(p.fails, dialsMax))
	p.fails++
	s.do(service.Dial{Peer: p.id, Address: p.address})
}

// publishMax bounds the opinions of one round.
const publishMax = 32

// publish writes down what has moved since it was last said, by a tenth at least
// and not too often.
func (s *Service) publish() {
	put := service.Put{Space: s.space}
	add := func(key codec.Key, v any) {
		b, err := codec.Marshal(v)
		if err != nil {
			panic(err) // unreachable: plain fields
		}
		put.Entries = append(put.Entries, codec.PutEntry{Key: key, Codec: codec.CodecDagCBOR, Value: b})
	}
	if at := placeOf(s.chart.Place()); at.moved(s.place) {
		s.place = at
		add(PlaceKey, &at)
	}
	for _, p := range s.peers {
		if len(put.Entries) >= publishMax {
			break
		}
		o, ok := s.opinion(p)
		if !ok || !o.moved(p.said) || p.saidNs != 0 && s.now.Mono < p.saidNs+s.cfg.PublishNs {
			continue
		}
		p.said, p.saidNs = o, max(s.now.Mono, 1)
		add(OpinionKey(p.id), &o)
	}
	if len(put.Entries) > 0 {
		s.do(put)
	}
}

// opinion is what the node thinks of a peer now; ok is false while it has nothing
// to say.
func (s *Service) opinion(p *peer) (o Opinion, ok bool) {
	e := s.chart.Estimate(p.id)
	if e.Samples() < firstPings {
		return o, false
	}
	o.RTTUs = uint64(min(e.RTT()/1000, 60e6))
	o.LossPM = uint64(e.Loss() / 1000)
	o.Merit = Merit(s.chart, p.id)
	return o, true
}

// Merit is what a node thinks of a peer that it has measured, −1000 to 1000: how
// reliably it answers, or nothing good at all if most of its claims can't be true.
func Merit(chart *overlay.Chart, id codec.PeerID) int64 {
	if right, wrong := chart.Agreement(id); wrong > 2 && wrong > right {
		return -1000
	}
	e := chart.Estimate(id)
	return 1000 - e.Loss()/1000
}

// moved reports whether an opinion is worth publishing in place of an older one.
func (o Opinion) moved(old Opinion) bool {
	far := func(a, b, slack int64) bool { return max(a-b, b-a)*10 > max(b, -b)+slack }
	return far(int64(o.RTTUs), int64(old.RTTUs), 1000) || far(int64(o.LossPM), int64(old.LossPM), 500) ||
		(o.Merit < 0) != (old.Merit < 0)
}
