package auto

import (
	"encoding/binary"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// An Order is a view's records by time.
type Order interface {
	Len() int
	// Newest is the time of the n-th record from the end, 1 ≤ n ≤ Len.
	Newest(n int) uint64
	// Before counts the records older than a time, and gives a fingerprint of them.
	Before(time uint64) (count int, fingerprint uint64)
	// Since calls fn for the records from a time on, in order.
	Since(time uint64, fn func(id *codec.ID) bool)
}

// A step of the ladder: what is older than since has that fingerprint.
type step struct {
	since uint64
	print uint32
}

// The ladder's steps: the newest 16 records, and twice as many each time.
// What differs among fewer the sketch finds for less than a list.
const (
	firstStep = 16
	stepsMax  = 16
	// grain is what times are rounded down to: the count of a hybrid clock is no
	// help, and would cost two bytes a step.
	grain = 1 << 16
)

// climb makes the ladder of a set. A step that catches far more than it is meant
// to, because many records share a time, ends it.
func climb(o Order) (ladder []step) {
	for n := firstStep; n <= o.Len() && len(ladder) < stepsMax; n *= 2 {
		since := o.Newest(n) / grain * grain
		below, print := o.Before(since)
		if o.Len()-below > 2*n {
			break
		}
		if k := len(ladder); k == 0 || ladder[k-1].since != since {
			ladder = append(ladder, step{since, uint32(print)})
		}
	}
	return ladder
}

// appendLadder writes the number of steps in one byte, then for each how much
// older it is than the one before (the first: than the end of time), in grains as a
// varint, and 4 bytes of the fingerprint.
func appendLadder(b []byte, ladder []step) []byte {
	b = append(b, byte(len(ladder)))
	last := uint64(latest)
	for _, s := range ladder {
		b = binary.AppendUvarint(b, (last-s.since)/grain)
		b = binary.LittleEndian.AppendUint32(b, s.print)
		last = s.since
	}
	return b
}

// latest is the last time that is a multiple of the grain.
const latest = 1<<64 - grain

var errLadder = fmt.Errorf("%w: auto: a malformed ladder", reconcile.ErrPayload)

// readLadder reads what appendLadder wrote and returns what follows.
func readLadder(b []byte) (ladder []step, rest []byte, err error) {
	if len(b) == 0 || b[0] > stepsMax {
		return nil, nil, errLadder
	}
	n := int(b[0])
	b = b[1:]
	last := uint64(latest)
	for range n {
		older, used := binary.Uvarint(b)
		if used <= 0 || older > last/grain || len(b) < used+4 {
			return nil, nil, errLadder
		}
		last -= older * grain
		ladder = append(ladder, step{last, binary.LittleEndian.Uint32(b[used:])})
		b = b[used+4:]
	}
	return ladder, b, nil
}

// agree returns the first step below which a set is equal to that of the ladder, −1
// for none.
func agree(o Order, ladder []step) int {
	for i, s := range ladder {
		if _, print := o.Before(s.since); uint32(print) == s.print {
			return i
		}
	}
	return -1
}

// tagBytes is the length of a listed record's tag: among a thousand records a
// million times a chance that two share one is one in a million.
const tagBytes = 5

// listBytes is what a list of so many records takes, the answer included.
func listBytes(count int) int { return 40 + count*tagBytes + count/8 }

// tag is a record's name in a list. It depends on what is older, which nobody
// chooses alone.
func tag(print uint32, short uint64) uint64 {
	x := short ^ uint64(print)<<32 ^ uint64(print)
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return (x ^ x>>32) & (1<<(8*tagBytes) - 1)
}

// recent are the short ids of the records from a time on, in order.
func recent(view reconcile.View, o Order, since uint64) []uint64 {
	ids := []uint64{}
	o.Since(since, func(id *codec.ID) bool {
		ids = append(ids, codec.ShortID(view.Salt(), id))
		return true
	})
	return ids
}

// listTags writes a list: each payload is the choice, the step of the ladder, the
// number of tags in it and all later ones, as a varint, and its tags,
// little-endian.
func listTags(at byte, print uint32, ids []uint64) (payloads [][]byte) {
	const most = (reconcile.PayloadMax - 16) / tagBytes
	for first := true; first || len(ids) > 0; first = false {
		b := binary.AppendUvarint([]byte{choiceRecent, at}, uint64(len(ids)))
		n := min(len(ids), most)
		for _, id := range ids[:n] {
			t := tag(print, id)
			b = append(b, byte(t), byte(t>>8), byte(t>>16), byte(t>>24), byte(t>>32))
		}
		payloads, ids = append(payloads, b), ids[n:]
	}
	return payloads
}

// tags are a list that is coming in.
type tags struct {
	begun bool
	at    byte // step of the ladder
	left  uint64
	list  []uint64
}

// read takes in a payload without its choice and returns true with the last one.
func (t *tags) read(b []byte, steps int) (bool, error) {
	if len(b) == 0 || int(b[0]) >= steps || t.begun && b[0] != t.at {
		return false, fmt.Errorf("%w: auto: a list above no step of the ladder", reconcile.ErrPayload)
	}
	at := b[0]
	left, n := binary.Uvarint(b[1:])
	switch b = b[1+max(n, 0):]; {
	case n <= 0 || t.begun && (left != t.left || t.left == 0) || left > listMax:
		return false, fmt.Errorf("%w: auto: a list of %d tags", reconcile.ErrPayload, left)
	case len(b)%tagBytes != 0 || uint64(len(b)/tagBytes) > left || len(b) == 0 && left > 0:
		return false, fmt.Errorf("%w: auto: %d bytes for %d tags", reconcile.ErrPayload, len(b), left)
	}
	t.begun, t.at, t.left = true, at, left
	for ; len(b) > 0; b = b[tagBytes:] {
		t.list = append(t.list, uint64(b[0])|uint64(b[1])<<8|uint64(b[2])<<16|uint64(b[3])<<24|uint64(b[4])<<32)
		t.left--
	}
	return t.left == 0, nil
}

// listedRecent takes in the responder's recent records, gives what they lack and
// says which of them are wanted: a bit each, in order.
func (s *initiator) listedRecent(b []byte, out *reconcile.Out) error {
	last, err := s.recent.read(b, len(s.ladder))
	if err != nil || !last {
		return err
	}
	at := s.ladder[s.recent.at]
	mine := recent(s.view, s.order, at.since)
	held := make(map[uint64]int, len(mine)) // only looked up; twins count
	for _, short := range mine {
		held[tag(at.print, short)]++
	}
	wanted := make([]byte, (len(s.recent.list)+7)/8)
	for i, t := range s.recent.list {
		if held[t] > 0 {
			held[t]--
		} else {
			wanted[i/8] |= 1 << (i % 8)
		}
	}
	for _, short := range mine {
		if t := tag(at.print, short); held[t] > 0 {
			held[t] = 0
			out.Give = append(out.Give, short)
		}
	}
	for len(wanted) > 0 {
		n := min(len(wanted), reconcile.PayloadMax-1)
		out.Payloads = append(out.Payloads, append([]byte{choiceWanted}, wanted[:n]...))
		wanted = wanted[n:]
	}
	out.Done = true
	return nil
}

// give takes the next bits of what the initiator wants.
func (r *responder) give(bits []byte, out *reconcile.Out) error {
	for _, b := range bits {
		for i := range 8 {
			switch set := b>>i&1 == 1; {
			case !set:
			case r.wanted+i >= len(r.listed):
				return fmt.Errorf("%w: auto: wants more than was listed", reconcile.ErrPayload)
			default:
				out.Give = append(out.Give, r.listed[r.wanted+i])
			}
		}
		r.wanted += 8
	}
	return nil
}
