package rtt

import (
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/service"
)

func at(ns int64) codec.Now { return codec.Now{Mono: ns} }

// effectsOf are those of one kind.
func effectsOf[T service.Effect](effects []service.Effect) (list []T) {
	for _, ef := range effects {
		if e, is := ef.(T); is {
			list = append(list, e)
		}
	}
	return list
}

// knowing is a service that has been introduced to some peers.
func knowing(t *testing.T, cfg Config, peers int) *Service {
	s := started(t, cfg)
	by := codec.PeerID{9}
	s.Handle(at(0), service.PeerUp{Peer: by, Address: "by"})
	for k := range peers {
		s.met[0].asked = true
		in := overlay.Introduction{Peer: codec.PeerID{10, byte(k)}, Address: "there"}
		s.Handle(at(0), service.Message{Peer: by, Body: tell([]overlay.Introduction{in})})
	}
	return s
}

func TestPoliciesAreChosenByName(t *testing.T) {
	for _, name := range Policies() {
		s := knowing(t, Config{Policy: name, RoundNs: 1e9}, 30)
		dials := 0
		for s.now.Mono < 20e9 {
			dials += len(effectsOf[service.Dial](s.Handle(at(s.NextWake()), service.Wake{})))
		}
		if (dials > 0) != (name != StaticPolicy) {
			t.Errorf("%s dials %d times", name, dials)
		}
	}
	if s := opened(t, Config{}); s.cfg.Policy != "nearest" {
		t.Errorf("by default %q", s.cfg.Policy)
	}
	for _, bad := range []Config{{Policy: "fixed"}, {Degree: 1}, {Degree: DegreeMax + 1}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// A dial of which nothing comes is given up, once, and not repeated before the pause
// is over; one that comes about is not.
func TestDialsAreGivenUp(t *testing.T) {
	s := knowing(t, Config{Policy: "introductions", RoundNs: 10e9, DialNs: 3e9}, 6)
	if s.NextWake() > 1e9 {
		t.Errorf("the policy is not woken before %d", s.NextWake())
	}
	dials := effectsOf[service.Dial](s.Handle(at(2e9), service.Wake{}))
	if len(dials) != 6 || dials[0].Address != "there" {
		t.Fatalf("dials %+v", dials)
	}
	s.Handle(at(3e9), service.PeerUp{Peer: dials[0].Peer, Dialed: true})
	s.Handle(at(3e9), service.PeerUp{Peer: dials[2].Peer, Dialed: true})
	s.Handle(at(4e9), service.PeerDown{Peer: dials[2].Peer}) // and is dialed again
	if s.NextWake() != 5e9 {
		t.Fatalf("wakes at %d", s.NextWake())
	}
	s.Handle(at(5e9), service.Wake{})
	lost, there := s.table.Find(dials[1].Peer), s.table.Find(dials[0].Peer)
	if p := s.table.Find(dials[2].Peer); p.Downs != 1 {
		t.Errorf("one loss counts as %d", p.Downs)
	}
	if lost.Downs != 1 || lost.Fails != 1 || there.Downs != 0 || !there.Up || len(s.calls) != 1 {
		t.Errorf("%+v, %+v", lost, there)
	}
	if got := s.policy.Chosen(); !slices.Equal(got, []codec.PeerID{dials[0].Peer, dials[2].Peer}) {
		t.Errorf("the policy waits for %v", got)
	}
	for s.now.Mono < 10e9 {
		if list := effectsOf[service.Dial](s.Handle(at(s.NextWake()), service.Wake{})); len(list) > 0 && s.now.Mono < 10e9 {
			t.Fatalf("dials %v again after %d ms", list, s.now.Mono/1e6)
		}
	}
}

// What a policy says reaches the policy of the other side, and a connection that it
// ends is no absence.
func TestPoliciesSpeak(t *testing.T) {
	s := started(t, Config{Policy: "mesh", Degree: 2})
	peer := func(k int) codec.PeerID { return codec.PeerID{10, byte(k)} }
	graft := []byte{kindPolicy, 1}
	for k := range 5 { // a mesh of four is full
		s.Handle(at(int64(k)), service.PeerUp{Peer: peer(k), Address: "there"})
		list := sends(s.Handle(at(int64(k)), service.Message{Peer: peer(k), Body: graft}))
		if k < 4 && len(list) > 0 {
			t.Fatalf("%d: sends %+v", k, list)
		}
		if k == 4 && (len(list) != 1 || list[0].Peer != peer(4) || list[0].Datagram || list[0].Body[0] != kindPolicy || list[0].Body[1] != 2) {
			t.Fatalf("a full mesh sends %+v", list)
		}
	}
	if got := len(s.policy.Chosen()); got != 4 {
		t.Fatalf("%d mates", got)
	}
	s.Handle(at(9), service.Message{Peer: peer(4), Body: graft, Datagram: true})
	if s.table.Find(peer(4)).Faults != 0 {
		t.Error("a datagram counts, which may be a repetition")
	}
	list := effectsOf[service.HangUp](s.Handle(at(10), service.Message{Peer: peer(0), Body: append([]byte{kindPolicy, 2}, 0x82, 0x18, 60, 0x80)}))
	if len(list) != 1 || list[0].Peer != peer(0) {
		t.Fatalf("turned away it hangs up on %+v", list)
	}
	s.Handle(at(10), service.PeerDown{Peer: peer(0)})
	if p := s.table.Find(peer(0)); p.Up || p.Downs != 0 || len(s.policy.Chosen()) != 3 {
		t.Errorf("%+v", p)
	}
	s.Handle(at(11), service.PeerDown{Peer: peer(1)})
	if s.table.Find(peer(1)).Downs != 1 || len(s.policy.Chosen()) != 2 {
		t.Error("a connection that was lost is none")
	}
}

// Guests beyond the bound are hung up; whom the policy wants stays.
func TestGuestsAreBounded(t *testing.T) {
	for _, name := range Policies() {
		s := started(t, Config{Policy: name, Inbound: 3, RoundNs: 1e9})
		for k := range 40 {
			s.Handle(at(0), service.PeerUp{Peer: codec.PeerID{10, byte(k)}})
		}
		for s.now.Mono < 900e6 || s.rounds < 1 { // before a mesh takes guests in
			for _, up := range effectsOf[service.HangUp](s.Handle(at(s.NextWake()), service.Wake{})) {
				s.Handle(s.now, service.PeerDown{Peer: up.Peer})
			}
		}
		up := 0
		for _, p := range s.table.All() {
			if p.Up {
				up++
			}
		}
		chosen := len(s.policy.Chosen())
		if want := 3 + chosen; up > want || name == StaticPolicy && up != 40 || name != StaticPolicy && up < 3 {
			t.Errorf("%s keeps %d of 40 guests, and wants %d", name, up, chosen)
		}
	}
}

// Introductions count only when they were asked for, once; nobody vouches for whom he
// has not met.
func TestIntroductionsAreAskedFor(t *testing.T) {
	s := started(t, Config{RoundNs: 1e9, Policy: StaticPolicy})
	by := codec.PeerID{9}
	s.Handle(at(0), service.PeerUp{Peer: by, Address: "by"})
	name := func(k byte) {
		s.Handle(s.now, service.Message{Peer: by, Body: tell([]overlay.Introduction{{Peer: codec.PeerID{10, k}, Address: "x"}})})
	}
	if name(1); s.table.Len() != 1 {
		t.Error("introduced without having asked")
	}
	asks := 0
	for _, send := range sends(s.Handle(at(s.NextWake()), service.Wake{})) {
		if slices.Equal(send.Body, []byte{kindAsk}) {
			asks++
		}
	}
	if name(2); asks != 1 || s.table.Find(codec.PeerID{10, 2}) == nil || s.chart.Len() != 2 {
		t.Errorf("asked %d times, knows %d", asks, s.table.Len())
	}
	if name(3); s.table.Len() != 2 {
		t.Error("introduced twice for one question")
	}
	other := codec.PeerID{8}
	s.Handle(s.now, service.PeerUp{Peer: other, Address: "other"})
	list := sends(s.Handle(s.now, service.Message{Peer: other, Body: []byte{kindAsk}}))
	in, err := told(list[0].Body[1:])
	if err != nil || len(in) != 1 || in[0].Peer != by || in[0].Address != "by" {
		t.Errorf("names %+v, %v", in, err)
	}
	s.met[1].asked = true
	s.Handle(s.now, service.Message{Peer: by, Body: []byte{kindTell, 0xff}})
	s.Handle(s.now, service.PeerFault{Peer: by})
	if got := s.table.Find(by).Faults; got != 2 {
		t.Errorf("%d faults, want one of the service and one of the node", got)
	}
}

// What the table has forgotten the service forgets, in the next round.
func TestTheServiceForgetsWithTheTable(t *testing.T) {
	s := started(t, Config{RoundNs: 1e9, Policy: StaticPolicy})
	gone := codec.PeerID{200}
	s.Handle(at(0), service.PeerUp{Peer: gone})
	s.Handle(at(0), service.PeerDown{Peer: gone})
	for k := range overlay.TableMax {
		s.Handle(at(1), service.PeerUp{Peer: codec.PeerID{10, byte(k >> 8), byte(k)}})
	}
	if s.table.Find(gone) != nil || len(s.met) != overlay.TableMax+1 {
		t.Fatalf("%d peers, %d met", s.table.Len(), len(s.met))
	}
	s.Handle(at(2), service.PeerUp{Peer: gone}) // there is no room
	s.met[len(s.met)-1].asked = true
	s.Handle(at(2), service.Message{Peer: gone, Body: []byte{kindTell, 0xff}})
	s.Handle(at(2), service.PeerDown{Peer: gone})
	if s.Handle(at(2e9), service.Wake{}); len(s.met) != overlay.TableMax {
		t.Errorf("remembers %d peers", len(s.met))
	}
}
