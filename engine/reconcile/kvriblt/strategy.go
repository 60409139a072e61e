package kvriblt

import (
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy reconciles key–version data. The initiator sends a digest of its set;
// the responder estimates the difference and answers with what should suffice,
// power sums alone, or with cells, or with a list of all it has where that is
// shorter; the initiator decodes and decides.
type Strategy struct{}

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "kvriblt" }

// NewKept implements reconcile.Strategy.
func (Strategy) NewKept(view reconcile.View) reconcile.Kept {
	k := newKept(reconcile.KeepsAll(view), keptCells)
	view.Items(func(item *reconcile.Item) bool {
		k.Add(item)
		return true
	})
	return k
}

func summary(view reconcile.View) *pinned { return view.Kept(Strategy{}).(*pinned) }

// cellsMax bounds the cells of a session by the size of the responder's set: where
// they seem to need more, a list is shorter.
func cellsMax(count uint64) int { return int(min(4*min(count, MaxCells)+4096, MaxCells)) }

// cellsFor is how many cells, one more than the number of the last, are enough for
// so many unknowns in four of five sessions: 1.05·d + 3·√d + 5.
func cellsFor(d int) int {
	return min(d+d/20+int(isqrt(uint64(9*d)))+5, MaxCells)
}

// isqrt returns floor(sqrt(x)), x < 2^32, by Newton's method from above.
func isqrt(x uint64) uint64 {
	r := uint64(1) << 16
	for {
		next := (r + x/r) / 2
		if next >= r {
			return r
		}
		r = next
	}
}

const (
	// sumsOnly is the estimate up to which power sums are sent alone: they suffice
	// for differences of seven.
	sumsOnly = 5
	// stalledMin and four times the cells that were sent for the estimate are more
	// than any difference needs that nobody has chosen the keys of.
	stalledMin = 512
	// moreMin is the fewest cells that are worth another round trip.
	moreMin = 24
)

// Accept implements reconcile.Strategy.
func (Strategy) Accept(view reconcile.View, peer reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return &responder{set: summary(view), count: view.Count(), peer: peer.Count}
}

type responder struct {
	set         *pinned
	count, peer uint64
	sent        int // one more than the number of the last cell sent, 0 before anything
	listed      bool
	given       uint32 // the highest key whose records were asked for
	wanted      uint64 // how many were
}

// Receive implements reconcile.Session.
func (s *responder) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) == 0 {
		return refuse("an empty payload")
	}
	begun := s.sent > 0 || s.listed
	switch kind, body := payload[0], payload[1:]; {
	case kind == msgHello && !begun:
		return s.hello(body, out)
	case kind == msgMore && s.sent > 0:
		return s.more(body, out)
	case kind == msgWant && begun:
		return s.give(body, out)
	default:
		return refuse("payload of kind %d out of turn", kind)
	}
}

// hello answers the digest.
func (s *responder) hello(body []byte, out *reconcile.Out) error {
	if len(body) != digestBytes {
		return refuse("a digest of %d bytes", len(body))
	}
	var theirs Digest
	for l := range theirs {
		theirs[l] = binary.LittleEndian.Uint64(body[8*l:])
	}
	// The counts bound the difference from below.
	apart := max(s.count, s.peer) - min(s.count, s.peer)
	d := max(Estimate(&theirs, &s.set.digest), int(min(apart, MaxCells)))
	// A ninth more, as cells too few cost a round trip.
	cells := cellsFor(d + d/9)
	switch {
	case s.count <= uint64(cells):
		s.list(out)
	case d <= sumsOnly:
		s.sums(1, out)
	default:
		s.sums(min(cells, s.most()), out)
	}
	return nil
}

func (s *responder) most() int { return min(cellsMax(s.count), s.set.most()) }

// sums sends the power sums and cells up to end.
func (s *responder) sums(end int, out *reconcile.Out) {
	p := binary.AppendUvarint([]byte{msgSums}, s.count)
	p = binary.AppendUvarint(p, uint64(end))
	out.Payloads = append(out.Payloads, appendSums(p, &s.set.sums))
	s.sent = 1
	s.cells(end, out)
}

func (s *responder) cells(end int, out *reconcile.Out) {
	run := make([]Cell, end-s.sent)
	s.set.read(run, s.sent)
	for len(run) > 0 {
		n := min(len(run), cellsPerPayload)
		p := binary.AppendUvarint(make([]byte, 0, 16+n*CellBits/8), msgCells)
		p = binary.AppendUvarint(p, uint64(s.sent))
		out.Payloads = append(out.Payloads, appendCells(p, run[:n]))
		s.sent, run = s.sent+n, run[n:]
	}
}

// more sends further cells. Who asks beyond what a difference can need has reached
// the end.
func (s *responder) more(body []byte, out *reconcile.Out) error {
	n, size := binary.Uvarint(body)
	if size <= 0 || size != len(body) || n == 0 || n > uint64(cellsMax(s.count)-s.sent) {
		return refuse("a request for %d cells after %d", n, s.sent)
	}
	if n > uint64(s.set.most()-s.sent) {
		out.Fallback = true
		return nil
	}
	s.cells(s.sent+int(n), out)
	return nil
}

// list sends all that there is.
func (s *responder) list(out *reconcile.Out) {
	s.listed = true
	all, after := s.set.values(), uint32(0)
	for sent := 0; sent == 0 || sent < len(all); {
		run := all[sent:min(sent+pairsPerPayload, len(all))]
		p := []byte{msgList, 0}
		if sent += len(run); sent < len(all) {
			p[1] = 1
		}
		out.Payloads = append(out.Payloads, appendKeys(p, after, run, true))
		if len(run) == 0 {
			return
		}
		after = run[len(run)-1].key
	}
}

// give looks up the records that are asked for by key.
func (s *responder) give(body []byte, out *reconcile.Out) error {
	keys, err := parseKeys(nil, s.given, body, false)
	if err != nil {
		return refuse("want: %v", err)
	}
	if s.wanted += uint64(len(keys)); s.wanted > s.count {
		return refuse("%d keys wanted of %d", s.wanted, s.count)
	}
	s.set.kept.index.fetch(keys)
	from := len(out.Give)
	for _, u := range keys {
		s.set.kept.index.bucket(u.key, func(e *entry) { out.Give = append(out.Give, e.name()) })
		s.given = u.key
	}
	slices.Sort(out.Give[from:])
	return nil
}

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	s := &initiator{set: summary(view)}
	p := make([]byte, 1, 1+digestBytes)
	p[0] = msgHello
	for _, level := range s.set.digest {
		p = binary.LittleEndian.AppendUint64(p, level)
	}
	out.Payloads = append(out.Payloads, p)
	return s
}

type initiator struct {
	set     *pinned
	decoder Decoder
	begun   bool
	expect  int // one more than the number of the last cell asked for
	most    int // cells after which there will be no end
	theirs  []unknown
	remote  []Cell
	local   []Cell
}

// Receive implements reconcile.Session.
func (s *initiator) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) == 0 {
		return refuse("an empty payload")
	}
	switch kind, body := payload[0], payload[1:]; {
	case kind == msgSums && !s.begun:
		return s.sums(body, out)
	case kind == msgCells && s.expect > 0:
		return s.cells(body, out)
	case kind == msgList && s.expect == 0:
		return s.list(body, out)
	default:
		return refuse("payload of kind %d out of turn", kind)
	}
}

func (s *initiator) sums(body []byte, out *reconcile.Out) error {
	count, a := binary.Uvarint(body)
	if a <= 0 {
		return refuse("sums without a count")
	}
	end, b := binary.Uvarint(body[a:])
	if b <= 0 || end < 1 || end > uint64(cellsMax(count)) {
		return refuse("sums and %d cells of a set of %d", end, count)
	}
	remote, err := parseSums(body[a+b:])
	if err != nil {
		return refuse("sums: %v", err)
	}
	s.begun, s.expect = true, int(end)
	s.most = min(cellsMax(count), s.set.most(), stalledMin+4*s.expect)
	s.decoder.Reset(uint64(s.set.sums[1])<<32 | uint64(s.set.sums[2]))
	s.decoder.expect(s.expect)
	s.decoder.Sums(&remote, &s.set.sums)
	s.next(out)
	return nil
}

func (s *initiator) cells(body []byte, out *reconcile.Out) (err error) {
	lo, size := binary.Uvarint(body)
	if size <= 0 || lo != uint64(s.decoder.Received()) {
		return refuse("cells from %d, expected %d", lo, s.decoder.Received())
	}
	if s.remote, err = parseCells(s.remote[:0], body[size:]); err != nil {
		return refuse("cells: %v", err)
	}
	if len(s.remote) == 0 || len(s.remote) > s.expect-int(lo) {
		return refuse("%d cells from %d, expected %d", len(s.remote), lo, s.expect)
	}
	if int(lo)+len(s.remote) > s.most {
		out.Fallback = true
		return nil
	}
	s.local = slices.Grow(s.local[:0], len(s.remote))[:len(s.remote)]
	s.set.read(s.local, int(lo))
	s.decoder.Receive(s.remote, s.local)
	s.next(out)
	return nil
}

// next decides, or asks for more.
func (s *initiator) next(out *reconcile.Out) {
	got := s.decoder.Received()
	switch {
	case s.decoder.Done():
		s.decide(out)
	case got < s.expect: // they are on their way
	case got >= s.most:
		out.Fallback = true
	default:
		n := min(max(got/6, moreMin), s.most-got)
		s.expect = got + n
		out.Payloads = append(out.Payloads, binary.AppendUvarint([]byte{msgMore}, uint64(n)))
	}
}

// list collects what the responder lists, and compares when all is there.
func (s *initiator) list(body []byte, out *reconcile.Out) (err error) {
	if len(body) == 0 || body[0] > 1 {
		return refuse("a list without a flag")
	}
	after := uint32(0)
	if n := len(s.theirs); n > 0 {
		after = s.theirs[n-1].key
	}
	before := len(s.theirs)
	if s.theirs, err = parseKeys(s.theirs, after, body[1:], true); err != nil {
		return refuse("list: %v", err)
	}
	s.begun = true
	if body[0] == 0 {
		s.compare(out)
	} else if len(s.theirs) == before {
		return refuse("an empty part of a list")
	}
	return nil
}
