package liar

import (
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/service"
)

func id(n byte) codec.PeerID { return codec.PeerID{n} }

// script is an honest service that answers every message with the effects it is given.
type script struct{ effects []service.Effect }

func (*script) Name() string    { return rtt.Name }
func (*script) NextWake() int64 { return 100e9 }
func (s *script) Handle(_ codec.Now, ev service.Event) []service.Effect {
	if _, is := ev.(service.Message); is {
		return s.effects
	}
	return nil
}

// liar is node 1 in a plot with 2 and 3, connected to 2 and to 9, at time 1 s.
func liar(p *Plot, effects ...service.Effect) *Liar {
	l := New(1, 0)
	l.Boot(&script{effects})
	l.Join(p)
	l.Handle(codec.Now{Mono: 1}, service.Started{Self: id(1)})
	l.Handle(codec.Now{Mono: 1}, service.Joined{Space: codec.ID{7}})
	for _, peer := range []byte{2, 9} {
		l.Handle(codec.Now{Mono: 1}, service.PeerUp{Peer: id(peer)})
	}
	return l
}

var members = []codec.PeerID{id(1), id(2), id(3)}

// claimed are the opinions that a member writes when it wakes.
func claimed(p *Plot, self codec.PeerID) (list []codec.Key) {
	l := New(1, 0)
	l.Boot(&script{})
	l.Join(p)
	l.Handle(codec.Now{Mono: 1}, service.Started{Self: self})
	l.Handle(codec.Now{Mono: 1}, service.Joined{Space: codec.ID{7}})
	for range 2 { // once
		for _, ef := range l.Handle(codec.Now{Mono: 2}, service.Wake{}) {
			if put, is := ef.(service.Put); is {
				for _, e := range put.Entries {
					list = append(list, e.Key)
				}
			}
		}
	}
	return list
}

func TestRegionsHaveTheirShape(t *testing.T) {
	for _, c := range []struct {
		region Region
		want   [][]int // whom each of three members praises
	}{{Parallel, [][]int{{1, 2}, {}, {}}}, {Path, [][]int{{1}, {2}, {}}}, {Cycle, [][]int{{1, 2}, {0}, {0}}}} {
		for i, want := range c.want {
			var keys []codec.Key
			for _, j := range want {
				keys = append(keys, rtt.OpinionKey(members[j]))
			}
			same := func(a, b codec.Key) bool { return string(a) == string(b) }
			if got := claimed(&Plot{Kind: Sybil, Members: members, Region: c.region}, members[i]); !slices.EqualFunc(got, keys, same) {
				t.Errorf("region %d: member %d praises %v, want %v", c.region, i, got, want)
			}
		}
	}
	if got := claimed(&Plot{Kind: Collude, Members: members}, id(2)); len(got) != 3 || string(got[2]) != string(rtt.PlaceKey) {
		t.Errorf("a colluder claims %v", got)
	}
}

// What a plot does to each effect of the honest service.
func TestPlotsBendEffects(t *testing.T) {
	opinion := func(about byte) codec.PutEntry {
		return entry(rtt.OpinionKey(id(about)), &rtt.Opinion{RTTUs: 50_000, Merit: 900})
	}
	put := service.Put{Entries: []codec.PutEntry{opinion(3), opinion(9), entry(rtt.PlaceKey, &rtt.Place{X: 5})}}
	say := func(kind Kind) (left service.Put) {
		effects := liar(&Plot{Kind: kind, Members: members, Target: id(9)}, put).Handle(codec.Now{Mono: 2}, service.Message{Peer: id(9)})
		return effects[0].(service.Put)
	}
	if left := say(Collude); len(left.Entries) != 1 || string(left.Entries[0].Key) != string(rtt.OpinionKey(id(9))) {
		t.Errorf("a colluder publishes %v", left)
	}
	left := say(Slander)
	var o rtt.Opinion
	if err := codec.Unmarshal("opinion", left.Entries[1].Value, &o); err != nil || len(left.Entries) != 3 || o.Merit != -1000 || o.RTTUs != 50_000 {
		t.Errorf("a slanderer publishes %v, %v", o, err)
	}
	if string(left.Entries[0].Value) != string(put.Entries[0].Value) || string(left.Entries[2].Value) != string(put.Entries[2].Value) {
		t.Error("a slanderer changes what it says of members or where it is")
	}
	bye := service.HangUp{Peer: id(9)}
	l := liar(&Plot{Kind: Besiege, Members: members, Target: id(9)}, bye)
	if got := l.Handle(codec.Now{Mono: 2}, service.Message{}); len(got) != 0 || l.Altered != 1 {
		t.Errorf("it lets the target go: %v", got)
	}
	tell := service.Send{Body: rtt.Introduce([]overlay.Introduction{{Peer: id(9)}})}
	for to, same := range map[byte]bool{2: true, 9: false} { // unordered: each is checked
		tell.Peer = id(to)
		got := liar(&Plot{Kind: Collude, Members: members}, tell).Handle(codec.Now{Mono: 2}, service.Message{})
		if (string(got[0].(service.Send).Body) == string(tell.Body)) != same {
			t.Errorf("names to %d: %v", to, got)
		}
	}
}

// Answers to strangers leave late and in order, pings and answers to members at once.
func TestAnswersAreHeldBack(t *testing.T) {
	pong := func(to byte) service.Send {
		return service.Send{Peer: id(to), Body: []byte{2, to}, Datagram: true}
	}
	ping := service.Send{Peer: id(9), Body: []byte{1}, Datagram: true}
	l := liar(&Plot{Kind: Collude, Members: members, DelayNs: 10}, pong(9), pong(2), ping, pong(8))
	got := l.Handle(codec.Now{Mono: 100}, service.Message{})
	if len(got) != 2 || got[0].(service.Send).Peer != id(2) || got[1].(service.Send).Body[0] != 1 || l.NextWake() != 110 {
		t.Fatalf("%v leave at once, the next at %d", got, l.NextWake())
	}
	if got := l.Handle(codec.Now{Mono: 109}, service.Wake{}); len(got) != 1 { // its claims
		t.Errorf("too early: %v", got)
	}
	got = l.Handle(codec.Now{Mono: 110}, service.Wake{})
	if len(got) != 2 || got[0].(service.Send).Peer != id(9) || got[1].(service.Send).Peer != id(8) || l.NextWake() != 100e9 {
		t.Errorf("late leave %v, the next wake is at %d", got, l.NextWake())
	}
}

// Moves come every so often: invented peers to strangers, dials of the target until it
// is connected, then names of members.
func TestMoves(t *testing.T) {
	l := liar(&Plot{Kind: Invent, Members: members, EveryNs: 50})
	if l.NextWake() != 1 {
		t.Errorf("the first move is at %d", l.NextWake())
	}
	got := l.Handle(codec.Now{Mono: 5}, service.Wake{})
	if len(got) != 1 || got[0].(service.Send).Peer != id(9) || len(got[0].(service.Send).Body) > service.BodyMax || l.NextWake() != 55 {
		t.Errorf("invents %v, the next move is at %d", got, l.NextWake())
	}
	if got := l.Handle(codec.Now{Mono: 6}, service.Wake{}); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	l = liar(&Plot{Kind: Besiege, Members: members, EveryNs: 50, Target: id(8)})
	if got := l.Handle(codec.Now{Mono: 5}, service.Wake{}); len(got) != 1 || got[0] != (service.Dial{Peer: id(8)}) {
		t.Errorf("besieges by %v", got)
	}
	l.Handle(codec.Now{Mono: 6}, service.PeerUp{Peer: id(8)})
	if got := l.Handle(codec.Now{Mono: 60}, service.Wake{}); len(got) != 1 || !rtt.IsIntroduction(got[0].(service.Send).Body) {
		t.Errorf("besieges by %v", got)
	}
	l.Quit(l.parts[0].plot)
	if got := l.Handle(codec.Now{Mono: 600}, service.Wake{}); len(got) != 0 || !l.Honest() {
		t.Errorf("after the plot: %v", got)
	}
}
