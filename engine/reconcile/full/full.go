// Package full is the naive baseline: the responder sends the id of every record
// it holds, 32 bytes each. It needs one round trip, O(n) bytes, and works on any
// two sets, so the other strategies fall back to it.
package full

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy is the full exchange of ids.
type Strategy struct{}

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return reconcile.FullName }

// NewKept implements reconcile.Strategy: there is nothing to keep.
func (Strategy) NewKept(reconcile.View) reconcile.Kept { return nil }

// A set is what is compared: a view, or a part of one.
type set interface {
	Count() uint64
	Salt() *codec.Salt
	Each(fn func(short uint64, id *codec.ID) bool)
}

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, peer reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return &initiator{set: view, left: peer.Count}
}

// Accept implements reconcile.Strategy.
func (Strategy) Accept(view reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return accept(view, out)
}

// accept sends the ids, sorted, in payloads of whole ids. An empty set is one
// empty payload.
func accept(s set, out *reconcile.Out) reconcile.Session {
	ids := make([]codec.ID, 0, s.Count())
	s.Each(func(_ uint64, id *codec.ID) bool {
		ids = append(ids, *id)
		return true
	})
	slices.SortFunc(ids, func(a, b codec.ID) int { return a.Compare(b) })
	const perPayload = (reconcile.PayloadMax - 16) / 32
	// The responder's count goes first: what it said at Open may be older.
	payload := binary.AppendUvarint(nil, uint64(len(ids)))
	for i := range ids {
		if i > 0 && i%perPayload == 0 {
			out.Payloads = append(out.Payloads, payload)
			payload = nil
		}
		payload = append(payload, ids[i][:]...)
	}
	out.Payloads = append(out.Payloads, payload)
	return responder{}
}

type responder struct{}

func (responder) Receive([]byte, *reconcile.Out) error {
	return fmt.Errorf("%w: full: the initiator sends no payloads", reconcile.ErrPayload)
}

type initiator struct {
	set     set
	left    uint64 // ids still to come
	started bool
	last    codec.ID
	theirs  map[codec.ID]struct{} // only looked up
}

func (s *initiator) Receive(payload []byte, out *reconcile.Out) error {
	if !s.started {
		n, size := binary.Uvarint(payload)
		if size <= 0 || n > 1<<40 {
			return fmt.Errorf("%w: full: no count at the start", reconcile.ErrPayload)
		}
		s.started, s.left, payload = true, n, payload[size:]
		s.theirs = make(map[codec.ID]struct{}, min(n, reconcile.PayloadMax))
	} else if s.left == 0 {
		return fmt.Errorf("%w: full: ids after the last one", reconcile.ErrPayload)
	}
	if len(payload)%32 != 0 || uint64(len(payload)/32) > s.left || (len(payload) == 0 && s.left > 0) {
		return fmt.Errorf("%w: full: %d bytes for %d ids", reconcile.ErrPayload, len(payload), s.left)
	}
	for ; len(payload) > 0; payload = payload[32:] {
		id := codec.ID(payload[:32])
		if len(s.theirs) > 0 && bytes.Compare(s.last[:], id[:]) >= 0 {
			return fmt.Errorf("%w: full: ids are not sorted or repeat", reconcile.ErrPayload)
		}
		s.theirs[id] = struct{}{}
		s.last = id
		s.left--
	}
	if s.left == 0 {
		s.finish(out)
	}
	return nil
}

// finish compares the two sets by full ids, so that equal short ids cannot hide
// a difference.
func (s *initiator) finish(out *reconcile.Out) {
	salt := s.set.Salt()
	s.set.Each(func(short uint64, id *codec.ID) bool {
		if _, ok := s.theirs[*id]; ok {
			delete(s.theirs, *id)
		} else {
			out.Give = append(out.Give, short)
		}
		return true
	})
	for id := range s.theirs { // unordered: sorted below
		out.Want = append(out.Want, codec.ShortID(salt, &id))
	}
	slices.Sort(out.Give)
	slices.Sort(out.Want)
	s.theirs = nil
	out.Done = true
}
