package syncer

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// pump sends what a link has to say and its window allows: frames that are due
// again, then control messages, then the channels in turn, a frame's worth
// each, so that no space starves another; at last a bare acknowledgement if one
// is owed.
func (s *Syncer) pump(l *link) {
	if l.closing {
		return
	}
	c := s.host.Counters()
	l.t.resend(s.now, func(frame []byte) {
		c.BytesResent += uint64(len(frame))
		s.send(l, frame)
	})
	if l.t.stalled() {
		for _, ch := range l.channels {
			s.shelve(ch)
		}
	}
	for l.t.room() > 0 {
		f := frame{limit: s.cfg.FrameBytes, body: s.body[:0]}
		s.fill(l, &f)
		if f.count == 0 {
			break
		}
		s.body = scratch(f.body)
		bytes := l.t.send(s.now, f.count, f.body, f.carries)
		c.BytesReconcile += uint64(f.sizes[forReconcile])
		c.BytesRecords += uint64(f.sizes[forRecords])
		c.BytesControl += uint64(len(bytes) - f.sizes[forReconcile] - f.sizes[forRecords])
		s.send(l, bytes)
	}
	if l.t.ackAt != 0 && l.t.ackAt <= s.now {
		bytes := l.t.ack()
		c.BytesControl += uint64(len(bytes))
		s.send(l, bytes)
	}
}

// shelve turns records that wait for a link on which nothing moves into
// announcements. Until it moves again the peer may have got them elsewhere.
func (s *Syncer) shelve(ch *channel) {
	for _, rec := range ch.live {
		if len(ch.announced) < announcedMax {
			ch.announce(s.now+s.cfg.AnnounceNs, s.host.Short(rec))
		}
	}
	ch.live = nil
}

func (s *Syncer) send(l *link, bytes []byte) {
	s.host.Emit(&codec.Send{Link: l.id, Bytes: bytes})
}

// A frame being filled.
type frame struct {
	body  []byte
	count int
	limit int
	sizes [forRecords + 1]int

	carries []carried
}

func (f *frame) add(why purpose, message []byte) { f.grown(why, append(f.body, message...)) }

// grown takes over the body with one message more.
func (f *frame) grown(why purpose, body []byte) {
	f.sizes[why] += len(body) - len(f.body)
	f.body = body
	f.count++
}

// scratch keeps memory for the next frame, unless it is a lot: there may be many
// nodes.
func scratch(b []byte) []byte {
	if cap(b) > 4<<10 {
		return nil
	}
	return b[:0]
}

// full says that no further message should go in.
func (f *frame) full() bool {
	return len(f.body) >= f.limit || f.count >= codec.MessagesPerFrameMax
}

// fill takes messages in order of urgency.
func (s *Syncer) fill(l *link, f *frame) {
	n := 0
	for ; n < len(l.control) && !f.full(); n++ {
		f.add(l.control[n].why, l.control[n].bytes)
	}
	if l.control = l.control[n:]; len(l.control) == 0 {
		l.control = nil
	}
	if !l.hello {
		return // the peer's answer names what it can take
	}
	for i := 0; i < len(l.channels) && !f.full(); i++ {
		l.turn = (l.turn + 1) % len(l.channels)
		s.fillChannel(l.channels[l.turn], f)
	}
}

func (s *Syncer) fillChannel(ch *channel, f *frame) {
	if !ch.open {
		return
	}
	for len(ch.live) < 64 && len(ch.asked) > 0 {
		ch.live = s.host.Records(ch.space.id, ch.asked[0], ch.live)
		ch.asked = ch.asked[1:]
	}
	if len(ch.live) > 0 {
		n := s.fillRecords(ch, 0, ch.live, f)
		ch.live = taken(ch.live, n)
	}
	if len(ch.wants) > 0 && !f.full() {
		n := min(len(ch.wants), shortsPerMessage)
		f.add(forControl, codec.AppendMessage(nil, codec.MsgWant, &codec.Want{Index: ch.mine, Short: shortBytes(ch.wants[:n])}))
		ch.wants = ch.wants[n:]
	}
	if len(ch.announced) > 0 && (ch.announceAt <= s.now || len(ch.announced) >= 64) && !f.full() {
		n := min(len(ch.announced), shortsPerMessage)
		f.add(forControl, codec.AppendMessage(nil, codec.MsgHave, &codec.Have{Index: ch.mine, Short: shortBytes(ch.announced[:n])}))
		ch.announced = ch.announced[n:]
	}
	if ch.session != nil {
		s.fillSession(ch.session, f)
	}
}

// taken takes the first n records off a queue. A short one keeps its memory for
// the next records, as most frames carry all that waits.
func taken(queue []*codec.Record, n int) []*codec.Record {
	const short = 16
	switch {
	case n < len(queue):
		return queue[n:]
	case cap(queue) > short:
		return nil
	}
	clear(queue)
	return queue[:0]
}

// shortsPerMessage keeps lists of names below a frame's usual size.
const shortsPerMessage = 1024

func shortBytes(shorts []uint64) []byte {
	b := make([]byte, 0, 8*len(shorts))
	for _, short := range shorts {
		b = binary.LittleEndian.AppendUint64(b, short)
	}
	return b
}

// fillRecords adds a message with as many of the records as fit, at least one,
// and returns their number.
func (s *Syncer) fillRecords(ch *channel, session int64, records []*codec.Record, f *frame) int {
	if f.full() || len(records) == 0 {
		return 0
	}
	n, size := 0, 0
	for n < len(records) && n < codec.BatchRecordsMax {
		size += codec.BatchedSize(records[n])
		if n > 0 && len(f.body)+size > f.limit {
			break
		}
		n++
	}
	batch := s.batch.encode(records[:n])
	f.grown(forRecords, codec.AppendRecords(f.body, ch.mine, session, batch))
	if s.host.Tracking() {
		for _, rec := range records[:n] {
			f.carries = append(f.carries, carried{ch.space.id, s.host.Short(rec)})
		}
	}
	ch.activity = s.now
	return n
}

// batchCache encodes a batch that goes to several neighbours once.
type batchCache struct {
	records []*codec.Record
	sorted  []*codec.Record
	bytes   []byte
}

func (b *batchCache) encode(records []*codec.Record) []byte {
	if slices.Equal(b.records, records) {
		return b.bytes
	}
	b.records = append(b.records[:0], records...)
	b.sorted = append(b.sorted[:0], records...)
	slices.SortStableFunc(b.sorted, func(x, y *codec.Record) int { return x.Author.Compare(y.Author) })
	b.bytes = codec.AppendBatch(scratch(b.bytes), b.sorted)
	return b.bytes
}

// fillSession adds a session's payloads, then records, then its last word.
func (s *Syncer) fillSession(ss *session, f *frame) {
	for len(ss.payloads) > 0 && !f.full() {
		m := codec.AppendMessage(nil, codec.MsgData, &codec.Data{Session: ss.number, Payload: ss.payloads[0]})
		ss.report.BytesOut += uint64(len(m))
		f.add(forReconcile, m)
		ss.payloads = ss.payloads[1:]
		ss.progress = s.now
	}
	for len(ss.payloads) == 0 && len(ss.gives)+len(ss.loaded) > 0 && !f.full() {
		s.fillGives(ss, f)
	}
	if len(ss.payloads)+len(ss.gives)+len(ss.loaded) > 0 || f.full() {
		return
	}
	switch {
	case ss.mine() && ss.want != nil:
		for ss.want != nil && !f.full() {
			s.lastWord(ss, f)
		}
	case !ss.mine() && ss.closing:
		s.finish(ss, f)
	}
}

// fillGives sends the next records to give, loading them a chunk at a time.
// Those that have gone since the session began are superseded, and what
// superseded them travels by itself.
func (s *Syncer) fillGives(ss *session, f *frame) {
	const chunk = 64
	if len(ss.loaded) == 0 {
		n := min(chunk, len(ss.gives))
		for _, short := range ss.gives[:n] {
			ss.loaded = s.host.Records(ss.ch.space.id, short, ss.loaded)
		}
		ss.gives = ss.gives[n:]
		// Grants first: records that name them are then admitted at once.
		slices.SortStableFunc(ss.loaded, func(x, y *codec.Record) int {
			return cmp.Or(cmp.Compare(urgency(x), urgency(y)), x.Author.Compare(y.Author), cmp.Compare(x.Version, y.Version))
		})
	}
	n := s.fillRecords(ss.ch, ss.number, ss.loaded, f)
	ss.loaded = ss.loaded[n:]
	ss.report.Sent += uint64(n)
	ss.progress = s.now
}

func urgency(r *codec.Record) int {
	if r.Kind == codec.KindGrant || r.Kind == codec.KindCut {
		return 0
	}
	return 1
}

// lastWord asks for what is missing; after the last part the responder closes.
func (s *Syncer) lastWord(ss *session, f *frame) {
	n := min(len(ss.want), shortsPerMessage)
	m := codec.AppendMessage(nil, codec.MsgWant, &codec.Want{
		Index: ss.ch.mine, Session: ss.number, More: n < len(ss.want), Short: shortBytes(ss.want[:n]),
	})
	ss.report.BytesOut += uint64(len(m))
	f.add(forReconcile, m)
	if ss.want = ss.want[n:]; len(ss.want) == 0 {
		ss.want = nil
	}
	ss.progress = s.now
}

// finish closes a session as responder.
func (s *Syncer) finish(ss *session, f *frame) {
	summary, count := s.host.Summary(ss.ch.space.id)
	f.add(forReconcile, codec.AppendMessage(nil, codec.MsgClose, &codec.Close{
		Session: ss.number, Outcome: codec.OutcomeFinished, Count: count, Summary: summary,
	}))
	if ss.part == nil {
		s.planNext(ss.ch)
	}
	s.endSession(ss, codec.OutcomeFinished, false)
}
