package riblt

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy reconciles by a stream of cells over short ids. The responder sends
// a first run; the initiator decodes, asks for as many more as its estimate of
// the difference suggests, and decides.
type Strategy struct{}

const (
	// keptCells is where a kept sketch begins: 6 KiB per space, enough for a
	// difference of 180. It grows when a session needed more.
	keptCells = 256
	// firstCells is the responder's first run: it settles differences of up to
	// twenty in one round trip for 400 bytes.
	firstCells = 32
	// burstCells bounds the first run: what the other side says of its count may
	// be a lie, and cells cost us more than saying so cost them.
	burstCells = 8192
)

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "riblt" }

// kept is the sketch that all sessions of a space share.
type kept struct{ *Sketch }

func (k kept) Add(item *reconcile.Item)    { k.Sketch.Add(item.Short) }
func (k kept) Remove(item *reconcile.Item) { k.Sketch.Remove(item.Short) }
func (k kept) Pin() reconcile.Pinned       { return pinned{k.Clone(len(k.Cells()))} }

// pinned is a session's own copy.
type pinned struct{ *Sketch }

func (pinned) Close() {}

func checkSalt(salt *codec.Salt) uint64 { return binary.LittleEndian.Uint64(salt[8:]) }

// NewKept implements reconcile.Strategy.
func (Strategy) NewKept(view reconcile.View) reconcile.Kept {
	s, err := Build(checkSalt(view.Salt()), keptCells, shorts(view))
	if err != nil {
		panic(err) // unreachable: a constant size
	}
	return kept{s}
}

func shorts(view reconcile.View) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		view.Each(func(short uint64, _ *codec.ID) bool { return yield(short) })
	}
}

// cells returns a pinned sketch's cells [lo,hi), growing it from the pinned set.
func cells(view reconcile.View, lo, hi int) ([]Cell, error) {
	s := view.Kept(Strategy{}).(pinned).Sketch
	if hi > len(s.Cells()) {
		if err := s.Grow(min(max(hi, 2*len(s.Cells())), MaxCells), shorts(view)); err != nil {
			return nil, err
		}
	}
	return s.Cells()[lo:hi], nil
}

// Accept implements reconcile.Strategy.
func (Strategy) Accept(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	r := &responder{view: view, coding: Coding{Items: int(view.Count()), CheckBytes: ShortCheck}}
	// The counts bound the difference from below.
	d := int(max(view.Count(), peer.Count) - min(view.Count(), peer.Count))
	r.send(min(max(firstCells, CellsFor(min(d, burstCells))), burstCells), out)
	return r
}

// A responder's payload is the size of its set, the number of the first cell and
// of cells, as varints, and the cells.
type responder struct {
	view   reconcile.View
	coding Coding
	sent   int
}

// cellsPerPayload keeps the longest coding of a run below a payload's limit.
const cellsPerPayload = (reconcile.PayloadMax - 32) / (8 + ShortCheck + 10)

func (r *responder) send(n int, out *reconcile.Out) {
	if r.coding.Validate() != nil {
		out.Fallback = true
		return
	}
	for n = min(n, MaxCells-r.sent); n > 0; {
		hi := r.sent + min(n, cellsPerPayload)
		run, err := cells(r.view, r.sent, hi)
		if err != nil {
			out.Fallback = true
			return
		}
		b := binary.AppendUvarint(nil, uint64(r.coding.Items))
		b = binary.AppendUvarint(b, uint64(r.sent))
		b = binary.AppendUvarint(b, uint64(len(run)))
		out.Payloads = append(out.Payloads, r.coding.Append(b, r.sent, run))
		n -= hi - r.sent
		r.sent = hi
	}
}

// Receive takes the initiator's request for so many more cells.
func (r *responder) Receive(payload []byte, out *reconcile.Out) error {
	n, size := binary.Uvarint(payload)
	if size <= 0 || size != len(payload) || n == 0 || n > MaxCells {
		return fmt.Errorf("%w: riblt: request of %d bytes", reconcile.ErrPayload, len(payload))
	}
	r.send(int(min(n, uint64(grant(r.sent)))), out)
	return nil
}

// grant is how many cells one request may ask for after so many: cells cost more
// than requests, so no more than a few times what has been paid for. Both sides
// know it, or the initiator would wait for cells that never come.
func grant(sent int) int { return 4*sent + 4096 }

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	limit := int(min(4*view.Count()+4096, MaxCells))
	d, err := NewDecoder(Options{
		Salt: checkSalt(view.Salt()), CheckBytes: ShortCheck, MaxCells: MaxCells,
		Secret: binary.LittleEndian.Uint64(view.Salt()[:]),
	}, func(lo, hi int) ([]Cell, error) { return cells(view, lo, hi) })
	if err != nil {
		out.Fallback = true
		return nil
	}
	return &initiator{view: view, decoder: d, limit: limit, items: -1}
}

type initiator struct {
	view    reconcile.View
	decoder *Decoder
	limit   int // cells after which full is cheaper
	items   int // the responder's set, −1 before its first payload
	expect  int // cells asked for
}

// Receive implements reconcile.Session.
func (s *initiator) Receive(payload []byte, out *reconcile.Out) error {
	remote, err := s.parse(payload)
	if err != nil {
		return fmt.Errorf("%w: riblt: %w", reconcile.ErrPayload, err)
	}
	if err := s.decoder.Receive(remote); err != nil {
		return fmt.Errorf("%w: riblt: %w", reconcile.ErrPayload, err)
	}
	switch got := s.decoder.Received(); {
	case s.decoder.Done():
		s.decide(out)
	case s.decoder.Inconsistent() || got >= s.limit:
		out.Fallback = true
	case got >= s.expect:
		want := min(max(s.decoder.Want(), 8), grant(got), MaxCells-got)
		s.expect = got + want
		out.Payloads = append(out.Payloads, binary.AppendUvarint(nil, uint64(want)))
	}
	return nil
}

func (s *initiator) parse(payload []byte) ([]Cell, error) {
	var head [3]uint64
	for i := range head {
		v, n := binary.Uvarint(payload)
		if n <= 0 || v > MaxItems {
			return nil, fmt.Errorf("header field %d", i)
		}
		head[i], payload = v, payload[n:]
	}
	items, lo, count := int(head[0]), int(head[1]), int(head[2])
	if s.items < 0 {
		s.items = items
		s.limit = min(s.limit+4*items, MaxCells)
	}
	if items != s.items || lo != s.decoder.Received() || count == 0 || lo+count > MaxCells {
		return nil, fmt.Errorf("cells %d+%d of a set of %d, expected cell %d of a set of %d", lo, count, items, s.decoder.Received(), s.items)
	}
	return Coding{Items: items, CheckBytes: ShortCheck}.Decode(nil, lo, lo+count, payload)
}

// decide turns the decoded difference into gives and wants. A symbol that the
// set never held is a lie, or two records under one short id.
func (s *initiator) decide(out *reconcile.Out) {
	for _, short := range s.decoder.OnlyLocal() {
		if !s.view.Has(short) {
			out.Fallback = true
			return
		}
	}
	out.Give = append(out.Give, s.decoder.OnlyLocal()...)
	out.Want = append(out.Want, s.decoder.OnlyRemote()...)
	out.Done = true
}
