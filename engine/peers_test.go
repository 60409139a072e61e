package engine

import (
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// take removes and returns what a node said since the last time.
func take[T codec.Effect](w *net, n *Node) []T {
	list := find[T](w.got[n.Peer()])
	w.got[n.Peer()] = nil
	return list
}

func pair(t *testing.T, loss int) (w *net, a, b *Node, space codec.ID) {
	w = newNet(t, loss)
	a, b = w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
	space = w.space(a, b)
	w.connect(1, a, b)
	w.run(w.now + 3e9)
	return w, a, b, space
}

func TestPauseStopsRecords(t *testing.T) {
	w, a, b, space := pair(t, 0)
	w.step(a, &codec.PausePeer{Peer: b.Peer(), Paused: true})
	w.step(a, puts(space, 0, 5))
	w.step(b, puts(space, 5, 5))
	w.run(w.now + 60e9)
	if a.Count(space) != 5 || b.Count(space) != 5 {
		t.Fatalf("%d and %d records passed a pause", a.Count(space), b.Count(space))
	}
	take[*codec.SyncEnded](w, a)
	w.step(a, &codec.SyncNow{Req: 3, Peer: b.Peer(), Space: space})
	if ended := take[*codec.SyncEnded](w, a); len(ended) != 1 || ended[0].Outcome != codec.OutcomePaused || ended[0].Req != 3 {
		t.Fatalf("%v", ended)
	}
	w.step(b, &codec.SyncNow{Req: 4, Peer: a.Peer(), Space: space})
	w.run(w.now + 1e9)
	if ended := take[*codec.SyncEnded](w, b); ended[len(ended)-1].Outcome != codec.OutcomePaused || ended[len(ended)-1].Req != 4 {
		t.Fatalf("%+v", ended[len(ended)-1])
	}
	w.step(a, &codec.PausePeer{Peer: b.Peer()})
	w.run(w.now + 5e9)
	if a.Count(space) != 10 || b.Count(space) != 10 {
		t.Fatalf("%d and %d records after the pause", a.Count(space), b.Count(space))
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// A pause in the middle of everything loses nothing.
func TestPauseAnywhere(t *testing.T) {
	for at := int64(1e6); at < 300e6; at += 23e6 {
		w := newNet(t, 100)
		a, b := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
		space := w.space(a, b)
		w.step(a, puts(space, 0, 400))
		w.step(b, puts(space, 200, 400))
		w.connect(1, a, b)
		w.run(w.now + at)
		w.step(a, &codec.PausePeer{Peer: b.Peer(), Paused: true})
		w.run(w.now + 2e9)
		w.step(a, &codec.PausePeer{Peer: b.Peer()})
		w.run(w.now + 30e9)
		if a.Count(space) != 800 || b.Count(space) != 800 {
			t.Fatalf("paused at %d: %d and %d records", at, a.Count(space), b.Count(space))
		}
		if f := w.faults(); f != nil {
			t.Fatal(f)
		}
	}
}

func TestRemovePeerHangsUp(t *testing.T) {
	w, a, b, space := pair(t, 0)
	w.step(a, &codec.AddPeer{Peer: b.Peer(), Address: "b"})
	w.step(a, &codec.RemovePeer{Peer: b.Peer()})
	if len(take[*codec.HangUp](w, a)) != 1 {
		t.Fatal("did not hang up")
	}
	w.step(b, puts(space, 0, 3)) // what comes before the host has hung up is ignored
	w.run(w.now + 1e9)
	w.step(a, &codec.LinkDown{Link: 1})
	w.step(b, &codec.LinkDown{Link: 1})
	w.run(w.now + 600e9)
	if a.Count(space) != 0 || len(take[*codec.Dial](w, a)) != 0 || len(a.sync.PeerStatus(nil)) != 0 {
		t.Fatal("a removed peer is not forgotten")
	}
	if again := openNode(t, 1, Config{Boot: 1}, a.store); len(again.sync.PeerStatus(nil)) != 0 {
		t.Fatal("a removed peer comes back after a restart")
	}
}

func TestKeptPeersAreDialed(t *testing.T) {
	w := newNet(t, 0)
	a := w.add(1, Config{}, newStore())
	b := newAuthor(2).peer
	w.step(a, &codec.AddPeer{Peer: b, Address: "there", IntervalNs: 5e9})
	w.run(w.now + 600e9)
	dials := take[*codec.Dial](w, a)
	if len(dials) < 8 || len(dials) > 20 || dials[0].Address != "there" {
		t.Fatalf("%d dials in ten minutes", len(dials))
	}
	a = openNode(t, 1, Config{Boot: 1}, a.store)
	w.nodes[a.Peer()] = a
	w.step(a, &codec.Wake{})
	w.run(w.now + 3e9)
	if dials := take[*codec.Dial](w, a); len(dials) == 0 || dials[0].Address != "there" {
		t.Fatal("a kept peer is not dialed after a restart")
	}
	w.step(a, &codec.LinkUp{Peer: b, Link: 4, Dialed: true})
	w.run(w.now + 100e9)
	if len(take[*codec.Dial](w, a)) != 0 {
		t.Fatal("dials although the link is up")
	}
	w.step(a, &codec.LinkDown{Link: 4})
	w.run(w.now + 3e9)
	if len(take[*codec.Dial](w, a)) == 0 {
		t.Fatal("does not dial again")
	}
}

// Two dials that cross end with the same one link on both sides, in any order.
func TestCrossingDials(t *testing.T) {
	for order := range 4 {
		w := newNet(t, 0)
		a, b := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
		space := w.space(a, b)
		w.step(a, puts(space, 0, 5))
		ends := [2]codec.PeerID{a.Peer(), b.Peer()}
		w.links[1], w.links[2] = ends, ends
		up := func(n, other *Node, first bool) {
			for _, link := range map[bool][]uint64{true: {1, 2}, false: {2, 1}}[first] {
				w.step(n, &codec.LinkUp{Peer: other.Peer(), Link: link, Dialed: (n == a) == (link == 1)})
			}
		}
		up(a, b, order&1 == 0)
		up(b, a, order&2 == 0)
		gone := map[uint64]int{}
		for _, n := range []*Node{a, b} {
			for _, h := range take[*codec.HangUp](w, n) {
				gone[h.Link]++
			}
		}
		if len(gone) != 1 {
			t.Fatalf("order %d: hung up %v", order, gone)
		}
		for link, count := range gone {
			if count != 2 {
				t.Fatalf("order %d: only one side hung up link %d", order, link)
			}
			w.step(a, &codec.LinkDown{Link: link})
			w.step(b, &codec.LinkDown{Link: link})
			w.queue = slices.DeleteFunc(w.queue, func(d delivery) bool { return d.link == link })
		}
		w.run(w.now + 5e9)
		if b.Count(space) != 5 {
			t.Fatalf("order %d: the link that stays does not work", order)
		}
	}
}

// A link that has died on the other side only must not keep out a new one.
func TestNewLinkReplacesADeadOne(t *testing.T) {
	w, a, b, space := pair(t, 0)
	w.run(w.now + 2*crossing)
	w.step(b, &codec.LinkDown{Link: 1})
	w.step(a, puts(space, 0, 5))
	w.links[2] = [2]codec.PeerID{a.Peer(), b.Peer()}
	first := a.Peer().Compare(b.Peer()) < 0 // so that by the rule for crossing dials link 1 would stay
	w.step(b, &codec.LinkUp{Peer: a.Peer(), Link: 2, Dialed: first})
	w.step(a, &codec.LinkUp{Peer: b.Peer(), Link: 2, Dialed: !first})
	if gone := take[*codec.HangUp](w, a); len(gone) != 1 || gone[0].Link != 1 {
		t.Fatalf("%v", gone)
	}
	w.queue = nil // what was under way on the dead link
	w.step(a, &codec.LinkDown{Link: 1})
	w.run(w.now + 5e9)
	if b.Count(space) != 5 {
		t.Fatal("no sync over the new link")
	}
}

const crossing = 10e9

func TestIntervals(t *testing.T) {
	w, a, b, _ := pair(t, 0)
	sessions := func(ns int64) int {
		w.run(w.now + ns)
		return len(take[*codec.SyncEnded](w, a)) + len(take[*codec.SyncEnded](w, b))
	}
	set := func(ns int64) {
		w.step(a, &codec.SetInterval{Peer: b.Peer(), IntervalNs: ns})
		w.step(b, &codec.SetInterval{Peer: a.Peer(), IntervalNs: ns})
	}
	set(1e9)
	if n := sessions(30e9); n < 25 || n > 75 {
		t.Fatalf("%d sessions in 30 s at an interval of 1 s", n)
	}
	set(-1)
	if n := sessions(600e9); n > 1 {
		t.Fatalf("%d sessions after they were switched off", n)
	}
	set(0)
	if n := sessions(100e9); n < 7 || n > 25 {
		t.Fatalf("%d sessions in 100 s at the default interval", n)
	}
}

func TestLeaveAndRejoinOnALink(t *testing.T) {
	w, a, b, space := pair(t, 0)
	block := a.spaces[space].block
	for round := range 5 {
		for _, n := range []*Node{a, b} {
			w.step(n, &codec.LeaveSpace{Space: space})
			w.run(w.now + 1e9)
			w.step(n, &codec.JoinSpace{Genesis: block})
			w.step(n, puts(space, 10*round, 3))
			w.run(w.now + 5e9)
			if a.Count(space) != b.Count(space) || a.Count(space) == 0 {
				t.Fatalf("round %d: %d and %d records", round, a.Count(space), b.Count(space))
			}
		}
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// A put is reported once enough peers hold it, by acknowledgement or otherwise.
func TestReplicas(t *testing.T) {
	for _, loss := range []int{0, 200} {
		w := newNet(t, loss)
		a := w.add(1, Config{}, newStore())
		var others []*Node
		for i := range byte(4) {
			others = append(others, w.add(2+i, Config{}, newStore()))
		}
		space := w.space(a, others...)
		put := puts(space, 0, 3)
		put.Req, put.Replicas = 77, 3
		w.step(a, put)
		replicated := func() []*codec.Replicated { return find[*codec.Replicated](w.got[a.Peer()]) }
		for i, n := range others[:3] {
			w.run(w.now + 60e9)
			if len(replicated()) != 0 {
				t.Fatalf("reported with %d peers", i)
			}
			w.connect(uint64(i+1), a, n)
		}
		w.run(w.now + 60e9)
		if got := replicated(); len(got) != 1 || got[0].Req != 77 || got[0].Peers != 3 {
			t.Fatalf("loss %d: %v", loss, got)
		}
		if a.Tracking() || len(a.tracked) != 0 {
			t.Fatal("still followed")
		}
		// Live, with the links up.
		put = puts(space, 50, 2)
		put.Req, put.Replicas = 78, 3
		w.step(a, put)
		w.run(w.now + 5e9)
		if got := replicated(); len(got) != 2 || got[1].Req != 78 {
			t.Fatalf("loss %d: live: %v", loss, got)
		}
		// Puts that are never replicated are forgotten, the oldest first.
		for i := range 2 * trackedMax {
			put = puts(space, 50, 1)
			put.Req, put.Replicas = uint64(1000+i), 99
			do(t, a, put)
		}
		if len(a.replicas) != trackedMax || len(a.tracked) != trackedMax {
			t.Fatalf("%d puts are followed", len(a.replicas))
		}
		do(t, a, &codec.LeaveSpace{Space: space})
		if a.Tracking() || len(a.tracked) != 0 {
			t.Fatal("puts of a space that was left are followed")
		}
	}
}
