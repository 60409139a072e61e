package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
)

// A script is a policy that does what a test tells it to, and writes down what it is
// told.
type script struct {
	arena  *Arena
	wakeAt int64
	do     []overlay.Effect // at the next event
	log    []string
}

func (s *script) Handle(now int64, ev overlay.Event) []overlay.Effect {
	line := fmt.Sprintf("%d ", now)
	switch ev := ev.(type) {
	case overlay.Up:
		line += fmt.Sprintf("up %d %v", MemberOf(ev.Peer), ev.Dialed)
	case overlay.Down:
		line += fmt.Sprintf("down %d", MemberOf(ev.Peer))
	case overlay.Told:
		line += fmt.Sprintf("told %d %s", MemberOf(ev.Peer), ev.Body)
	case overlay.Wake:
		line += "wake"
		s.wakeAt = 0
	}
	s.log = append(s.log, line)
	do := s.do
	s.do = nil
	return do
}

func (s *script) NextWake() int64 { return s.wakeAt }

func (s *script) Chosen() []codec.PeerID { return nil }

// play makes an arena of scripts in which everybody has heard of everybody: the way
// takes 10, a dial to the dead 100, their death goes unnoticed for 50.
func play(n int, change func(*ArenaConfig)) (*Arena, []*script) {
	var scripts []*script
	cfg := ArenaConfig{
		N: n, Seed: 1, Timeout: 100, Detect: 50,
		Delay: func(int, int) int64 { return 10 },
		Policy: func(int, *overlay.Table, *rand.Rand) overlay.Policy {
			scripts = append(scripts, &script{})
			return scripts[len(scripts)-1]
		},
	}
	if change != nil {
		change(&cfg)
	}
	a := NewArena(cfg)
	for i := range n {
		scripts[i].arena = a
		for j := range n {
			a.Meet(i, j)
		}
	}
	return a, scripts
}

// does lets a member do something at a time.
func (s *script) does(member int, at int64, effects ...overlay.Effect) {
	s.arena.Run(at - 1)
	s.do, s.wakeAt = effects, at
	s.arena.wake(member)
	s.arena.Run(at)
}

func said(t *testing.T, s *script, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(slices.Clone(s.log), func(line string) bool { return line[len(line)-4:] == "wake" })
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDialsTakeARoundTrip(t *testing.T) {
	a, s := play(2, nil)
	s[0].does(0, 5, overlay.Dial{Peer: MemberID(1)})
	a.Run(1000)
	said(t, s[0], "25 up 1 true")
	said(t, s[1], "15 up 0 false")
	if !a.Connected(0, 1) || !a.Connected(1, 0) {
		t.Error("not connected")
	}
}

func TestCrossingDialsAreOne(t *testing.T) {
	a, s := play(2, func(cfg *ArenaConfig) {
		cfg.Delay = func(from, _ int) int64 { return 100 - 90*int64(from) } // the way back is short
	})
	s[0].does(0, 5, overlay.Dial{Peer: MemberID(1)})
	s[1].does(1, 9, overlay.Dial{Peer: MemberID(0)})
	a.Run(1000)
	said(t, s[0], "115 up 1 true")
	said(t, s[1], "105 up 0 false")
}

// Messages of a connection arrive once and in order, whatever was lost on the way, and
// before the connection is seen to end; what is sent without one goes nowhere.
func TestMessagesArriveOnceAndInOrder(t *testing.T) {
	a, s := play(3, func(cfg *ArenaConfig) { cfg.Loss, cfg.Again = 0.5, 7 })
	a.Connect(0, 1)
	tell := func(body string) overlay.Effect { return overlay.Tell{Peer: MemberID(1), Body: []byte(body)} }
	s[0].does(0, 5, tell("a"), tell("b"), tell("c"), overlay.Tell{Peer: MemberID(2), Body: []byte("x")})
	s[0].does(0, 6, tell("d"), overlay.HangUp{Peer: MemberID(1)}, tell("e"))
	a.Run(1000)
	var bodies []string
	late := false
	for _, line := range s[1].log[1:] {
		var at, from int64
		var what, body string
		_, _ = fmt.Sscan(line, &at, &what, &from, &body)
		bodies = append(bodies, what+body)
		late = late || at > 16
	}
	if !slices.Equal(bodies, []string{"tolda", "toldb", "toldc", "toldd", "down"}) || !late {
		t.Errorf("%q, some late: %v", s[1].log, late)
	}
	said(t, s[0], "0 up 1 true", "6 down 1")
	if said(t, s[2]); a.Messages != 4 || a.Connected(0, 1) {
		t.Errorf("%d messages", a.Messages)
	}
	if p := a.Members[0].Table.Find(MemberID(1)); p.Downs != 0 {
		t.Error("whoever hangs up counts it as an absence")
	}
}

// The death of a member shows late on connections, and later to who dials it.
func TestDeathIsNoticedLate(t *testing.T) {
	a, s := play(3, nil)
	a.Connect(0, 1)
	a.Run(100)
	a.Kill(0)
	if a.Connected(0, 1) {
		t.Error("still connected")
	}
	s[1].does(1, 110, overlay.Tell{Peer: MemberID(0), Body: []byte("hello?")})
	s[2].does(2, 120, overlay.Dial{Peer: MemberID(0)})
	a.Run(10_000)
	said(t, s[0], "0 up 1 true")
	said(t, s[1], "0 up 0 false", "160 down 0")
	said(t, s[2], "220 down 0")
	for _, i := range []int{1, 2} {
		if p := a.Members[i].Table.Find(MemberID(0)); p.Up || p.Downs != 1 {
			t.Errorf("member %d: %+v", i, p)
		}
	}
}

// Whoever dies before its dial is answered leaves nobody connected to it.
func TestDialersMayDie(t *testing.T) {
	for _, at := range []int64{8, 20} { // before it has arrived, and on the way back
		a, s := play(2, nil)
		s[0].does(0, 5, overlay.Dial{Peer: MemberID(1)})
		a.Run(at)
		a.Kill(0)
		a.Run(10_000)
		if up := a.Members[1].Table.Find(MemberID(0)).Up; up || a.Connected(0, 1) {
			t.Errorf("killed at %d: up %v", at, up)
		}
		if len(s[0].log) != 1 {
			t.Errorf("the dead one is told %q", s[0].log)
		}
	}
}

// After a connection is taken down both sides can dial again.
func TestConnectionsComeAgain(t *testing.T) {
	a, s := play(2, nil)
	a.Connect(0, 1)
	s[0].does(0, 5, overlay.HangUp{Peer: MemberID(1)})
	s[1].does(1, 500, overlay.Dial{Peer: MemberID(0)})
	a.Run(1000)
	said(t, s[0], "0 up 1 true", "5 down 1", "510 up 1 false")
	said(t, s[1], "0 up 0 false", "15 down 0", "520 up 0 true")
	s[1].does(1, 1005, overlay.HangUp{Peer: MemberID(0)})
	s[1].does(1, 1006, overlay.Dial{Peer: MemberID(0)}) // not yet taken down
	a.Run(2000)
	if s[1].log[len(s[1].log)-1] != "1026 down 0" {
		t.Errorf("a dial into a closing connection: %q", s[1].log)
	}
}

// Meshes in an arena are the same for the same seed.
func TestArenasRepeat(t *testing.T) {
	run := func(seed uint64) (list []int64) {
		a := NewArena(ArenaConfig{
			N: 60, Seed: seed, Timeout: 3e9, Detect: 5e9, Loss: 0.1, Again: 1e8,
			Delay: func(i, j int) int64 { return int64(1e7 + 1e6*(i^j)) },
			Policy: func(_ int, table *overlay.Table, rng *rand.Rand) overlay.Policy {
				return overlay.NewMesh(table, 10e9, rng)
			},
		})
		for i := range 60 {
			for j := range 60 {
				a.Meet(i, j)
			}
		}
		a.Run(30e9)
		a.Kill(7)
		a.Run(100e9)
		for _, m := range a.Members {
			for _, p := range m.Table.All() {
				list = append(list, p.SinceNs, p.UpNs)
			}
		}
		return list
	}
	one := run(1)
	if !slices.Equal(one, run(1)) || slices.Equal(one, run(2)) {
		t.Error("a run is no function of its seed")
	}
}
