package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// What a node shows of a set: no tombstones, no controls, a key's authors
// together, and of what was signed twice the higher id.
func TestViews(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	owner := newAuthor(9)
	space := join(t, n, genesis(owner))
	var records []*codec.Record
	for i := range byte(3) {
		a := newAuthor(10 + i)
		records = append(records, a.put(space, 1, "a", "v", codec.ID{}), a.put(space, 2, "b", "v", codec.ID{}))
	}
	liar := newAuthor(20)
	one, two := liar.put(space, 1, "twice", "one", codec.ID{}), liar.put(space, 1, "twice", "two", codec.ID{})
	high, low := one, two
	if high.ID.Compare(low.ID) < 0 {
		high, low = low, high
	}
	gone := newAuthor(21)
	bring(n, space, append(records, one, two, owner.grant(space, 1, liar.peer), gone.put(space, 1, "gone", "v", codec.ID{}),
		gone.sign(codec.Header{Space: space, Version: 2, Kind: codec.KindDelete, Key: codec.MustKey("gone")}, nil))...)
	all := find[*codec.Entries](do(t, n, &codec.Scan{Space: space}))[0]
	if len(all.Entries) != 7 || all.More || all.Entries[6].Record != high.ID {
		t.Fatalf("%d entries", len(all.Entries))
	}
	if got := find[*codec.Entries](do(t, n, &codec.Get{Space: space, Key: codec.MustKey("gone")}))[0]; len(got.Entries) != 0 {
		t.Fatalf("%v", got)
	}
	if standing(t, n, space, high.ID) != codec.StandingHeld || standing(t, n, space, low.ID) != codec.StandingProof {
		t.Fatal("not told which of two counts")
	}
	var seen []codec.Entry
	var after codec.Key
	for pages := 1; ; pages++ {
		page := find[*codec.Entries](do(t, n, &codec.Scan{Space: space, After: after, Limit: 1}))[0]
		seen = append(seen, page.Entries...)
		if !page.More {
			if pages != 3 || fmt.Sprint(seen) != fmt.Sprint(all.Entries) {
				t.Fatalf("%d pages with %d entries", pages, len(seen))
			}
			break
		}
		after = page.Entries[len(page.Entries)-1].Key
	}
}

// Limits that a host can run into.
func TestHostLimits(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	space := join(t, n, genesis(newAuthor(9)))
	for i := range watchesMax {
		do(t, n, &codec.Watch{Req: uint64(i), Space: space})
	}
	if err := refuse(t, n, &codec.Watch{Req: watchesMax, Space: space}); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	do(t, n, &codec.Unwatch{Watch: 3})
	do(t, n, &codec.Watch{Req: watchesMax, Space: space})
	g := genesis(newAuthor(9))
	for i := range spacesMax - 1 {
		g.Name = fmt.Sprint(i)
		join(t, n, g)
	}
	if err := refuse(t, n, &codec.CreateSpace{}); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	join(t, n, g) // known already
	do(t, n, &codec.LeaveSpace{Space: space})
	do(t, n, &codec.CreateSpace{})
}

// What a peer hears that asks for too much, or for what it may not have.
func TestAnswersToPeers(t *testing.T) {
	open := func(v *villain, session int64) {
		v.calm()
		v.say(codec.MsgOpen, &codec.Open{Session: session, Index: 3, Strategy: "full", Count: 1, Summary: codec.ID{1}})
	}
	t.Run("unknown kinds", func(t *testing.T) {
		v := newVillain(t, 1)
		v.say(77, &codec.Refuse{Kind: 1})
		var r codec.Refuse
		if got := v.heardOf(codec.MsgRefuse); len(got) != 1 || got[0].Decode(&r) != nil || r.Kind != 77 || len(v.kinds) > 0 {
			t.Fatalf("%v, faults %v", got, v.kinds)
		}
	})
	t.Run("a space that became forbidden", func(t *testing.T) {
		v := newVillain(t, 1)
		v.n.spaces[v.space].genesis.Read = codec.ReadMembers
		open(v, 1)
		if got := v.closed(); len(got) != 1 || got[0] != codec.OutcomeNotAllowed || len(v.kinds) > 0 {
			t.Fatalf("%v, faults %v", got, v.kinds)
		}
	})
	t.Run("wants more than there is", func(t *testing.T) {
		v := newVillain(t, 1)
		open(v, 1)
		v.say(codec.MsgWant, &codec.Want{Index: 3, Session: 1, More: true, Short: make([]byte, 8*3000)})
		if got := v.closed(); v.kinds[codec.FaultQuota] != 1 || len(got) != 1 || got[0] != codec.OutcomeFault {
			t.Fatalf("%v, faults %v", got, v.kinds)
		}
	})
	t.Run("another protocol", func(t *testing.T) {
		v := newVillain(t, 1)
		v.fresh()
		v.say(codec.MsgHello, &codec.Hello{Protocol: codec.ProtocolVersion + 1, Nonce: 1, Window: 1 << 20})
		if !v.gone || len(v.kinds) > 0 {
			t.Fatalf("hung up %t, faults %v", v.gone, v.kinds)
		}
	})
	t.Run("no hello", func(t *testing.T) {
		v := newVillain(t, 1)
		v.fresh()
		v.say(codec.MsgEager, &codec.Eager{})
		if v.kinds[codec.FaultMessage] != 1 {
			t.Fatalf("faults %v", v.kinds)
		}
	})
	t.Run("too many faults", func(t *testing.T) {
		v := newVillain(t, 1)
		for i := range 64 {
			if v.gone {
				t.Fatalf("given up after %d faults", i)
			}
			v.frame([]byte{byte(i)})
		}
		if !v.gone || v.kinds[codec.FaultFrame] != 64 {
			t.Fatalf("hung up %t, faults %v", v.gone, v.kinds)
		}
		v.frame([]byte{1})
		if v.kinds[codec.FaultFrame] != 64 {
			t.Fatal("still listened to")
		}
	})
	t.Run("too many spaces", func(t *testing.T) {
		v := newVillain(t, 1)
		for i := range uint64(3) {
			s := &codec.Spaces{Add: make([]codec.SpaceName, 1000)}
			for j := range s.Add {
				s.Add[j] = codec.SpaceName{Index: 5 + 1000*i + uint64(j), Blind: codec.Blind{byte(i), byte(j), byte(j >> 8), 1}}
			}
			v.say(codec.MsgSpaces, s)
		}
		if v.kinds[codec.FaultMessage] != 1 {
			t.Fatalf("faults %v", v.kinds)
		}
	})
	t.Run("many sessions", func(t *testing.T) {
		v := newVillain(t, 1)
		var names []codec.SpaceName
		const most = 8 // at once on one link
		for i := range uint64(2 * most) {
			g := genesis(newAuthor(9))
			g.Name = fmt.Sprint(i)
			do(t, v.n, &codec.JoinSpace{Genesis: g.Encode()}, putOne(g.ID(), 1))
			name := codec.SpaceName{Index: 100 + i, Blind: v.blind(g.ID(), 1)}
			names = append(names, name)
		}
		v.say(codec.MsgSpaces, &codec.Spaces{Add: names})
		v.calm()
		for i, name := range names {
			v.say(codec.MsgOpen, &codec.Open{Session: int64(i + 1), Index: name.Index, Strategy: "full", Count: 1, Summary: codec.ID{1}})
		}
		busy := 0
		for _, o := range v.closed() {
			if o == codec.OutcomeBusy {
				busy++
			}
		}
		if busy != most || len(v.kinds) > 0 {
			t.Fatalf("%d of %d sessions were too many, faults %v", busy, len(names), v.kinds)
		}
	})
}
