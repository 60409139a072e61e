package engine

import (
	"bytes"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// club is a space of members with an owner's node, a member that holds everything,
// and a newcomer that has the genesis and its own grant, nothing else.
type club struct {
	*net
	space                   codec.ID
	genesis                 []byte
	owner, member, newcomer *Node
	grant                   *codec.Record
}

func newClub(t *testing.T) *club {
	c := &club{net: newNet(t, 0)}
	c.owner, c.member, c.newcomer = c.add(1, Config{}, newStore()), c.add(2, Config{}, newStore()), c.add(3, Config{}, newStore())
	for _, e := range c.step(c.owner, &codec.CreateSpace{Write: codec.WriteMembers, Read: codec.ReadMembers}) {
		if r, ok := e.(*codec.SpaceReady); ok {
			c.space, c.genesis = r.Space, r.Genesis
		}
	}
	for _, peer := range []codec.PeerID{c.member.Peer(), newAuthor(50).peer} {
		c.step(c.owner, &codec.Grant{Space: c.space, Member: peer})
	}
	c.step(c.member, &codec.JoinSpace{Genesis: c.genesis})
	c.connect(1, c.owner, c.member)
	c.step(c.owner, puts(c.space, 0, 10))
	c.run(c.now + 5e9)
	c.step(c.owner, &codec.LinkDown{Link: 1})
	c.step(c.member, &codec.LinkDown{Link: 1})
	// The newcomer's grant reaches it by other ways than the network.
	c.step(c.owner, &codec.Grant{Space: c.space, Member: c.newcomer.Peer()})
	sp := c.owner.spaces[c.space]
	g, _ := sp.grantFor(c.newcomer.Peer())
	c.grant = c.owner.all(c.space)[g.id]
	c.step(c.newcomer, &codec.JoinSpace{Genesis: c.genesis})
	return c
}

func (c *club) invite() {
	c.step(c.newcomer, &codec.Import{Space: c.space, Envelopes: c.grant.AppendEnvelope(nil)})
}

// A new member begins with any other member: invited before the link is up, or
// while it is.
func TestNewcomerBeginsWithAnyMember(t *testing.T) {
	for _, before := range []bool{true, false} {
		c := newClub(t)
		if before {
			c.invite()
		}
		c.connect(2, c.member, c.newcomer)
		c.run(c.now + 5e9)
		if !before {
			if c.newcomer.Count(c.space) != 0 {
				t.Fatal("a stranger was served")
			}
			c.invite()
			c.run(c.now + 5e9)
		}
		c.step(c.newcomer, puts(c.space, 50, 3))
		c.run(c.now + 5e9)
		if a, b := summaryOf(t, c.member, c.space), summaryOf(t, c.newcomer, c.space); a != b || c.member.Count(c.space) != 16 {
			t.Fatalf("invited before: %t: %s and %s", before, a, b)
		}
		if f := c.faults(); f != nil {
			t.Fatal(f)
		}
	}
}

// Who was cut, and who only knows the space, learns nothing from anybody: not
// even that the others hold it.
func TestNoCredentialNoAnswer(t *testing.T) {
	c := newClub(t)
	c.invite()
	c.connect(1, c.owner, c.member)
	c.step(c.owner, &codec.Cut{Space: c.space, Member: c.newcomer.Peer()})
	c.run(c.now + 5e9)
	stranger := c.add(4, Config{}, newStore())
	c.step(stranger, &codec.JoinSpace{Genesis: c.genesis})
	said := func(n, to *Node, link uint64) (kinds []codec.MessageKind) {
		c.connect(link, n, to)
		for range 50 {
			for _, d := range c.queue {
				_, messages, err := codec.ParseFrame(d.bytes, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range messages {
					if d.link == link && d.to == to.Peer() && m.Kind != codec.MsgHello {
						kinds = append(kinds, m.Kind)
					}
				}
			}
			c.run(c.now + 19e6)
		}
		return kinds
	}
	if kinds := said(c.owner, stranger, 7); kinds != nil {
		t.Fatalf("the owner says %v to a stranger", kinds)
	}
	for i, from := range []*Node{c.owner, c.member} {
		if kinds := said(from, c.newcomer, uint64(10+i)); kinds != nil {
			t.Fatalf("node %d says %v to one who was cut", i, kinds)
		}
	}
	if kinds := said(c.member, stranger, 12); kinds != nil {
		t.Fatalf("a member says %v to a stranger", kinds)
	}
	c.run(c.now + 60e9)
	if n := stranger.Count(c.space) + c.newcomer.Count(c.space); n != 1 {
		t.Fatalf("they hold %d records, want the one grant", n)
	}
	// A new member shows its grant to anybody, but only who knows the space can read it.
	outsider := c.add(5, Config{}, newStore())
	c = newClub(t)
	c.nodes[outsider.Peer()] = outsider
	c.invite()
	c.connect(9, c.newcomer, outsider)
	shown := 0
	for _, d := range c.queue {
		_, messages, _ := codec.ParseFrame(d.bytes, nil)
		for _, m := range messages {
			owner, space := c.owner.Peer(), c.space
			if m.Kind == codec.MsgCredential && d.to == outsider.Peer() {
				shown++
				if bytes.Contains(m.Body, owner[:]) || bytes.Contains(m.Body, space[:]) {
					t.Fatal("names the owner or the space")
				}
			}
		}
	}
	if shown != 1 {
		t.Fatalf("shown %d times", shown)
	}
}

// What is no grant does not come in as one, and floods of them end.
func TestCredentialsOfVillains(t *testing.T) {
	v := newVillain(t, 1)
	rec := v.me.put(v.space, 1, "k", "v", codec.ID{})
	grant := newAuthor(9).grant(v.space, 1, v.me.peer)
	for name, batch := range map[string][]byte{
		"a put":       codec.AppendBatch(nil, []*codec.Record{rec}),
		"two records": codec.AppendBatch(nil, []*codec.Record{grant, rec}),
		"none":        codec.AppendBatch(nil, nil),
		"no batch":    {1},
		"its own":     codec.AppendBatch(nil, []*codec.Record{v.me.grant(v.space, 1, v.me.peer)}),
	} {
		if got := v.n.AdmitCredential(1, v.me.peer, v.space, batch); got.Err == nil || got.New != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := v.n.AdmitCredential(1, v.me.peer, v.space, codec.AppendBatch(nil, []*codec.Record{grant})); got.Err != nil || got.New != 1 {
		t.Errorf("%+v", got)
	}
	v.say(codec.MsgCredential, &codec.Credential{Blind: v.blind(v.space, 1), Sealed: make([]byte, 100)})
	v.say(codec.MsgCredential, &codec.Credential{Blind: v.blind(v.space, 1)})
	if v.kinds[codec.FaultMessage] != 2 {
		t.Fatalf("faults %v", v.kinds)
	}
	for range codec.SpacesPerLinkMax + 64 {
		if !v.gone {
			v.say(codec.MsgCredential, &codec.Credential{Sealed: make([]byte, 20)})
		}
	}
	if !v.gone {
		t.Fatal("goes on for ever")
	}
}
