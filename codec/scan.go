package codec

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// CBOR major types (RFC 8949 §3.1).
const (
	majorUint  = 0
	majorNeg   = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
	majorOther = 7
)

// The simple values that DAG-CBOR allows (RFC 8949 §3.3).
const (
	simpleFalse = 0xf4
	simpleTrue  = 0xf5
	simpleNull  = 0xf6
)

// ScanItem checks that data starts with one strict DAG-CBOR item and returns its
// length in bytes. Strict means that the item has no other encoding: shortest
// integers and lengths, definite lengths, 64-bit finite floats without negative
// zero, text keys sorted by (length, bytes) without duplicates, valid UTF-8,
// and no tag but 42 with a well-formed CID. Nesting is bounded by [NestingMax]
// and every length is checked against what remains, so the work is linear in
// len(data).
//
// Specification: IPLD DAG-CBOR; RFC 8949 §4.2.
func ScanItem(data []byte) (int, error) {
	s := scanner{data: data}
	if err := s.item(0); err != nil {
		return 0, err
	}
	return s.pos, nil
}

// ScanOne is [ScanItem] for data that must hold exactly one item.
func ScanOne(data []byte) error {
	if err := scanOne("cbor", data); err != nil {
		return err
	}
	return nil
}

// scanOne names what in its error.
func scanOne(what string, data []byte) *FormatError {
	s := scanner{data: data}
	err := s.item(0)
	if err == nil && s.pos != len(data) {
		err = s.fail("trailing bytes", "%d bytes follow the item", len(data)-s.pos)
	}
	if err != nil {
		err.What = what
	}
	return err
}

type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) fail(field, detail string, args ...any) *FormatError {
	return formatErr("cbor", field, s.pos, detail, args...)
}

// head reads a major type and its argument, refusing every longer spelling.
func (s *scanner) head() (major byte, arg uint64, err *FormatError) {
	if s.pos < len(s.data) && s.data[s.pos]&31 < 24 { // most heads are one byte
		b := s.data[s.pos]
		s.pos++
		return b >> 5, uint64(b & 31), nil
	}
	return s.longHead()
}

func (s *scanner) longHead() (major byte, arg uint64, err *FormatError) {
	if s.pos >= len(s.data) {
		return 0, 0, s.fail("item", "input ends here")
	}
	b := s.data[s.pos]
	major, info := b>>5, b&31
	if info > 27 {
		return 0, 0, s.fail("length", "indefinite or reserved length (byte 0x%02x)", b)
	}
	width := 1 << (info - 24)
	if len(s.data)-s.pos-1 < width {
		return 0, 0, s.fail("length", "input ends inside a %d-byte argument", width)
	}
	arg = bigEndian(s.data[s.pos+1:], width)
	// A float's width is fixed by the float, not by the number's size.
	if major != majorOther && width > shortestWidth(arg) {
		return 0, 0, s.fail("length", "%d is not in its shortest form", arg)
	}
	s.pos += 1 + width
	return major, arg, nil
}

func bigEndian(b []byte, width int) uint64 {
	switch width {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	default:
		return binary.BigEndian.Uint64(b)
	}
}

func shortestWidth(arg uint64) int {
	switch {
	case arg < 24:
		return 0
	case arg <= math.MaxUint8:
		return 1
	case arg <= math.MaxUint16:
		return 2
	case arg <= math.MaxUint32:
		return 4
	default:
		return 8
	}
}

func (s *scanner) item(depth int) *FormatError {
	start := s.pos
	major, arg, err := s.head()
	if err != nil {
		return err
	}
	if (major == majorArray || major == majorMap) && depth >= NestingMax {
		s.pos = start
		return s.fail("nesting", "deeper than %d", NestingMax)
	}
	switch major {
	case majorUint, majorNeg:
		return nil
	case majorBytes, majorText:
		return s.str(major, arg)
	case majorArray:
		return s.array(arg, depth)
	case majorMap:
		return s.mapping(arg, depth)
	case majorTag:
		return s.link(arg)
	default:
		return s.other(start)
	}
}

func (s *scanner) str(major byte, n uint64) *FormatError {
	if n > uint64(len(s.data)-s.pos) {
		return s.fail("length", "%d bytes announced, %d remain", n, len(s.data)-s.pos)
	}
	if major == majorText && !utf8.Valid(s.data[s.pos:s.pos+int(n)]) {
		return s.fail("text", "invalid UTF-8")
	}
	s.pos += int(n)
	return nil
}

func (s *scanner) array(n uint64, depth int) *FormatError {
	if n > uint64(len(s.data)-s.pos) {
		return s.fail("length", "%d elements announced, %d bytes remain", n, len(s.data)-s.pos)
	}
	for ; n > 0; n-- {
		if err := s.item(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) mapping(n uint64, depth int) *FormatError {
	if n > uint64(len(s.data)-s.pos)/2 {
		return s.fail("length", "%d pairs announced, %d bytes remain", n, len(s.data)-s.pos)
	}
	var prev []byte
	for i := uint64(0); i < n; i++ {
		start := s.pos
		if s.pos < len(s.data) && s.data[s.pos]>>5 != majorText {
			return s.fail("map key", "keys are texts")
		}
		if err := s.item(depth + 1); err != nil {
			return err
		}
		// Shortest heads make encoded order equal (length, bytes) order.
		key := s.data[start:s.pos]
		if i > 0 && string(prev) >= string(key) {
			s.pos = start
			return s.fail("map key", "keys are not sorted or repeat")
		}
		prev = key
		if err := s.item(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// link reads tag 42: a byte string of 0x00 and a CID.
func (s *scanner) link(tag uint64) *FormatError {
	if tag != 42 {
		return s.fail("tag", "tag %d, only 42 (a link) is allowed", tag)
	}
	at := s.pos
	major, n, err := s.head()
	if err != nil {
		return err
	}
	if major != majorBytes {
		s.pos = at
		return s.fail("tag", "a link holds a byte string")
	}
	at = s.pos
	if err := s.str(majorBytes, n); err != nil {
		return err
	}
	if err := checkLinkBytes(s.data[at:s.pos]); err != "" {
		s.pos = at
		return s.fail("tag", "%s", err)
	}
	return nil
}

// other reads major type 7: false, true, null and 64-bit finite floats.
func (s *scanner) other(start int) *FormatError {
	switch b := s.data[start]; b {
	case simpleFalse, simpleTrue, simpleNull:
		return nil
	case 0xfb:
		bits := binary.BigEndian.Uint64(s.data[start+1:])
		f := math.Float64frombits(bits)
		if math.IsNaN(f) || math.IsInf(f, 0) || bits == 1<<63 {
			s.pos = start
			return s.fail("float", "NaN, infinity and -0.0 are not allowed")
		}
		return nil
	default:
		s.pos = start
		return s.fail("simple value", "byte 0x%02x: only false, true, null and 64-bit floats are allowed", b)
	}
}
