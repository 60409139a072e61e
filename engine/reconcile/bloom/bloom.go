// Package bloom reconciles by Bloom filters: the baseline for those who know that
// every record costs a few bits, and none of the methods whose cost follows the
// difference.
//
// A side sends a filter of what it has. What of the other's does not pass, it
// certainly lacks, and gets; what is left of the other's set is sent back as a
// filter, with a new salt, and so on by turns. What passed although it is missing
// comes out in a later turn. Every filter says the size and a fingerprint of its
// set, so both know when what is left is the same on both sides.
//
// A filter of n entries with a share of 2^-k false passes takes 0.18·n·k bytes.
// With k bits now and l later 2^-(k+l) pass, as if both had been one, so nothing
// is lost by a small first filter; it is the estimate that sizes those that
// follow. A side that lacks x records of the other's n is found out by one with
// k = log2(x) + 3. In all a session takes about
//
//	0.18·n·(4 + log2(x) + 4 + log2(y/16) + 4) bytes
//
// where the initiator lacks x and the responder y: n bytes and more, but
// a tenth of what 32-byte ids take.
package bloom

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy reconciles by Bloom filters.
type Strategy struct{}

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "bloom" }

// NewKept implements reconcile.Strategy. A filter that all sessions share would
// hide the same records from all of them.
func (Strategy) NewKept(reconcile.View) reconcile.Kept { return nil }

const (
	// leastHashes is how many bits an entry has at least: one of sixteen that is
	// missing passes.
	leastHashes = 4
	// turnsMax is how many filters one side sends before it gives up. Four are
	// many, as each leaves less than an eighth of a record on average.
	turnsMax = 8
)

// A message begins with its kind. A filter's goes on with the number of entries
// and of hashes, as varints, the fingerprint, and the filter, which the payloads
// that follow continue.
const (
	kindFilter = 1
	kindAgreed = 2
)

// A side holds what may be on the other side as well.
type side struct {
	initiator bool
	salt      codec.Salt
	rest      []entry
	sum       sum
	turns     int // filters sent
	came      int // filters received, the open one too

	theirs filter // the one that is arriving
	their  sum
	bytes  int  // that it has when it is complete
	open   bool // it has begun
	over   bool
}

func newSide(view reconcile.View, initiator bool) *side {
	s := &side{initiator: initiator, salt: *view.Salt(), rest: make([]entry, 0, view.Count())}
	view.Each(func(short uint64, id *codec.ID) bool {
		s.rest = append(s.rest, newEntry(short, id))
		return true
	})
	s.sum = sumOf(s.rest, s.setSalt())
	return s
}

func (s *side) setSalt() uint64 { return binary.LittleEndian.Uint64(s.salt[:]) }

// filterSalt follows from the set that a filter is of and from its sender's turn:
// what passes one by chance has to pass another one the next time.
func (s *side) filterSalt(of sum, turn int) uint64 {
	x := mix(binary.LittleEndian.Uint64(s.salt[8:]) + of[0])
	return mix(mix(x+of[1]) + uint64(turn))
}

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, _ reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return newSide(view, true)
}

// Accept implements reconcile.Strategy. The smaller side's filter goes first: the
// other one answers with what is left, which is not larger. If that is the
// initiator's, the responder's has no bits.
func (Strategy) Accept(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	s := newSide(view, false)
	k := 0
	if count := view.Count(); peer.Count >= count/2 {
		k = hashes(int64(min(peer.Count, entriesMax)) - int64(count))
	}
	s.send(k, out)
	return s
}

// hashes is the k that finds all of x records that are missing in seven of eight
// cases.
func hashes(x int64) int {
	return min(max(leastHashes, bits.Len64(uint64(max(0, x)))+3), hashesMax)
}

// send sends a filter of what is left.
func (s *side) send(k int, out *reconcile.Out) {
	if s.turns++; s.turns > turnsMax || len(s.rest) > entriesMax {
		out.Fallback = true
		return
	}
	f := filter{n: uint64(len(s.rest)), k: uint64(k)}
	f.salt, f.bits = s.filterSalt(s.sum, s.turns), make([]byte, size(f.n, f.k))
	for i := range s.rest {
		f.add(&s.rest[i])
	}
	payload := binary.AppendUvarint([]byte{kindFilter}, f.n)
	payload = binary.AppendUvarint(payload, f.k)
	payload = binary.LittleEndian.AppendUint64(payload, s.sum[0])
	payload = binary.LittleEndian.AppendUint64(payload, s.sum[1])
	for {
		n := min(len(f.bits), reconcile.PayloadMax-len(payload))
		out.Payloads = append(out.Payloads, append(payload, f.bits[:n]...))
		payload, f.bits = nil, f.bits[n:]
		if len(f.bits) == 0 {
			return
		}
	}
}

func payloadError(format string, args ...any) error {
	return fmt.Errorf("%w: bloom: %s", reconcile.ErrPayload, fmt.Sprintf(format, args...))
}

// Receive implements reconcile.Session.
func (s *side) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) == 0 || s.over {
		return payloadError("%d bytes, over: %t", len(payload), s.over)
	}
	if !s.open {
		if payload[0] == kindAgreed && len(payload) == 1 && s.initiator && s.turns > 0 {
			s.over, out.Done = true, true
			return nil
		}
		var err error
		if payload, err = s.begin(payload); err != nil {
			return err
		}
	}
	if len(payload) > s.bytes-len(s.theirs.bits) {
		return payloadError("more than %d bytes of a filter", s.bytes)
	}
	if s.theirs.bits = append(s.theirs.bits, payload...); len(s.theirs.bits) == s.bytes {
		s.open = false
		s.apply(out)
	}
	return nil
}

// begin reads the head of a filter.
func (s *side) begin(payload []byte) ([]byte, error) {
	if payload[0] != kindFilter {
		return nil, payloadError("kind %d", payload[0])
	}
	n, a := binary.Uvarint(payload[1:])
	if a <= 0 || n > entriesMax {
		return nil, payloadError("%d entries", n)
	}
	k, b := binary.Uvarint(payload[1+a:])
	if b <= 0 || k > hashesMax || len(payload) < 1+a+b+16 {
		return nil, payloadError("%d hashes, %d bytes", k, len(payload))
	}
	payload = payload[1+a+b:]
	s.theirs = filter{n: n, k: k}
	s.their = sum{binary.LittleEndian.Uint64(payload), binary.LittleEndian.Uint64(payload[8:])}
	s.came++
	s.theirs.salt, s.bytes, s.open = s.filterSalt(s.their, s.came), size(n, k), true
	return payload[16:], nil
}

// apply gives what does not pass and answers with what is left. The other side
// has n entries, of which those are new to us that are more than we both have:
// what passed, less one in 2^k of what did not.
func (s *side) apply(out *reconcile.Out) {
	f := &s.theirs
	left := s.rest[:0]
	for i := range s.rest {
		if e := s.rest[i]; f.has(&e) {
			left = append(left, e)
		} else {
			out.Give = append(out.Give, e.short)
		}
	}
	found := len(s.rest) - len(left)
	s.rest, f.bits = left, nil
	s.sum = sumOf(s.rest, s.setSalt())
	slices.Sort(out.Give)
	out.Give = slices.Compact(out.Give)
	switch {
	case uint64(len(s.rest)) != f.n || s.sum != s.their:
		s.send(hashes(int64(f.n)-int64(len(s.rest))+int64(found>>f.k)), out)
	case s.initiator:
		s.over, out.Done = true, true
	default:
		s.over = true
		out.Payloads = append(out.Payloads, []byte{kindAgreed})
	}
}
