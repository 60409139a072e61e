package rbsr

import (
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

const (
	firstCells = 16 // the responder's first run: 240 bytes
	firstMax   = splitMax
	answerMax  = 64   // cells that answer one cell
	localMin   = 8    // differences to expect where few cells differ
	searchMax  = 1024 // entries among which a pair is looked for
	listAlways = 6    // entries that are listed rather than divided
	depthMax   = 100  // times that a range is divided; honest sides need 60 for 2^60
)

// A span is a range that was sent and may be answered, by rank in the own set.
type span struct {
	lo, hi int
	depth  uint8
	listed bool // to be asked for and no more: lists are sent once
}

// A side is one side of a session in our own mode.
//
// What it sends are ranges: cells that cover a part of its set. The other side's
// answers name them by number, in order, so that a range is settled or divided
// once.
type side struct {
	set       *Snapshot
	has       func(short uint64) bool
	initiator bool
	sent      []span // sent[0] has number base
	base      uint64
	heard     uint64 // ranges of the other side that were received
	w         writer
	waiting   int // the initiator's payloads without a complete answer
	want      []uint64
	found     []contrast // scratch
	shorts    []uint64   // scratch
}

// OpenOn starts the initiator's side on any part of a view's set: a window of
// time (Between), or what a scan of some keys has found (Build). The other side
// has to run on the same part.
func OpenOn(view reconcile.View, set *Snapshot) reconcile.Session {
	return newSide(view, set, true)
}

// AcceptOn starts the responder's side on a part of a view's set.
func AcceptOn(view reconcile.View, set *Snapshot, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	s := newSide(view, set, false)
	n := set.Len()
	differ := max(uint64(n), peer.Count) - min(uint64(n), peer.Count)
	whole := contrast{part: span{lo: set.lo, hi: set.hi}}
	if n <= firstCells {
		s.list(&whole)
	} else {
		s.divide(&whole, min(firstCells+int(min(differ, 1<<20)/8), firstMax))
	}
	out.Payloads = append(out.Payloads, s.w.payloads(true)...)
	return s
}

func newSide(view reconcile.View, set *Snapshot, initiator bool) *side {
	s := &side{set: set, has: view.Has, initiator: initiator}
	if initiator { // range 0 is the whole set: the responder's first payload answers it
		s.sent = []span{{lo: set.lo, hi: set.hi}}
		s.waiting = 1
	} else {
		s.heard = 1
	}
	return s
}

// A contrast is a range of the other side's that differs: the own part of it,
// its number there, of how many entries the other side has more, and their mass.
type contrast struct {
	part span
	ref  uint64
	more int
	mass mass
}

func (c *contrast) own() int { return c.part.hi - c.part.lo }

// Receive implements reconcile.Session.
func (s *side) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) > reconcile.PayloadMax {
		return ErrCount
	}
	r := wireReader{reader: reader{data: payload}}
	flags := r.byte()
	if r.err == nil && flags > flagLast {
		return ErrMode
	}
	for len(r.data) > 0 {
		s.group(&r, out)
	}
	if r.err != nil {
		return r.err
	}
	answer := s.w.payloads(!s.initiator)
	out.Payloads = append(out.Payloads, answer...)
	if !s.initiator {
		return nil
	}
	if s.waiting += len(answer); flags&flagLast != 0 {
		s.waiting--
	}
	switch {
	case s.waiting < 0:
		return ErrRange
	case s.waiting == 0:
		s.waiting = -1 // whatever comes now is too much
		out.Want = append(out.Want, s.want...)
		out.Done = true
	}
	return nil
}

// group reads one group and answers it.
func (s *side) group(r *wireReader, out *reconcile.Out) {
	head := r.varint()
	gap := head >> kindBits
	if r.err == nil && gap >= uint64(len(s.sent)) {
		r.fail(ErrRange)
	}
	if r.err != nil {
		return
	}
	s.sent = s.sent[gap:]
	s.base += gap
	open := &s.sent[0]
	if open.depth > depthMax {
		r.fail(ErrDepth)
		return
	}
	part := span{lo: open.lo, hi: open.hi, depth: open.depth + 1}
	kind := head & (1<<kindBits - 1)
	if open.listed && kind != kindAsk {
		r.fail(ErrRange)
		return
	}
	switch kind {
	case kindCells:
		s.cells(r, part, out)
	case kindList, kindPart:
		shorts := s.readShorts(r)
		if kind == kindPart {
			bound := r.bound()
			at := s.set.seek(part.lo)
			s.findIn(&at, &bound, part.hi, len(shorts))
			part.hi, open.lo = at.rank, at.rank
		}
		if r.err == nil {
			s.settle(part, shorts, out)
		}
		if kind == kindPart {
			return
		}
	case kindAsk:
		s.asked(r, part, out)
	}
	s.sent = s.sent[1:]
	s.base++
}

// findIn finds a bound below a limit.
func (s *side) findIn(c *cursor, bound *Entry, limit, guess int) {
	s.set.find(c, bound, guess)
	if c.rank > limit {
		*c = s.set.seek(limit)
	}
}

// cells compares the other side's cells of a range with the own entries.
func (s *side) cells(r *wireReader, part span, out *reconcile.Out) {
	n, k := r.varint(), r.count(cellSize)
	if r.err == nil && (k == 0 || k > splitMax || n < uint64(k) || n > 1<<40) {
		r.fail(ErrCount)
	}
	s.found = s.found[:0]
	from := s.set.seek(part.lo)
	for i := 0; i < k && r.err == nil; i++ {
		m := r.cell()
		to := from
		if i == k-1 {
			to = s.set.seek(part.hi)
		} else {
			bound := r.bound()
			s.findIn(&to, &bound, part.hi, int(n)/k)
		}
		c := contrast{part: span{lo: from.rank, hi: to.rank, depth: part.depth}, ref: s.heard}
		s.heard++
		c.more = share(int(n), k, i) - c.own()
		c.mass = m.minus(s.set.massBetween(&from, &to))
		if c.mass.check &= checkMask; c.more != 0 || c.mass != (mass{}) {
			s.found = append(s.found, c)
		}
		from = to
	}
	if r.err == nil {
		s.answer(k, out)
	}
}

// share is the size of part i when n entries are divided into k parts.
func share(n, k, i int) int {
	if i < n%k {
		return n/k + 1
	}
	return n / k
}

// answer settles the contrasts found among k cells, or divides them.
func (s *side) answer(k int, out *reconcile.Out) {
	spread := s.spread(k)
	for i := range s.found {
		c := &s.found[i]
		if ours, theirs, ok := s.solve(c); ok {
			out.Give = append(out.Give, ours...)
			s.lack(c.ref, theirs)
			continue
		}
		n, theirs := c.own(), c.own()+c.more
		d := max(abs(c.more), spread, 3)
		if 4*len(s.found) <= k { // few cells differ: they may hold much, in one place
			d = max(d, min(c.more*c.more, answerMax), localMin)
		}
		switch {
		case n <= listAlways:
			s.list(c)
		case theirs <= d*3/2 && theirs <= n/2, c.more == 2 && n <= searchMax && k > 1:
			s.divide(c, 1) // the other side sees more in it
		case n <= d*3/2:
			s.list(c)
		default:
			s.divide(c, min(d*3/2, answerMax))
		}
	}
}

// spread estimates how many differences there are in a cell, from how the counts
// of k cells scatter: of differences on both sides the variance is their number,
// of those on one side the mean.
func (s *side) spread(k int) int {
	const most = 1 << 20
	total, squares := 0, 0
	for i := range s.found {
		m := max(-most, min(s.found[i].more, most))
		total += m
		squares += m * m
	}
	return max((k*squares-total*total)/(k*k), abs(total)/k)
}

func abs(v int) int { return max(v, -v) }

// lack notes what only the other side holds of its range ref.
func (s *side) lack(ref uint64, shorts []uint64) {
	switch {
	case len(shorts) == 0:
	case s.initiator:
		s.want = append(s.want, shorts...)
	default:
		s.w.group(ref, kindAsk, len(shorts)*shortSize)
		s.w.varint(uint64(len(shorts)))
		for _, x := range shorts {
			s.w.short(x)
		}
	}
}

// divide answers a contrast with k cells.
func (s *side) divide(c *contrast, k int) {
	n := c.own()
	k = min(k, n)
	s.w.group(c.ref, kindCells, 2*binary.MaxVarintLen64+k*(cellSize+boundMax))
	s.w.varint(uint64(n))
	s.w.varint(uint64(k))
	from := s.set.seek(c.part.lo)
	for i := range k {
		to := from
		s.set.forward(&to, share(n, k, i)-1)
		before := to.entry()
		s.set.forward(&to, 1)
		s.w.cell(s.set.massBetween(&from, &to))
		if i < k-1 {
			b := cut(before, to.entry())
			s.w.bound(&b)
		}
		s.sent = append(s.sent, span{lo: from.rank, hi: to.rank, depth: c.part.depth})
		from = to
	}
}

// list answers a contrast with all own entries.
func (s *side) list(c *contrast) {
	at := s.set.seek(c.part.lo)
	for {
		n := min(c.part.hi-at.rank, listMax)
		kind := kindList
		if at.rank+n < c.part.hi {
			kind = kindPart
		}
		s.w.group(c.ref, kind, binary.MaxVarintLen64+n*shortSize+boundMax)
		s.w.varint(uint64(n))
		s.sent = append(s.sent, span{lo: at.rank, hi: at.rank + n, depth: c.part.depth, listed: true})
		var before *Entry
		for range n {
			before = at.entry()
			s.w.short(codec.ShortID(&s.set.salt, &before.ID))
			s.set.forward(&at, 1)
		}
		if kind == kindList {
			return
		}
		b := cut(before, at.entry())
		s.w.bound(&b)
	}
}

func (s *side) readShorts(r *wireReader) []uint64 {
	s.shorts = s.shorts[:0]
	for range r.count(shortSize) {
		s.shorts = append(s.shorts, r.short())
	}
	return s.shorts
}

// settle compares the other side's list of a range with the own entries.
func (s *side) settle(part span, theirs []uint64, out *reconcile.Out) {
	ref := s.heard
	s.heard++
	slices.Sort(theirs)
	theirs = slices.Compact(theirs)
	both := make([]bool, len(theirs))
	for at := s.set.seek(part.lo); at.rank < part.hi; s.set.forward(&at, 1) {
		x := codec.ShortID(&s.set.salt, &at.entry().ID)
		if i, found := slices.BinarySearch(theirs, x); found {
			both[i] = true
		} else {
			out.Give = append(out.Give, x)
		}
	}
	lacking := theirs[:0]
	for i, x := range theirs {
		if !both[i] {
			lacking = append(lacking, x)
		}
	}
	s.lack(ref, lacking)
}

// asked gives what the responder lacks of a range.
func (s *side) asked(r *wireReader, part span, out *reconcile.Out) {
	shorts := s.readShorts(r)
	switch {
	case r.err != nil:
	case !s.initiator:
		r.fail(ErrMode)
	case len(shorts) > part.hi-part.lo:
		r.fail(ErrCount)
	default:
		for _, x := range shorts {
			if s.has(x) {
				out.Give = append(out.Give, x)
			}
		}
	}
}
