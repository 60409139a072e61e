package engine

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/lthash"
)

// Shared holds results that do not depend on the node that computed them, so
// that a world of many nodes verifies and expands each record once. It is a
// fast path: with or without it a node does the same. It must not be used by
// two goroutines at once.
type Shared struct {
	verified   fifo[codec.Signature]
	expansions fifo[*lthash.State]
}

// NewShared returns caches for so many verified signatures (96 bytes each) and
// expanded ids (2 KiB each).
func NewShared(signatures, expansions int) *Shared {
	return &Shared{verified: newFIFO[codec.Signature](signatures), expansions: newFIFO[*lthash.State](expansions)}
}

// A fifo is a bounded map that forgets the oldest entry first.
type fifo[T any] struct {
	values map[codec.ID]T
	ring   []codec.ID
	next   int
	limit  int
}

func newFIFO[T any](limit int) fifo[T] {
	return fifo[T]{values: map[codec.ID]T{}, limit: limit}
}

func (f *fifo[T]) put(id codec.ID, value T) {
	if _, known := f.values[id]; !known {
		if len(f.ring) < f.limit {
			f.ring = append(f.ring, id)
		} else {
			delete(f.values, f.ring[f.next])
			f.ring[f.next] = id
			f.next = (f.next + 1) % f.limit
		}
	}
	f.values[id] = value
}

// isVerified reports whether exactly this signature of this record is known to
// be good. The id covers author, space and everything else that is signed.
func (s *Shared) isVerified(rec *codec.Record) bool {
	sig, ok := s.verified.values[rec.ID]
	return ok && sig == rec.Sig
}

func (s *Shared) expand(x *lthash.Expander, id *codec.ID) *lthash.State {
	if e, ok := s.expansions.values[*id]; ok {
		return e
	}
	e := *x.Expand((*[32]byte)(id))
	s.expansions.put(*id, &e)
	return &e
}
