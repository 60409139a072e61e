package overlay

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

func meshHost(t *testing.T, known int) (*host, *Mesh) {
	h := newHost(t, func(table *Table, _ *Chart, rng *rand.Rand) Policy { return NewMesh(table, period, rng) }, 1)
	for n := 1; n <= known; n++ {
		h.meet(n)
	}
	return h, h.policy.(*Mesh)
}

func (h *host) joins(n int) {
	h.up(id(n), false)
	h.tell(Told{id(n), []byte{meshGraft}})
}

// told are the messages that were sent to a peer by the effects of one event.
func told(effects []Effect, to codec.PeerID) (list [][]byte) {
	for _, ef := range effects {
		if tell, is := ef.(Tell); is && tell.Peer == to {
			list = append(list, tell.Body)
		}
	}
	return list
}

func parsed(t *testing.T, bodies [][]byte) *prune {
	t.Helper()
	if len(bodies) != 1 {
		t.Fatalf("%d messages", len(bodies))
	}
	p, err := parseMesh(bodies[0])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A node that starts dials half of what it needs, as the others dial too, and asks
// whoever it reaches to be taken in.
func TestMeshGrows(t *testing.T) {
	h, m := meshHost(t, 30)
	h.wake()
	if len(h.dialing) != 3 {
		t.Fatalf("dials %d peers at first", len(h.dialing))
	}
	for len(h.dialing) > 0 {
		peer := h.dialing[0]
		h.table.WentUp(h.now, peer, "", true)
		h.dialing = h.dialing[1:]
		if graft := told(m.Handle(h.now, Up{peer, true}), peer); parsed(t, graft) != nil {
			t.Error("whoever is dialed is turned away")
		}
	}
	for beats := 0; len(m.mates) < m.Low; beats++ {
		if beats > 2 {
			t.Fatal("does not grow")
		}
		h.wake()
		for len(h.dialing) > 0 {
			h.answer(true)
		}
	}
}

// Who comes back too early is turned away without introductions, stays away for
// longer each time, and is hung up if it does not go.
func TestGraftDuringBackoffIsRefused(t *testing.T) {
	h, m := meshHost(t, 0)
	for n := 1; n <= m.High; n++ {
		h.joins(n)
	}
	late := id(50)
	h.up(late, false)
	full := parsed(t, told(m.Handle(h.now, Told{late, []byte{meshGraft}}), late))
	if full == nil || full.WaitS != 60 || m.has(late) {
		t.Fatalf("a full mesh says %+v", full)
	}
	h.table.WentDown(h.now, late, false)
	h.tell(Down{late})
	for fault := range 3 {
		h.now += 30e9 // half of what was asked for
		h.up(late, false)
		early := parsed(t, told(m.Handle(h.now, Told{late, []byte{meshGraft}}), late))
		if early == nil || early.WaitS != 120<<fault || len(early.Others) > 0 || m.has(late) {
			t.Fatalf("to who comes early it says %+v", early)
		}
		if got := h.table.Find(late).Faults; got != uint64(fault+1) {
			t.Errorf("%d faults", got)
		}
		if fault < 2 {
			h.down(late)
		}
	}
	h.tell(Told{late, []byte{meshGraft}})
	if h.table.Find(late).Up {
		t.Error("who insists stays connected")
	}
	h.now += 3600e9
	h.down(id(1))
	if h.joins(50); !m.has(late) {
		t.Error("never taken in again")
	}
}

// A full mesh makes room for others: those who have been there for longest and two of
// the node's own choice stay, the others are turned away and told where to go.
func TestFullMeshShrinks(t *testing.T) {
	h, m := meshHost(t, 0)
	for n := 1; n <= 12; n++ {
		h.table.Enter(h.now, id(n)).Address = "there"
		if n == 6 || n == 9 {
			h.up(id(n), true)
		} else {
			h.joins(n)
		}
	}
	h.now = m.NextWake()
	effects := m.Handle(h.now, Wake{})
	if len(m.mates) != m.Degree {
		t.Fatalf("%d mates", len(m.mates))
	}
	for _, n := range []int{1, 2, 3, 4, 6, 9} {
		if !m.has(id(n)) {
			t.Errorf("%d was turned away: %v", n, m.mates)
		}
	}
	if p := parsed(t, told(effects, id(12))); p == nil || len(p.Others) != 11 {
		t.Errorf("the last one is told %+v", p)
	}
	h.wake()
	if got := h.connected(); len(got) != 6 {
		t.Errorf("%d connections a heartbeat later", len(got))
	}
}

// Who is turned away goes, stays away, and remembers whom it was told of; but not
// what a guest says, nor for longer than an hour.
func TestPruneIsObeyed(t *testing.T) {
	h, m := meshHost(t, 0)
	h.up(id(1), true)
	h.up(id(2), false)
	others := prune{WaitS: 300, Others: []Introduction{{Peer: id(7), Address: "seven"}}}
	h.tell(Told{id(2), others.encode()})
	if h.table.Find(id(7)) != nil || !h.table.Find(id(2)).Up {
		t.Error("a guest is listened to")
	}
	h.tell(Told{id(1), others.encode()})
	if p := h.table.Find(id(7)); m.has(id(1)) || h.table.Find(id(1)).Up || p == nil || p.Address != "seven" || p.By != id(1) {
		t.Errorf("still a mate: %v; was told of %+v", m.has(id(1)), p)
	}
	for h.now < 290e9 {
		if h.wake(); slices.Contains(h.dialing, id(1)) {
			t.Fatalf("comes back after %d s", h.now/1e9)
		}
	}
	h.up(id(3), true)
	h.tell(Told{id(3), (&prune{WaitS: 1 << 62}).encode()})
	if wait := h.table.Find(id(3)).WaitNs - h.now; wait != 3600e9 {
		t.Errorf("stays away for %d s", wait/1e9)
	}
}

// Whoever has turned a peer away and needs it later comes late enough not to break the
// rules itself, though the other one counts from later.
func TestWhoPrunesWaitsToo(t *testing.T) {
	h, m := meshHost(t, 0)
	h.joins(1)
	m.prune(h.now, h.table.Find(id(1)), false)
	h.down(id(1))
	for len(h.dialing) == 0 {
		h.wake()
	}
	if h.now < 60e9+period || h.now > 60e9+3*period {
		t.Errorf("dials after %d s", h.now/1e9)
	}
}

// When many connections are lost, twice as many are dialed at once as are missing, and
// those that fail are replaced at once; surplus ones are not kept.
func TestMeshReplacesLossesAtOnce(t *testing.T) {
	h, m := meshHost(t, 60)
	for n := 1; n <= 6; n++ {
		h.up(id(n), true)
	}
	h.down(id(1))
	if len(h.dialing) != 0 {
		t.Error("five are enough")
	}
	h.down(id(2))
	h.down(id(3))
	if len(h.dialing) != 6 {
		t.Fatalf("dials %d peers for three", len(h.dialing))
	}
	h.answer(false)
	if len(h.dialing) != 6 {
		t.Errorf("%d dials after one has failed", len(h.dialing))
	}
	for len(h.dialing) > 0 {
		h.answer(true)
	}
	if got := len(h.connected()); got != m.Degree || len(m.mates) != m.Degree {
		t.Errorf("%d connections, %d mates", got, len(m.mates))
	}
}

// Peers without a mesh are guests: they take no place, unless there is need.
func TestGuests(t *testing.T) {
	h, m := meshHost(t, 0)
	for n := 1; n <= 3; n++ {
		h.up(id(n), false)
	}
	if h.wake(); len(m.mates) != 0 {
		t.Error("guests are taken in at once")
	}
	h.now += period
	if h.wake(); len(m.mates) != 3 || m.outbound() != 0 {
		t.Errorf("%d guests are taken in where there is nobody else", len(m.mates))
	}
}

func TestWhatIsNoMessageCountsAsAFault(t *testing.T) {
	h, m := meshHost(t, 0)
	h.up(id(1), true)
	long := []Introduction{{Peer: id(2), Address: string(make([]byte, AddressMax+1))}}
	for k, body := range [][]byte{
		nil, {0}, {3}, {meshGraft, meshGraft}, {meshPrune}, {meshPrune, 0x80}, {meshPrune, 0x82, 0x20, 0x80},
		append((&prune{}).encode(), 0), (&prune{Others: make([]Introduction, IntroductionsMax+1)}).encode(), (&prune{Others: long}).encode(),
	} {
		h.tell(Told{id(1), body})
		if got := h.table.Find(id(1)).Faults; got != uint64(k+1) || !m.has(id(1)) || h.table.Len() != 1 {
			t.Errorf("%x: %d faults, a mate: %v, %d peers", body[:min(len(body), 8)], got, m.has(id(1)), h.table.Len())
		}
	}
}
