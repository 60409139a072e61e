// Package auto picks a strategy for each session from what both sides know when
// it begins, and from what the initiator's first payload tells:
//
//	one side holds nothing            the other gives everything, nothing is compared
//	one side holds far less           the smaller side lists its short ids, 8 bytes each
//	all that differs is recent        the responder lists what is recent, 5 bytes each
//	about as much differs as is held  filters, whose cost follows the size
//	otherwise                         a sketch, whose cost follows the difference
//
// The responder picks, as it is the first to know both counts. The initiator
// begins with the sketch's first payload, if it has one, and a ladder:
// fingerprints of all that is older than its newest 16, 32, 64, … records. Below a
// step on which both agree nothing differs, and where a list of what lies above
// takes fewer bytes than the sketch's answer, the list is the answer.
//
// The first byte of every payload says what it is part of.
package auto

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Parts is what the strategy chooses from.
type Parts struct {
	// Sketch finds few differences among many records. PerDifference is what it
	// takes for one, in bytes, when there are many.
	Sketch        reconcile.Strategy
	PerDifference uint64
	// Dense finds many differences among few records, PerRecord bytes for each of
	// the larger side's. Its responder speaks first.
	Dense     reconcile.Strategy
	PerRecord uint64
	// Order gives a view's records by time.
	Order func(reconcile.View) Order
}

// Strategy chooses between lists and its parts.
type Strategy struct{ Parts }

// New returns the strategy that chooses among these parts.
func New(parts Parts) Strategy { return Strategy{parts} }

// A choice is the first byte of every payload.
const (
	choiceGive   = 1 // the initiator holds nothing: the responder gives all
	choiceTake   = 2 // the responder holds nothing: the initiator gives all
	choiceList   = 3 // the responder lists its ids
	choiceAsk    = 4 // the initiator is to list its ids, and gets the list of those wanted
	choiceSketch = 5 // the sketch's; the initiator's first one begins with the ladder
	choiceRecent = 6 // the list of what is recent
	choiceWanted = 7 // which of that list are wanted
	choiceDense  = 8 // as choiceSketch, of the other strategy
)

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "auto" }

// NewKept implements reconcile.Strategy: the sketch keeps its own.
func (Strategy) NewKept(reconcile.View) reconcile.Kept { return nil }

// choose picks by the counts: they bound the difference from below, so that a
// list of the smaller side that is cheaper than a sketch for that difference is
// cheaper than any.
func (s Strategy) choose(mine, theirs uint64) byte {
	least := max(mine, theirs) - min(mine, theirs)
	switch {
	case theirs == 0:
		return choiceGive
	case mine == 0:
		return choiceTake
	case min(mine, theirs) > listMax || min(mine, theirs)*idBytes >= least*s.PerDifference:
		return choiceSketch
	case mine < theirs:
		return choiceList
	}
	return choiceAsk
}

// Accept implements reconcile.Strategy.
func (s Strategy) Accept(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	switch choice := s.choose(view.Count(), peer.Count); choice {
	case choiceGive:
		out.Give = all(view)
		out.Payloads = [][]byte{{choice}}
		return silent{}
	case choiceTake:
		out.Payloads = [][]byte{{choice}}
		return silent{}
	case choiceList:
		out.Payloads = list(choice, all(view))
		return silent{}
	case choiceAsk:
		out.Payloads = [][]byte{{choice}}
		return &reader{view: view, left: peer.Count}
	}
	return &responder{strategy: s, view: view, peer: peer}
}

// Open implements reconcile.Strategy.
func (s Strategy) Open(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	i := &initiator{strategy: s, view: view, peer: peer, order: s.Order(view)}
	i.ladder = climb(i.order)
	before := len(out.Payloads)
	i.inner = wrapped{choiceSketch, s.Sketch.Open(view, peer, out)}
	if len(out.Payloads) == before {
		out.Payloads = append(out.Payloads, nil) // the ladder alone
	}
	i.inner.wrap(out, before, appendLadder(nil, i.ladder))
	return i
}

// A responder answers the ladder with a list, or runs one of the sessions.
type responder struct {
	strategy Strategy
	view     reconcile.View
	peer     reconcile.Peer
	inner    wrapped
	listed   []uint64 // short ids of what was listed, in the list's order; nil for no list
	wanted   int      // how many of them have been answered
}

// Receive implements reconcile.Session.
func (r *responder) Receive(payload []byte, out *reconcile.Out) error {
	switch {
	case len(payload) > 0 && payload[0] == choiceSketch && r.inner.Session == nil:
		return r.begin(payload[1:], out)
	case len(payload) > 0 && payload[0] == r.inner.choice && r.listed == nil:
		return r.inner.Receive(payload, out)
	case len(payload) > 1 && payload[0] == choiceWanted && r.wanted < len(r.listed):
		return r.give(payload[1:], out)
	}
	return fmt.Errorf("%w: auto: %d bytes out of turn", reconcile.ErrPayload, len(payload))
}

// begin looks what the sketch would answer, and whether something else takes less.
func (r *responder) begin(body []byte, out *reconcile.Out) error {
	ladder, body, err := readLadder(body)
	if err != nil {
		return err
	}
	before := len(out.Payloads)
	r.inner = wrapped{choiceSketch, r.strategy.Sketch.Accept(r.view, r.peer, out)}
	if len(body) > 0 {
		if err := r.inner.Session.Receive(body, out); err != nil {
			return err
		}
	}
	size := 0
	for _, p := range out.Payloads[before:] {
		size += len(p)
	}
	if settled := out.Fallback || len(out.Give) > 0; !settled && !r.list(ladder, size, before, out) {
		if most := max(r.view.Count(), r.peer.Count); uint64(size) > most*r.strategy.PerRecord {
			out.Payloads = out.Payloads[:before]
			r.inner = wrapped{choiceDense, r.strategy.Dense.Accept(r.view, r.peer, out)}
		}
	}
	if r.listed == nil {
		r.inner.wrap(out, before, nil)
	}
	return nil
}

// list answers with what is recent, if nothing else differs and that takes less
// than so many bytes.
func (r *responder) list(ladder []step, size, before int, out *reconcile.Out) bool {
	order := r.strategy.Order(r.view)
	at := agree(order, ladder)
	if at < 0 {
		return false
	}
	below, _ := order.Before(ladder[at].since)
	count := order.Len() - below
	if count > listMax || listBytes(count) >= size {
		return false
	}
	r.listed = recent(r.view, order, ladder[at].since)
	out.Payloads = append(out.Payloads[:before], listTags(byte(at), ladder[at].print, r.listed)...)
	return true
}

// silent is a responder that has said everything. The initiator's first payload
// was on its way.
type silent struct{}

func (silent) Receive(payload []byte, _ *reconcile.Out) error { return passed(payload) }

func passed(payload []byte) error {
	if len(payload) > 0 && payload[0] == choiceSketch {
		return nil
	}
	return fmt.Errorf("%w: auto: nothing was asked for", reconcile.ErrPayload)
}

// all are the short ids of a set, ascending.
func all(view reconcile.View) []uint64 {
	ids := make([]uint64, 0, view.Count())
	view.Each(func(short uint64, _ *codec.ID) bool {
		ids = append(ids, short)
		return true
	})
	slices.Sort(ids)
	return slices.Compact(ids)
}

const (
	idBytes = 8
	// perPayload short ids go into one payload, after the choice and the count.
	perPayload = (reconcile.PayloadMax - 16) / idBytes
)

// list writes sorted ids: each payload is the choice, the number of ids that
// follow in it and all later ones, as a varint, and its ids, little-endian.
func list(choice byte, ids []uint64) (payloads [][]byte) {
	for first := true; first || len(ids) > 0; first = false {
		b := binary.AppendUvarint([]byte{choice}, uint64(len(ids)))
		n := min(len(ids), perPayload)
		for _, id := range ids[:n] {
			b = binary.LittleEndian.AppendUint64(b, id)
		}
		payloads, ids = append(payloads, b), ids[n:]
	}
	return payloads
}

// A reader takes in a list. As a responder it then gives what the list lacks, and
// names what it wants of it.
type reader struct {
	view  reconcile.View
	left  uint64 // ids that may still come
	begun bool
	ids   []uint64
	done  bool
}

// read takes in a payload without its choice. It returns true with the last one.
func (r *reader) read(b []byte) (bool, error) {
	left, n := binary.Uvarint(b)
	switch b = b[max(n, 0):]; {
	case n <= 0 || r.done || left > r.left || r.begun && left != r.left:
		return false, fmt.Errorf("%w: auto: a list of %d ids, %d are left", reconcile.ErrPayload, left, r.left)
	case len(b)%idBytes != 0 || uint64(len(b)/idBytes) > left || len(b) == 0 && left > 0:
		return false, fmt.Errorf("%w: auto: %d bytes for %d ids", reconcile.ErrPayload, len(b), left)
	}
	r.begun, r.left = true, left
	for ; len(b) > 0; b = b[idBytes:] {
		id := binary.LittleEndian.Uint64(b)
		if k := len(r.ids); k > 0 && r.ids[k-1] >= id {
			return false, fmt.Errorf("%w: auto: ids are not sorted or repeat", reconcile.ErrPayload)
		}
		r.ids = append(r.ids, id)
		r.left--
	}
	r.done = r.left == 0
	return r.done, nil
}

// compare finds what only one side has.
func (r *reader) compare() (ours, theirs []uint64) {
	mine := all(r.view)
	for len(mine) > 0 || len(r.ids) > 0 {
		switch {
		case len(r.ids) == 0 || len(mine) > 0 && mine[0] < r.ids[0]:
			ours, mine = append(ours, mine[0]), mine[1:]
		case len(mine) == 0 || r.ids[0] < mine[0]:
			theirs, r.ids = append(theirs, r.ids[0]), r.ids[1:]
		default:
			mine, r.ids = mine[1:], r.ids[1:]
		}
	}
	return ours, theirs
}

// Receive implements reconcile.Session, for a responder that asked for the list.
func (r *reader) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) == 0 || payload[0] != choiceAsk {
		return passed(payload)
	}
	last, err := r.read(payload[1:])
	if err != nil || !last {
		return err
	}
	ours, theirs := r.compare()
	out.Give = ours
	out.Payloads = list(choiceAsk, theirs)
	return nil
}

// wrapped is the session of a part, whose payloads carry the choice.
type wrapped struct {
	choice byte
	reconcile.Session
}

// Receive implements reconcile.Session.
func (w *wrapped) Receive(payload []byte, out *reconcile.Out) error {
	before := len(out.Payloads)
	err := w.Session.Receive(payload[1:], out)
	w.wrap(out, before, nil)
	return err
}

// wrap puts the choice before the payloads from a place on, and the ladder, if
// there is one, into the first of them.
func (w *wrapped) wrap(out *reconcile.Out, from int, ladder []byte) {
	for i := from; i < len(out.Payloads); i++ {
		b := append([]byte{w.choice}, ladder...)
		out.Payloads[i] = append(b, out.Payloads[i]...)
		ladder = nil
	}
}

// An initiator follows the responder's choice.
type initiator struct {
	strategy Strategy
	view     reconcile.View
	peer     reconcile.Peer
	order    Order
	ladder   []step
	inner    wrapped
	choice   byte // 0 before the first payload
	list     reader
	recent   tags
}

// Receive implements reconcile.Session.
func (s *initiator) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) == 0 {
		return fmt.Errorf("%w: auto: an empty payload", reconcile.ErrPayload)
	}
	if s.choice == 0 {
		if err := s.begin(payload[0], out); err != nil || s.choice == choiceAsk {
			return err
		}
	}
	if payload[0] != s.choice {
		return fmt.Errorf("%w: auto: choice %d after %d", reconcile.ErrPayload, payload[0], s.choice)
	}
	switch s.choice {
	case choiceGive:
		out.Done = true
	case choiceTake:
		out.Give, out.Done = append(out.Give, all(s.view)...), true
	case choiceSketch, choiceDense:
		return s.inner.Receive(payload, out)
	case choiceRecent:
		return s.listedRecent(payload[1:], out)
	default:
		return s.listed(payload[1:], out)
	}
	return nil
}

// begin takes the choice, and lists what it asks for.
func (s *initiator) begin(choice byte, out *reconcile.Out) error {
	s.list = reader{view: s.view, left: listMax}
	switch s.choice = choice; choice {
	case choiceGive, choiceTake, choiceList, choiceSketch, choiceRecent:
	case choiceDense:
		before := len(out.Payloads)
		s.inner = wrapped{choiceDense, s.strategy.Dense.Open(s.view, s.peer, out)}
		s.inner.wrap(out, before, nil)
	case choiceAsk:
		s.list.left = s.view.Count()
		out.Payloads = append(out.Payloads, list(choiceAsk, all(s.view))...)
	default:
		return fmt.Errorf("%w: auto: choice %d is unknown", reconcile.ErrPayload, choice)
	}
	return nil
}

// listMax bounds a list, 8 MiB.
const listMax = 1 << 20

// listed takes in the responder's ids, or those of ours that it wants.
func (s *initiator) listed(b []byte, out *reconcile.Out) error {
	last, err := s.list.read(b)
	if err != nil || !last {
		return err
	}
	out.Done = true
	if s.choice == choiceAsk {
		out.Give = append(out.Give, s.list.ids...)
		return nil
	}
	ours, theirs := s.list.compare()
	out.Give, out.Want = append(out.Give, ours...), append(out.Want, theirs...)
	return nil
}
