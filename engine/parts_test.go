package engine

import (
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// dated are records of one author: key "a" or "b" by turns, each a second later.
func dated(space codec.ID, count int) (list []*codec.Record) {
	x := newAuthor(5)
	for i := range count {
		list = append(list, x.sign(codec.Header{
			Space: space, Version: uint64(i + 1), Time: codec.NewHLC(1000*int64(i), 0),
			Key: codec.MustKey(string('a'+rune(i%2)), string('0'+rune(i))),
		}, []byte("value")))
	}
	return list
}

// apart are two connected nodes that hold 20 dated records each, of which 10 are
// the same, and whom nothing but a request makes talk of them.
func apart(t *testing.T, a, b Config) (w *net, left, right *Node, space codec.ID) {
	w = newNet(t, 0)
	a.IntervalNs, a.IdleNs, b.IntervalNs, b.IdleNs = 1e15, -1, 1e15, -1
	left, right = w.add(1, a, newStore()), w.add(2, b, newStore())
	space = w.space(left, right)
	w.connect(1, left, right)
	w.run(w.now + 1e9)
	take[*codec.SyncEnded](w, left)
	records := dated(space, 30)
	for n, part := range map[*Node][]*codec.Record{left: records[:20], right: records[10:]} {
		peer := n.sync.PeerStatus(nil)[0].Peer
		w.step(n, &codec.PausePeer{Peer: peer, Paused: true}) // the live path must not help
		bring(n, space, part...)
		w.step(n, &codec.PausePeer{Peer: peer}, &codec.SetInterval{Peer: peer, IntervalNs: 1e15})
	}
	return w, left, right, space
}

// part runs a session on a part and returns how it ended.
func part(w *net, from, to *Node, space codec.ID, strategy string, p codec.Part) codec.SyncEnded {
	w.t.Helper()
	w.step(from, &codec.SyncPart{Req: 9, Peer: to.Peer(), Space: space, Strategy: strategy, Part: p})
	w.run(w.now + 3e9)
	ended := take[*codec.SyncEnded](w, from)
	ended = slices.DeleteFunc(ended, func(e *codec.SyncEnded) bool { return e.Req != 9 })
	if len(ended) != 1 {
		w.t.Fatalf("answered %d times", len(ended))
	}
	return *ended[0]
}

// What lies in the part comes to be on both sides; what lies outside stays where
// it is, and nobody takes the whole for compared.
func TestPartsOfASpace(t *testing.T) {
	for _, strategy := range []string{"rbsr", "full"} {
		for name, p := range map[string]codec.Part{
			"prefix":          {Prefix: codec.MustKey("a")},
			"window":          {Since: 5000, Until: 25_000},
			"since":           {Since: 5000},
			"until":           {Until: 25_000},
			"window of a key": {Prefix: codec.MustKey("a"), Since: 5000, Until: 25_000},
			"nothing":         {Prefix: codec.MustKey("c")},
		} {
			cfg := Config{Strategies: []string{"riblt", strategy}}
			w, left, right, space := apart(t, cfg, cfg)
			before := left.sync.PeerStatus(nil)[0]
			from, to := p.Window()
			inside := func(r *codec.Record) bool { return r.Key.HasPrefix(p.Prefix) && from <= r.Time && r.Time < to }
			ended := part(w, left, right, space, "", p)
			if ended.Outcome != codec.OutcomeFinished || ended.Strategy != strategy || ended.BytesIn == 0 || ended.Rounds == 0 {
				t.Fatalf("%s %s: %+v", strategy, name, ended)
			}
			held := [2]map[codec.ID]*codec.Record{left.all(space), right.all(space)}
			moved := uint64(0)
			for i, rec := range dated(space, 30) {
				for side, set := range held {
					own := side == 0 && i < 20 || side == 1 && i >= 10
					if _, holds := set[rec.ID]; holds != (own || inside(rec)) {
						t.Errorf("%s %s: side %d holds record %d: %t", strategy, name, side, i, holds)
					}
				}
				if inside(rec) && (i < 10 || i >= 20) {
					moved++
				}
			}
			if ended.Received+ended.Sent != moved {
				t.Errorf("%s %s: %d records received and %d sent, want %d", strategy, name, ended.Received, ended.Sent, moved)
			}
			again := part(w, left, right, space, "", p)
			if again.Outcome != codec.OutcomeFinished || again.Received+again.Sent != 0 {
				t.Errorf("%s %s: again %+v", strategy, name, again)
			}
			after := left.sync.PeerStatus(nil)[0]
			if after.RTTNs = before.RTTNs; after != before {
				t.Errorf("%s %s: a part says %+v of the whole, before %+v", strategy, name, after, before)
			}
			if f := w.faults(); f != nil {
				t.Fatal(f)
			}
		}
	}
}

// Who cannot do a part says so.
func TestPartsUnsupported(t *testing.T) {
	p := codec.Part{Since: 5000}
	ranges, sketches := Config{Strategies: []string{"rbsr"}}, Config{Strategies: []string{"riblt"}}
	w, left, right, space := apart(t, ranges, sketches)
	for strategy, want := range map[string]codec.Outcome{"rbsr": codec.OutcomeUnsupported, "full": codec.OutcomeFinished} {
		if ended := part(w, left, right, space, strategy, p); ended.Outcome != want {
			t.Errorf("%s: %+v", strategy, ended)
		}
	}
	if ended := part(w, right, left, space, "riblt", p); ended.Outcome != codec.OutcomeUnsupported {
		t.Errorf("riblt: %+v", ended)
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// A peer of an older vocabulary refuses the message, and the session has ended.
func TestPartsOfAnOlderPeer(t *testing.T) {
	v := newVillain(t, 1)
	v.step(&codec.SyncPart{Req: 9, Peer: v.me.peer, Space: v.space, Strategy: "full", Part: codec.Part{Since: 1}})
	if opened := v.heardOf(codec.MsgOpenPart); len(opened) != 1 {
		t.Fatalf("%d sessions were opened", len(opened))
	}
	v.ended = nil
	v.say(codec.MsgRefuse, &codec.Refuse{Kind: codec.MsgHave}) // of something else
	if v.n.sync.PeerStatus(nil)[0].SessionOpen == false {
		t.Fatal("the session has ended")
	}
	v.say(codec.MsgRefuse, &codec.Refuse{Kind: codec.MsgOpenPart})
	if len(v.ended) != 1 || v.ended[0].Req != 9 || v.ended[0].Outcome != codec.OutcomeUnsupported || len(v.kinds) > 0 {
		t.Fatalf("%v, faults %v", v.ended, v.kinds)
	}
}

// Openings that no honest peer sends are faults; those that make a node read much
// are answered busy until they have been paid for.
func TestHostileParts(t *testing.T) {
	for _, p := range []codec.Part{{Since: 1 << 48}, {Until: 1 << 48}, {Since: 7, Until: 7}, {Since: 8, Until: 7}} {
		v := newVillain(t, 1)
		v.calm()
		v.say(codec.MsgOpenPart, &codec.OpenPart{Session: 1, Index: 3, Strategy: "full", Part: p})
		if v.kinds[codec.FaultMessage] != 1 || v.n.sync.PeerStatus(nil)[0].SessionOpen {
			t.Errorf("%+v: faults %v", p, v.kinds)
		}
		refuse(t, v.n, &codec.SyncPart{Peer: v.me.peer, Space: v.space, Part: p})
	}
	v := newVillain(t, 1)
	v.calm()
	if busy := v.work(300_000); busy < 3000 || busy > 5000 || len(v.kinds) > 0 { // within 60 ms
		t.Errorf("busy %d times, faults %v", busy, v.kinds)
	}
	if v.mono += 5e9; v.work(1) != 0 {
		t.Error("busy when all has been paid for")
	}
}

// A part that takes the place of a session on the whole is followed by another one.
func TestPartsGoFirst(t *testing.T) {
	w := newNet(t, 0)
	cfg := Config{IntervalNs: 1e15, IdleNs: -1}
	a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
	space := w.space(a, b)
	w.step(a, puts(space, 0, 100))
	w.step(b, puts(space, 50, 100))
	w.connect(1, a, b)
	w.run(w.now + 50e6) // the first session has begun
	if got := part(w, a, b, space, "", codec.Part{Prefix: codec.MustKey("k", "1")}); got.Outcome != codec.OutcomeFinished {
		t.Fatalf("%+v", got)
	}
	if a.Count(space) != 200 || summaryOf(t, a, space) != summaryOf(t, b, space) {
		t.Errorf("%d and %d records", a.Count(space), b.Count(space))
	}
}
