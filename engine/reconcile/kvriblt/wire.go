package kvriblt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// The first byte of a payload says what it is.
const (
	msgHello = 1 // initiator: the digest of its set
	msgMore  = 2 // initiator: how many more cells it wants
	msgWant  = 3 // initiator, its last: keys whose records it wants
	msgSums  = 4 // responder: how many records and how many cells follow, and its power sums
	msgCells = 5 // responder: the number of the first cell, and cells
	msgList  = 6 // responder: all its keys with the sums of their values, and whether more follow
)

const (
	// What surely fits into a payload, see rice.
	cellsPerPayload = (reconcile.PayloadMax - 16) * 8 / CellBits
	keysPerPayload  = 7000
	pairsPerPayload = 3900
)

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: kvriblt: %s", reconcile.ErrPayload, fmt.Sprintf(format, args...))
}

// appendCells codes cells: sum, moment and check, 66 bits each.
func appendCells(dst []byte, cells []Cell) []byte {
	w := bitWriter{dst: dst}
	for _, c := range cells {
		w.put(uint64(c.sum()), 31)
		w.put(uint64(c.moment())|uint64(c.check)<<31, 31+checkBits)
	}
	return w.end()
}

var errResidue = errors.New("not a residue")

// parseCells appends the cells that data consists of, as many as fit in.
func parseCells(dst []Cell, data []byte) ([]Cell, error) {
	r := bitReader{src: data}
	for range len(data) * 8 / CellBits {
		sum, rest := r.take(31), r.take(31+checkBits)
		c := newCell(uint32(sum), uint32(rest&prime), uint32(rest>>31))
		if c.sum() == prime || c.moment() == prime {
			return dst, errResidue
		}
		dst = append(dst, c)
	}
	return dst, r.end()
}

func appendSums(dst []byte, sums *PowerSums) []byte {
	w := bitWriter{dst: dst}
	for _, v := range sums {
		w.put(uint64(v), 31)
	}
	return w.end()
}

func parseSums(data []byte) (sums PowerSums, err error) {
	if len(data) != SumsBytes {
		return sums, errors.New("the power sums have another size")
	}
	r := bitReader{src: data}
	for j := range sums {
		if sums[j] = uint32(r.take(31)); sums[j] == prime {
			return sums, errResidue
		}
	}
	return sums, r.end()
}

// A bitWriter fills bytes from their low bits up.
type bitWriter struct {
	dst  []byte
	held uint64 // bits that do not fill a byte yet
	n    uint
}

// put writes the low n ≤ 56 bits of v.
func (w *bitWriter) put(v uint64, n uint) {
	w.held |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.dst = append(w.dst, byte(w.held))
		w.held >>= 8
	}
}

func (w *bitWriter) end() []byte {
	if w.n > 0 {
		w.dst = append(w.dst, byte(w.held))
	}
	return w.dst
}

type bitReader struct {
	src  []byte
	held uint64
	n    uint
	bad  bool // the bytes did not suffice
}

// take reads n ≤ 56 bits.
func (r *bitReader) take(n uint) uint64 {
	for r.n < n {
		if len(r.src) >= 4 && r.n <= 32 {
			r.held |= uint64(binary.LittleEndian.Uint32(r.src)) << r.n
			r.src, r.n = r.src[4:], r.n+32
			continue
		}
		if len(r.src) == 0 {
			r.bad = true
			return 0
		}
		r.held |= uint64(r.src[0]) << r.n
		r.src, r.n = r.src[1:], r.n+8
	}
	v := r.held & (1<<n - 1)
	r.held, r.n = r.held>>n, r.n-n
	return v
}

// end reports an error unless all bytes are used up, but for bits 0 in the last.
func (r *bitReader) end() error {
	if r.bad || len(r.src) > 0 || r.n >= 8 || r.held != 0 {
		return errors.New("more or fewer bits than it says")
	}
	return nil
}

// rice is the coding of ascending keys: each by what it lies above its predecessor,
// less one, the low bits as they are and the rest in unary. Of count keys up to a
// last one it takes no more than count·(width+3) bits.
func riceWidth(span uint32, count int) uint {
	return uint(max(bits.Len32(span/uint32(count)), 1) - 1)
}

// appendKeys codes ascending keys above after: their number as a varint, the width
// of low bits (1 byte), and the keys; each with 31 bits of a value if values are
// asked for.
func appendKeys(dst []byte, after uint32, list []unknown, values bool) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	if len(list) == 0 {
		return dst
	}
	width := riceWidth(list[len(list)-1].key-after, len(list))
	w := bitWriter{dst: append(dst, byte(width))}
	for _, u := range list {
		gap := u.key - after - 1
		after = u.key
		for q := gap >> width; q > 0; q-- {
			w.put(1, 1)
		}
		w.put(0, 1)
		w.put(uint64(gap)&(1<<width-1), width)
		if values {
			w.put(uint64(u.delta), 31)
		}
	}
	return w.end()
}

// parseKeys is the reverse. Keys lie above after and below prime, values are not 0.
func parseKeys(dst []unknown, after uint32, data []byte, values bool) ([]unknown, error) {
	count, size := binary.Uvarint(data)
	if size <= 0 || count > 8*uint64(len(data)) {
		return dst, errors.New("no count that fits")
	}
	if data = data[size:]; count == 0 {
		if len(data) > 0 {
			return dst, errors.New("bytes after nothing")
		}
		return dst, nil
	}
	if len(data) == 0 || data[0] > 30 {
		return dst, errors.New("no width")
	}
	width, r := uint(data[0]), bitReader{src: data[1:]}
	for range count {
		key := uint64(after) + 1
		for r.take(1) == 1 {
			key += 1 << width
		}
		key += r.take(width)
		u := unknown{key: uint32(key)}
		if values {
			u.delta = uint32(r.take(31))
		}
		if r.bad || key >= prime || values && (u.delta == 0 || u.delta == prime) {
			return dst, errors.New("a key or value out of range")
		}
		dst, after = append(dst, u), u.key
	}
	return dst, r.end()
}
