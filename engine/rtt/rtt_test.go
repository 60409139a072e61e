package rtt

import (
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/meritrank"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/service"
)

func opened(t testing.TB, cfg Config) *Service {
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func started(t testing.TB, cfg Config) *Service {
	s := opened(t, cfg)
	s.Handle(codec.Now{}, service.Started{Self: codec.PeerID{1}, Seed: [32]byte{2}})
	s.Handle(codec.Now{}, service.Joined{Space: codec.ID{3}})
	return s
}

func sends(effects []service.Effect) (list []service.Send) {
	for _, ef := range effects {
		if send, is := ef.(service.Send); is {
			list = append(list, send)
		}
	}
	return list
}

// An exchange of three datagrams measures the way for both ends, and only answers
// that repeat the number count.
func TestPingMeasuresForBothEnds(t *testing.T) {
	a, b := started(t, Config{}), started(t, Config{})
	pa, pb := codec.PeerID{10}, codec.PeerID{11}
	ping := sends(a.Handle(codec.Now{Mono: 100}, service.PeerUp{Peer: pb}))[0]
	b.Handle(codec.Now{Mono: 100}, service.PeerUp{Peer: pa})
	say := func(s *Service, at int64, from codec.PeerID, body []byte) []service.Send {
		return sends(s.Handle(codec.Now{Mono: at}, service.Message{Peer: from, Body: body, Datagram: true}))
	}
	if !ping.Datagram || ping.Peer != pb {
		t.Fatalf("%+v", ping)
	}
	pong := say(b, 10e6, pa, ping.Body)[0]
	forged := append([]byte(nil), pong.Body...)
	forged[1] ^= 1
	say(a, 20e6, pb, forged)
	if a.chart.Estimate(pb).Samples() != 0 {
		t.Error("a forged answer counts")
	}
	done := say(a, 30e6+100, pb, pong.Body)[0]
	say(b, 50e6, pa, done.Body)
	if got := a.chart.Estimate(pb).RTT(); got != 30e6 {
		t.Errorf("the pinging side measures %d", got)
	}
	if got := b.chart.Estimate(pa).RTT(); got != 40e6 {
		t.Errorf("the other side measures %d", got)
	}
	say(a, 60e6, pb, pong.Body)
	say(b, 60e6, pa, done.Body)
	if a.chart.Estimate(pb).Samples() != 1 || b.chart.Estimate(pa).Samples() != 1 {
		t.Error("an answer counts twice")
	}
}

// Opinions are published when they have moved, and not too often.
func TestOpinionsArePublishedWhenTheyMove(t *testing.T) {
	s := started(t, Config{RoundNs: 1e9, PublishNs: 30e9, Policy: StaticPolicy})
	peer := codec.PeerID{10}
	now := int64(0)
	s.Handle(codec.Now{}, service.PeerUp{Peer: peer})
	round := func(rtt int64) (opinions int) {
		for range 20 {
			s.chart.Measure(peer, rtt)
		}
		now = s.nextAt
		for _, ef := range s.Handle(codec.Now{Mono: now}, service.Wake{}) {
			if put, is := ef.(service.Put); is {
				for _, e := range put.Entries {
					if p, about := peerOf(e.Key); about && p == peer {
						opinions++
					}
				}
			}
		}
		return opinions
	}
	if got := round(50e6); got != 1 {
		t.Fatalf("%d opinions at first", got)
	}
	if round(52e6) != 0 {
		t.Error("published for four per cent")
	}
	if round(90e6) != 0 {
		t.Error("published again within the pause")
	}
	for now < 40e9 {
		round(90e6)
	}
	if s.met[0].said.RTTUs != 90_000 {
		t.Errorf("never published that it moved: %+v", s.met[0].said)
	}
}

// The table of peers comes back after a restart.
func TestPeersAreSaved(t *testing.T) {
	s := started(t, Config{RoundNs: 1e9})
	s.Handle(codec.Now{}, service.PeerUp{Peer: codec.PeerID{10}, Address: "there"})
	s.chart.Measure(codec.PeerID{10}, 7e6)
	s.met[0].asked = true
	s.Handle(codec.Now{}, service.Message{Peer: codec.PeerID{10}, Body: tell([]overlay.Introduction{{Peer: codec.PeerID{11}, Address: "beyond"}})})
	s.Handle(codec.Now{}, service.PeerFault{Peer: codec.PeerID{10}})
	var saved []byte
	for range 2 * saveEvery {
		for _, ef := range s.Handle(codec.Now{Mono: s.nextAt}, service.Wake{}) {
			if save, is := ef.(service.Save); is {
				saved = save.Value
			}
		}
	}
	next := opened(t, Config{})
	next.Handle(codec.Now{}, service.Started{Self: codec.PeerID{1}, Seed: [32]byte{9}, Saved: saved})
	p, named := next.table.Find(codec.PeerID{10}), next.table.Find(codec.PeerID{11})
	if next.table.Len() != 2 || p.Address != "there" || p.UpNs == 0 || p.Faults != 1 || named.By != p.ID || next.chart.Estimate(codec.PeerID{10}).RTT() != 7e6 {
		t.Errorf("%+v", p)
	}
	opened(t, Config{}).Handle(codec.Now{}, service.Started{Saved: []byte{0xff}}) // of another version
}

// Whatever peers and records say, the service stays within its bounds.
func FuzzMessages(f *testing.F) {
	f.Add(uint64(1), datagram(kindPing, 5), false)
	f.Add(uint64(2), datagram(kindPong, 5, 6), true)
	f.Add(uint64(3), tell([]overlay.Introduction{{Peer: codec.PeerID{4}, Address: "x"}}), false)
	f.Add(uint64(7), []byte{kindPolicy, 2, 0x82, 0x18, 60, 0x80}, false)
	f.Add(uint64(4), []byte{0x83, 0x19, 0x01, 0x00, 0x00, 0x01}, true)
	f.Fuzz(func(t *testing.T, seed uint64, body []byte, datagrams bool) {
		rng := rand.New(rand.NewPCG(seed, 1))
		names := Policies()
		s := started(t, Config{RoundNs: 1e9, Policy: names[seed%uint64(len(names))]})
		peer := func() codec.PeerID { return codec.PeerID{10, byte(rng.IntN(4))} }
		for i := range 60 {
			now := codec.Now{Mono: int64(i) * 3e8}
			var effects []service.Effect
			switch rng.IntN(6) {
			case 0:
				effects = s.Handle(now, service.PeerUp{Peer: peer(), Dialed: rng.IntN(2) == 0})
			case 1:
				effects = s.Handle(now, service.PeerDown{Peer: peer()})
			case 2, 3:
				effects = s.Handle(now, service.Message{Peer: peer(), Body: body, Datagram: datagrams})
			case 4:
				key := []codec.Key{OpinionKey(peer()), PlaceKey, codec.MustKey("rtt", "x")}[rng.IntN(3)]
				e := codec.Entry{Author: peer(), Key: key, Codec: codec.CodecDagCBOR, Value: body}
				effects = s.Handle(now, service.Changed{Entries: []codec.Entry{e}})
			case 5:
				effects = s.Handle(now, service.Wake{})
			}
			for _, send := range sends(effects) {
				if most := service.BodyMax; len(send.Body) > most || send.Datagram && len(send.Body) > service.DatagramMax {
					t.Fatalf("sends %d bytes", len(send.Body))
				}
			}
			if len(effects) > 64 {
				t.Fatalf("%d effects of one event", len(effects))
			}
		}
		if !s.chart.Place().Valid() {
			t.Fatalf("it is at %v", s.chart.Place())
		}
	})
}

// Who is distrusted by others only is dear, who was found bad as well does not count,
// and where everybody is distrusted the honest stay ahead.
func TestWeigh(t *testing.T) {
	scores := []meritrank.Score{
		{Node: 1, Value: 0.3, Error: 0.01}, {Node: 2, Value: 0.1, Error: 0.01}, {Node: 3, Value: -0.01, Error: 0.01},
		{Node: 4, Value: -0.2, Error: 0.01}, {Node: 5, Value: -0.2, Error: 0.01},
	}
	weights := func(list []meritrank.Score) map[meritrank.Node]float64 {
		got := map[meritrank.Node]float64{}
		Weigh(list, func(n meritrank.Node) bool { return n == 5 }, func(n meritrank.Node, w float64) { got[n] = w })
		return got
	}
	w := weights(scores)
	if !(1 > w[1] && w[1] > w[2] && w[2] > strangerWeight && strangerWeight > w[3] && w[3] > w[4] && w[4] > w[5]) || w[5] != 0 {
		t.Errorf("weights %v", w)
	}
	if w := weights(scores[3:]); w[4] <= 0 || w[5] != 0 {
		t.Errorf("nobody is trusted: weights %v", w)
	}
}
