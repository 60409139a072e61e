package rbsr

import (
	"encoding/binary"
	"math/bits"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// A payload of our own mode is a byte of flags and groups. A group answers a range
// that the other side has sent:
//
//	varint gap<<2 | kind, varint n, and
//	cells: varint k, and k times: short (8), check (4), and but for the last a bound
//	list:  n shorts (8 each)
//	part:  n shorts, a bound; the rest of the range follows in the next group
//	ask:   n shorts
//
// Varints are LEB128 in their shortest form, other numbers little-endian.
const (
	flagLast = 1 // the answer to a payload ends with this one

	kindBits  = 2
	kindCells = 0
	kindList  = 1
	kindPart  = 2
	kindAsk   = 3

	shortSize = 8
	checkSize = 4
	checkMask = 1<<(8*checkSize) - 1
	cellSize  = shortSize + checkSize
	boundMax  = 1 + 9 + 1 + 32
	listMax   = 1024 // shorts in one group
	splitMax  = 128  // cells in one group
)

// A bound of our own mode: bit 7 of its first byte says that the time is that of
// the bound before in this payload, bit 6 that an id prefix follows, the others
// are the number z of zero bits below the lowest one of the time's difference d;
// then d>>(z+1) as a varint; then the prefix's length and bytes.
const (
	boundSameTime = 0x80
	boundPrefix   = 0x40
)

// cut is a bound between two neighbours that is short to write.
func cut(before, after *Entry) v1Bound {
	b := between(before, after)
	if b.prefix == 0 {
		low := bits.Len64(before.Time^after.Time) - 1
		b.Time = b.Time >> low << low
	}
	return b
}

type writer struct {
	done [][]byte
	cur  []byte
	last Entry // bound before
	next uint64
}

// group begins a group of at most size bytes.
func (w *writer) group(ref uint64, kind, size int) {
	if len(w.cur)+size+2*binary.MaxVarintLen64 > reconcile.PayloadMax {
		w.done = append(w.done, w.cur)
		w.cur = nil
	}
	if w.cur == nil {
		w.cur = append(make([]byte, 0, 64+size), 0)
		w.last = Entry{}
	}
	w.varint((ref-w.next)<<kindBits | uint64(kind))
	if w.next = ref; kind != kindPart {
		w.next++
	}
}

func (w *writer) varint(v uint64) { w.cur = binary.AppendUvarint(w.cur, v) }
func (w *writer) short(v uint64)  { w.cur = binary.LittleEndian.AppendUint64(w.cur, v) }

func (w *writer) cell(m mass) {
	w.short(m.short)
	w.cur = binary.LittleEndian.AppendUint32(w.cur, uint32(m.check))
}

func (w *writer) bound(b *v1Bound) {
	head, rest := byte(boundSameTime), uint64(0)
	if d := b.Time - w.last.Time; d != 0 {
		z := bits.TrailingZeros64(d)
		head, rest = byte(z), d>>z>>1
	}
	if b.prefix > 0 {
		head |= boundPrefix
	}
	w.cur = append(w.cur, head)
	if head&boundSameTime == 0 {
		w.varint(rest)
	}
	if b.prefix > 0 {
		w.cur = append(append(w.cur, byte(b.prefix)), b.ID[:b.prefix]...)
	}
	w.last = b.Entry
}

// payloads ends the answer. There is none where nothing was written, unless must
// asks for one.
func (w *writer) payloads(must bool) [][]byte {
	if w.cur == nil && must {
		w.cur = []byte{0}
	}
	if w.cur != nil {
		w.cur[0] |= flagLast
		w.done = append(w.done, w.cur)
	}
	list := w.done
	w.done, w.cur = nil, nil
	return list
}

type wireReader struct {
	reader
	last Entry
}

func (r *wireReader) varint() uint64 {
	v, n := binary.Uvarint(r.data)
	switch {
	case n == 0:
		r.fail(ErrTruncated)
		return 0
	case n < 0 || n > 1 && r.data[n-1] == 0:
		r.fail(ErrVarint)
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count reads a number of things of at least size bytes that follow.
func (r *wireReader) count(size int) int {
	n := r.varint()
	if n > uint64(len(r.data)/size) {
		r.fail(ErrTruncated)
		return 0
	}
	return int(n)
}

func (r *wireReader) short() uint64 {
	if b := r.take(shortSize); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *wireReader) cell() (m mass) {
	m.short = r.short()
	if b := r.take(checkSize); b != nil {
		m.check = uint64(binary.LittleEndian.Uint32(b))
	}
	return m
}

// bound reads a bound, which must lie above the one before.
func (r *wireReader) bound() (b Entry) {
	head := r.byte()
	b.Time = r.last.Time
	z := int(head & 0x3f)
	if head&boundSameTime == 0 {
		v := r.varint()
		d := (v<<1 | 1) << z
		if d>>z>>1 != v || d > Infinity-b.Time {
			r.fail(ErrBound)
		}
		b.Time += d
	} else if z != 0 {
		r.fail(ErrBound)
	}
	if head&boundPrefix != 0 {
		n := int(r.byte())
		if n == 0 || n > len(b.ID) {
			r.fail(ErrBound)
			n = 0
		}
		b.ID = r.id(n)
	}
	if r.err == nil && r.last.compare(&b) >= 0 {
		r.fail(ErrBound)
	}
	r.last = b
	return b
}
