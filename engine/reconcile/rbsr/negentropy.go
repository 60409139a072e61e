package rbsr

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// The numbers of protocol V1.
const (
	v1Version = 0x61
	v1First   = 0x60 // versions of the protocol, known or not
	v1Last    = 0x6f

	modeSkip        = 0
	modeFingerprint = 1
	modeIDList      = 2

	v1Buckets       = 16
	v1FingerprintSz = 16
	v1RangeMax      = 2048 // bytes of one range's answer, long lists aside
	// FrameLimitMin is the smallest frame limit but 0.
	FrameLimitMin = 4096
	frameReserve  = 200 // bytes below the limit at which a message ends
)

// Negentropy is one side of a run of the negentropy protocol, version 1, byte for
// byte as the C++ reference speaks it. Whoever calls Initiate is the client; the
// other side is the server and may be asked by any number of messages.
//
// A message of m bytes costs O(m log n) and at most one visit of each own entry;
// the answer is at most the frame limit, if there is one.
type Negentropy struct {
	set       *Snapshot
	limit     int
	initiator bool
	have      []codec.ID
	need      []codec.ID
	left      []codec.ID // scratch
}

// NewNegentropy returns a side that runs on a set. No message will be longer than
// the frame limit in bytes; 0 is none. The error is ErrFrameLimit.
func NewNegentropy(set *Snapshot, frameLimit int) (*Negentropy, error) {
	if frameLimit != 0 && frameLimit < FrameLimitMin {
		return nil, ErrFrameLimit
	}
	return &Negentropy{set: set, limit: frameLimit}, nil
}

// Initiate returns the first message. The error is ErrRole, the second time.
func (n *Negentropy) Initiate() ([]byte, error) {
	if n.initiator {
		return nil, ErrRole
	}
	n.initiator = true
	w := v1Writer{out: []byte{v1Version}}
	lower, upper := n.set.start(), n.set.seek(n.set.hi)
	n.split(&w, &lower, &upper, &v1Bound{Entry: Entry{Time: Infinity}})
	return w.out, nil
}

// Reconcile answers a message. The client is done when the answer is nil. Errors
// wrap reconcile.ErrPayload.
func (n *Negentropy) Reconcile(message []byte) (answer []byte, err error) {
	r := v1Reader{reader: reader{data: message}}
	version := r.byte()
	switch {
	case r.err != nil:
		return nil, r.err
	case version < v1First || version > v1Last || version != v1Version && n.initiator:
		return nil, ErrVersion
	case version != v1Version:
		return []byte{v1Version}, nil
	}
	w := v1Writer{out: append(make([]byte, 0, len(message)+len(message)/8+v1RangeMax), v1Version)}
	if err := n.answer(&r, &w); err != nil {
		return nil, err
	}
	if n.initiator && len(w.out) == 1 {
		return nil, nil
	}
	return w.out, nil
}

// Have returns the ids that this side holds and the other lacks, as far as the
// client knows yet. Under a frame limit they are sorted: the server may have
// brought up the same range twice.
func (n *Negentropy) Have() []codec.ID { return n.distinct(&n.have) }

// Need returns the ids that the other side holds and this one lacks, as Have does.
func (n *Negentropy) Need() []codec.ID { return n.distinct(&n.need) }

func (n *Negentropy) distinct(list *[]codec.ID) []codec.ID {
	if n.limit != 0 {
		sortIDs(list)
	}
	return *list
}

// sortIDs sorts a list and leaves out what repeats.
func sortIDs(list *[]codec.ID) {
	slices.SortFunc(*list, codec.ID.Compare)
	*list = slices.Compact(*list)
}

// answer goes through the ranges of a message. Ranges that need no answer become
// one skip before the next that does.
func (n *Negentropy) answer(r *v1Reader, w *v1Writer) error {
	lower := n.set.start()
	var previous v1Bound
	skip := false
	guess := 0
	for len(r.data) > 0 {
		w.room()
		bound := r.bound()
		mode := r.varint()
		upper := lower
		n.set.find(&upper, &bound.Entry, guess)
		kept, last := len(w.out), w.last
		replies := false
		switch mode {
		case modeSkip:
		case modeFingerprint:
			theirs := r.take(v1FingerprintSz)
			if r.err == nil && [v1FingerprintSz]byte(theirs) != n.fingerprint(&lower, &upper) {
				w.skipTo(&previous, skip)
				n.split(w, &lower, &upper, &bound)
				replies = true
			}
		case modeIDList:
			ids := r.ids()
			if n.initiator {
				n.compare(&lower, &upper, ids)
			} else if r.err == nil {
				w.skipTo(&previous, skip)
				n.list(w, &lower, &upper, bound, kept)
				replies = true
				kept = len(w.out) // this list stays, whatever follows
				last = w.last
			}
		default:
			r.fail(ErrMode)
		}
		if r.err != nil {
			return r.err
		}
		if n.exceeds(len(w.out)) {
			w.out, w.last = w.out[:kept], last
			n.rest(w, &upper)
			return nil
		}
		skip = !replies
		guess = upper.rank - lower.rank // the sender's ranges are of one size
		lower, previous = upper, bound
	}
	return nil
}

func (n *Negentropy) exceeds(size int) bool { return n.limit != 0 && size > n.limit-frameReserve }

// rest ends a message with the fingerprint of all that is left.
func (n *Negentropy) rest(w *v1Writer, from *cursor) {
	end := n.set.seek(n.set.hi)
	w.bound(&v1Bound{Entry: Entry{Time: Infinity}})
	w.varint(modeFingerprint)
	fp := n.fingerprint(from, &end)
	w.out = append(w.out, fp[:]...)
}

// list answers with the server's own ids from lower to upper. Where the frame is
// full it ends early, and moves upper there. What was in the frame before this
// range, and the ids, count.
func (n *Negentropy) list(w *v1Writer, lower, upper *cursor, bound v1Bound, before int) {
	if n.limit != 0 {
		if room := (n.limit-frameReserve-before)/32 + 1; upper.rank-lower.rank > room {
			*upper = *lower
			n.set.forward(upper, room)
			bound = v1Bound{Entry: *upper.entry(), prefix: 32}
		}
	}
	w.bound(&bound)
	w.ids(n.set, lower, upper)
}

// split answers with a list of a small range, or the fingerprints of its parts.
func (n *Negentropy) split(w *v1Writer, lower, upper *cursor, bound *v1Bound) {
	count := upper.rank - lower.rank
	if count < 2*v1Buckets {
		w.bound(bound)
		w.ids(n.set, lower, upper)
		return
	}
	from := *lower
	for i := range v1Buckets {
		size := count / v1Buckets
		if i < count%v1Buckets {
			size++
		}
		to := from
		if i == v1Buckets-1 {
			to = *upper
			w.bound(bound)
		} else {
			n.set.forward(&to, size-1)
			before := to.entry()
			n.set.forward(&to, 1)
			b := between(before, to.entry())
			w.bound(&b)
		}
		w.varint(modeFingerprint)
		fp := n.fingerprint(&from, &to)
		w.out = append(w.out, fp[:]...)
		from = to
	}
}

// fingerprint is that of the entries from a to b.
func (n *Negentropy) fingerprint(a, b *cursor) (fp [v1FingerprintSz]byte) {
	var buf [32 + 10]byte
	for i, word := range n.set.sumBetween(a, b) {
		binary.LittleEndian.PutUint64(buf[8*i:], word)
	}
	digest := sha256.Sum256(appendVarint(buf[:32], uint64(b.rank-a.rank)))
	return [v1FingerprintSz]byte(digest[:])
}

// compare finds out what the client has and needs of a range from the server's
// ids. What both hold stands in the same order, so that mostly few are left in
// the middle.
func (n *Negentropy) compare(lower, upper *cursor, theirs []byte) {
	ours := n.left[:0]
	for at := *lower; at.rank < upper.rank; n.set.forward(&at, 1) {
		id := &at.entry().ID
		if len(theirs) >= 32 && string(id[:]) == string(theirs[:32]) {
			theirs = theirs[32:]
			continue
		}
		for ; at.rank < upper.rank; n.set.forward(&at, 1) {
			ours = append(ours, at.entry().ID)
		}
		break
	}
	n.left = ours
	for len(theirs) > 0 && len(ours) > 0 && string(theirs[len(theirs)-32:]) == string(ours[len(ours)-1][:]) {
		theirs, ours = theirs[:len(theirs)-32], ours[:len(ours)-1]
	}
	if len(theirs) == 0 || len(ours) == 0 { // nothing to tell apart
		n.have = append(n.have, ours...)
		for ; len(theirs) > 0; theirs = theirs[32:] {
			n.need = append(n.need, codec.ID(theirs))
		}
		return
	}
	n.tell(ours, theirs)
}

// tell sorts out who holds what of two lists that are in no common order.
func (n *Negentropy) tell(ours []codec.ID, theirs []byte) {
	if len(ours) > 64 || len(theirs) > 64*32 {
		n.tellMany(ours, theirs)
		return
	}
	var both uint64 // their ids that are ours as well
next:
	for i := range ours {
		word := binary.LittleEndian.Uint64(ours[i][:])
		for at := 0; at < len(theirs); at += 32 {
			if binary.LittleEndian.Uint64(theirs[at:]) == word && string(theirs[at:at+32]) == string(ours[i][:]) {
				both |= 1 << (at / 32)
				continue next
			}
		}
		n.have = append(n.have, ours[i])
	}
	for i := 0; i < len(theirs)/32; i++ {
		if both>>i&1 == 0 {
			n.need = append(n.need, codec.ID(theirs[32*i:]))
		}
	}
}

// tellMany sorts the lists: no choice of ids makes it slow.
func (n *Negentropy) tellMany(ours []codec.ID, theirs []byte) {
	list := make([]codec.ID, 0, len(theirs)/32)
	for ; len(theirs) > 0; theirs = theirs[32:] {
		list = append(list, codec.ID(theirs))
	}
	sortIDs(&list)
	sortIDs(&ours)
	for len(list) > 0 && len(ours) > 0 {
		switch c := ours[0].Compare(list[0]); {
		case c < 0:
			n.have, ours = append(n.have, ours[0]), ours[1:]
		case c > 0:
			n.need, list = append(n.need, list[0]), list[1:]
		default:
			ours, list = ours[1:], list[1:]
		}
	}
	n.have = append(n.have, ours...)
	n.need = append(n.need, list...)
}
