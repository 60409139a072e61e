// Package frontier compares version vectors: per author, the highest version
// held. It is the baseline that log-based engines use, and cheap when authors
// are few. A vector says nothing about gaps, so it is only a hint: the syncer
// compares the summaries afterwards and runs another strategy where they differ.
package frontier

import (
	"encoding/binary"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy exchanges version vectors.
type Strategy struct{}

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "frontier" }

// Hint implements reconcile.Hint: a gap below the highest version stays unseen.
func (Strategy) Hint() {}

// NewKept implements reconcile.Strategy: the store's author index is enough.
func (Strategy) NewKept(reconcile.View) reconcile.Kept { return nil }

// A payload is a byte that says whether more follow, then (author, version) in
// order of authors, the version as a varint.
const (
	last = 0
	more = 1
)

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, _ reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return &side{view: view, initiator: true}
}

// Accept implements reconcile.Strategy: the responder's whole vector.
func (Strategy) Accept(view reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	var v vectorWriter
	view.Authors(func(author codec.PeerID, highest uint64) bool {
		v.add(author, highest)
		return true
	})
	out.Payloads = v.payloads()
	return &side{view: view}
}

type vectorWriter struct {
	done [][]byte
	cur  []byte
}

func (v *vectorWriter) add(author codec.PeerID, version uint64) {
	if len(v.cur) > reconcile.PayloadMax-48 {
		v.cur[0] = more
		v.done, v.cur = append(v.done, v.cur), nil
	}
	if v.cur == nil {
		v.cur = append(v.cur, last)
	}
	v.cur = binary.AppendUvarint(append(v.cur, author[:]...), version)
}

func (v *vectorWriter) payloads() [][]byte {
	if v.cur == nil {
		v.cur = []byte{last}
	}
	return append(v.done, v.cur)
}

// A side collects the other's vector. The initiator answers with its own
// versions of the authors in which it is behind; the responder gives what lies
// above them.
type side struct {
	view      reconcile.View
	initiator bool
	theirs    []codec.Dot
	finished  bool
}

func (s *side) Receive(payload []byte, out *reconcile.Out) error {
	if s.finished {
		return fmt.Errorf("%w: frontier: payload after the last one", reconcile.ErrPayload)
	}
	if len(payload) == 0 || payload[0] > more || len(payload) > reconcile.PayloadMax {
		return fmt.Errorf("%w: frontier: no continuation byte", reconcile.ErrPayload)
	}
	isLast := payload[0] == last
	for payload = payload[1:]; len(payload) > 0; {
		if len(payload) < 33 {
			return fmt.Errorf("%w: frontier: %d bytes left for an entry", reconcile.ErrPayload, len(payload))
		}
		dot := codec.Dot{Author: codec.PeerID(payload[:32])}
		version, n := binary.Uvarint(payload[32:])
		if n <= 0 || version > codec.VersionMax {
			return fmt.Errorf("%w: frontier: version", reconcile.ErrPayload)
		}
		if k := len(s.theirs); k > 0 && s.theirs[k-1].Author.Compare(dot.Author) >= 0 {
			return fmt.Errorf("%w: frontier: authors are not sorted or repeat", reconcile.ErrPayload)
		}
		dot.Version = version
		s.theirs = append(s.theirs, dot)
		payload = payload[32+n:]
	}
	if isLast {
		s.finished = true
		s.finish(out)
	}
	return nil
}

func (s *side) finish(out *reconcile.Out) {
	give := func(short uint64) bool { out.Give = append(out.Give, short); return true }
	if !s.initiator {
		for _, dot := range s.theirs {
			s.view.Above(dot.Author, dot.Version, give)
		}
		return
	}
	var behind vectorWriter
	rest := s.theirs
	s.view.Authors(func(author codec.PeerID, highest uint64) bool {
		for len(rest) > 0 && rest[0].Author.Compare(author) < 0 {
			behind.add(rest[0].Author, 0) // an author new to us
			rest = rest[1:]
		}
		theirs := uint64(0)
		if len(rest) > 0 && rest[0].Author == author {
			theirs, rest = rest[0].Version, rest[1:]
		}
		switch {
		case theirs > highest:
			behind.add(author, highest)
		case theirs < highest:
			s.view.Above(author, theirs, give)
		}
		return true
	})
	for _, dot := range rest {
		behind.add(dot.Author, 0)
	}
	if behind.cur != nil {
		out.Payloads = behind.payloads()
	}
	out.Done = true
}
