package engine

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/lthash"
)

// Shared holds results that do not depend on the node that computed them, so
// that a world of many nodes decodes, verifies and expands each record once. It
// is a fast path: with or without it a node does the same. It must not be used
// by two goroutines at once.
type Shared struct {
	verified   fifo[uint64, *codec.Record] // by a part of the signature
	expansions fifo[codec.ID, *lthash.State]
}

// NewShared returns caches for so many verified records and expanded ids (2 KiB
// each).
func NewShared(records, expansions int) *Shared {
	return &Shared{
		verified:   newFIFO[uint64, *codec.Record](records),
		expansions: newFIFO[codec.ID, *lthash.State](expansions),
	}
}

// A fifo is a bounded map that forgets the oldest entry first.
type fifo[K comparable, T any] struct {
	values map[K]T
	ring   []K
	next   int
	limit  int
}

func newFIFO[K comparable, T any](limit int) fifo[K, T] {
	return fifo[K, T]{values: map[K]T{}, limit: limit}
}

func (f *fifo[K, T]) put(key K, value T) {
	if _, known := f.values[key]; !known {
		if len(f.ring) < f.limit {
			f.ring = append(f.ring, key)
		} else {
			delete(f.values, f.ring[f.next])
			f.ring[f.next] = key
			f.next = (f.next + 1) % f.limit
		}
	}
	f.values[key] = value
}

// signatureKey finds a record by its signature: of honest ones no two share it,
// and whoever makes them share it loses the fast path.
func signatureKey(sig *codec.Signature) uint64 { return binary.LittleEndian.Uint64(sig[:]) }

// known returns the verified record with about that signature, nil if there is
// none.
func (s *Shared) known(sig *codec.Signature) *codec.Record {
	return s.verified.values[signatureKey(sig)]
}

// isVerified reports whether exactly this signature of this record is known to
// be good. The id covers author, space and everything else that is signed.
func (s *Shared) isVerified(rec *codec.Record) bool {
	old := s.known(&rec.Sig)
	return old == rec || old != nil && old.ID == rec.ID && old.Sig == rec.Sig
}

func (s *Shared) noteVerified(rec *codec.Record) { s.verified.put(signatureKey(&rec.Sig), rec) }

func (s *Shared) expand(x *lthash.Expander, id *codec.ID) *lthash.State {
	if e, ok := s.expansions.values[*id]; ok {
		return e
	}
	e := *x.Expand((*[32]byte)(id))
	s.expansions.put(*id, &e)
	return &e
}
