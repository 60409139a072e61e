package rtt

import (
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/service"
)

// StaticPolicy leaves the connections to the host.
const StaticPolicy = "static"

// policies are those that a configuration can name, one a line; the first is the
// default.
var policies = []struct {
	name string
	make func(*Service) overlay.Policy
}{
	{"nearest", (*Service).nearest},
	{StaticPolicy, func(s *Service) overlay.Policy { return overlay.NewStatic(s.table) }},
	{"introductions", (*Service).introductions},
	{"mesh", (*Service).mesh},
	{"peerswap", (*Service).peerswap},
}

// Policies lists the names.
func Policies() (names []string) {
	for _, p := range policies {
		names = append(names, p.name)
	}
	return names
}

func (s *Service) nearest() overlay.Policy {
	p := overlay.NewNearest(s.table, s.chart, s.cfg.RoundNs, s.rng)
	p.Best, p.Random, p.Probes = s.cfg.Best, s.cfg.Random, s.cfg.Probes
	return p
}

func (s *Service) introductions() overlay.Policy {
	p := overlay.NewIntroductions(s.table, s.cfg.RoundNs, s.rng)
	p.Number = s.cfg.Degree
	return p
}

func (s *Service) mesh() overlay.Policy {
	p := overlay.NewMesh(s.table, s.cfg.RoundNs, s.rng)
	p.Size(s.cfg.Degree)
	return p
}

// peerswap swaps about once a round.
func (s *Service) peerswap() overlay.Policy {
	return overlay.NewPeerSwap(s.table, s.cfg.Degree, int64(s.cfg.Degree)*s.cfg.RoundNs, s.rng)
}

// tell gives the policy an event and carries out what it wants.
func (s *Service) tell(ev overlay.Event) {
	for _, ef := range s.policy.Handle(s.now.Mono, ev) {
		switch ef := ef.(type) {
		case overlay.Dial:
			s.dial(ef.Peer)
		case overlay.HangUp:
			s.hangUp(ef.Peer, ef.Reason)
		case overlay.Tell:
			s.do(service.Send{Peer: ef.Peer, Body: append([]byte{kindPolicy}, ef.Body...)})
		}
	}
}

// A call is a dial of which nothing has come yet.
type call struct {
	peer  codec.PeerID
	until int64
}

// pauseDoublings bounds the doubling of the pause between dials.
const pauseDoublings = 6

// dial asks the host for a connection.
func (s *Service) dial(id codec.PeerID) {
	p := s.table.Find(id)
	p.Dialing(s.later(s.cfg.RoundNs << min(p.Fails, pauseDoublings)))
	s.calls = append(s.calls, call{id, s.now.Mono + s.cfg.DialNs})
	s.do(service.Dial{Peer: id, Address: p.Address})
}

// giveUp tells the policy of dials that have led to nothing. The host does not.
func (s *Service) giveUp() {
	for len(s.calls) > 0 && s.calls[0].until <= s.now.Mono {
		id := s.calls[0].peer
		s.calls = slices.Delete(s.calls, 0, 1)
		if s.table.Missed(id) {
			s.tell(overlay.Down{Peer: id})
		}
	}
}

// hangUp ends a connection. The policy hears of it when it is gone.
func (s *Service) hangUp(id codec.PeerID, reason string) {
	s.table.WentDown(s.now.Mono, id, true)
	s.do(service.HangUp{Peer: id, Reason: reason})
}

// turnAway hangs up on peers at random when more have dialed this node than it has
// room for, beside those that the policy wants.
func (s *Service) turnAway() {
	chosen := s.policy.Chosen()
	guests := 0
	guest := func(p *overlay.Peer) bool { return p.Up && !p.Dialed && !slices.Contains(chosen, p.ID) }
	for _, p := range s.table.All() {
		if guest(p) {
			guests++
		}
	}
	for _, p := range s.table.Draw(s.rng, guests-s.cfg.Inbound, guest) {
		s.hangUp(p.ID, "rtt: too many connections")
	}
}

// check tells an unknown policy, and numbers out of range.
func (c *Config) check() error {
	if !slices.Contains(Policies(), c.Policy) {
		return fmt.Errorf("rtt: policy %q is unknown, have %v", c.Policy, Policies())
	}
	if c.Degree < 2 || c.Degree > DegreeMax {
		return fmt.Errorf("rtt: degree %d, want 2 to %d", c.Degree, DegreeMax)
	}
	return nil
}

// Degree is the default of Config.Degree, DegreeMax the most.
const (
	Degree    = 6
	DegreeMax = 256
)
