package rbsr

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// A v1Bound is the end of a range in protocol V1: a time and the first bytes of
// an id.
type v1Bound struct {
	Entry
	prefix int
}

// between is the shortest bound that tells two neighbours apart.
func between(before, after *Entry) v1Bound {
	b := v1Bound{Entry: Entry{Time: after.Time}}
	if before.Time == after.Time {
		b.prefix = commonPrefix(&before.ID, &after.ID) + 1
		copy(b.ID[:b.prefix], after.ID[:])
	}
	return b
}

// appendVarint appends a number to base 128, the most significant digit first.
func appendVarint(dst []byte, v uint64) []byte {
	shift := 0
	for v>>shift > 0x7f {
		if shift += 7; shift == 63 {
			break
		}
	}
	for ; shift > 0; shift -= 7 {
		dst = append(dst, byte(v>>shift)|0x80)
	}
	return append(dst, byte(v)&0x7f)
}

type v1Writer struct {
	out  []byte
	last uint64 // time of the bound before
}

// room doubles a buffer that is nearly full: answers may be megabytes.
func (w *v1Writer) room() {
	if cap(w.out)-len(w.out) < v1RangeMax {
		w.out = slices.Grow(w.out, len(w.out)+v1RangeMax)
	}
}

func (w *v1Writer) varint(v uint64) { w.out = appendVarint(w.out, v) }

func (w *v1Writer) bound(b *v1Bound) {
	if b.Time == Infinity {
		w.varint(0)
	} else {
		w.varint(b.Time - w.last + 1)
	}
	w.last = b.Time
	w.varint(uint64(b.prefix))
	w.out = append(w.out, b.ID[:b.prefix]...)
}

// skipTo writes that nothing is to be said before the range that comes now.
func (w *v1Writer) skipTo(previous *v1Bound, skip bool) {
	if skip {
		w.bound(previous)
		w.varint(modeSkip)
	}
}

// ids writes a list of ids.
func (w *v1Writer) ids(set *Snapshot, from, to *cursor) {
	w.varint(modeIDList)
	w.varint(uint64(to.rank - from.rank))
	for at := *from; at.rank < to.rank; {
		run := at.leaf.entries[at.at:]
		run = run[:min(len(run), to.rank-at.rank)]
		for i := range run {
			w.out = append(w.out, run[i].ID[:]...)
		}
		set.forward(&at, len(run))
	}
}

type v1Reader struct {
	reader
	last uint64
}

// varint reads a number. As with the reference, it need not be in its shortest
// form; unlike there, it must fit into 64 bits.
func (r *v1Reader) varint() (v uint64) {
	for {
		b := r.byte()
		if v>>57 != 0 {
			r.fail(ErrVarint)
		}
		v = v<<7 | uint64(b&0x7f)
		if b < 0x80 || r.err != nil {
			return v
		}
	}
}

func (r *v1Reader) bound() (b v1Bound) {
	b.Time = Infinity
	if t := r.varint(); t != 0 && t-1 <= Infinity-r.last {
		b.Time = r.last + t - 1
	}
	r.last = b.Time
	prefix := r.varint()
	if prefix > uint64(len(codec.ID{})) {
		r.fail(ErrBound)
		return b
	}
	b.prefix = int(prefix)
	b.ID = r.id(b.prefix)
	return b
}

// ids reads a list of ids.
func (r *v1Reader) ids() []byte {
	count := r.varint()
	if count > uint64(len(r.data)/32) {
		r.fail(ErrTruncated)
		return nil
	}
	return r.take(int(count) * 32)
}
