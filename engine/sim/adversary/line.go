package adversary

import "github.com/intersubjective/rapprochement/codec"

// A line is one link as the adversary sees it. Frames of its own take numbers
// between those of the node: what the node calls frame n has another number on the
// wire, and acknowledgements are translated back.
type line struct {
	peer     codec.PeerID
	index    uint64   // what the node calls the space on this link
	named    bool     // it has said so
	opened   int64    // sessions of the adversary's own
	next     uint64   // number of the next frame on the wire
	gone     uint64   // so many of the node's frames are acknowledged and forgotten
	wire     []uint64 // numbers on the wire of those after them
	extra    []added  // frames of its own, not acknowledged yet
	added    bool     // there was one
	ack      uint64   // the latest acknowledgement that the node sent
	heard    uint64   // the highest number that has come
	count    uint64   // of the peer's set, as it said
	summary  codec.ID
	mute     mute
	patience int // frames until it falls silent; −1: never
}

// mute is how a line is silent.
type mute int

const (
	muteAll   mute = iota + 1 // nothing leaves
	muteTalk                  // frames leave, but say nothing once the spaces are named
	muteLater                 // nothing leaves after some frames
)

// added is a frame of the adversary's own.
type added struct {
	number uint64
	count  int
	body   []byte
}

// extraMax bounds the frames of its own that wait for an acknowledgement.
const extraMax = 64

// number gives a frame of the node its number on the wire; false for one that has
// been acknowledged.
func (l *line) number(seq *uint64) bool {
	if *seq <= l.gone {
		return false
	}
	at := *seq - l.gone - 1
	for uint64(len(l.wire)) <= at { // frames leave in order
		l.wire = append(l.wire, l.next)
		l.next++
	}
	*seq = l.wire[at]
	return true
}

// add gives a frame of the adversary's own the next number.
func (l *line) add(count int, body []byte) codec.FrameHead {
	l.added = true
	l.extra = append(l.extra, added{l.next, count, body})
	l.next++
	return codec.FrameHead{Seq: l.next - 1, Ack: l.ack}
}

// translate turns an acknowledgement on the wire into one of the node's frames.
func (l *line) translate(head *codec.FrameHead) {
	if head.Ack >= l.next {
		head.Ack = 1 << 40 // a lie stays one
		return
	}
	arrived := func(n uint64) bool {
		i := n - head.Ack - 2
		return n <= head.Ack || n >= head.Ack+2 && i < uint64(len(head.Gaps))*8 && head.Gaps[i/8]>>(i%8)&1 == 1
	}
	kept := l.extra[:0]
	for _, f := range l.extra {
		if !arrived(f.number) {
			kept = append(kept, f)
		}
	}
	l.extra = kept
	n := 0
	for n < len(l.wire) && arrived(l.wire[n]) {
		n++
	}
	var gaps []byte
	for i := n + 1; i < len(l.wire) && (i-n-1)/8 < codec.GapsMax; i++ {
		if arrived(l.wire[i]) {
			for len(gaps) <= (i-n-1)/8 {
				gaps = append(gaps, 0)
			}
			gaps[(i-n-1)/8] |= 1 << ((i - n - 1) % 8)
		}
	}
	head.Ack, head.Gaps = l.gone+uint64(n), gaps
	l.wire, l.gone = l.wire[n:], l.gone+uint64(n)
}

// listen notes what the peer says of its set: who wants to pass for equal has to
// know it.
func (l *line) listen(messages []codec.Message) {
	for _, m := range messages {
		switch m.Kind {
		case codec.MsgOpen:
			if v := new(codec.Open); m.Decode(v) == nil {
				l.count, l.summary = v.Count, v.Summary
			}
		case codec.MsgClose:
			if v := new(codec.Close); m.Decode(v) == nil && v.Count > 0 {
				l.count, l.summary = v.Count, v.Summary
			}
		}
	}
}
