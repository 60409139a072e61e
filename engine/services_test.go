package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/presence"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/service"
)

// A probe writes down what it is told, and does what a test wants done.
type probe struct {
	name   string
	events []service.Event
	wake   int64
	react  func(now codec.Now, ev service.Event) []service.Effect
}

func (p *probe) Name() string    { return p.name }
func (p *probe) NextWake() int64 { return p.wake }

func (p *probe) Handle(now codec.Now, ev service.Event) []service.Effect {
	p.events = append(p.events, ev)
	if _, due := ev.(service.Wake); due {
		p.wake = 0
	}
	if p.react != nil {
		return p.react(now, ev)
	}
	return nil
}

// told returns the events of one type, in order.
func told[T service.Event](p *probe) (list []T) {
	for _, ev := range p.events {
		if e, is := ev.(T); is {
			list = append(list, e)
		}
	}
	return list
}

// Messages come once and in order over a lossy link; datagrams are lost with
// their frames, never repeated, and cost no acknowledgement.
func TestServiceMessages(t *testing.T) {
	for _, datagram := range []bool{false, true} {
		w := newNet(t, 200)
		const count = 200
		sender, receiver := &probe{name: "p"}, &probe{name: "p"}
		sent := 0
		sender.react = func(now codec.Now, ev service.Event) (out []service.Effect) {
			if up, is := ev.(service.PeerUp); is {
				sender.wake = now.Mono + 1e9
				return []service.Effect{service.Send{Peer: up.Peer, Body: []byte("first"), Datagram: datagram}}
			}
			if _, due := ev.(service.Wake); due && sent < count {
				for _, up := range told[service.PeerUp](sender) {
					out = append(out, service.Send{Peer: up.Peer, Body: fmt.Appendf(nil, "%d", sent), Datagram: datagram})
				}
				sent++
				sender.wake = now.Mono + 50e6
			}
			return out
		}
		a, b := w.add(1, Config{}, newStore(), sender), w.add(2, Config{}, newStore(), receiver)
		w.connect(1, a, b)
		w.run(60e9)
		got := told[service.Message](receiver)
		if !datagram {
			if len(got) != count+1 || string(got[0].Body) != "first" {
				t.Fatalf("%d messages of %d came", len(got), count+1)
			}
			for i, m := range got[1:] {
				if string(m.Body) != fmt.Sprint(i) || m.Datagram || m.Peer != a.Peer() {
					t.Fatalf("message %d is %q", i, m.Body)
				}
			}
		} else if len(got) < count/2 || len(got) > count*9/10 {
			t.Fatalf("%d datagrams of %d came over a link that loses 20 %%", len(got), count)
		}
		if ups := told[service.PeerUp](receiver); len(ups) != 1 || ups[0].Dialed {
			t.Errorf("the receiver was told of %v", ups)
		}
		w.step(b, &codec.LinkDown{Link: 1})
		if downs := told[service.PeerDown](receiver); len(downs) != 1 || downs[0].Peer != a.Peer() {
			t.Errorf("the receiver was told of %v", downs)
		}
		if f := w.faults(); f != nil {
			t.Error(f)
		}
	}
}

// A service writes records, sees what it watches on both nodes, and what was
// there before.
func TestServiceWatchesAndWrites(t *testing.T) {
	w := newNet(t, 0)
	var space codec.ID
	writer, reader := &probe{name: "p"}, &probe{name: "p"}
	writer.react = func(_ codec.Now, ev service.Event) []service.Effect {
		if ask, is := ev.(service.Asked); is {
			put := service.Put{Space: space}
			put.Entries = append(put.Entries, codec.PutEntry{Key: codec.MustKey("x", string(ask.Body)), Codec: codec.CodecRaw, Value: ask.Body})
			return []service.Effect{put, service.Answer{Req: ask.Req, Body: []byte("done")}}
		}
		return nil
	}
	reader.react = func(_ codec.Now, ev service.Event) []service.Effect {
		if _, is := ev.(service.Asked); is {
			return []service.Effect{service.Watch{Space: space, Prefix: codec.MustKey("x")}, service.Watch{Space: codec.ID{9}}}
		}
		return nil
	}
	a, b := w.add(1, Config{}, newStore(), writer), w.add(2, Config{}, newStore(), reader)
	space = w.space(a, b)
	w.connect(1, a, b)
	answers := find[*codec.Answered](w.step(a, &codec.Ask{Req: 7, Service: "p", Body: []byte("early")}))
	if len(answers) != 1 || answers[0].Req != 7 || answers[0].Service != "p" || string(answers[0].Body) != "done" {
		t.Fatal(answers)
	}
	w.step(a, puts(space, 0, 3)) // under another prefix
	w.run(5e9)
	w.step(b, &codec.Ask{Service: "p"})
	w.step(a, &codec.Ask{Req: 8, Service: "p", Body: []byte("late")})
	w.run(w.now + 5e9)
	var seen []string
	for _, c := range told[service.Changed](reader) {
		for _, e := range c.Entries {
			seen = append(seen, string(e.Value))
		}
	}
	if !slices.Equal(seen, []string{"early", "late"}) {
		t.Errorf("the reader saw %q", seen)
	}
	if r := told[service.Refused](reader); len(r) != 1 || !errors.Is(r[0].Err, ErrUnknownSpace) {
		t.Errorf("the watch on an unknown space gave %v", r)
	}
	if j := told[service.Joined](reader); len(j) != 1 || j[0].Space != space {
		t.Errorf("joined %v", j)
	}
	w.step(b, &codec.LeaveSpace{Space: space})
	if l := told[service.Left](reader); len(l) != 1 || l[0].Space != space {
		t.Errorf("left %v", l)
	}
}

// What a service saved comes back at the next boot with fresh randomness, and
// its wakes are the node's.
func TestServiceRestartsAndWakes(t *testing.T) {
	st := newStore()
	first := &probe{name: "p"}
	first.react = func(now codec.Now, ev service.Event) []service.Effect {
		if _, is := ev.(service.Started); is {
			first.wake = now.Mono + 5e9
			return []service.Effect{service.Save{Value: []byte("kept")}}
		}
		return nil
	}
	open := func(boot uint64, p *probe) *Node {
		n, err := Open(Config{Key: [32]byte{1}, Seed: [32]byte{byte(boot)}, Boot: boot}, st, Options{Services: []service.Service{p}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := open(0, first)
	wakes := find[*codec.WakeAt](do(t, n, &codec.Wake{}))
	if wakes[0].Mono != 5e9 {
		t.Fatalf("the node wants to wake at %d", wakes[0].Mono)
	}
	if _, err := n.Step(codec.Now{Mono: 4e9}, &codec.Wake{}); err != nil || len(told[service.Wake](first)) != 0 {
		t.Fatal("woken early", err)
	}
	if _, err := n.Step(codec.Now{Mono: 5e9}, &codec.Wake{}); err != nil || len(told[service.Wake](first)) != 1 {
		t.Fatal("not woken", err)
	}
	space := join(t, n, genesis(newAuthor(1)))
	second := &probe{name: "p"}
	do(t, open(1, second), &codec.Wake{})
	a, b := told[service.Started](first)[0], told[service.Started](second)[0]
	if string(b.Saved) != "kept" || a.Saved != nil || a.Seed == b.Seed || b.Self != n.Peer() {
		t.Errorf("first %+v, second %+v", a, b)
	}
	if j := told[service.Joined](second); len(j) != 1 || j[0].Space != space {
		t.Errorf("the second boot was told of %v", j)
	}
}

func TestServiceDialsAndHangsUp(t *testing.T) {
	w := newNet(t, 0)
	p := &probe{name: "p"}
	p.react = func(_ codec.Now, ev service.Event) []service.Effect {
		switch ev := ev.(type) {
		case service.Started:
			return []service.Effect{service.Dial{Peer: codec.PeerID{5}, Address: "there"}}
		case service.PeerUp:
			return []service.Effect{service.HangUp{Peer: ev.Peer, Reason: "enough"}, service.HangUp{Peer: codec.PeerID{6}}}
		}
		return nil
	}
	a, b := w.add(1, Config{}, newStore(), p), w.add(2, Config{}, newStore())
	if d := find[*codec.Dial](w.step(a, &codec.Wake{})); len(d) != 1 || d[0].Address != "there" {
		t.Fatal(d)
	}
	w.connect(3, a, b)
	w.run(1e9)
	if h := slices.DeleteFunc(w.got[a.Peer()], func(e codec.Effect) bool { _, is := e.(*codec.HangUp); return !is }); len(h) != 1 || h[0].(*codec.HangUp).Link != 3 {
		t.Fatal(h)
	}
	if len(told[service.PeerDown](p)) != 1 {
		t.Error("the service was not told that it hung up")
	}
}

func TestServiceNamesAndQuestions(t *testing.T) {
	for _, services := range [][]service.Service{
		{&probe{}}, {&probe{name: "p"}, &probe{name: "p"}}, {&probe{name: "a name of more than thirty-two bytes"}},
	} {
		if _, err := Open(Config{Key: [32]byte{1}}, newStore(), Options{Services: services}); !errors.Is(err, errConfig) {
			t.Errorf("opened with services %v: %v", services, err)
		}
	}
	if _, err := Open(Config{Key: [32]byte{1}, Services: []string{"oracle"}}, newStore(), Options{}); !errors.Is(err, errConfig) {
		t.Errorf("opened with an unknown service: %v", err)
	}
	unknown := Config{Key: [32]byte{1}, Services: []string{rtt.Name}, RTT: rtt.Config{Policy: "fixed"}}
	if _, err := Open(unknown, newStore(), Options{}); !errors.Is(err, errConfig) {
		t.Errorf("opened with an unknown policy: %v", err)
	}
	n := openNode(t, 1, Config{Services: []string{presence.Name}}, newStore())
	refuse(t, n, &codec.Ask{Service: "oracle"})
	refuse(t, n, &codec.Ask{Service: presence.Name, Body: make([]byte, service.BodyMax+1)})
}

// Numbered messages in frames without number, and bodies that are too long, are
// the peer's mistakes; services we do not run are not.
func TestHostileServiceMessages(t *testing.T) {
	p := &probe{name: "p"}
	w := newNet(t, 0)
	a, b := w.add(1, Config{}, newStore(), p), w.add(2, Config{}, newStore())
	w.connect(1, a, b)
	w.run(1e9)
	frame := func(seq uint64, kind codec.MessageKind, fields any) []byte {
		return codec.AppendFrame(nil, codec.FrameHead{Seq: seq}, 1, codec.AppendMessage(nil, kind, fields))
	}
	for name, c := range map[string]struct { // unordered: faults are counted for each
		bytes []byte
		fault bool
	}{
		"want without number": {frame(0, codec.MsgWant, &codec.Want{}), true},
		"long datagram":       {frame(0, codec.MsgService, &codec.Service{Name: "p", Body: make([]byte, service.DatagramMax+1)}), true},
		"malformed":           {codec.AppendFrame(nil, codec.FrameHead{}, 1, []byte{0x82, byte(codec.MsgService), 0x81, 0x00}), true},
		"unknown service":     {frame(0, codec.MsgService, &codec.Service{Name: "q"}), false},
		"datagram":            {frame(0, codec.MsgService, &codec.Service{Name: "p"}), false},
	} {
		before := len(w.faults())
		w.step(a, &codec.Frame{Link: 1, Bytes: c.bytes})
		if got := len(w.faults()) > before; got != c.fault {
			t.Errorf("%s: a fault: %t", name, got)
		}
	}
	if got := told[service.Message](p); len(got) != 1 || len(got[0].Body) != 0 {
		t.Errorf("delivered %v", got)
	}
	if got := told[service.PeerFault](p); len(got) != 3 || got[0].Peer != b.Peer() {
		t.Errorf("services hear of the faults %v", got)
	}
}

func TestPresence(t *testing.T) {
	w := newNet(t, 100)
	cfg := Config{Services: []string{presence.Name}}
	a, b := w.add(1, cfg, newStore()), w.add(2, cfg, newStore())
	ask := func(n *Node, q presence.Question) (r presence.Report) {
		t.Helper()
		body, err := codec.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		answer := find[*codec.Answered](w.step(n, &codec.Ask{Service: presence.Name, Body: body}))[0]
		if answer.Error != "" {
			t.Fatal(answer.Error)
		}
		if err := codec.Unmarshal("report", answer.Body, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	say := func(n *Node, line string) { ask(n, presence.Question{Say: &line}) }
	say(a, "early")
	w.connect(1, a, b)
	w.run(5e9)
	if r := ask(b, presence.Question{}); len(r.Peers) != 1 || r.Peers[0].Line != "early" || !r.Peers[0].Present || r.Peers[0].Peer != a.Peer() {
		t.Fatalf("%+v", r)
	}
	say(a, "late")
	w.run(w.now + 5e9)
	w.step(b, &codec.LinkDown{Link: 1})
	if r := ask(b, presence.Question{}); r.Peers[0].Line != "late" || r.Peers[0].Present {
		t.Fatalf("%+v", r)
	}
	if r := ask(a, presence.Question{}); r.Own != "late" {
		t.Fatalf("%+v", r)
	}
	for _, body := range [][]byte{nil, {0xff}, {0xa1, 0x61, 'x', 1}} {
		if got := find[*codec.Answered](w.step(a, &codec.Ask{Service: presence.Name, Body: body}))[0]; got.Error == "" {
			t.Errorf("%x was answered with %x", body, got.Body)
		}
	}
	long := string(make([]byte, presence.LineMax+1))
	body, _ := codec.Marshal(presence.Question{Say: &long})
	if got := find[*codec.Answered](w.step(a, &codec.Ask{Service: presence.Name, Body: body}))[0]; got.Error == "" {
		t.Error("a long line was taken")
	}
}
