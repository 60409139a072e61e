// Package rtt is a service that measures round trips to peers, publishes them as
// signed opinions, ranks peers by everybody's opinions with MeritRank, and keeps
// the node connected to the nearest, most reliable and most trusted ones.
//
//	measure   pings as datagrams; an exchange measures the way for both its ends
//	publish   rtt/<peer> → [round trip, loss, merit], when it has moved, at a bounded rate
//	read      everybody's opinions and places, from the records of the space
//	rank      opinions are edges of a signed graph, which MeritRank walks
//	connect   overlay.Nearest chooses; introductions name peers nobody has told of
//
// Only own measurements decide who is near. What others say chooses whom to
// measure, weighed by how well it fits what was measured and by rank.
package rtt

import (
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/service"
)

// Name is the service's name.
const Name = "rtt"

// Config is how the service behaves. Zero fields mean the defaults.
type Config struct {
	// Space is where opinions are published and read; by default the first space
	// that the node joins.
	Space codec.ID `cbor:"space,omitempty"`
	// RoundNs is how long a round lasts, ns; 10 s. In each, connected peers are
	// pinged once and connections chosen anew.
	RoundNs int64 `cbor:"round_ns,omitempty"`
	// PublishNs is the least time between two opinions about one peer, ns; 60 s.
	PublishNs int64 `cbor:"publish_ns,omitempty"`
	// Best, Random and Probes are the slots of overlay.Nearest; 6, 2, 3.
	Best   int `cbor:"best,omitempty"`
	Random int `cbor:"random,omitempty"`
	Probes int `cbor:"probes,omitempty"`
	// Inbound is how many connections of others' making are kept; 16.
	Inbound int `cbor:"inbound,omitempty"`
	// Fixed leaves the connections as the host makes them: the service measures
	// and ranks, and dials nobody.
	Fixed bool `cbor:"fixed,omitempty"`
}

const second = int64(1e9)

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.Best, 6)
	def(&c.Random, 2)
	def(&c.Probes, 3)
	def(&c.Inbound, 16)
	if c.RoundNs <= 0 {
		c.RoundNs = 10 * second
	}
	if c.PublishNs <= 0 {
		c.PublishNs = 60 * second
	}
	return c
}

// Service implements [service.Service].
type Service struct {
	cfg    Config
	self   codec.PeerID
	space  codec.ID
	joined bool
	rng    *rand.Rand
	now    codec.Now
	out    []service.Effect

	chart  *overlay.Chart
	policy *overlay.Nearest
	rank   *ranking
	peers  []*peer // by id
	place  Place   // as published
	nextAt int64   // of the next round, 0 before the start
	rounds uint64
}

// A peer is one that this node has heard of with an address, or was connected to.
type peer struct {
	id      codec.PeerID
	address string
	up      bool
	dialed  bool
	sinceNs int64 // when it came up or went down, monotonic
	upNs    int64 // how long it was up in all, up to sinceNs
	downs   uint64

	ping, pong       uint64 // numbers whose answer is awaited, 0 for none
	pingedNs, pongNs int64
	dialNs           int64 // not before this time; 0 for at once
	fails            uint  // dials in a row that led to nothing
	wanted           bool  // chosen in the last round

	said   Opinion // as published
	saidNs int64
}

// New returns the service of one node.
func New(cfg Config) *Service { return &Service{cfg: cfg.withDefaults()} }

// Name implements service.Service.
func (*Service) Name() string { return Name }

// NextWake implements service.Service.
func (s *Service) NextWake() int64 { return s.nextAt }

// Handle implements service.Service.
func (s *Service) Handle(now codec.Now, ev service.Event) []service.Effect {
	s.now, s.out = now, s.out[:0]
	switch ev := ev.(type) {
	case service.Started:
		s.start(ev)
	case service.Joined:
		s.join(ev.Space)
	case service.Left:
		s.joined = s.joined && ev.Space != s.space
	case service.PeerUp:
		s.peerUp(ev)
	case service.PeerDown:
		s.peerDown(ev.Peer)
	case service.Message:
		s.message(ev)
	case service.Changed:
		for i := range ev.Entries {
			s.read(&ev.Entries[i])
		}
	case service.Asked:
		s.do(s.answer(ev))
	case service.Wake:
		if now.Mono >= s.nextAt {
			s.round()
		}
	}
	return s.out
}

func (s *Service) do(ef service.Effect) { s.out = append(s.out, ef) }

func (s *Service) start(ev service.Started) {
	s.self = ev.Self
	s.rng = rand.New(rand.NewChaCha8(ev.Seed))
	s.chart, s.policy = overlay.NewChart(ev.Self, s.rng), overlay.NewNearest(s.rng)
	s.policy.Best, s.policy.Random, s.policy.Probes = s.cfg.Best, s.cfg.Random, s.cfg.Probes
	s.rank = newRanking(ev.Self, s.rng.Uint64())
	s.restore(ev.Saved)
	s.nextAt = s.later(s.cfg.RoundNs)
}

// later is a time about so far ahead: nodes that start together do not stay in
// step.
func (s *Service) later(ns int64) int64 { return s.now.Mono + ns - ns/10 + s.rng.Int64N(ns/5+1) }

func (s *Service) join(space codec.ID) {
	if s.joined || s.cfg.Space != (codec.ID{}) && s.cfg.Space != space {
		return
	}
	s.space, s.joined = space, true
	s.do(service.Watch{Space: space, Prefix: OpinionPrefix})
	s.do(service.Watch{Space: space, Prefix: PlaceKey})
}

// PeersMax bounds the peers that are remembered. One that is not connected gives way:
// of those that were never reached, if there are any, the one heard of longest ago.
const PeersMax = 4096

func (s *Service) find(id codec.PeerID) (at int, known bool) {
	return slices.BinarySearchFunc(s.peers, id, func(p *peer, id codec.PeerID) int { return p.id.Compare(id) })
}

// enter finds a peer or makes room for it; nil for the node itself, and when all
// are connected.
func (s *Service) enter(id codec.PeerID) *peer {
	at, known := s.find(id)
	if known {
		return s.peers[at]
	}
	if id == s.self || len(s.peers) >= PeersMax && !s.forgetOne() {
		return nil
	}
	at, _ = s.find(id)
	p := &peer{id: id, sinceNs: s.now.Mono}
	s.peers = slices.Insert(s.peers, at, p)
	s.chart.Enter(id)
	return p
}

func (s *Service) forgetOne() bool {
	oldest := -1
	older := func(p, q *peer) bool {
		if reached := p.downs > 0; reached != (q.downs > 0) {
			return !reached
		}
		return p.sinceNs < q.sinceNs
	}
	for i, p := range s.peers {
		if !p.up && (oldest < 0 || older(p, s.peers[oldest])) {
			oldest = i
		}
	}
	if oldest >= 0 {
		s.peers = slices.Delete(s.peers, oldest, oldest+1)
	}
	return oldest >= 0
}

func (s *Service) peerUp(ev service.PeerUp) {
	p := s.enter(ev.Peer)
	if p == nil {
		return
	}
	p.up, p.dialed, p.sinceNs = true, ev.Dialed, s.now.Mono
	p.fails, p.dialNs, p.ping, p.pong = 0, 0, 0, 0
	if ev.Address != "" {
		p.address = ev.Address
	}
	s.ping(p)
}

func (s *Service) peerDown(id codec.PeerID) {
	at, known := s.find(id)
	if !known || !s.peers[at].up {
		return
	}
	p := s.peers[at]
	p.up, p.upNs, p.sinceNs = false, p.upNs+s.now.Mono-p.sinceNs, s.now.Mono
	p.downs++
	if p.ping != 0 {
		s.chart.Lost(p.id)
	}
	p.ping, p.pong = 0, 0
}
