package rtt

import (
	"cmp"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
)

// A Question is what the host asks, as the CBOR of this struct.
type Question struct {
	Limit int `cbor:"limit,omitempty"` // so many peers at most; 0 for all
}

// A Report answers it.
type Report struct {
	Round uint64 `cbor:"round"`
	Place Place  `cbor:"place"`
	Known int    `cbor:"known"` // peers that this node has heard of
	Peers []Peer `cbor:"peers"` // the best first
}

// A Peer is what a node knows of one.
type Peer struct {
	Peer    codec.PeerID `cbor:"peer"`
	Address string       `cbor:"address"`
	Up      bool         `cbor:"up"`
	Slot    bool         `cbor:"slot"` // chosen by the policy
	RTTNs   int64        `cbor:"rtt_ns"`
	LossPPM int64        `cbor:"loss_ppm"`
	Samples int          `cbor:"samples"`
	UpNs    int64        `cbor:"up_ns"`
	Downs   uint64       `cbor:"downs"`
	Faults  uint64       `cbor:"faults"`
	Score   float64      `cbor:"score"` // by MeritRank
	Error   float64      `cbor:"error"` // its standard error
}

// reportMax keeps a report within a message's bounds.
const reportMax = 64

func (s *Service) answer(ev service.Asked) service.Effect {
	var q Question
	if err := codec.Unmarshal("rtt question", ev.Body, &q); err != nil {
		return service.Answer{Req: ev.Req, Err: err.Error()}
	}
	r := Report{Round: s.rounds, Place: placeOf(s.chart.Place()), Known: s.table.Len(), Peers: s.ranked()}
	limit := reportMax
	if q.Limit > 0 {
		limit = min(limit, q.Limit)
	}
	r.Peers = r.Peers[:min(len(r.Peers), limit)]
	body, err := codec.Marshal(&r)
	if err != nil {
		return service.Answer{Req: ev.Req, Err: err.Error()}
	}
	return service.Answer{Req: ev.Req, Body: body}
}

// ranked are the peers by slot, then connection, then round trip; unmeasured ones
// come last.
func (s *Service) ranked() []Peer {
	chosen := s.policy.Chosen()
	list := make([]Peer, 0, s.table.Len())
	for _, p := range s.table.All() {
		q := Peer{
			Peer: p.ID, Address: p.Address, Up: p.Up, UpNs: p.UpNs, Downs: p.Downs, Faults: p.Faults,
			Slot: slices.Contains(chosen, p.ID),
		}
		if p.Up {
			q.UpNs += s.now.Mono - p.SinceNs
		}
		e := s.chart.Estimate(p.ID)
		q.RTTNs, q.LossPPM, q.Samples = e.RTT(), e.Loss(), e.Samples()
		if n, known := s.rank.numbers[p.ID]; known {
			if score, err := s.rank.graph.Score(0, n); err == nil {
				q.Score, q.Error = score.Value, score.Error
			}
		}
		list = append(list, q)
	}
	order := func(p *Peer) int {
		switch {
		case p.Slot && p.Up:
			return 0
		case p.Up:
			return 1
		case p.Samples > 0:
			return 2
		}
		return 3
	}
	slices.SortFunc(list, func(a, b Peer) int {
		return cmp.Or(order(&a)-order(&b), cmp.Compare(a.RTTNs, b.RTTNs), a.Peer.Compare(b.Peer))
	})
	return list
}

// saveEvery is how many rounds lie between two savings of the peer table.
const saveEvery = 6

// savedPeer is how a peer is written down.
type savedPeer struct {
	_       struct{} `cbor:",toarray"`
	Peer    codec.PeerID
	Address string
	UpNs    int64
	Downs   uint64
	Faults  uint64
	By      codec.PeerID
	RTTNs   int64
}

// savedMax bounds the table that is written down: the best known peers.
const savedMax = 512

func (s *Service) save() {
	var list []savedPeer
	for _, p := range s.ranked() {
		if len(list) < savedMax && p.Address != "" {
			list = append(list, savedPeer{
				Peer: p.Peer, Address: p.Address, UpNs: p.UpNs, Downs: p.Downs, Faults: p.Faults,
				By: s.table.Find(p.Peer).By, RTTNs: p.RTTNs,
			})
		}
	}
	b, err := codec.Marshal(list)
	if err != nil {
		panic(err) // unreachable: plain fields
	}
	s.do(service.Save{Value: b})
}

// restore brings back the peers that were saved. What was measured then is where
// to begin, not what is believed.
func (s *Service) restore(saved []byte) {
	if saved == nil {
		return
	}
	var list []savedPeer
	if codec.Unmarshal("peers", saved, &list) != nil {
		return // of another version
	}
	for _, v := range list {
		if p := s.enter(v.Peer); p != nil {
			p.Address, p.UpNs, p.Downs, p.Faults, p.By = v.Address, v.UpNs, v.Downs, v.Faults, v.By
			if v.RTTNs > 0 {
				s.chart.Measure(v.Peer, v.RTTNs)
			}
		}
	}
}
