package prolly

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy compares the trees of both sides from the top down. The responder
// sends the names of its pages on a high level; the initiator asks for what is
// below those it does not have, all of a level at once, down to the leaves, which
// name records by their short ids.
type Strategy struct{}

const (
	// firstPages is how many pages the responder names by itself. It begins on
	// the lowest level that has no more.
	firstPages = 32
	// levelMax bounds what the other side says of its tree.
	levelMax = 32
)

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "prolly" }

// kept is the tree of a space, which all its sessions share.
type kept struct{ *Set }

func (k kept) Add(item *reconcile.Item)    { k.Set.Add(KeyOf(item)) }
func (k kept) Remove(item *reconcile.Item) { k.Set.Remove(KeyOf(item)) }
func (k kept) Pin() reconcile.Pinned       { return pinned{k.rules, k.root} }

// pinned is a version of the tree.
type pinned struct {
	rules rules
	root  *page
}

func (pinned) Close() {}

// NewKept implements reconcile.Strategy.
func (Strategy) NewKept(view reconcile.View) reconcile.Kept {
	keys := make([]Key, 0, view.Count())
	view.Items(func(item *reconcile.Item) bool {
		keys = append(keys, KeyOf(item))
		return true
	})
	return kept{NewSet(view.Salt(), keys)}
}

func payloadError(format string, args ...any) error {
	return fmt.Errorf("%w: prolly: %s", reconcile.ErrPayload, fmt.Sprintf(format, args...))
}

// A responder knows which pages it has named last.
type responder struct {
	rules rules
	named []node
	asked []node // by the payloads of one request so far
	at    int    // how far in named they have come
}

// Accept implements reconcile.Strategy. The first payload is a level and the
// names of all pages of it, none for an empty set.
func (Strategy) Accept(view reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	set := view.Kept(Strategy{}).(pinned)
	r := &responder{rules: set.rules}
	if set.root.n > 0 {
		r.named = []node{rootNode(r.rules, set.root)}
	}
	level := int(set.root.level)
	for ; level > 0; level-- {
		kids := below(r.rules, r.named, level)
		if len(kids) > firstPages {
			break
		}
		r.named = kids
	}
	payload := []byte{byte(level)}
	for i := range r.named {
		payload = binary.BigEndian.AppendUint64(payload, r.named[i].name)
	}
	out.Payloads = append(out.Payloads, payload)
	return r
}

// A request says in its first byte whether more of it follows, then, as varints,
// how many of the pages named last to skip and how many to open, by turns.
const (
	last = 0
	more = 1
)

// Receive takes a request and answers with what is in every opened page: how many
// kids or entries, as a varint, and their names or short ids. A page is opened
// once at most, so a session never sends more than the tree.
func (r *responder) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) < 2 || payload[0] > more {
		return payloadError("request of %d bytes", len(payload))
	}
	for rest := payload[1:]; len(rest) > 0; {
		var run [2]int
		for i := range run {
			v, n := binary.Uvarint(rest)
			if n <= 0 || v > uint64(len(r.named)-r.at) {
				return payloadError("request for page %d+%d of %d", r.at, v, len(r.named))
			}
			run[i], rest = int(v), rest[n:]
			r.at += int(v)
		}
		if run[1] == 0 {
			return payloadError("request for no page")
		}
		r.asked = append(r.asked, r.named[r.at-run[1]:r.at]...)
	}
	if payload[0] == last {
		r.answer(out)
	}
	return nil
}

func (r *responder) answer(out *reconcile.Out) {
	var payload []byte
	var named []node
	for i, p := range r.asked {
		if len(payload) > reconcile.PayloadMax-(pageMost*8+binary.MaxVarintLen64) {
			out.Payloads, payload = append(out.Payloads, payload), nil
		}
		payload = binary.AppendUvarint(payload, uint64(p.n))
		if p.level > 0 {
			kids := below(r.rules, r.asked[i:i+1], int(p.level))
			for k := range kids {
				payload = binary.BigEndian.AppendUint64(payload, kids[k].name)
			}
			named = append(named, kids...)
		}
		for data := p.data; len(data) > 0; data = data[keySize:] {
			payload = binary.BigEndian.AppendUint64(payload, short(data))
		}
	}
	out.Payloads = append(out.Payloads, payload)
	r.named, r.asked, r.at = named, nil, 0
}

// An initiator opens what it does not have.
type initiator struct {
	set pinned
	*frontier
	gap int // the first one that is open
}

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, _ reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return &initiator{set: view.Kept(Strategy{}).(pinned)}
}

// Receive implements reconcile.Session.
func (s *initiator) Receive(payload []byte, out *reconcile.Out) error {
	if s.frontier == nil {
		if len(payload)%8 != 1 || payload[0] > levelMax {
			return payloadError("%d bytes at the start", len(payload))
		}
		s.frontier = newFrontier(s.set.rules, s.set.root, int(payload[0]), words(nil, payload[1:]))
		s.ask(out)
		return nil
	}
	if len(payload) == 0 {
		return payloadError("empty answer")
	}
	for len(payload) > 0 {
		if s.gap == len(s.gaps) {
			return payloadError("answer after the last page")
		}
		n, size := binary.Uvarint(payload)
		if size != 1+min(1, int(n>>7)) || n == 0 || n > pageMost || len(payload)-size < int(n)*8 {
			return payloadError("page of %d in %d bytes", n, len(payload))
		}
		g, inside := &s.gaps[s.gap], payload[size:size+int(n)*8]
		if s.level == 0 {
			s.theirs = words(s.theirs, inside)
		} else {
			g.theirs = words(g.theirs, inside)
		}
		if g.open--; g.open == 0 {
			s.gap++
		}
		payload = payload[size+int(n)*8:]
	}
	switch {
	case s.gap < len(s.gaps):
	case s.level == 0:
		s.decide(out)
	default:
		s.descend()
		s.ask(out)
	}
	return nil
}

// words appends the numbers that are in b, which are whole ones.
func words(dst []uint64, b []byte) []uint64 {
	dst = slices.Grow(dst, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		dst = append(dst, binary.BigEndian.Uint64(b))
	}
	return dst
}

// ask requests the pages that are left, or decides if there are none.
func (s *initiator) ask(out *reconcile.Out) {
	runs := s.match()
	s.gap = 0
	if len(runs) == 0 {
		s.decide(out)
		return
	}
	payload := []byte{last}
	for i := 0; i < len(runs); i += 2 {
		if len(payload) > reconcile.PayloadMax-2*binary.MaxVarintLen64 {
			payload[0] = more
			out.Payloads, payload = append(out.Payloads, payload), []byte{last}
		}
		payload = binary.AppendUvarint(payload, uint64(runs[i]))
		payload = binary.AppendUvarint(payload, uint64(runs[i+1]))
	}
	out.Payloads = append(out.Payloads, payload)
}

// decide ends the session. Leaves that differ though they name the same records
// hold two of one short id.
func (s *initiator) decide(out *reconcile.Out) {
	out.Give, out.Want = s.difference()
	if len(out.Give)+len(out.Want) == 0 && len(s.ours)+len(s.theirs) > 0 {
		out.Fallback = true
		return
	}
	out.Done = true
}
