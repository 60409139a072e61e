package riblt

import (
	"encoding/binary"
	"fmt"

	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt/pinsketch"
)

// Strategy reconciles by a stream of cells over short ids. The responder sends
// a first run with the tail; the initiator decodes, asks for as many more as its
// estimate of the difference suggests, and decides.
//
// The cells are those of the Irregular mapping: a sixth fewer bytes at 1000
// differences, for a tenth more work. The tail names up to 16 differences by
// itself, so that the first payload settles small ones, and later the last few
// items that stall peeling, which saves the trips that an irregular code
// sometimes takes to free them.
type Strategy struct{}

const (
	mapping = Irregular
	// format is the first byte of what a responder sends. It stands for the
	// mapping, the checksum, ShortCheck and a tail of 16 sums.
	format = 1
	// firstCells is the responder's first run: with the tail 340 bytes.
	firstCells = 16
	// burstCells bounds the first run: what the other side says of its count may
	// be a lie, and cells cost us more than saying so cost them.
	burstCells = 8192
)

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "riblt" }

// A local is a side's own set.
type local struct {
	view reconcile.View
	salt uint64 // of the checksums
	*pinned
}

func open(view reconcile.View) local {
	return local{view, checkSalt(view.Salt()), view.Kept(Strategy{}).(*pinned)}
}

func (l local) run(lo, hi int) ([]Cell, error) {
	return l.cells(symbolsOf(l.view), lo, hi)
}

// Accept implements reconcile.Strategy.
func (Strategy) Accept(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return accept(open(view), peer, MaxCells, out)
}

// accept starts the responder's side, which sends at most so many cells.
func accept(own local, peer reconcile.Peer, most int, out *reconcile.Out) reconcile.Session {
	count := own.view.Count()
	r := &responder{local: own, coding: coding(int(min(count, MaxItems+1))), most: most}
	// The counts bound the difference from below.
	d := int(max(count, peer.Count) - min(count, peer.Count))
	r.send(min(max(firstCells, mapping.CellsFor(min(d, burstCells))), burstCells), out)
	return r
}

func coding(items int) Coding {
	return Coding{Mapping: mapping, Items: items, CheckBytes: ShortCheck}
}

// A responder's payload is the format, then as varints the size of its set, the
// number of the first cell and of cells, then the tail if the first cell is
// cell 0, and the cells.
type responder struct {
	local
	coding Coding
	sent   int
	most   int
}

// cellsPerPayload keeps the longest coding of a run below a payload's limit.
const cellsPerPayload = (reconcile.PayloadMax - 32 - 8*tailSums) / (8 + ShortCheck + 10)

func (r *responder) send(n int, out *reconcile.Out) {
	n = min(n, r.most-r.sent)
	if r.coding.Validate() != nil || n <= 0 {
		out.Fallback = true
		return
	}
	for n > 0 {
		hi := r.sent + min(n, cellsPerPayload)
		run, err := r.run(r.sent, hi)
		if err != nil {
			out.Fallback = true
			return
		}
		b := binary.AppendUvarint([]byte{format}, uint64(r.coding.Items))
		b = binary.AppendUvarint(b, uint64(r.sent))
		b = binary.AppendUvarint(b, uint64(len(run)))
		if r.sent == 0 {
			b = r.tail.Append(b)
		}
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
	return initiate(open(view), MaxCells, out)
}

// initiate starts the initiator's side, which takes at most so many cells.
func initiate(own local, most int, out *reconcile.Out) reconcile.Session {
	s := &initiator{local: own, limit: int(min(4*own.view.Count()+4096, uint64(most))), most: most, items: -1}
	d, err := NewDecoder(Options{
		Mapping: mapping, Salt: own.salt, CheckBytes: ShortCheck, MaxCells: most,
		Secret: binary.LittleEndian.Uint64(own.view.Salt()[:]),
	}, s.run)
	if err != nil {
		out.Fallback = true
		return nil
	}
	s.decoder = d
	return s
}

type initiator struct {
	local
	decoder *Decoder
	most    int    // cells that the decoder takes
	limit   int    // cells after which full is cheaper
	items   int    // the responder's set, −1 before its first payload
	expect  int    // cells asked for
	arrived []Cell // with the last payload
}

// Receive implements reconcile.Session.
func (s *initiator) Receive(payload []byte, out *reconcile.Out) error {
	remote, tail, err := s.parse(payload)
	if err == nil {
		err = s.decoder.Receive(remote)
	}
	if err != nil {
		return fmt.Errorf("%w: riblt: %w", reconcile.ErrPayload, err)
	}
	if tail != nil {
		tail.Merge(s.tail)
		s.decoder.SetTail(tail)
	}
	done := s.decoder.Done() || s.decoder.Finish(s.view.Has)
	switch got := s.decoder.Received(); {
	case done:
		s.decide(out)
	case s.decoder.Inconsistent() || s.decoder.Stalled() || got >= s.limit:
		out.Fallback = true
	case got >= s.expect:
		want := min(max(s.decoder.Want(), 8), grant(got), s.most-got)
		s.expect = got + want
		out.Payloads = append(out.Payloads, binary.AppendUvarint(nil, uint64(want)))
	}
	return nil
}

// parse returns the cells of a payload, and the tail if it is the first one.
func (s *initiator) parse(payload []byte) (run []Cell, tail pinsketch.Sketch, err error) {
	if len(payload) == 0 || payload[0] != format {
		return nil, nil, ErrVersion
	}
	payload = payload[1:]
	var head [3]uint64
	for i := range head {
		v, n := binary.Uvarint(payload)
		if n <= 0 || v > MaxItems {
			return nil, nil, fmt.Errorf("header field %d", i)
		}
		head[i], payload = v, payload[n:]
	}
	items, lo, count := int(head[0]), int(head[1]), int(head[2])
	if s.items < 0 {
		s.items = items
		s.limit = min(s.limit+4*items, s.most)
	}
	if items != s.items || lo != s.decoder.Received() || count == 0 || lo+count > s.most {
		return nil, nil, fmt.Errorf("cells %d+%d of a set of %d, expected cell %d of a set of %d", lo, count, items, s.decoder.Received(), s.items)
	}
	if lo == 0 {
		tail = make(pinsketch.Sketch, len(s.tail))
		var ok bool
		if payload, ok = tail.Read(payload); !ok {
			return nil, nil, ErrTruncated
		}
	}
	s.arrived, err = coding(items).Decode(s.arrived[:0], lo, lo+count, payload)
	return s.arrived, tail, err
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
