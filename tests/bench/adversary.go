package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/auto"
	"github.com/intersubjective/rapprochement/engine/reconcile/bloom"
	"github.com/intersubjective/rapprochement/engine/reconcile/frontier"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/kvriblt"
	"github.com/intersubjective/rapprochement/engine/reconcile/prolly"
	"github.com/intersubjective/rapprochement/engine/reconcile/rbsr"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
)

// attacked are the strategies whose sessions are attacked.
var attacked = []reconcile.Strategy{
	riblt.Strategy{}, kvriblt.Strategy{}, rbsr.Strategy{}, rbsr.Compatible{}, prolly.Strategy{}, bloom.Strategy{},
	frontier.Strategy{}, full.Strategy{},
	auto.New(auto.Parts{
		Sketch: kvriblt.Strategy{}, PerDifference: 14, Dense: bloom.Strategy{}, PerRecord: 4,
		Order: func(view reconcile.View) auto.Order { return rbsr.Set(view) },
	}),
}

// A hostSet is a set as a node shows it, with the summary of any strategy.
type hostSet struct {
	*warmSet
	kept   map[string]reconcile.Kept
	pinned map[string]reconcile.Pinned
}

func newHostSet(items []reconcile.Item) *hostSet {
	s := &hostSet{warmSet: &warmSet{salt: codec.Salt{1, 2, 3}, items: items, held: map[uint64]struct{}{}}, kept: map[string]reconcile.Kept{}}
	for i := range items {
		s.held[items[i].Short] = struct{}{}
	}
	return s
}

// Kept implements reconcile.View.
func (s *hostSet) Kept(st reconcile.Strategy) reconcile.Pinned {
	if p := s.pinned[st.Name()]; p != nil {
		return p
	}
	if s.kept[st.Name()] == nil {
		s.kept[st.Name()] = st.NewKept(s)
	}
	s.pinned[st.Name()] = s.kept[st.Name()].Pin()
	return s.pinned[st.Name()]
}

// Authors implements reconcile.View: everything is by one of 16.
func (s *hostSet) Authors(fn func(author codec.PeerID, highest uint64) bool) {
	for i := range byte(16) {
		if !fn(codec.PeerID{i, 1}, uint64(len(s.items))) {
			return
		}
	}
}

// Above implements reconcile.View.
func (s *hostSet) Above(author codec.PeerID, version uint64, fn func(short uint64) bool) {
	for i := range s.items {
		if uint64(i) > version && byte(i%16) == author[0] && !fn(s.items[i].Short) {
			return
		}
	}
}

// begin and end enclose a session.
func (s *hostSet) begin() { s.pinned = map[string]reconcile.Pinned{} }

func (s *hostSet) end() {
	for _, p := range s.pinned {
		p.Close()
	}
}

// An attack is a run of payloads that the victim takes, and what they cost it.
type attack struct {
	before   [][]byte // honest ones, that bring a session to where it begins
	payloads [][]byte
	answered float64 // bytes for each byte
	nanos    float64 // for each byte
	gives    float64 // records for each byte
}

// frameCost is what a payload costs its sender at least, beside its bytes: the
// head of a frame and of a message, and the network's own.
const frameCost = 60

// suffer lets a fresh session take the payloads of an attack, until it refuses.
func suffer(st reconcile.Strategy, victim *hostSet, initiates bool, a *attack) {
	victim.begin()
	defer victim.end()
	var out reconcile.Out
	var session reconcile.Session
	if peer := (reconcile.Peer{Count: victim.Count()}); initiates {
		session = st.Open(victim, peer, &out)
	} else {
		session = st.Accept(victim, peer, &out)
	}
	for _, p := range a.before {
		if session.Receive(p, &out) != nil || out.Done || out.Fallback {
			return
		}
	}
	out = reconcile.Out{}
	size := 0
	watch := start()
	for _, p := range a.payloads {
		size += len(p) + frameCost
		if session.Receive(p, &out) != nil || out.Done || out.Fallback {
			break
		}
	}
	_, cpu := watch.stop()
	answer := 0
	for _, p := range out.Payloads {
		answer += len(p)
	}
	a.nanos = float64(max(cpu.Nanoseconds(), 0)) / float64(size)
	a.answered, a.gives = float64(answer)/float64(size), float64(len(out.Give))/float64(size)
}

// transcript is what an honest other side sends in a whole session.
func transcript(st reconcile.Strategy, left, right *hostSet) (toLeft, toRight [][]byte, err error) {
	left.begin()
	right.begin()
	defer left.end()
	defer right.end()
	var a, b reconcile.Out
	initiator := st.Open(left, reconcile.Peer{Count: right.Count()}, &a)
	responder := st.Accept(right, reconcile.Peer{Count: left.Count()}, &b)
	for !a.Done && !a.Fallback && !b.Fallback {
		from, to, session, log := &b, &a, initiator, &toLeft
		if len(b.Payloads) == 0 {
			from, to, session, log = &a, &b, responder, &toRight
		}
		if len(from.Payloads) == 0 {
			return nil, nil, errSilent
		}
		p := from.Payloads[0]
		from.Payloads = from.Payloads[1:]
		*log = append(*log, p)
		if err := session.Receive(p, to); err != nil {
			return nil, nil, err
		}
	}
	return toLeft, toRight, nil
}

// adversaryCost searches for payloads that cost most: honest ones are cut, changed
// and repeated, and what cost more than before is changed further. It finds no
// upper bound, which the packages' comments argue, but what is easily found.
func adversaryCost(rounds int) error {
	const n, d = 20_000, 400
	left, right := dealing{n: n, d: d}.deal()
	salt := codec.Salt{1, 2, 3}
	keyed := func(entries []rbsr.Entry) []reconcile.Item {
		items := rangeItems(entries, &salt)
		for i := range items {
			items[i].Key, items[i].Version = items[i].Short*0x9e3779b97f4a7c15, uint64(i+1)<<16
		}
		return items
	}
	a, b := newHostSet(keyed(left)), newHostSet(keyed(right))
	for _, st := range attacked {
		toInitiator, toResponder, err := transcript(st, a, b)
		if err != nil {
			return fmt.Errorf("%s: %w", st.Name(), err)
		}
		for _, victim := range []struct {
			role      string
			initiates bool
			set       *hostSet
			honest    [][]byte
		}{{"initiator", true, a, toInitiator}, {"responder", false, b, toResponder}} {
			if len(victim.honest) == 0 {
				continue // it hears nothing but requests for records
			}
			answer, time := worst(st, victim.set, victim.initiates, victim.honest, 150*rounds)
			emit("adversary_cost", time.nanos, "ns/byte", parameters{
				"strategy": st.Name(), "attack": "searched", "victim": victim.role, "n": n, "d": d, "tries": 300 * rounds,
				"answer_bytes_per_byte": answer.answered, "records_given_per_byte": max(answer.gives, time.gives),
			})
		}
	}
	return nil
}

// worst searches for the attack with the largest answer, and for the one that
// takes longest, for each byte of it.
func worst(st reconcile.Strategy, victim *hostSet, initiates bool, honest [][]byte, tries int) (answer, time attack) {
	rng := rand.New(rand.NewPCG(11, uint64(len(honest))))
	search := func(score func(*attack) float64) (best attack) {
		for range tries {
			skip := rng.IntN(len(honest))
			next := attack{before: honest[:skip], payloads: [][]byte{bytes.Clone(honest[skip])}}
			if best.payloads != nil && rng.IntN(3) > 0 {
				next = attack{before: best.before, payloads: [][]byte{bytes.Clone(best.payloads[0])}}
			}
			mutate(rng, &next.payloads[0])
			for range rng.IntN(4) {
				next.payloads = append(next.payloads, next.payloads[0])
			}
			suffer(st, victim, initiates, &next)
			if score(&next) > score(&best) {
				best = next
			}
		}
		return best
	}
	answer = search(func(a *attack) float64 { return a.answered })
	time = search(func(a *attack) float64 { return a.nanos })
	var again []float64 // one interruption must not win
	for range 9 {
		suffer(st, victim, initiates, &time)
		again = append(again, time.nanos)
	}
	time.nanos = median(again)
	return answer, time
}

// mutate changes some bytes, cuts the end off, or sets a run of bytes that may be a
// number to its largest.
func mutate(rng *rand.Rand, p *[]byte) {
	for range 1 + rng.IntN(3) {
		b := *p
		if len(b) == 0 {
			return
		}
		switch at := rng.IntN(len(b)); rng.IntN(5) {
		case 0:
			b[at] ^= 1 << rng.IntN(8)
		case 1:
			*p = b[:at+1]
		case 2:
			*p = slices.Insert(b, at, 0xff, 0xff, 0x3f)
		case 3:
			b[min(at, rng.IntN(8)%len(b))] = byte(rng.Uint32())
		}
	}
}
