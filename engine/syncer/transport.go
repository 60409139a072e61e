package syncer

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Transport constants. Links may be anything from a loopback pipe to a
// satellite, so what depends on the path is measured and only the bounds are
// fixed.
const (
	aheadMax      = 512      // frames accepted beyond the first gap; the ack's bitmap covers them
	ackEvery      = 8        // frames received before an acknowledgement goes out by itself
	ackDelayNs    = 25e6     // and the longest wait for one, below every interactive threshold
	rtoFirstNs    = 1e9      // before the first measurement (RFC 6298)
	rtoMinNs      = 50e6     // not below two delayed acknowledgements
	rttMaxNs      = 30e9     // a longer one is a stopped host, not a path
	backoffMaxNs  = 5e9      // a healed partition is noticed within this time, or the path's own time-out
	windowFirst   = 64 << 10 // bytes in flight before the first acknowledgement
	windowMin     = 16 << 10
	windowMax     = 4 << 20
	frameOverhead = 16

	messageOverhead = 64 // memory that a waiting message costs beside its body
)

// A purpose says what bytes are for, in the node's accounts.
type purpose uint8

const (
	forControl purpose = iota
	forReconcile
	forRecords
)

// A sent frame waits for its acknowledgement.
type sent struct {
	seq     uint64
	body    []byte // its messages
	count   int
	at      int64  // last transmission, monotonic ns
	order   uint64 // of the last transmission, over all frames
	tries   int
	acked   bool
	carries []carried
}

// carried is a record in a frame whose arrival somebody waits for.
type carried struct {
	space codec.ID
	short uint64
}

// transport makes a lossy link carry messages in order and once. Sequence
// numbers stay with their messages when a frame is sent again; the receiver
// answers with the first gap and a bitmap of what lies beyond it. Loss is
// detected by time since a frame that was sent earlier than an acknowledged one
// (as in RACK, RFC 8985), or by a time-out. The window grows and shrinks as in
// NewReno, with a factor of 0.7.
type transport struct {
	// Sending.
	next     uint64
	order    uint64 // transmissions so far
	inFlight []sent // by seq
	flying   int    // bytes sent and not acknowledged
	newest   uint64 // highest order acknowledged
	repeated bool   // a frame in flight was sent again: later ones may be lost too
	lossAt   int64  // when the first suspected frame is given up, 0 for none
	window   int
	slow     int    // slow start below this window
	recovery uint64 // frames below this seq were in flight at the last cut
	credit   int    // what the other side accepts unacknowledged
	srtt     int64
	rttvar   int64
	least    int64 // the shortest round trip lately
	backoff  uint
	reached  []carried // of frames that have been acknowledged

	// Receiving.
	cum    uint64 // everything up to here has arrived
	ahead  [aheadMax / 64]uint64
	early  []early // frames beyond the gap, by seq
	held   int     // bytes in early
	unsent int     // frames received since the last acknowledgement left
	ackAt  int64   // when one must leave, 0 for not at all
}

// early is the ordered part of a frame that arrived before its predecessors.
type early struct {
	seq      uint64
	messages []codec.Message
	size     int
}

func newTransport() transport {
	return transport{next: 1, window: windowFirst, slow: windowMax, credit: windowFirst}
}

// room is how many bytes may leave now. Frames that the receiver could not
// remember before their predecessors would be sent in vain.
func (t *transport) room() int {
	if len(t.inFlight) >= aheadMax {
		return 0
	}
	return min(t.window, t.credit) - t.flying
}

// heard notes a sign of life: a path that has healed must not wait for the end of
// a long time-out. One that is dead in our direction only costs a frame every few
// round trips.
func (t *transport) heard() { t.backoff = min(t.backoff, 2) }

// stalled reports that nothing has arrived on the other side for a time-out.
func (t *transport) stalled() bool { return t.backoff > 0 }

// rto is the time-out of the oldest frame in flight.
func (t *transport) rto() int64 {
	rto := int64(rtoFirstNs)
	if t.srtt > 0 {
		rto = max(min(t.srtt+4*t.rttvar+ackDelayNs, t.patience()), rtoMinNs)
	}
	return max(rto, min(rto<<t.backoff, backoffMaxNs))
}

// lossAfter is how long after its transmission a frame is given up when a later
// one has arrived: a round trip and a quarter for reordering.
func (t *transport) lossAfter() int64 {
	return min(t.srtt+max(t.srtt/4, 2*t.rttvar, 1e6), t.patience())
}

// patience bounds the wait for an acknowledgement by the shortest round trip. What is
// measured is far longer after a host was stopped, a partition healed or a few
// acknowledgements were lost, and on a link with little to say it takes long until
// the mean has forgotten that.
func (t *transport) patience() int64 { return min(rtoFirstNs+16*t.least, rttMaxNs) }

// send registers a new frame of messages and returns its bytes.
func (t *transport) send(now int64, count int, body []byte, carries []carried) []byte {
	t.inFlight = append(t.inFlight, sent{seq: t.next, body: body, count: count, carries: carries})
	t.next++
	t.flying += len(body) + frameOverhead
	return t.transmit(now, &t.inFlight[len(t.inFlight)-1])
}

func (t *transport) transmit(now int64, f *sent) []byte {
	t.order++
	f.at, f.order = now, t.order
	f.tries++
	t.repeated = t.repeated || f.tries > 1
	head := t.head(f.seq)
	frame := codec.AppendFrame(make([]byte, 0, len(f.body)+24+len(head.Gaps)), head, f.count, f.body)
	f.body = frame[len(frame)-len(f.body):] // what it was is scratch, or an older frame
	return frame
}

// ack returns a frame that only acknowledges.
func (t *transport) ack() []byte { return codec.AppendFrame(nil, t.head(0), 0, nil) }

// head carries the newest acknowledgement, so none is owed any more.
func (t *transport) head(seq uint64) codec.FrameHead {
	t.unsent, t.ackAt = 0, 0
	return codec.FrameHead{Seq: seq, Ack: t.cum, Gaps: t.gaps()}
}

func (t *transport) gaps() []byte {
	last := len(t.ahead) - 1
	for last >= 0 && t.ahead[last] == 0 {
		last--
	}
	if last < 0 {
		return nil
	}
	gaps := make([]byte, 0, (last+1)*8)
	for i := 0; i <= last; i++ {
		// Bit 0 of ahead stands for cum+1, which is the gap itself.
		w := t.ahead[i] >> 1
		if i < len(t.ahead)-1 {
			w |= t.ahead[i+1] << 63
		}
		for s := 0; s < 64; s += 8 {
			gaps = append(gaps, byte(w>>s))
		}
	}
	for len(gaps) > 0 && gaps[len(gaps)-1] == 0 {
		gaps = gaps[:len(gaps)-1]
	}
	return gaps
}

// acknowledged takes the other side's acknowledgement; false means that it
// names a frame never sent.
func (t *transport) acknowledged(now int64, head *codec.FrameHead) bool {
	if head.Ack >= t.next {
		return false
	}
	for i := range t.inFlight {
		f := &t.inFlight[i]
		if f.seq > head.Ack {
			break
		}
		if !f.acked {
			t.arrived(now, f)
		}
	}
	if len(head.Gaps) > 0 || t.lossAt != 0 || t.repeated {
		t.suspect(now, head)
	}
	n := 0 // an old acknowledgement may cover the oldest frame by its bitmap
	for n < len(t.inFlight) && t.inFlight[n].acked {
		n++
	}
	t.inFlight = slices.Delete(t.inFlight, 0, n)
	return true
}

// suspect goes through the frames above the gap: some have arrived, and those
// sent before them may be lost.
func (t *transport) suspect(now int64, head *codec.FrameHead) {
	for i := range t.inFlight {
		if f := &t.inFlight[i]; !f.acked && gapBit(head, f.seq) {
			t.arrived(now, f)
		}
	}
	t.findLoss()
}

// findLoss computes when the first suspected frame is given up.
func (t *transport) findLoss() {
	t.lossAt = 0
	t.repeated = t.repeated && len(t.inFlight) > 0
	for i := range t.inFlight {
		if f := &t.inFlight[i]; !f.acked && f.order < t.newest {
			t.lossAt = earlier(t.lossAt, f.at+t.lossAfter())
		}
	}
}

func gapBit(head *codec.FrameHead, seq uint64) bool {
	i := seq - head.Ack - 2
	return seq >= head.Ack+2 && i < uint64(len(head.Gaps))*8 && head.Gaps[i/8]>>(i%8)&1 == 1
}

func (t *transport) arrived(now int64, f *sent) {
	f.acked = true
	t.reached = append(t.reached, f.carries...)
	size := len(f.body) + frameOverhead
	t.flying -= size
	t.newest = max(t.newest, f.order)
	t.backoff = 0
	if f.tries == 1 { // Karn: a repeated frame's acknowledgement is ambiguous
		t.measure(now - f.at)
	}
	if t.window < t.slow {
		t.window = min(t.window+size, windowMax)
	} else {
		t.window = min(t.window+size*size/t.window+1, windowMax)
	}
}

// measure smooths a round-trip time (RFC 6298).
func (t *transport) measure(rtt int64) {
	rtt = min(max(rtt, 1), rttMaxNs)
	t.least = min(rtt, t.least+t.least/64+1) // paths change
	if t.srtt == 0 {
		t.srtt, t.rttvar, t.least = rtt, rtt/2, rtt
		return
	}
	if rtt > t.patience() {
		return // a stall, or acknowledgements lost for a while: it says nothing of the path
	}
	diff := t.srtt - rtt
	if diff < 0 {
		diff = -diff
	}
	t.rttvar += (diff - t.rttvar) / 4
	t.srtt += (rtt - t.srtt) / 8
}

// resend calls emit with the frames that are due again.
func (t *transport) resend(now int64, emit func(frame []byte)) {
	if len(t.inFlight) == 0 {
		return
	}
	timeout := t.inFlight[0].at+t.rto() <= now
	if timeout {
		// Only the oldest goes out: if the path is dead, more would be wasted,
		// and its acknowledgement tells which others are lost.
		t.backoff = min(t.backoff+1, 16)
		t.shrink(&t.inFlight[0], windowMin)
		emit(t.transmit(now, &t.inFlight[0]))
	}
	if t.lossAt == 0 || t.lossAt > now {
		return
	}
	for i := range t.inFlight {
		f := &t.inFlight[i]
		if !f.acked && f.order < t.newest && f.at+t.lossAfter() <= now {
			t.shrink(f, max(t.window*7/10, windowMin))
			emit(t.transmit(now, f))
		}
	}
	t.findLoss()
}

// shrink cuts the window once per window's worth of frames.
func (t *transport) shrink(f *sent, to int) {
	if f.seq >= t.recovery {
		t.recovery = t.next
		t.window, t.slow = to, max(t.window*7/10, windowMin)
	}
}

// wake is when resend or an acknowledgement is due, 0 for never.
func (t *transport) wake() int64 {
	at := earlier(t.ackAt, t.lossAt)
	if len(t.inFlight) > 0 {
		at = earlier(at, t.inFlight[0].at+t.rto())
	}
	return at
}

// earlier is the smaller of two times where 0 means never.
func earlier(a, b int64) int64 {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// receive notes the arrival of a frame. fresh is false for a repeated frame and
// for one too far ahead to remember; inOrder says that it fills the gap.
func (t *transport) receive(now int64, seq uint64) (fresh, inOrder bool) {
	t.unsent++
	if seq <= t.cum {
		t.ackAt = now // the other side has not heard of it yet
		return false, false
	}
	i := seq - t.cum - 1
	if i >= aheadMax {
		t.unsent--
		return false, false
	}
	if t.ahead[i/64]>>(i%64)&1 == 1 {
		t.ackAt = now
		return false, false
	}
	t.ahead[i/64] |= 1 << (i % 64)
	if i > 0 || t.unsent >= ackEvery {
		t.ackAt = now // gaps are news
	} else {
		t.ackAt = earlier(t.ackAt, now+ackDelayNs)
	}
	return true, i == 0
}

// forget undoes receive for a frame that there is no memory for.
func (t *transport) forget(seq uint64) {
	i := seq - t.cum - 1
	t.ahead[i/64] &^= 1 << (i % 64)
}

// advance moves past the frames that have arrived without a gap and calls
// deliver with the messages that had to wait for them.
func (t *transport) advance(deliver func([]codec.Message)) {
	for t.ahead[0]&1 == 1 {
		t.cum++
		t.shift()
		for len(t.early) > 0 && t.early[0].seq == t.cum {
			e := t.early[0]
			t.early = t.early[1:]
			t.held -= e.size
			deliver(e.messages)
		}
	}
}

func (t *transport) shift() {
	for i := range t.ahead {
		t.ahead[i] >>= 1
		if i+1 < len(t.ahead) {
			t.ahead[i] |= t.ahead[i+1] << 63
		}
	}
}

// hold keeps the ordered messages of a frame until the gap before it is filled.
// Bodies are copied: the frame's bytes belong to the host.
func (t *transport) hold(seq uint64, messages []codec.Message) {
	size := 0
	kept := make([]codec.Message, len(messages))
	for i, m := range messages {
		kept[i] = codec.Message{Kind: m.Kind, Body: append([]byte(nil), m.Body...)}
		size += len(m.Body) + messageOverhead
	}
	at := len(t.early)
	for at > 0 && t.early[at-1].seq > seq {
		at--
	}
	t.early = append(t.early, early{})
	copy(t.early[at+1:], t.early[at:])
	t.early[at] = early{seq: seq, messages: kept, size: size}
	t.held += size
}
