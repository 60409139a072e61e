package lab

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/sim/kernel"
)

// An Arena lets policies that speak with each other run, without nodes: dials,
// hang-ups and messages take their time, messages of a connection arrive once and
// in order, members die. It is a small world for what needs a hundred thousand runs.
type Arena struct {
	Members []*Member
	// Messages counts what policies have sent.
	Messages int

	cfg   ArenaConfig
	queue kernel.Queue
	rng   *rand.Rand
	items []item
	free  []uint32
	wires map[[2]int]*wire // only looked up; lower member first
}

// An ArenaConfig is a network of n members.
type ArenaConfig struct {
	N    int
	Seed uint64
	// Delay is the way from one member to another, in ns.
	Delay func(from, to int) int64
	// Loss is the chance that a message has to be sent again, which takes Again, ns.
	Loss  float64
	Again int64
	// Timeout is how long a dial to a dead member takes to fail, and Detect how
	// long its death goes unnoticed on connections, ns.
	Timeout, Detect int64
	// Policy makes the policy of a member. The table knows nobody yet.
	Policy func(member int, table *overlay.Table, rng *rand.Rand) overlay.Policy
}

// A Member is one node's overlay.
type Member struct {
	Table  *overlay.Table
	Policy overlay.Policy
	Dead   bool
}

// A wire is a connection, seen by each side by itself.
type wire struct {
	up   [2]bool  // at the lower member, at the higher one
	last [2]int64 // when what was sent to each arrives at latest
	was  bool     // up at all, and not just being opened
}

// What happens later.
const (
	itemDialed   = iota // the dial has reached its target
	itemAnswered        // and its answer the dialer
	itemRefused         // nobody answers
	itemMessage
	itemClosed // the other side has hung up, or died
	itemLeft   // so has one's own
)

type item struct {
	kind     int
	from, to int
	wire     *wire
	body     []byte
}

// NewArena prepares a run. Nothing happens before Run.
func NewArena(cfg ArenaConfig) *Arena {
	a := &Arena{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6172656e61)), wires: map[[2]int]*wire{}}
	for i := range cfg.N {
		m := &Member{Table: overlay.NewTable(MemberID(i))}
		m.Policy = cfg.Policy(i, m.Table, rand.New(rand.NewPCG(cfg.Seed, uint64(i))))
		a.Members = append(a.Members, m)
	}
	for i := range a.Members {
		a.wake(i)
	}
	return a
}

// MemberID is the id of a member; the order of ids is that of members.
func MemberID(member int) (id codec.PeerID) {
	binary.BigEndian.PutUint32(id[:], uint32(member))
	return id
}

// MemberOf is the member with an id.
func MemberOf(id codec.PeerID) int { return int(binary.BigEndian.Uint32(id[:])) }

// Now is the time, in ns.
func (a *Arena) Now() int64 { return a.queue.Now() }

// Meet lets a member hear of another one.
func (a *Arena) Meet(member, other int) {
	a.Members[member].Table.Enter(a.Now(), MemberID(other))
}

// Connect connects two members at once, as if the first had dialed.
func (a *Arena) Connect(i, j int) {
	w := a.open(i, j)
	a.up(w, j, i, false)
	a.up(w, i, j, true)
}

// Connected reports whether both sides of two members hold a connection.
func (a *Arena) Connected(i, j int) bool {
	w := a.wires[key(i, j)]
	return w != nil && w.up[0] && w.up[1]
}

// Run lets time pass until a time, in ns.
func (a *Arena) Run(until int64) {
	for {
		e, ok := a.queue.PopUntil(until)
		if !ok {
			return
		}
		if e.Wake {
			a.tell(int(e.Payload), overlay.Wake{})
			continue
		}
		it := a.items[e.Payload]
		a.items[e.Payload] = item{}
		a.free = append(a.free, uint32(e.Payload))
		a.happen(&it)
	}
}

// Kill lets a member die: its peers notice after Detect.
func (a *Arena) Kill(member int) {
	m := a.Members[member]
	m.Dead = true
	a.queue.ClearWake(uint32(member))
	for _, p := range m.Table.All() {
		if p.Up {
			p.Up = false
			a.close(member, MemberOf(p.ID), a.cfg.Detect)
		}
	}
}

func key(i, j int) [2]int { return [2]int{min(i, j), max(i, j)} }

// side is which one of a wire's two a member is.
func side(member, other int) int {
	if member < other {
		return 0
	}
	return 1
}

func (a *Arena) later(at int64, it item) {
	if n := len(a.free); n > 0 {
		slot := a.free[n-1]
		a.free = a.free[:n-1]
		a.items[slot] = it
		a.queue.Push(at, uint64(slot))
		return
	}
	a.items = append(a.items, it)
	a.queue.Push(at, uint64(len(a.items)-1))
}

// send lets something travel along a wire, after what was sent before.
func (a *Arena) send(w *wire, it item, extra int64) {
	s := side(it.to, it.from)
	at := max(a.Now()+a.cfg.Delay(it.from, it.to)+extra, w.last[s])
	w.last[s] = at
	it.wire = w
	a.later(at, it)
}

func (a *Arena) open(dialer, to int) *wire {
	w := &wire{}
	a.wires[key(dialer, to)] = w
	return w
}

func (a *Arena) happen(it *item) {
	m, w := a.Members[it.to], it.wire
	switch it.kind {
	case itemDialed:
		switch {
		case a.Members[it.from].Dead:
			delete(a.wires, key(it.from, it.to))
		case m.Dead:
			a.refused(w, it.from, it.to)
		default:
			a.send(w, item{kind: itemAnswered, from: it.to, to: it.from}, 0)
			a.up(w, it.to, it.from, false)
		}
	case itemAnswered:
		if m.Dead {
			a.send(w, item{kind: itemClosed, from: it.to, to: it.from}, a.cfg.Detect)
			return
		}
		a.up(w, it.to, it.from, true)
	case itemRefused:
		a.refused(w, it.to, it.from)
	case itemMessage:
		if w.up[side(it.to, it.from)] && !m.Dead {
			a.tell(it.to, overlay.Told{Peer: MemberID(it.from), Body: it.body})
		}
	case itemClosed:
		a.closed(w, it.to, it.from)
	case itemLeft:
		a.tell(it.to, overlay.Down{Peer: MemberID(it.from)})
	}
}

// refused tells a dialer that its dial led to nothing, unless the other side has
// dialed meanwhile.
func (a *Arena) refused(w *wire, dialer, other int) {
	if a.wires[key(dialer, other)] == w {
		delete(a.wires, key(dialer, other))
	}
	m := a.Members[dialer]
	if p := m.Table.Find(MemberID(other)); !m.Dead && (p == nil || !p.Up) {
		a.tell(dialer, overlay.Down{Peer: MemberID(other)})
	}
}

func (a *Arena) up(w *wire, at, other int, dialed bool) {
	w.up[side(at, other)], w.was = true, true
	a.Members[at].Table.WentUp(a.Now(), MemberID(other), "", dialed)
	a.tell(at, overlay.Up{Peer: MemberID(other), Dialed: dialed})
}

// close takes down one's own side of a wire; the other side hears of it.
func (a *Arena) close(at, other int, extra int64) {
	w := a.wires[key(at, other)]
	if w == nil || !w.up[side(at, other)] {
		return
	}
	w.up[side(at, other)] = false
	a.send(w, item{kind: itemClosed, from: at, to: other}, extra)
}

// closed takes down the side that the other one has left.
func (a *Arena) closed(w *wire, at, other int) {
	if a.wires[key(at, other)] == w {
		delete(a.wires, key(at, other))
	}
	s := side(at, other)
	if !w.up[s] || a.Members[at].Dead {
		return
	}
	w.up[s] = false
	a.Members[at].Table.WentDown(a.Now(), MemberID(other))
	a.tell(at, overlay.Down{Peer: MemberID(other)})
}

// dialPause is how long a peer is left alone after a dial, ns.
const dialPause = 10e9

// tell gives a policy an event and carries out what it wants.
func (a *Arena) tell(member int, ev overlay.Event) {
	m := a.Members[member]
	for _, ef := range m.Policy.Handle(a.Now(), ev) {
		switch ef := ef.(type) {
		case overlay.Dial:
			a.dial(member, MemberOf(ef.Peer))
		case overlay.HangUp:
			other := MemberOf(ef.Peer)
			if m.Table.WentDown(a.Now(), ef.Peer) != nil {
				a.close(member, other, 0)
				a.later(a.Now(), item{kind: itemLeft, from: other, to: member})
			}
		case overlay.Tell:
			a.message(member, MemberOf(ef.Peer), ef.Body)
		}
	}
	a.wake(member)
}

func (a *Arena) wake(member int) {
	m := a.Members[member]
	if at := m.Policy.NextWake(); at != 0 && !m.Dead {
		a.queue.SetWake(uint32(member), max(at, a.Now()))
	} else {
		a.queue.ClearWake(uint32(member))
	}
}

// dial opens a wire, unless there is one or the other side is opening it.
func (a *Arena) dial(from, to int) {
	p := a.Members[from].Table.Find(MemberID(to))
	w := a.wires[key(from, to)]
	if p == nil || w != nil && (!w.was || w.up[side(from, to)]) {
		return // crossing dials are one
	}
	p.Dialing(a.Now() + dialPause)
	if w != nil { // still being taken down
		a.later(a.Now()+2*a.cfg.Delay(from, to), item{kind: itemRefused, from: to, to: from})
		return
	}
	w = a.open(from, to)
	if a.Members[to].Dead {
		a.later(a.Now()+a.cfg.Timeout, item{kind: itemRefused, from: to, to: from, wire: w})
		return
	}
	a.send(w, item{kind: itemDialed, from: from, to: to}, 0)
}

func (a *Arena) message(from, to int, body []byte) {
	w := a.wires[key(from, to)]
	if w == nil || !w.up[side(from, to)] {
		return
	}
	a.Messages++
	again := int64(0)
	for a.cfg.Loss > 0 && a.rng.Float64() < a.cfg.Loss {
		again += a.cfg.Again
	}
	a.send(w, item{kind: itemMessage, from: from, to: to, body: body}, again)
}
