// Package rtt is a service that measures round trips to peers, publishes them as
// signed opinions, ranks peers by everybody's opinions with MeritRank, and keeps
// the node connected to those that a policy chooses: by default the nearest, most
// reliable and most trusted ones.
//
//	measure   pings as datagrams; an exchange measures the way for both its ends
//	publish   rtt/<peer> → [round trip, loss, merit], when it has moved, at a bounded rate
//	read      everybody's opinions and places, from the records of the space
//	rank      opinions are edges of a signed graph, which MeritRank walks
//	remember  a table of peers, bounded and saved; introductions name others
//	connect   an overlay.Policy chooses; it speaks with those of other nodes
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
	// Policy chooses the connections: "nearest", the default, "introductions",
	// "mesh", "peerswap", or "static" for those that the host makes.
	Policy string `cbor:"policy,omitempty"`
	// Best, Random and Probes are the slots of overlay.Nearest; 6, 2, 3.
	Best   int `cbor:"best,omitempty"`
	Random int `cbor:"random,omitempty"`
	Probes int `cbor:"probes,omitempty"`
	// Degree is how many connections overlay.Introductions makes and
	// overlay.PeerSwap keeps (there 2 to 32), and what overlay.Mesh takes its bounds
	// from, 2 to 256; 6.
	Degree int `cbor:"degree,omitempty"`
	// Inbound is how many connections of others' making are kept that the policy
	// does not want; 16.
	Inbound int `cbor:"inbound,omitempty"`
	// DialNs is after how long a dial counts as failed, ns; 5 s.
	DialNs int64 `cbor:"dial_ns,omitempty"`
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
	def(&c.Degree, Degree)
	if c.Policy == "" {
		c.Policy = policies[0].name
	}
	if c.DialNs <= 0 {
		c.DialNs = 5 * second
	}
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
	table  *overlay.Table
	policy overlay.Policy
	calls  []call // in the order in which they end
	rank   *ranking
	met    []*peer // by id
	place  Place   // as published
	nextAt int64   // of the next round, 0 before the start
	rounds uint64
}

// A peer is what the service remembers of one that was connected, beside what the
// table does.
type peer struct {
	id               codec.PeerID
	ping, pong       uint64 // numbers whose answer is awaited, 0 for none
	pingedNs, pongNs int64
	asked            bool // for introductions that have not come yet

	said   Opinion // as published
	saidNs int64
}

// New returns the service of one node. It fails for a policy that does not exist.
func New(cfg Config) (*Service, error) {
	s := &Service{cfg: cfg.withDefaults()}
	return s, s.cfg.check()
}

// Name implements service.Service.
func (*Service) Name() string { return Name }

// NextWake implements service.Service: the first of the service's own rounds, the
// policy's, and the end of a dial.
func (s *Service) NextWake() int64 {
	if s.nextAt == 0 {
		return 0
	}
	at := s.nextAt
	if wake := s.policy.NextWake(); wake != 0 {
		at = min(at, wake)
	}
	if len(s.calls) > 0 {
		at = min(at, s.calls[0].until)
	}
	return at
}

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
	case service.PeerFault:
		if p := s.table.Find(ev.Peer); p != nil {
			p.Faults++
		}
	case service.Wake:
		s.wake()
	}
	return s.out
}

// wake does what is due: the service's round first, as the policy chooses by what it
// learns.
func (s *Service) wake() {
	s.giveUp()
	if s.now.Mono >= s.nextAt {
		s.round()
	}
	if at := s.policy.NextWake(); at != 0 && at <= s.now.Mono {
		s.tell(overlay.Wake{})
	}
}

func (s *Service) do(ef service.Effect) { s.out = append(s.out, ef) }

func (s *Service) start(ev service.Started) {
	s.self = ev.Self
	s.rng = rand.New(rand.NewChaCha8(ev.Seed))
	s.chart, s.table = overlay.NewChart(ev.Self, s.rng), overlay.NewTable(ev.Self)
	for _, p := range policies {
		if p.name == s.cfg.Policy {
			s.policy = p.make(s)
		}
	}
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

func (s *Service) find(id codec.PeerID) (at int, known bool) {
	return slices.BinarySearchFunc(s.met, id, func(p *peer, id codec.PeerID) int { return p.id.Compare(id) })
}

// enter puts a peer that was heard of into the table and on the chart.
func (s *Service) enter(id codec.PeerID) *overlay.Peer {
	p := s.table.Enter(s.now.Mono, id)
	if p != nil {
		s.chart.Enter(id)
	}
	return p
}

func (s *Service) peerUp(ev service.PeerUp) {
	if s.table.WentUp(s.now.Mono, ev.Peer, ev.Address, ev.Dialed) == nil {
		return // full of connected peers
	}
	s.calls = slices.DeleteFunc(s.calls, func(c call) bool { return c.peer == ev.Peer })
	s.chart.Enter(ev.Peer)
	at, known := s.find(ev.Peer)
	if !known {
		s.met = slices.Insert(s.met, at, &peer{id: ev.Peer})
	}
	s.ping(s.met[at])
	s.tell(overlay.Up{Peer: ev.Peer, Dialed: ev.Dialed})
}

func (s *Service) peerDown(id codec.PeerID) {
	s.table.WentDown(s.now.Mono, id, false) // unless this node hung up
	at, known := s.find(id)
	if !known {
		return
	}
	p := s.met[at]
	if p.ping != 0 {
		s.chart.Lost(p.id)
	}
	p.ping, p.pong, p.asked = 0, 0, false
	s.tell(overlay.Down{Peer: id})
}

// forget lets go of peers that the table has forgotten.
func (s *Service) forget() {
	s.met = slices.DeleteFunc(s.met, func(p *peer) bool { return s.table.Find(p.id) == nil })
}
