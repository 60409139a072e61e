package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

func status(t *testing.T, n *Node) *codec.Status {
	t.Helper()
	return find[*codec.Status](do(t, n, &codec.GetStatus{}))[0]
}

func peerStatus(t *testing.T, n, peer *Node, space codec.ID) codec.PeerStatus {
	t.Helper()
	for _, p := range status(t, n).Peers {
		if p.Peer == peer.Peer() && (p.Space == space || !p.LinkUp) {
			return p
		}
	}
	t.Fatalf("no status of peer %s", peer.Peer().Short())
	return codec.PeerStatus{}
}

// quiet nodes start a session only when they have to.
var quiet = Config{IntervalNs: 1e15, IdleNs: -1}

// Am I in sync? For each peer and space: before, during and after.
func TestInSync(t *testing.T) {
	w, cfg := newNet(t, 0), Config{IntervalNs: 1e15}
	a, b, c := w.add(1, cfg, newStore()), w.add(2, cfg, newStore()), w.add(3, cfg, newStore())
	space, other := w.space(a, b, c), w.space(a, b)
	w.step(a, &codec.AddPeer{Peer: b.Peer()})
	if p := peerStatus(t, a, b, space); p.LinkUp || p.Equal || p.ComparedAt != 0 {
		t.Fatalf("without a link: %+v", p)
	}
	w.step(a, puts(space, 0, 60))
	w.step(b, puts(space, 60, 40))
	w.connect(1, a, b)
	w.connect(2, a, c)
	var lag uint64
	var open, flying bool
	for range 60 {
		w.run(w.now + 5e6)
		p := peerStatus(t, a, b, space)
		if p.Equal {
			break
		}
		lag, open, flying = max(lag, p.Lag), open || p.SessionOpen, flying || p.InFlight > 0
	}
	if lag != 100 || !open || !flying {
		t.Fatalf("while it went on: lag %d, session %t, in flight %t", lag, open, flying)
	}
	w.run(w.now + 3e9)
	a2, a3 := peerStatus(t, a, b, space), peerStatus(t, a, b, other)
	if !a2.Equal || a2.PeerCount != 100 || a2.Lag != 0 || a2.EqualAt == 0 || a2.EqualAt != a2.ComparedAt || a2.InFlight != 0 || a2.SessionOpen {
		t.Fatalf("in sync: %+v", a2)
	}
	if rtt := a2.RTTNs; rtt < 40e6 || rtt > 80e6 {
		t.Fatalf("a round trip of %d ns over 20 ms each way", rtt)
	}
	if !a3.Equal || a3.PeerCount != 0 || a3.EqualAt == 0 {
		t.Fatalf("the other space: %+v", a3)
	}
	for _, p := range status(t, c).Peers {
		if p.Space == other {
			t.Fatal("knows of a space that it has not joined")
		}
	}
	// Whoever is paused falls behind, and the next comparison says so.
	w.step(a, &codec.PausePeer{Peer: b.Peer(), Paused: true})
	w.step(a, puts(space, 200, 7))
	w.run(w.now + 1e9)
	if p := peerStatus(t, a, b, space); !p.Paused || !p.Equal || p.EqualAt != a2.EqualAt {
		t.Fatalf("paused: %+v", p)
	}
	// More than the link takes at once: some is in flight, the rest waits.
	w.step(a, &codec.PausePeer{Peer: b.Peer()})
	big := &codec.Put{Space: other}
	for i := range 40 {
		big.Entries = append(big.Entries, codec.PutEntry{Key: codec.MustKey(fmt.Sprint(i)), Codec: codec.CodecRaw, Value: make([]byte, 60000)})
	}
	w.step(a, big)
	if p := peerStatus(t, a, b, other); p.InFlight < 16<<10 || p.Queued < 1<<20 {
		t.Fatalf("2.4 MB at once: %d in flight, %d queued", p.InFlight, p.Queued)
	}
	w.run(w.now + 30e9)
	if p := peerStatus(t, a, b, other); p.InFlight != 0 || p.Queued != 0 || b.Count(other) != 40 {
		t.Fatalf("%+v, the peer has %d", p, b.Count(other))
	}
}

// What a node says of its spaces: may it write, who lied, what waits.
func TestSpaceStatus(t *testing.T) {
	owner, member, liar := newAuthor(9), newAuthor(8), newAuthor(7)
	members, open := genesis(owner), genesis(owner)
	members.Write, open.Name = codec.WriteMembers, "open"
	n := openNode(t, 1, Config{Boot: 1}, newStore()) // the first boot is missing
	join(t, n, members)
	join(t, n, open)
	if st := status(t, n); st.MayWrite || st.Boot != 1 || st.Spaces[0].MayWrite || st.Spaces[1].MayWrite {
		t.Fatalf("after a loss: %+v", st)
	}
	do(t, n, &codec.AcceptLoss{})
	bring(n, members.ID(), member.put(members.ID(), 1, "k", "v", codec.ID{5}))
	bring(n, open.ID(), liar.put(open.ID(), 1, "k", "one", codec.ID{}), liar.put(open.ID(), 1, "k", "two", codec.ID{}))
	for _, sp := range status(t, n).Spaces {
		summary, count := n.Summary(sp.Space)
		if sp.Records != count || sp.Summary != summary {
			t.Fatalf("%+v", sp)
		}
		isOpen := sp.Space == open.ID()
		if sp.MayWrite != isOpen || (sp.Name == "open") != isOpen || (sp.Pending == 1) == isOpen ||
			slices.Contains(sp.Equivocal, liar.peer) != isOpen {
			t.Fatalf("%+v", sp)
		}
	}
	if !status(t, n).MayWrite {
		t.Fatal("the loss was accepted")
	}
}

// What was set for a peer outlives a restart: the pause, and the interval.
func TestPeerSettingsAreKept(t *testing.T) {
	w := newNet(t, 0)
	a, b, st := w.add(1, quiet, newStore()), w.add(2, quiet, newStore()), newStore()
	a = w.add(1, quiet, st)
	space := w.space(a, b)
	for boot, ev := range []codec.Event{
		&codec.AddPeer{Peer: b.Peer(), Address: "somewhere", IntervalNs: -1},
		&codec.PausePeer{Peer: b.Peer(), Paused: true},
		&codec.SetInterval{Peer: b.Peer(), IntervalNs: 2e9},
	} {
		w.step(a, ev)
		cfg := quiet
		cfg.Boot = uint64(boot + 1)
		st = st.Crash(st.Unsynced())
		a = w.add(1, cfg, st)
	}
	w.step(a, puts(space, 0, 5))
	w.connect(1, a, b)
	w.run(w.now + 5e9)
	if p := peerStatus(t, a, b, space); !p.Paused || b.Count(space) != 0 {
		t.Fatalf("the pause was forgotten: %+v", p)
	}
	w.step(a, &codec.PausePeer{Peer: b.Peer()})
	w.run(w.now + 1e9)
	take[*codec.SyncEnded](w, a)
	w.run(w.now + 20e9)
	if n := len(take[*codec.SyncEnded](w, a)); n < 8 || n > 12 {
		t.Fatalf("%d sessions in 20 s at an interval of 2 s", n)
	}
}

// Each thing that starts a session starts one, alone: connecting, connecting
// again, resuming, silence after a burst, the interval, the demand.
func TestWhatStartsSessions(t *testing.T) {
	w := newNet(t, 0)
	idle := quiet
	idle.IdleNs = 1e9
	a, b := w.add(1, idle, newStore()), w.add(2, idle, newStore())
	space := w.space(a, b)
	ended := func(ns int64) int {
		w.run(w.now + ns)
		return len(take[*codec.SyncEnded](w, a)) + len(take[*codec.SyncEnded](w, b))
	}
	check := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %d sessions, want %d", what, got, want)
		}
	}
	check("nothing", ended(5e9), 0)
	w.connect(1, a, b)
	check("connecting", ended(5e9), 1)
	check("silence without a burst", ended(100e9), 0)
	for i := range 5 {
		w.step(a, puts(space, i, 1))
		check("a burst", ended(500e6), 0)
	}
	check("silence after it", ended(5e9), 1)
	w.step(b, puts(space, 50, 1))
	check("silence after a record from the other side", ended(5e9), 1)
	w.step(a, &codec.LinkDown{Link: 1})
	w.step(b, &codec.LinkDown{Link: 1})
	w.connect(2, a, b)
	check("connecting again", ended(5e9), 1)
	for _, n := range []*Node{a, b} {
		peer := b.Peer()
		if n == b {
			peer = a.Peer()
		}
		w.step(n, &codec.PausePeer{Peer: peer, Paused: true})
		check("a pause", ended(5e9), 0)
		w.step(n, &codec.PausePeer{Peer: peer})
		check("resuming", ended(5e9), 1)
	}
	w.step(b, &codec.SyncNow{Req: 1, Peer: a.Peer(), Space: space})
	check("the demand", ended(5e9), 1)
	w.step(a, &codec.SetInterval{Peer: b.Peer(), IntervalNs: 10e9})
	if n := ended(100e9); n < 9 || n > 11 {
		t.Fatalf("%d sessions in 100 s at an interval of 10 s", n)
	}
}

// A put of several records is replicated when enough peers hold each of them.
func TestReplicasOfEachRecord(t *testing.T) {
	w := newNet(t, 0)
	a, b, c := w.add(1, quiet, newStore()), w.add(2, quiet, newStore()), w.add(3, quiet, newStore())
	space := w.space(a, b, c)
	put := puts(space, 0, 2)
	put.Req, put.Replicas = 7, 2
	w.step(a, put)
	var shorts []uint64
	for id := range a.all(space) {
		shorts = append(shorts, a.spaces[space].short(&id))
	}
	reach := func(short uint64, peers ...*Node) int {
		for _, p := range peers {
			a.Reached(space, short, p.Peer())
			a.Reached(space, short, p.Peer()) // counts once
		}
		return len(find[*codec.Replicated](do(t, a, &codec.Wake{})))
	}
	a.Emit(&codec.Done{}) // what Reached says leaves with the step
	if n := reach(shorts[0], b, c) + reach(shorts[1], b); n != 0 {
		t.Fatal("one of the records is with one peer only")
	}
	a.effects = a.effects[:0]
	a.Reached(space, shorts[1], c.Peer())
	if got := find[*codec.Replicated](a.effects); len(got) != 1 || got[0].Req != 7 || got[0].Peers != 2 {
		t.Fatalf("%v", got)
	}
}
