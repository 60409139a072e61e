package rtt

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/service"
)

// round learns from what was measured, asks, publishes and saves.
func (s *Service) round() {
	s.rounds++
	s.nextAt = s.later(s.cfg.RoundNs)
	s.forget()
	s.chart.Update()
	s.score()
	s.turnAway()
	var up []*peer
	for _, p := range s.met {
		if s.table.Find(p.id).Up {
			up = append(up, p)
			s.ping(p)
		}
	}
	if len(up) > 0 {
		s.ask(up[s.rng.IntN(len(up))])
	}
	if s.joined {
		s.publish()
	}
	if s.rounds%saveEvery == 0 {
		s.save()
	}
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
	for _, p := range s.met {
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
