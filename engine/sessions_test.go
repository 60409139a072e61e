package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// blind finds no difference, as a sketch does when two records share a short id.
type blind struct {
	name   string
	open   func(out *reconcile.Out)
	accept func(out *reconcile.Out)
	hint   bool
}

func (b blind) Name() string                          { return b.name }
func (b blind) NewKept(reconcile.View) reconcile.Kept { return nil }
func (b blind) Receive([]byte, *reconcile.Out) error {
	return fmt.Errorf("%w: blind", reconcile.ErrPayload)
}
func (b blind) Open(_ reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	if b.open != nil {
		b.open(out)
	}
	return b
}
func (b blind) Accept(_ reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	if b.accept != nil {
		b.accept(out)
	}
	return b
}

// with lends the engine more strategies for one test.
func with(t *testing.T, strategies ...reconcile.Strategy) {
	before := allStrategies
	allStrategies = append(slices.Clone(before), strategies...)
	t.Cleanup(func() { allStrategies = before })
}

// Whatever goes wrong with a strategy, the next one ends with equal sets, and the
// request is answered once, by the last session.
func TestSessionsFallBack(t *testing.T) {
	done := func(out *reconcile.Out) { out.Done = true }
	fall := func(out *reconcile.Out) { out.Fallback = true }
	talk := func(out *reconcile.Out) { out.Payloads = append(out.Payloads, []byte("x")) }
	cases := map[string]struct {
		strategy blind
		first    codec.Outcome
	}{
		"blind":               {blind{open: done}, codec.OutcomeFinished},
		"initiator gives up":  {blind{open: fall}, codec.OutcomeUnconfirmed},
		"responder gives up":  {blind{accept: fall}, codec.OutcomeUnconfirmed},
		"initiator talks bad": {blind{open: talk}, codec.OutcomeFault},
		"responder talks bad": {blind{accept: talk}, codec.OutcomeFault},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.strategy.name = "blind"
			with(t, c.strategy)
			w := newNet(t, 0)
			cfg := Config{Strategies: []string{"blind"}, IntervalNs: 1e15, IdleNs: -1}
			a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
			space := w.space(a, b)
			w.connect(1, a, b)
			w.run(w.now + 1e9)
			take[*codec.SyncEnded](w, a)
			take[*codec.SyncEnded](w, b)
			bring(a, space, newAuthor(5).put(space, 1, "k", "v", codec.ID{}))
			a.sync.SpaceLeft(space) // the live path must not help
			a.sync.SpaceJoined(space)
			w.step(a, &codec.Wake{})
			w.run(w.now + 1e9)
			w.step(a, &codec.SyncNow{Req: 9, Peer: b.Peer(), Space: space, Strategy: "blind"})
			w.run(w.now + 5e9)
			if b.Count(space) != 1 {
				t.Fatal("not in sync")
			}
			var outcomes []codec.Outcome
			answers := 0
			for _, e := range take[*codec.SyncEnded](w, a) {
				outcomes = append(outcomes, e.Outcome)
				if e.Req == 9 {
					answers++
				}
			}
			if answers != 1 {
				t.Fatalf("answered %d times: %v", answers, outcomes)
			}
		})
	}
}

// Two who have it fall back to the salted sketch, which finds what there is.
func TestSaltedFinishes(t *testing.T) {
	with(t, blind{name: "blind", open: func(out *reconcile.Out) { out.Fallback = true }})
	w := newNet(t, 0)
	cfg := Config{Strategies: []string{"blind"}, IntervalNs: 1e15, IdleNs: -1}
	a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
	space := w.space(a, b)
	w.step(a, puts(space, 0, 300))
	w.step(b, puts(space, 200, 300))
	w.connect(1, a, b)
	w.run(w.now + 5e9)
	var seen []string
	for _, n := range []*Node{a, b} {
		for _, e := range take[*codec.SyncEnded](w, n) {
			seen = append(seen, fmt.Sprint(e.Strategy, " ", e.Outcome))
		}
	}
	if got := fmt.Sprint(seen); got != "[blind unconfirmed salted finished]" || summaryOf(t, a, space) != summaryOf(t, b, space) {
		t.Errorf("%s, %d and %d records", got, a.Count(space), b.Count(space))
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// Full follows where the salted sketch does not finish, and at once where the peer
// does not have it or has made this node work enough.
func TestSaltedComesBeforeFull(t *testing.T) {
	opened := func(v *villain) (number int64, strategy string) {
		for _, m := range v.heardOf(codec.MsgOpen) {
			var o codec.Open
			if err := m.Decode(&o); err != nil {
				t.Fatal(err)
			}
			number, strategy = o.Session, o.Strategy
		}
		return number, strategy
	}
	for name, c := range map[string]struct {
		tired bool
		ends  []codec.Outcome
		want  []string
	}{
		"unconfirmed": {false, []codec.Outcome{codec.OutcomeUnconfirmed, codec.OutcomeUnconfirmed, codec.OutcomeUnconfirmed}, []string{"riblt", "salted", "full", ""}},
		"busy":        {false, []codec.Outcome{codec.OutcomeUnconfirmed, codec.OutcomeBusy}, []string{"riblt", "salted", "full"}},
		"unsupported": {false, []codec.Outcome{codec.OutcomeUnconfirmed, codec.OutcomeUnsupported}, []string{"riblt", "salted", "full"}},
		"tired":       {true, []codec.Outcome{codec.OutcomeUnconfirmed}, []string{"riblt", "full"}},
	} {
		v := newVillain(t, 1)
		if c.tired { // more than a second's share of reading, in one step
			v.step(&codec.LinkDown{Link: v.link()})
			do(t, v.n, puts(v.space, 0, 4000), puts(v.space, 4000, 4000))
			v.seq, v.heard = 0, 0
			v.connect(2)
			v.calm()
			v.work(1)
		}
		v.step(&codec.SyncNow{Req: 9, Peer: v.me.peer, Space: v.space, Strategy: "riblt"})
		number, strategy := opened(v)
		got := []string{strategy}
		for _, o := range c.ends {
			v.say(codec.MsgClose, &codec.Close{Session: -number, Outcome: o})
			number, strategy = opened(v)
			got = append(got, strategy)
		}
		if !slices.Equal(got, c.want) || len(v.kinds) > 0 {
			t.Errorf("%s: %v, faults %v", name, got, v.kinds)
		}
		v.say(codec.MsgOpen, &codec.Open{Session: 1 << 40, Index: 3, Strategy: "salted", Count: 1, Summary: codec.ID{1}})
		if busy := slices.Contains(v.closed(), codec.OutcomeBusy); busy != c.tired {
			t.Errorf("%s: busy: %t", name, busy)
		}
	}
}

// Gaps are invisible to version vectors: the session says that it is not sure,
// and another strategy follows.
func TestFrontierIsConfirmed(t *testing.T) {
	w := newNet(t, 0)
	cfg := Config{Strategies: []string{"frontier", "riblt"}, IntervalNs: 1e15}
	a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
	space := w.space(a, b)
	x := newAuthor(5)
	one, two, three := x.put(space, 1, "a", "v", codec.ID{}), x.put(space, 2, "b", "v", codec.ID{}), x.put(space, 3, "c", "v", codec.ID{})
	bring(a, space, one, three)
	bring(b, space, two, three)
	w.connect(1, a, b)
	w.run(w.now + 3e9)
	if a.Count(space) != 3 || b.Count(space) != 3 {
		t.Fatalf("%d and %d records", a.Count(space), b.Count(space))
	}
	var seen []string
	for _, n := range []*Node{a, b} {
		for _, e := range take[*codec.SyncEnded](w, n) {
			seen = append(seen, fmt.Sprint(e.Strategy, " ", e.Outcome))
		}
	}
	if fmt.Sprint(seen[:2]) != "[frontier unconfirmed riblt finished]" {
		t.Fatal(seen)
	}
}

// Nodes that prefer different strategies, or know only one, still meet.
func TestStrategiesDisagree(t *testing.T) {
	for _, c := range [][2][]string{{{"riblt"}, {"frontier"}}, {{"full"}, {"riblt"}}, {{"frontier", "riblt"}, {"riblt", "frontier"}}} {
		w := newNet(t, 50)
		a, b := w.add(1, Config{Strategies: c[0]}, newStore()), w.add(2, Config{Strategies: c[1]}, newStore())
		space := w.space(a, b)
		w.step(a, puts(space, 0, 50))
		w.step(b, puts(space, 25, 50))
		w.connect(1, a, b)
		w.run(w.now + 20e9)
		if a.Count(space) != 100 || b.Count(space) != 100 {
			t.Fatalf("%v: %d and %d", c, a.Count(space), b.Count(space))
		}
		take[*codec.SyncEnded](w, a)
		w.step(a, &codec.SyncNow{Req: 1, Peer: b.Peer(), Space: space, Strategy: c[0][0]})
		w.run(w.now + 2e9)
		if ended := take[*codec.SyncEnded](w, a); len(ended) == 0 || ended[0].Req != 1 {
			t.Fatalf("%v: %v", c, ended)
		}
	}
}

// Every request to sync is answered, whatever happens to the session.
func TestSyncNowIsAlwaysAnswered(t *testing.T) {
	for at := int64(0); at < 150e6; at += 11e6 {
		for fate := range 5 {
			w := newNet(t, 100)
			cfg := Config{TimeoutNs: 5e9, IntervalNs: 1e15, IdleNs: -1}
			a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
			space := w.space(a, b)
			w.step(a, puts(space, 0, 200))
			w.step(b, puts(space, 0, 200))
			w.connect(1, a, b)
			w.run(w.now + 20e6)
			w.step(a, &codec.SyncNow{Req: 1, Peer: b.Peer(), Space: space})
			w.step(b, &codec.SyncNow{Req: 1, Peer: a.Peer(), Space: space})
			w.run(w.now + at)
			switch fate {
			case 1:
				w.step(a, &codec.LinkDown{Link: 1})
				w.step(b, &codec.LinkDown{Link: 1})
				w.queue = nil
			case 2:
				w.step(b, &codec.LeaveSpace{Space: space})
			case 3:
				w.step(b, &codec.PausePeer{Peer: a.Peer(), Paused: true})
			case 4: // silence
				delete(w.wake, b.Peer())
				w.loss = 1000
			}
			w.run(w.now + 60e9)
			sides := []*Node{a, b}
			if fate == 4 {
				sides = sides[:1]
			}
			for i, n := range sides {
				answers := 0
				for _, e := range take[*codec.SyncEnded](w, n) {
					if e.Req == 1 {
						answers++
					}
				}
				if answers != 1 {
					t.Fatalf("at %d fate %d: side %d has %d answers", at, fate, i, answers)
				}
				for _, s := range n.sync.PeerStatus(nil) {
					if s.SessionOpen {
						t.Fatalf("at %d fate %d: a session is stuck", at, fate)
					}
				}
			}
			if f := w.faults(); f != nil {
				t.Fatal(f)
			}
		}
	}
}

// Records that are superseded while a session is about to give or want them.
func TestWritersDuringSessions(t *testing.T) {
	for _, strategy := range StrategyNames() {
		w := newNet(t, 100)
		cfg := Config{Strategies: []string{strategy}, FrameBytes: 600}
		a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
		space := w.space(a, b)
		w.step(a, puts(space, 0, 300))
		w.step(b, puts(space, 0, 300))
		w.connect(1, a, b)
		for i := range 200 {
			w.run(w.now + 9e6)
			w.step(a, puts(space, i, 2))
			w.step(b, puts(space, 298-i, 2))
		}
		w.run(w.now + 30e9)
		if a.Count(space) != 600 || summaryOf(t, a, space) != summaryOf(t, b, space) {
			t.Fatalf("%s: %d and %d records", strategy, a.Count(space), b.Count(space))
		}
		if f := w.faults(); f != nil {
			t.Fatal(f)
		}
	}
}

// Everything two nodes do survives a crash of one at any time.
func TestRestartInMidSession(t *testing.T) {
	for at := int64(1e6); at < 400e6; at += 29e6 {
		w := newNet(t, 100)
		a := w.add(1, Config{FrameBytes: 1000}, newStore())
		st := newStore()
		b := w.add(2, Config{FrameBytes: 1000}, st)
		space := w.space(a, b)
		w.step(a, puts(space, 0, 200))
		w.step(b, puts(space, 0, 200))
		w.connect(1, a, b)
		w.run(w.now + at)
		w.queue = nil
		w.step(a, &codec.LinkDown{Link: 1})
		b = w.add(2, Config{FrameBytes: 1000, Boot: 1, Seed: [32]byte{9}}, st.Crash(st.Unsynced()))
		w.connect(2, a, b)
		w.step(b, puts(space, 300, 3))
		w.run(w.now + 30e9)
		if a.Count(space) != 403 || summaryOf(t, a, space) != summaryOf(t, b, space) {
			t.Fatalf("crash at %d: %d and %d records", at, a.Count(space), b.Count(space))
		}
		if f := w.faults(); f != nil {
			t.Fatal(f)
		}
	}
}

// What cannot be done is answered, with the reason, and nobody is blamed.
func TestTypedAnswers(t *testing.T) {
	w := newNet(t, 0)
	a, b := w.add(1, Config{}, newStore()), w.add(2, Config{Strategies: []string{"riblt"}}, newStore())
	shared := w.space(a, b)
	alone := w.space(a)
	secret := genesis(newAuthor(1))
	secret.Read = codec.ReadMembers
	join(t, a, secret)
	join(t, b, secret)
	answer := func(peer codec.PeerID, space codec.ID, strategy string) codec.Outcome {
		t.Helper()
		take[*codec.SyncEnded](w, a)
		w.step(a, &codec.SyncNow{Req: 1, Peer: peer, Space: space, Strategy: strategy})
		w.run(w.now + 1e9)
		for _, e := range take[*codec.SyncEnded](w, a) {
			if e.Req == 1 {
				return e.Outcome
			}
		}
		t.Fatal("no answer")
		return 0
	}
	check := func(got, want codec.Outcome) {
		t.Helper()
		if got != want {
			t.Fatalf("answered %v, want %v", got, want)
		}
	}
	check(answer(b.Peer(), shared, ""), codec.OutcomeLinkDown)
	w.connect(1, a, b)
	w.run(w.now + 1e9)
	check(answer(b.Peer(), shared, ""), codec.OutcomeEqual)
	check(answer(b.Peer(), shared, "frontier"), codec.OutcomeUnsupported)
	check(answer(b.Peer(), alone, ""), codec.OutcomeNotAllowed)
	check(answer(b.Peer(), secret.ID(), ""), codec.OutcomeNotAllowed)
	check(answer(codec.PeerID{3}, shared, ""), codec.OutcomeLinkDown)
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// More sessions at once than a peer runs: some hear that it is busy, all spaces
// are in sync in the end.
func TestManySpaces(t *testing.T) {
	w := newNet(t, 50)
	a, b := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
	var spaces []codec.ID
	for i := range 40 {
		n, other := a, b
		if i%2 == 0 {
			n, other = b, a
		}
		spaces = append(spaces, w.space(n, other))
		w.step(n, puts(spaces[i], 0, 20))
	}
	w.connect(1, a, b)
	w.run(w.now + 60e9)
	for i, space := range spaces {
		if a.Count(space) != 20 || b.Count(space) != 20 {
			t.Fatalf("space %d: %d and %d records", i, a.Count(space), b.Count(space))
		}
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// A node far behind gets the records once, not once from every peer, and one that
// promises much and gives nothing does not keep it from the others for long.
func TestCatchUpFromOnePeer(t *testing.T) {
	for _, liar := range []bool{false, true} {
		w := newNet(t, 0)
		cfg := Config{TimeoutNs: 5e9}
		behind := w.add(9, cfg, newStore())
		var others []*Node
		space := w.space(behind)
		block := behind.spaces[space].block
		var records []byte
		for i := range byte(3) {
			n := w.add(1+i, cfg, newStore())
			w.step(n, &codec.JoinSpace{Genesis: block})
			if i == 0 {
				for k := range 3 {
					w.step(n, puts(space, 4000*k, 4000))
				}
				for _, e := range find[*codec.Exported](w.step(n, &codec.Export{Space: space})) {
					records = append(records, e.Envelopes...)
				}
			}
			for from := 0; i > 0 && from < len(records); { // events are bounded
				to := from
				for to < len(records) && to-from < 3<<20 {
					size, err := codec.ScanItem(records[to:])
					if err != nil {
						t.Fatal(err)
					}
					to += size
				}
				w.step(n, &codec.Import{Space: space, Envelopes: records[from:to]})
				from = to
			}
			others = append(others, n)
		}
		for i, n := range others {
			w.connect(uint64(i+1), n, behind)
			if liar && i == 0 { // it falls silent when it is believed
				w.run(w.now + 90e6)
				if behind.Count(space) > 10_000 {
					t.Fatal("it was not silent soon enough")
				}
				delete(w.nodes, n.Peer())
				delete(w.wake, n.Peer())
			}
		}
		w.run(w.now + 60e9)
		c := behind.Counters()
		if behind.Count(space) != 12_000 || c.Duplicate > 2000 {
			t.Fatalf("liar %t: %d records, %d of them twice", liar, behind.Count(space), c.Duplicate)
		}
	}
}
