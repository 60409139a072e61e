package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/store"
)

// state is everything of a node that a step which did nothing must not touch.
func (n *Node) state() string {
	s := fmt.Sprint(n.clock, n.counters, len(n.drafts), n.nextToken, len(n.replicas), len(n.refused), len(n.order), n.sync.NextWake(), n.sync.PeerStatus(nil))
	for _, sp := range n.order {
		digest, count := n.fingerprint(sp)
		s += fmt.Sprint(digest, count, sp.writer, len(sp.pending), len(sp.watches))
	}
	return s + fmt.Sprint(*n.rng)
}

// A refused event leaves no trace; what came before it has happened.
func TestRefusedEvents(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	g := genesis(newAuthor(1))
	space := join(t, n, g)
	members := genesis(newAuthor(9))
	members.Write = codec.WriteMembers
	foreign := join(t, n, members)
	do(t, n, &codec.LinkUp{Peer: newAuthor(2).peer, Link: 1}, &codec.Watch{Req: 1, Space: space})
	big := &codec.Put{Space: space, Entries: make([]codec.PutEntry, 2)}
	big.Entries[0] = codec.PutEntry{Key: codec.MustKey("a"), Codec: codec.CodecRaw}
	big.Entries[1] = codec.PutEntry{Key: codec.MustKey("b"), Codec: codec.CodecRaw, Value: make([]byte, codec.ValueInlineMax+1)}
	badKey := &codec.Put{Space: space, Entries: []codec.PutEntry{{Key: codec.Key{0xff}, Codec: codec.CodecRaw}}}
	control, err := codec.NewKey([]byte{0, 'x'})
	if err != nil {
		t.Fatal(err)
	}
	other, self := newAuthor(2), newAuthor(1)
	forged := other.put(space, 1, "k", "v", codec.ID{})
	forged.Sig[3]++
	bad := []codec.Event{
		&codec.Put{Space: codec.ID{1}}, &codec.Put{Space: space}, big, badKey,
		&codec.Put{Space: space, Entries: []codec.PutEntry{{Key: control, Codec: codec.CodecRaw}}},
		&codec.Put{Space: space, Entries: make([]codec.PutEntry, codec.PutEntriesMax+1)},
		putOne(foreign, 1), &codec.Delete{Space: space}, &codec.Delete{Space: foreign, Keys: []codec.Key{codec.MustKey("a")}},
		&codec.Get{Space: space}, &codec.Get{Space: codec.ID{1}}, &codec.Scan{Space: codec.ID{1}},
		&codec.Scan{Space: space, Limit: codec.ScanLimitMax + 1}, &codec.Scan{Space: space, Limit: 1 << 63},
		&codec.Watch{Req: 1, Space: foreign}, &codec.Watch{Req: 9, Space: codec.ID{1}}, &codec.Unwatch{Watch: 9},
		&codec.Signed{Token: 9}, &codec.Grant{Space: foreign, Member: other.peer}, &codec.Grant{Space: space},
		&codec.Cut{Space: foreign}, &codec.Cut{Space: space, Member: self.peer}, &codec.Explain{Space: codec.ID{1}},
		&codec.Export{Space: codec.ID{1}}, &codec.Import{Space: space, Envelopes: []byte{1, 2}},
		&codec.Import{Space: space, Envelopes: forged.AppendEnvelope(nil)},
		&codec.Import{Space: space, Envelopes: other.put(foreign, 1, "k", "v", codec.ID{}).AppendEnvelope(nil)},
		&codec.CreateSpace{Name: string(make([]byte, codec.TextMax+1))}, &codec.CreateSpace{ValueMax: 1 << 40},
		&codec.CreateSpace{Write: 99}, &codec.JoinSpace{}, &codec.JoinSpace{Genesis: g.Encode()[1:]}, &codec.LeaveSpace{Space: codec.ID{1}},
		&codec.AddPeer{Peer: self.peer}, &codec.AddPeer{Peer: other.peer, IntervalNs: 1 << 60}, &codec.RemovePeer{Peer: codec.PeerID{1}},
		&codec.PausePeer{Peer: codec.PeerID{1}}, &codec.SetInterval{Peer: codec.PeerID{1}}, &codec.SetInterval{Peer: other.peer, IntervalNs: 1 << 60},
		&codec.SyncNow{Space: codec.ID{1}}, &codec.SyncNow{Space: space, Strategy: "none"},
		&codec.Frame{Link: 9}, &codec.LinkDown{Link: 9}, &codec.LinkUp{Peer: other.peer, Link: 1}, &codec.LinkUp{Peer: other.peer},
		&codec.LinkUp{Peer: self.peer, Link: 3}, &codec.LinkUp{Peer: codec.PeerID{1}, Link: 3}, nil,
	}
	for want, ev := range map[string]codec.Event{
		"the empty key is a prefix":       &codec.Put{Space: space, Entries: []codec.PutEntry{{Codec: codec.CodecRaw}}},
		"an address of 1025 bytes":        &codec.AddPeer{Peer: other.peer, Address: string(make([]byte, codec.TextMax+1))},
		"the peer is this node itself":    &codec.AddPeer{Peer: self.peer},
		"interval of 1152921504606846976": &codec.AddPeer{Peer: other.peer, IntervalNs: 1 << 60},
		"link number 0":                   &codec.LinkUp{Peer: other.peer},
	} {
		if err := refuse(t, n, ev); !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		bad = append(bad, ev)
	}
	before := n.state()
	for i, ev := range bad {
		_, err := n.Step(after(n, 0), ev)
		var refused *EventError
		if !errors.As(err, &refused) || refused.Index != 0 {
			t.Fatalf("event %d of type %T: %v", i, ev, err)
		}
		n.counters.Refused = 0 // what Explain knows of a forged record may grow
		n.counters.Verified = 0
		n.refused = nil
		if now := n.state(); now != before {
			t.Fatalf("event %d of type %T left a trace:\n%s\n%s", i, ev, before, now)
		}
	}
	effects, err := n.Step(after(n, 0), putOne(space, 1), bad[0], putOne(space, 2))
	var refused *EventError
	if !errors.As(err, &refused) || refused.Index != 1 || !errors.Is(err, ErrUnknownSpace) {
		t.Fatal(err)
	}
	if n.Count(space) != 1 || len(find[*codec.Stored](effects)) != 1 || len(find[*codec.Changed](effects)) != 1 {
		t.Fatalf("%d records, %v", n.Count(space), effects)
	}
	if _, err := n.Step(codec.Now{Mono: n.now.Mono - 1}); !errors.Is(err, ErrTime) {
		t.Fatal(err)
	}
}

// When the store fails nothing of the step leaves, nothing works afterwards, and
// a new node on the store goes on from before.
func TestStoreFails(t *testing.T) {
	for failAt := uint64(2); failAt < 8; failAt++ { // Open commits once
		inner := newStore()
		broken := &store.Faulty{Store: inner, FailAt: failAt, Err: errors.New("no space left")}
		n := openNode(t, 1, Config{}, broken)
		g := genesis(newAuthor(9))
		stored := 0
		events := []codec.Event{&codec.JoinSpace{Genesis: g.Encode()}, &codec.LinkUp{Peer: newAuthor(2).peer, Link: 1}}
		for i := range 10 {
			events = append(events, putOne(g.ID(), i))
		}
		failed := false
		for _, ev := range events {
			effects, err := n.Step(after(n, 1), ev)
			if failures := find[*codec.StoreFailed](effects); len(failures) > 0 {
				if len(effects) != 2 || failures[0].Detail != "no space left" || err != nil {
					t.Fatalf("%v, %v", effects, err)
				}
				failed = true
				continue
			}
			if failed || err != nil {
				t.Fatalf("a failed store was forgotten: %v, %v", effects, err)
			}
			stored += len(find[*codec.Stored](effects))
		}
		if !failed {
			t.Fatal("the store did not fail")
		}
		if err := n.Close(); err == nil {
			t.Fatal("closed as if nothing had happened")
		}
		again := openNode(t, 1, Config{Boot: 1}, inner.Crash(inner.Unsynced()))
		do(t, again, &codec.JoinSpace{Genesis: g.Encode()})
		if got := again.Count(g.ID()); got != uint64(min(stored, 5)) {
			t.Fatalf("fails at %d: %d records, %d were stored", failAt, got, stored)
		}
		do(t, again, putOne(g.ID(), 1))
	}
}

// Waking early, or twice, changes nothing but the chain of what happened.
func TestWakesAreHarmless(t *testing.T) {
	w := newNet(t, 50)
	a, b := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
	space := w.space(a, b)
	w.step(a, puts(space, 0, 300))
	w.connect(1, a, b)
	w.step(a, &codec.AddPeer{Peer: newAuthor(5).peer})
	for range 400 {
		w.run(w.now + 7_000_013) // nothing is due at such an instant
		for _, n := range []*Node{a, b} {
			before := n.state()
			for range 2 {
				effects, err := n.Step(w.clock(), &codec.Wake{})
				if err != nil || len(effects) != 1 || n.state() != before {
					t.Fatalf("at %d: %v %v", w.now, err, effects)
				}
			}
		}
	}
	if a.Count(space) != 300 || b.Count(space) != 300 {
		t.Fatal("not in sync")
	}
}

// A node may start at the first instant of its clock.
func TestTimeZero(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	effects, err := n.Step(codec.Now{}, &codec.AddPeer{Peer: newAuthor(2).peer, Address: "there"})
	if err != nil || len(find[*codec.Dial](effects)) != 1 {
		t.Fatalf("%v %v", effects, err)
	}
	w := newNet(t, 0)
	w.delay = 0
	a, b := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
	space := w.space(a, b)
	w.step(a, puts(space, 0, 3))
	w.connect(1, a, b)
	w.run(1e9)
	if b.Count(space) != 3 {
		t.Fatal("no session at time 0")
	}
}

func TestHostSigner(t *testing.T) {
	key := sign.KeyFromSeed(&[32]byte{1, 1})
	n, err := Open(Config{Peer: key.Public(), Seed: [32]byte{1}}, newStore(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := genesis(newAuthor(9))
	space := join(t, n, g)
	answer := func(s *codec.Sign) *codec.Signed { return &codec.Signed{Token: s.Token, Sig: key.Sign(s.Message)} }

	asked := find[*codec.Sign](do(t, n, puts(space, 0, 3)))
	if len(asked) != 3 || n.Count(space) != 0 {
		t.Fatalf("%d signatures asked for, %d records", len(asked), n.Count(space))
	}
	// Wrong signatures and tokens are the host's mistakes, and can be mended.
	wrong := answer(asked[0])
	wrong.Sig[0]++
	refuse(t, n, wrong)
	refuse(t, n, &codec.Signed{Token: 99})
	do(t, n, answer(asked[2]), answer(asked[0]))
	if n.Count(space) != 0 {
		t.Fatal("a put is stored as a whole")
	}
	if stored := find[*codec.Stored](do(t, n, answer(asked[1]))); len(stored) != 1 || len(stored[0].IDs) != 3 || n.Count(space) != 3 {
		t.Fatalf("%v", stored)
	}
	refuse(t, n, answer(asked[1]))

	// A space that has been left in the meantime.
	asked = find[*codec.Sign](do(t, n, puts(space, 0, 2)))
	do(t, n, answer(asked[0]), &codec.LeaveSpace{Space: space})
	if stored := find[*codec.Stored](do(t, n, answer(asked[1]))); len(stored) != 0 || len(n.drafts) != 0 {
		t.Fatalf("%v, %d drafts", stored, len(n.drafts))
	}

	// A host that does not answer cannot fill the memory.
	join(t, n, g)
	var last error
	for i := 0; i < 3*draftsMax/1000 && last == nil; i++ {
		_, last = n.Step(after(n, 0), puts(space, 0, 1000))
	}
	if !errors.Is(last, ErrArgument) || len(n.drafts) > draftsMax {
		t.Fatalf("%d drafts, %v", len(n.drafts), last)
	}
}

// Cut while the host signs: the record is not stored, and Stored does not say so.
func TestCutWhileSigning(t *testing.T) {
	owner := newAuthor(9)
	key := sign.KeyFromSeed(&[32]byte{1, 1})
	n, err := Open(Config{Peer: key.Public(), Seed: [32]byte{1}}, newStore(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := genesis(owner)
	space := join(t, n, g)
	asked := find[*codec.Sign](do(t, n, puts(space, 0, 1)))
	bring(n, space, owner.cut(space, 1, n.Peer(), 0))
	stored := find[*codec.Stored](do(t, n, &codec.Signed{Token: asked[0].Token, Sig: key.Sign(asked[0].Message)}))
	if len(stored) != 1 || len(stored[0].IDs) != 0 || n.Count(space) != 1 {
		t.Fatalf("%v, %d records", stored, n.Count(space))
	}
}

func TestWatches(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	other := newAuthor(2)
	g := genesis(newAuthor(9))
	g.History = codec.HistoryAll
	space := join(t, n, g)
	do(t, n, &codec.Watch{Req: 1, Space: space, Prefix: codec.MustKey("a")}, &codec.Watch{Req: 2, Space: space})
	heard := func(records ...*codec.Record) (list []string) {
		bring(n, space, records...)
		for _, c := range find[*codec.Changed](do(t, n, &codec.Wake{})) {
			for _, e := range c.Entries {
				list = append(list, fmt.Sprint(c.Watch, string(e.Value)))
			}
		}
		return list
	}
	check := func(got []string, want ...string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("heard %v, want %v", got, want)
		}
	}
	check(heard(other.put(space, 5, "a", "five", codec.ID{})), "1five", "2five")
	check(heard(other.put(space, 6, "b", "six", codec.ID{})), "2six")
	check(heard(other.put(space, 4, "a", "four", codec.ID{}))) // history, not news
	do(t, n, &codec.Unwatch{Watch: 2})
	check(heard(other.put(space, 7, "b", "seven", codec.ID{})))
	check(heard(other.put(space, 8, "a", "eight", codec.ID{})), "1eight")
	// A cut uncovers what came before.
	check(heard(newAuthor(9).cut(space, 1, other.peer, 6)), "1five")
}

func TestExportImport(t *testing.T) {
	a, b := openNode(t, 1, Config{}, newStore()), openNode(t, 2, Config{}, newStore())
	owner, member := newAuthor(9), newAuthor(8)
	g := genesis(owner)
	g.Write = codec.WriteMembers
	space := join(t, a, g)
	grant := owner.grant(space, 1, member.peer)
	bring(a, space, grant, member.put(space, 1, "k", "v", grant.ID), member.put(space, 2, "l", string(make([]byte, 60000)), grant.ID))
	var envelopes, block []byte
	for _, e := range find[*codec.Exported](do(t, a, &codec.Export{Space: space})) {
		envelopes = append(envelopes, e.Envelopes...)
		block = append(block, e.Genesis...)
	}
	do(t, b, &codec.JoinSpace{Genesis: block})
	outsider := newAuthor(7).put(space, 1, "k", "v", grant.ID)
	with := outsider.AppendEnvelope(bytes.Clone(envelopes))
	stored := find[*codec.Stored](do(t, b, &codec.Import{Space: space, Envelopes: with}))
	if len(stored[0].IDs) != 3 || summaryOf(t, a, space) != summaryOf(t, b, space) {
		t.Fatalf("imported %d", len(stored[0].IDs))
	}
	if standing(t, b, space, outsider.ID) != codec.StandingRefused {
		t.Fatal("nobody can tell why a record was left out")
	}
	if again := find[*codec.Stored](do(t, b, &codec.Import{Space: space, Envelopes: envelopes})); len(again[0].IDs) != 0 {
		t.Fatal("imported twice")
	}
}
