package overlay

import (
	"fmt"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// Whoever names peers without end fills his share of a table and no more, and an
// address that is known stays.
func TestOneIntroducerDoesNotFillATable(t *testing.T) {
	table := NewTable(id(0))
	for n := range 3 * NamedMax {
		table.Introduce(1, Introduction{Peer: id(1000 + n), Address: "liar"}, id(1))
	}
	if table.Len() != NamedMax {
		t.Errorf("one introducer has named %d peers", table.Len())
	}
	p := table.Introduce(2, Introduction{Peer: id(2), Address: "true"}, id(3))
	if p == nil || p.By != id(3) {
		t.Fatalf("another one can't name any: %+v", p)
	}
	if table.Introduce(3, Introduction{Peer: id(2), Address: "false"}, id(1)); p.Address != "true" || p.By != id(3) {
		t.Errorf("led away: %+v", p)
	}
	table.WentUp(4, id(1000), "", true) // one of the liar's peers is there after all
	if table.Introduce(5, Introduction{Peer: id(4)}, id(1)) == nil {
		t.Error("peers that were reached count against their introducer")
	}
	if table.Introduce(6, Introduction{Peer: id(0)}, id(3)) != nil {
		t.Error("a node is introduced to itself")
	}
}

// A full table forgets those it has never reached first, the oldest of them; for a name
// only those, for a connection also others, but nobody who is connected.
func TestTheNeverReachedGiveWay(t *testing.T) {
	table := NewTable(id(0))
	table.WentUp(1, id(1), "", true) // up
	table.WentUp(1, id(2), "", true)
	table.WentDown(2, id(2), false) // was reached
	for n := 3; table.Len() < TableMax; n++ {
		table.Enter(int64(10+n), codec.PeerID{2, byte(n >> 8), byte(n)})
	}
	oldest := codec.PeerID{2, 0, 3}
	if table.Enter(1e6, id(7)) == nil || table.Len() != TableMax || table.Find(oldest) != nil || table.Find(id(2)) == nil {
		t.Errorf("%d peers; of the oldest %v, of a reached one %v", table.Len(), table.Find(oldest), table.Find(id(2)))
	}
	for _, p := range table.All() {
		if p.ID != id(2) {
			table.WentUp(2e6, p.ID, "", false)
		}
	}
	if table.Enter(3e6, id(8)) != nil || table.Introduce(3e6, Introduction{Peer: id(8)}, id(1)) != nil {
		t.Error("a name has pushed out somebody who was reached")
	}
	if table.WentUp(3e6, id(8), "", false) == nil || table.Find(id(2)) != nil {
		t.Error("one that is not connected does not give way to one that is")
	}
	if table.WentUp(5e6, id(9), "", false) != nil || table.Len() != TableMax {
		t.Error("somebody connected was forgotten")
	}
}

func TestUptime(t *testing.T) {
	table := NewTable(id(0))
	p := table.WentUp(0, id(1), "", true)
	if p.Uptime(0) != 1 || p.Uptime(1e15) != 1 {
		t.Errorf("it was never away: %v", p.Uptime(0))
	}
	table.WentDown(60e9, id(1), true)
	if p.Downs != 0 || p.UpNs != 60e9 {
		t.Errorf("hung up by the node itself: %+v", p)
	}
	table.WentUp(70e9, id(1), "", true)
	table.WentDown(130e9, id(1), false)
	p.Dialing(200e9)
	if p.Usable(199e9) || !p.Usable(200e9) {
		t.Error("not to be dialed for a while")
	}
	if !table.Missed(id(1)) || p.Downs != 2 || p.Fails != 1 {
		t.Errorf("%+v", p)
	}
	if got, want := p.Uptime(1e12), 720./840; got != want { // ten minutes and two; two absences
		t.Errorf("uptime %v, want %v", got, want)
	}
	if table.WentUp(300e9, id(1), "", false); p.Fails != 0 || table.Missed(id(1)) || p.Downs != 2 {
		t.Errorf("there after all: %+v", p)
	}
}

// Only who was reached and did not fail since is named, with an address, and not to
// itself.
func TestIntroductionsNameTheReached(t *testing.T) {
	table, rng := NewTable(id(0)), newRand(1)
	for n := 1; n <= 5; n++ {
		table.WentUp(1, id(n), fmt.Sprint(n), true)
	}
	table.Find(id(2)).Address = ""
	table.WentDown(2, id(3), false)
	table.Find(id(3)).Dialing(9)
	table.WentDown(2, id(4), false)
	table.Introduce(3, Introduction{Peer: id(6), Address: "6"}, id(1))
	list := table.Introductions(rng, 16, id(5))
	named := map[codec.PeerID]string{}
	for _, in := range list {
		named[in.Peer] = in.Address
	}
	if len(list) != 2 || named[id(1)] != "1" || named[id(4)] != "4" {
		t.Errorf("names %v", named)
	}
	if got := table.Introductions(rng, 1, id(5)); len(got) != 1 {
		t.Errorf("%d of one", len(got))
	}
	long := []Introduction{{Peer: id(1), Address: string(make([]byte, AddressMax+1))}}
	if CheckIntroductions(list) != nil || CheckIntroductions(long) == nil || CheckIntroductions(make([]Introduction, IntroductionsMax+1)) == nil {
		t.Error("bounds of introductions")
	}
}
