// Package liar makes the service "rtt" of a world's node lie. The service itself
// stays what it is: a layer around it alters, holds back and adds effects, as
// somebody would who runs a changed program. So everything a liar says has the right
// form, comes from a valid key, and is signed.
//
// Liars work together in plots. A plot knows its members and what they are after; a
// node without one is honest to the last byte.
package liar

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/service"
	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

// A Liar is the layer around the service of one node, and a service of the same
// name. It is used by one goroutine at a time.
type Liar struct {
	Altered uint64 // messages and records held back, changed or left out
	Added   uint64 // messages, records and dials of its own

	inner  service.Service
	stream draw.Stream
	draws  uint64
	parts  []part

	// What it has seen since the node started.
	now    int64
	self   codec.PeerID
	space  codec.ID
	joined bool
	up     []codec.PeerID // connected peers, in the order in which they came up
	held   []held         // by time
	out    []service.Effect
}

// A part is what a liar does in one plot.
type part struct {
	plot   *Plot
	said   bool  // the plot's records are written
	nextNs int64 // of its next move; monotonic
}

// held is an answer that leaves later.
type held struct {
	at int64
	service.Send
}

// New returns the layer of a node, which draws from the world's seed and its number.
// It passes everything on until it joins a plot.
func New(seed uint64, node uint32) *Liar {
	return &Liar{stream: draw.NewStream(seed, 1<<60|uint64(node))} // links, plans and adversaries draw elsewhere
}

// Boot puts the layer around the service of a node that is about to start.
func (l *Liar) Boot(inner service.Service) {
	l.inner, l.joined, l.up, l.held = inner, false, nil, nil
	for i := range l.parts {
		l.parts[i] = part{plot: l.parts[i].plot}
	}
}

// Join lets the node take part in a plot; the node has to be woken. Quit ends that.
func (l *Liar) Join(p *Plot) { l.parts = append(l.parts, part{plot: p}) }

// Quit is the opposite of [Liar.Join].
func (l *Liar) Quit(p *Plot) {
	l.parts = slices.DeleteFunc(l.parts, func(part part) bool { return part.plot == p })
}

// Honest reports whether the node takes part in no plot.
func (l *Liar) Honest() bool { return len(l.parts) == 0 }

// Name implements service.Service.
func (l *Liar) Name() string { return l.inner.Name() }

// NextWake implements service.Service.
func (l *Liar) NextWake() int64 {
	at := l.inner.NextWake()
	sooner := func(t int64) {
		if at == 0 || t < at {
			at = t
		}
	}
	if len(l.held) > 0 {
		sooner(l.held[0].at)
	}
	for i := range l.parts {
		if l.parts[i].plot.moves() {
			sooner(max(l.parts[i].nextNs, 1))
		}
	}
	return at
}

// Handle implements service.Service.
func (l *Liar) Handle(now codec.Now, ev service.Event) []service.Effect {
	l.now, l.out = now.Mono, l.out[:0]
	l.note(ev)
	for _, ef := range l.inner.Handle(now, ev) {
		l.pass(ef)
	}
	l.release()
	if _, woken := ev.(service.Wake); woken {
		for i := range l.parts {
			l.scheme(&l.parts[i])
		}
	}
	return l.out
}

func (l *Liar) do(ef service.Effect) { l.out = append(l.out, ef) }

// add is an effect that the honest service would not have had.
func (l *Liar) add(ef service.Effect) {
	l.Added++
	l.do(ef)
}

// note follows what the service is told.
func (l *Liar) note(ev service.Event) {
	switch ev := ev.(type) {
	case service.Started:
		l.self = ev.Self
	case service.Joined:
		if !l.joined {
			l.space, l.joined = ev.Space, true
		}
	case service.PeerUp:
		l.up = append(l.up, ev.Peer)
	case service.PeerDown:
		l.up = slices.DeleteFunc(l.up, func(p codec.PeerID) bool { return p == ev.Peer })
	}
}

// pass lets an effect of the honest service out, as far as no plot is against it.
func (l *Liar) pass(ef service.Effect) {
	for i := range l.parts {
		if ef = l.parts[i].plot.bend(l, ef); ef == nil {
			return
		}
	}
	l.do(ef)
}

// hold keeps an answer for some time.
func (l *Liar) hold(send service.Send, ns int64) {
	l.Altered++
	l.held = append(l.held, held{l.now + ns, send})
	slices.SortStableFunc(l.held, func(a, b held) int { return cmp.Compare(a.at, b.at) })
}

func (l *Liar) release() {
	for len(l.held) > 0 && l.held[0].at <= l.now {
		l.do(l.held[0].Send)
		l.held = l.held[1:]
	}
}

// claimsMax bounds the records of one write.
const claimsMax = 32

// scheme does what the plot has to do of itself: it writes its records once, and
// makes its moves.
func (l *Liar) scheme(p *part) {
	if l.joined && !p.said {
		p.said = true
		for list := range slices.Chunk(p.plot.claims(l.self), claimsMax) {
			l.Added += uint64(len(list) - 1)
			l.add(service.Put{Space: l.space, Entries: list})
		}
	}
	if p.plot.moves() && p.nextNs <= l.now {
		p.nextNs = l.now + p.plot.EveryNs
		p.plot.move(l)
	}
}

// connected reports whether a peer is connected.
func (l *Liar) connected(peer codec.PeerID) bool { return slices.Contains(l.up, peer) }

// introduce names peers to one.
func (l *Liar) introduce(to codec.PeerID, list []overlay.Introduction) {
	l.add(service.Send{Peer: to, Body: rtt.Introduce(list)})
}

// invented is a peer that does not exist.
func (l *Liar) invented() overlay.Introduction {
	return overlay.Introduction{Peer: codec.PeerID(l.bytes(32)), Address: string(bytes.Repeat([]byte{'?'}, addressBytes))}
}

// addressBytes is as long as an address may be.
const addressBytes = 256

func (l *Liar) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		if i%8 == 0 {
			l.draws++
		}
		b[i] = byte(l.stream.Uint64(0, l.draws) >> (i % 8 * 8))
	}
	return b
}

// some are up to n different members of a list, drawn.
func (l *Liar) some(list []codec.PeerID, n int) []codec.PeerID {
	list = slices.Clone(list)
	for i := range min(n, len(list)) {
		l.draws++
		j := draw.Uniform(l.stream.Uint64(1, l.draws), int64(i), int64(len(list)-1))
		list[i], list[j] = list[j], list[i]
	}
	return list[:min(n, len(list))]
}
