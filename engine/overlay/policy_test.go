package overlay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

const (
	period = int64(10e9)
	peers  = 200 // that can come and go
)

// policies are all there are: what is tested here holds of each of them.
var policies = []struct {
	name   string
	wanted int // connections that it wants where there are enough peers; -1 where that takes peers that answer
	own    int // of its own making at least, whoever connects to it
	make   func(*Table, *Chart, *rand.Rand) Policy
}{
	{"static", 0, 0, func(t *Table, _ *Chart, _ *rand.Rand) Policy { return NewStatic(t) }},
	{"introductions", 6, 6, func(t *Table, _ *Chart, r *rand.Rand) Policy { return NewIntroductions(t, period, r) }},
	{"mesh", 5, 2, func(t *Table, _ *Chart, r *rand.Rand) Policy { return NewMesh(t, period, r) }},
	{"nearest", 8, 0, func(t *Table, c *Chart, r *rand.Rand) Policy { return NewNearest(t, c, period, r) }},
	{"peerswap", -1, 0, func(t *Table, _ *Chart, r *rand.Rand) Policy { return NewPeerSwap(t, 7, 7*period, r) }},
}

// A host does for a policy what a service does, and checks what the policy asks for.
type host struct {
	t       *testing.T
	now     int64
	table   *Table
	chart   *Chart
	policy  Policy
	rng     *rand.Rand // of what happens
	dialing []codec.PeerID
	log     []string
}

func newHost(t *testing.T, make func(*Table, *Chart, *rand.Rand) Policy, seed uint64) *host {
	h := &host{t: t, table: NewTable(id(0)), chart: NewChart(id(0), newRand(seed)), rng: newRand(seed + 1000)}
	h.policy = make(h.table, h.chart, newRand(seed))
	return h
}

func (h *host) meet(peers ...int) {
	for _, n := range peers {
		h.table.Enter(h.now, id(n)).Address = fmt.Sprint(n)
		h.chart.Enter(id(n))
	}
}

// tell gives the policy an event, and then what follows from what it wants at once.
func (h *host) tell(ev Event) {
	h.t.Helper()
	effects := slices.Clone(h.policy.Handle(h.now, ev))
	if len(effects) > 64 {
		h.t.Fatalf("%d effects of %+v", len(effects), ev)
	}
	for _, ef := range effects {
		h.log = append(h.log, fmt.Sprintf("%d %T %+v", h.now, ef, ef))
		switch ef := ef.(type) {
		case Dial:
			p := h.table.Find(ef.Peer)
			if p == nil || p.Up || p.DialNs > h.now || slices.Contains(h.dialing, ef.Peer) {
				h.t.Fatalf("dials %+v, which is no use", p)
			}
			p.Dialing(h.now + period)
			h.dialing = append(h.dialing, ef.Peer)
		case HangUp:
			if h.table.WentDown(h.now, ef.Peer, true) == nil {
				h.t.Fatalf("hangs up on %v, which is not connected", ef.Peer)
			}
			h.tell(Down{ef.Peer})
		case Tell:
			if p := h.table.Find(ef.Peer); p == nil || !p.Up || len(ef.Body) == 0 || len(ef.Body) > TellMax {
				h.t.Fatalf("tells %+v %d bytes", p, len(ef.Body))
			}
		}
	}
	h.check()
}

// check holds the policy against its bounds.
func (h *host) check() {
	h.t.Helper()
	own := len(h.dialing)
	for _, p := range h.table.All() {
		if p.Up && p.Dialed {
			own++
		}
	}
	if own > 24 {
		h.t.Fatalf("%d connections of its own making", own)
	}
	chosen := h.policy.Chosen()
	for i, x := range chosen {
		if x == h.table.Self || slices.Contains(chosen[:i], x) {
			h.t.Fatalf("chosen: %v", chosen)
		}
	}
}

func (h *host) up(peer codec.PeerID, dialed bool) {
	h.t.Helper()
	if h.table.WentUp(h.now, peer, "", dialed) != nil {
		h.dialing = without(h.dialing, peer)
		h.chart.Measure(peer, 10e6+h.rng.Int64N(100e6))
		h.tell(Up{peer, dialed})
	}
}

func (h *host) down(peer codec.PeerID) {
	h.t.Helper()
	if h.table.WentDown(h.now, peer, false) != nil {
		h.tell(Down{peer})
	}
}

// answer ends a dial: it comes about, or not.
func (h *host) answer(connected bool) {
	h.t.Helper()
	if len(h.dialing) == 0 {
		return
	}
	peer := h.dialing[0]
	if connected {
		h.up(peer, true)
		return
	}
	h.dialing = h.dialing[1:]
	h.table.Missed(peer)
	h.tell(Down{peer})
}

// wake lets the policy have its next round.
func (h *host) wake() {
	h.t.Helper()
	if at := h.policy.NextWake(); at != 0 {
		h.now = max(h.now, at)
		h.tell(Wake{})
	}
}

func (h *host) connected() (list []codec.PeerID) {
	for _, p := range h.table.All() {
		if p.Up {
			list = append(list, p.ID)
		}
	}
	return list
}

// bodies are messages of all policies, and none.
func bodies(rng *rand.Rand) []byte {
	noise := make([]byte, rng.IntN(40))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	others := make([]Introduction, rng.IntN(IntroductionsMax+2))
	for i := range others {
		others[i] = Introduction{Peer: id(1000 + rng.IntN(9000)), Address: "x"}
	}
	p := prune{WaitS: []uint64{0, 5, 60, 1 << 63}[rng.IntN(4)], Others: others}
	return [][]byte{nil, noise, {meshGraft}, {meshGraft, 0}, p.encode(), append(p.encode(), noise...)}[rng.IntN(6)]
}

// happen lets anything happen: peers come and go, dials succeed and fail, messages of
// every kind arrive, time passes.
func (h *host) happen() {
	h.t.Helper()
	peer := id(1 + h.rng.IntN(peers))
	entry := h.table.Find(peer)
	up := entry != nil && entry.Up
	switch h.rng.IntN(8) {
	case 0, 1:
		h.answer(h.rng.IntN(3) > 0)
	case 2:
		if !up && !slices.Contains(h.dialing, peer) {
			h.up(peer, false)
		}
	case 3:
		if list := h.connected(); len(list) > 0 {
			h.down(list[h.rng.IntN(len(list))])
		}
	case 4, 5:
		if up {
			h.tell(Told{peer, bodies(h.rng)})
		}
	case 6:
		h.now += h.rng.Int64N(period / 4)
	case 7:
		h.wake()
	}
}

func TestPoliciesKeepTheRules(t *testing.T) {
	for _, p := range policies {
		t.Run(p.name, func(t *testing.T) {
			run := func() *host {
				h := newHost(t, p.make, 7)
				for n := 1; n <= peers; n++ {
					h.meet(n)
				}
				for range 3000 {
					h.happen()
				}
				return h
			}
			h := run()
			if p.wanted > 0 && len(h.log) < 100 {
				t.Errorf("%d effects of 3000 events: there was nothing to check", len(h.log))
			}
			if named := h.table.Len() - peers; named > peers*NamedMax {
				t.Errorf("%d peers are known by name only", named)
			}
			if !slices.Equal(h.log, run().log) {
				t.Error("a run does not repeat")
			}
		})
	}
}

// Waking before it is time, or once more, changes nothing.
func TestPoliciesMayBeWokenAtAnyTime(t *testing.T) {
	for _, p := range policies {
		run := func(often bool) []string {
			h := newHost(t, p.make, 3)
			for n := 1; n <= peers; n++ {
				h.meet(n)
			}
			for range 300 {
				h.happen()
				if often {
					if at := h.policy.NextWake(); at > h.now {
						before := len(h.log)
						h.tell(Wake{})
						if len(h.log) > before || h.policy.NextWake() != at {
							t.Fatalf("%s: woken %d ns early", p.name, at-h.now)
						}
					}
				}
			}
			return h.log
		}
		if !slices.Equal(run(false), run(true)) {
			t.Errorf("%s: early wakes change what it does", p.name)
		}
	}
}

// When everybody has gone and come back, a policy has the connections again that it
// wants; dials that fail do not keep it from trying.
func TestPoliciesRecover(t *testing.T) {
	for _, p := range policies {
		h := newHost(t, p.make, 5)
		for n := 1; n <= peers; n++ {
			h.meet(n)
		}
		settle := func(connected bool) {
			for range 6 {
				h.wake()
				for len(h.dialing) > 0 {
					h.answer(connected)
				}
			}
		}
		settle(true)
		for range 3 {
			if got := len(h.connected()); got < p.wanted || p.wanted == 0 && got > 0 {
				t.Errorf("%s has %d connections of %d", p.name, got, p.wanted)
			}
			for _, x := range h.connected() {
				h.down(x)
			}
			settle(false)
			if len(h.connected()) > 0 {
				t.Fatalf("%s is connected to nobody's peers", p.name)
			}
			h.now += 100 * period
			settle(true)
		}
	}
}

// Whoever floods a node with connections and messages does not get more of it than
// the policy has to give, nor more of the table than is one's share.
func TestPoliciesAreNotFilledByOthers(t *testing.T) {
	for _, p := range policies {
		h := newHost(t, p.make, 9)
		for n := 1; n <= peers; n++ {
			h.meet(n)
		}
		for n := 100; n < 400; n++ {
			h.up(id(n), false)
			h.tell(Told{id(n), []byte{meshGraft}})
		}
		for range 3 {
			h.wake()
			for len(h.dialing) > 0 {
				h.answer(true)
			}
		}
		own := 0
		chosen := h.policy.Chosen()
		for _, x := range chosen {
			if h.table.Find(x).Dialed {
				own++
			}
		}
		if p.wanted > 0 && (len(chosen) > 16 || own < p.own) {
			t.Errorf("%s wants %d peers, %d of its own making", p.name, len(chosen), own)
		}
	}
}

// Whatever connected peers say, no policy panics, or remembers more of it than the
// table may hold.
func FuzzTold(f *testing.F) {
	f.Add([]byte{meshGraft}, uint64(1))
	f.Add((&prune{WaitS: 60, Others: []Introduction{{Peer: id(500), Address: "there"}}}).encode(), uint64(2))
	f.Add([]byte{meshPrune, 0x82, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255, 0x80}, uint64(3))
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		if len(body) > TellMax {
			return
		}
		for _, p := range policies {
			h := newHost(t, p.make, seed)
			for n := 1; n <= 20; n++ {
				h.meet(n)
				if n <= 8 {
					h.up(id(n), n%2 == 0)
				}
			}
			for range 30 {
				if list := h.connected(); len(list) > 0 {
					h.tell(Told{list[h.rng.IntN(len(list))], body})
				}
				h.happen()
			}
			if h.table.Len() > peers+31*IntroductionsMax {
				t.Fatalf("%s knows %d peers", p.name, h.table.Len())
			}
		}
		if msg, err := parseMesh(body); err == nil && msg != nil {
			again, err := parseMesh(msg.encode())
			if err != nil || again.WaitS != msg.WaitS || !slices.Equal(again.Others, msg.Others) {
				t.Fatalf("%+v becomes %+v, %v", msg, again, err)
			}
		}
	})
}

func TestStaticAgreesWithTheHost(t *testing.T) {
	h := newHost(t, policies[0].make, 1)
	h.up(id(2), true)
	h.up(id(1), false)
	if got := h.policy.Chosen(); !slices.Equal(got, []codec.PeerID{id(1), id(2)}) {
		t.Errorf("wants %v", got)
	}
}

// Connections of others' making do not count, and the host's may be too many.
func TestIntroductionsCountTheirOwn(t *testing.T) {
	h := newHost(t, policies[1].make, 1)
	for n := 1; n <= 30; n++ {
		h.meet(n)
	}
	h.up(id(41), false)
	if len(h.dialing) != 6 {
		t.Fatalf("dials %d peers", len(h.dialing))
	}
	for len(h.dialing) > 0 {
		h.answer(true)
	}
	for n := 42; n <= 45; n++ {
		h.up(id(n), n < 44) // the host has dialed two
	}
	if got := len(h.connected()); got != 9 {
		t.Errorf("%d connections, three of others' making", got)
	}
	if h.down(h.policy.Chosen()[0]); len(h.dialing) != 1 {
		t.Errorf("dials %d peers after a loss", len(h.dialing))
	}
}

// A near peer that is often away is dearer than one somewhat farther that is not.
func TestNearestCountsAbsences(t *testing.T) {
	h := newHost(t, policies[3].make, 1)
	n := h.policy.(*Nearest)
	n.Best, n.Random = 1, 0
	for k, rtt := range []int64{50e6, 60e6} {
		h.up(id(k+1), true)
		for range window {
			h.chart.Measure(id(k+1), rtt)
		}
	}
	h.wake()
	if best, _ := n.Slots(); best[0] != id(1) {
		t.Fatalf("the best is %v", best)
	}
	for range 5 {
		h.down(id(1))
		h.up(id(1), true)
	}
	for range window {
		h.chart.Measure(id(1), 50e6)
	}
	h.wake()
	if best, _ := n.Slots(); best[0] != id(2) {
		t.Errorf("the best is %v, which was away five times", best)
	}
}

// The loss of a chosen peer brings the next round forward, once.
func TestNearestHurriesAfterALoss(t *testing.T) {
	h := newHost(t, policies[3].make, 1)
	for n := 1; n <= 8; n++ {
		h.up(id(n), true)
	}
	h.wake()
	began := h.now
	h.down(h.policy.Chosen()[0])
	if at := h.policy.NextWake(); at != began+period/hurry {
		t.Errorf("the next round is after %d ms", (at-began)/1e6)
	}
	h.wake()
	if at := h.policy.NextWake(); at < h.now+period/2 {
		t.Errorf("and the one after that after %d ms", (at-h.now)/1e6)
	}
}
