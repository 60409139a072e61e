package engine

import (
	"errors"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

func standing(t *testing.T, n *Node, space, id codec.ID) codec.Standing {
	t.Helper()
	return find[*codec.Explained](do(t, n, &codec.Explain{Space: space, Record: id}))[0].Standing
}

// A record that comes before its grant is asked for again when the grant comes.
func TestGrantAfterRecord(t *testing.T) {
	w := newNet(t, 0)
	owner, member := newAuthor(9), newAuthor(8)
	g := genesis(owner)
	g.Write = codec.WriteMembers
	space := g.ID()
	a, b := w.add(1, Config{IntervalNs: 1e15}, newStore()), w.add(2, Config{IntervalNs: 1e15, IdleNs: -1}, newStore())
	join(t, a, g)
	join(t, b, g)
	w.connect(1, a, b)
	w.run(w.now + 1e9)

	grant := owner.grant(space, 1, member.peer)
	rec := member.put(space, 1, "k", "v", grant.ID)
	bring(a, space, grant, rec)
	b.Admit(1, a.Peer(), space, codec.AppendBatch(nil, []*codec.Record{rec}))
	if standing(t, b, space, rec.ID) != codec.StandingPending {
		t.Fatal("not pending")
	}
	b.Admit(1, a.Peer(), space, codec.AppendBatch(nil, []*codec.Record{grant}))
	w.step(b, &codec.Wake{})
	w.run(w.now + 1e9)
	if standing(t, b, space, rec.ID) != codec.StandingHeld {
		t.Fatal("the record was not asked for")
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// What waits for a grant is bounded per link and goes with the link.
func TestPendingIsBounded(t *testing.T) {
	w := newNet(t, 0)
	member := newAuthor(8)
	g := genesis(newAuthor(9))
	g.Write = codec.WriteMembers
	a, b := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
	join(t, b, g)
	w.connect(1, a, b)
	for i := range uint64(3 * pendingPerLinkMax / 2) {
		rec := member.put(g.ID(), i+1, "k", "v", codec.ID{byte(i), byte(i >> 8), 1})
		b.Admit(1, a.Peer(), g.ID(), codec.AppendBatch(nil, []*codec.Record{rec, rec}))
	}
	if got := len(b.spaces[g.ID()].pending); got != pendingPerLinkMax {
		t.Fatalf("%d records wait", got)
	}
	w.step(b, &codec.LinkDown{Link: 1})
	if got := len(b.spaces[g.ID()].pending); got != 0 {
		t.Fatalf("%d records wait for a link that is gone", got)
	}
}

func TestCuts(t *testing.T) {
	owner, member := newAuthor(9), newAuthor(8)
	g := genesis(owner)
	g.Write = codec.WriteMembers
	space := g.ID()
	n := openNode(t, 1, Config{}, newStore())
	join(t, n, g)
	first := owner.grant(space, 1, member.peer)
	early, late := member.put(space, 1, "a", "v", first.ID), member.put(space, 5, "b", "v", first.ID)
	bring(n, space, first, early, late)
	do(t, n, &codec.Watch{Req: 5, Space: space})
	bring(n, space, owner.cut(space, 2, member.peer, 1))
	told := find[*codec.Changed](do(t, n, &codec.Wake{}))
	if len(told) != 1 || told[0].Entries[0].Record != late.ID || told[0].Entries[0].Codec != codec.CodecNone {
		t.Fatalf("the watch heard %v", told)
	}
	if standing(t, n, space, early.ID) != codec.StandingHeld || standing(t, n, space, late.ID) != codec.StandingHidden {
		t.Fatal("the cut hides the wrong records")
	}
	if got := bring(n, space, late); got.Err != nil || got.New != 0 {
		t.Fatalf("beyond the cut: %+v", got)
	}
	// A newer grant counts again, an older one for the same version does not.
	second := owner.grant(space, 3, member.peer)
	again := member.put(space, 6, "c", "v", second.ID)
	if got := bring(n, space, second, again, member.put(space, 7, "d", "v", first.ID)); got.New != 2 || got.Err != nil {
		t.Fatalf("after a new grant: %+v", got)
	}
	// Nobody but the owner grants and cuts, and nobody cuts the owner.
	for _, rec := range []*codec.Record{
		member.grant(space, 9, member.peer), member.cut(space, 10, owner.peer, 0), owner.cut(space, 11, owner.peer, 0),
	} {
		if got := bring(n, space, rec); got.Err == nil || got.New != 0 {
			t.Fatalf("%+v", got)
		}
	}
	// All that survives a restart.
	n = openNode(t, 1, Config{Boot: 1}, n.store)
	if got := bring(n, space, late, member.put(space, 8, "d", "v", second.ID)); got.New != 1 {
		t.Fatalf("after a restart: %+v", got)
	}
}

// In an open space a cut member writes again once it has a grant, and says so.
func TestCutInOpenSpace(t *testing.T) {
	ownerNode, memberNode := openNode(t, 9, Config{}, newStore()), openNode(t, 8, Config{}, newStore())
	g := genesis(newAuthor(9))
	join(t, ownerNode, g)
	join(t, memberNode, g)
	nodes := []*Node{ownerNode, memberNode}
	do(t, memberNode, putOne(g.ID(), 1))
	exchange(nodes, g.ID())
	do(t, ownerNode, &codec.Cut{Space: g.ID(), Member: memberNode.Peer()})
	exchange(nodes, g.ID())
	if err := refuse(t, memberNode, putOne(g.ID(), 2)); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	do(t, ownerNode, &codec.Grant{Space: g.ID(), Member: memberNode.Peer()})
	exchange(nodes, g.ID())
	do(t, memberNode, putOne(g.ID(), 2))
	exchange(nodes, g.ID())
	if summaryOf(t, ownerNode, g.ID()) != summaryOf(t, memberNode, g.ID()) || ownerNode.Count(g.ID()) != 4 {
		t.Fatalf("%d and %d records", ownerNode.Count(g.ID()), memberNode.Count(g.ID()))
	}
}

// Who may no longer read is no longer served, and the space is offered again
// when it may.
func TestReadersChange(t *testing.T) {
	w := newNet(t, 0)
	owner, member := w.add(1, Config{}, newStore()), w.add(2, Config{}, newStore())
	var space codec.ID
	for _, e := range w.step(owner, &codec.CreateSpace{Write: codec.WriteMembers, Read: codec.ReadMembers}) {
		if r, ok := e.(*codec.SpaceReady); ok {
			space = r.Space
			w.step(member, &codec.JoinSpace{Genesis: r.Genesis})
		}
	}
	w.connect(1, owner, member)
	w.step(owner, puts(space, 0, 10))
	w.run(w.now + 5e9)
	if member.Count(space) != 0 {
		t.Fatal("a stranger was served")
	}
	w.step(owner, &codec.Grant{Space: space, Member: member.Peer()})
	w.run(w.now + 5e9)
	if member.Count(space) != 11 {
		t.Fatalf("a member holds %d records", member.Count(space))
	}
	w.step(owner, &codec.Cut{Space: space, Member: member.Peer()})
	w.step(owner, puts(space, 10, 10))
	w.run(w.now + 30e9)
	if member.Count(space) > 12 {
		t.Fatalf("who was cut off holds %d records", member.Count(space))
	}
	w.step(owner, &codec.Grant{Space: space, Member: member.Peer()})
	w.run(w.now + 30e9)
	if member.Count(space) != 23 {
		t.Fatalf("a member again holds %d records", member.Count(space))
	}
	if f := w.faults(); f != nil {
		t.Fatal(f)
	}
}

// What a space's genesis forbids is refused, whoever brings it, and the bringer is
// blamed.
func TestAdmissionRules(t *testing.T) {
	owner, member, stranger := newAuthor(9), newAuthor(8), newAuthor(7)
	g := genesis(owner)
	g.Write, g.ValueMax = codec.WriteMembers, 4
	space := g.ID()
	n := openNode(t, 1, Config{}, newStore())
	join(t, n, g)
	grant := owner.grant(space, 1, member.peer)
	bring(n, space, grant)
	refused := map[string]*codec.Record{
		"no grant":            stranger.put(space, 1, "k", "v", codec.ID{}),
		"no grant, a member":  member.put(space, 1, "k", "v", codec.ID{}),
		"somebody else's":     stranger.put(space, 2, "k", "v", grant.ID),
		"a value over":        member.put(space, 2, "k", "five!", grant.ID),
		"the owner's is over": owner.put(space, 2, "k", "five!", codec.ID{}),
	}
	for name, rec := range refused {
		if got := bring(n, space, rec); got.Err == nil || got.New != 0 || standing(t, n, space, rec.ID) != codec.StandingRefused {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got := bring(n, space, owner.put(space, 3, "k", "four", codec.ID{}), member.put(space, 3, "k", "four", grant.ID))
	if got.Err != nil || got.New != 2 || n.Count(space) != 3 {
		t.Fatalf("allowed: %+v, %d records", got, n.Count(space))
	}
}

// Grants and cuts supersede nothing, also where an owner signs several under one
// key: who may write must not depend on which of them came first.
func TestControlsAllStay(t *testing.T) {
	owner := newAuthor(9)
	g := genesis(owner)
	g.Write = codec.WriteMembers
	control := func(version uint64, member byte) *codec.Record {
		h := codec.Header{Kind: codec.KindGrant, Space: g.ID(), Version: version, Codec: codec.CodecDagCBOR, Key: controlKey('g', owner.peer, 0)}
		return owner.sign(h, codec.GrantValue{Member: newAuthor(member).peer}.Encode())
	}
	older, newer := control(1, 7), control(2, 8)
	for _, order := range [][]*codec.Record{{older, newer}, {newer, older}} {
		n := openNode(t, 1, Config{}, newStore())
		join(t, n, g)
		bring(n, g.ID(), order[0])
		bring(n, g.ID(), order[1])
		sp := n.spaces[g.ID()]
		if n.Count(g.ID()) != 2 || !sp.isMember(newAuthor(7).peer) || !sp.isMember(newAuthor(8).peer) {
			t.Fatalf("%d controls are left", n.Count(g.ID()))
		}
	}
}
