package codec

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// RecordKind says what a record means. Kinds above those named here are kept
// and relayed like a put.
type RecordKind uint64

// Kinds are append-only and never reused.
const (
	KindPut    RecordKind = 1 // sets a register
	KindDelete RecordKind = 2 // a tombstone: the register holds nothing
	KindGrant  RecordKind = 3 // owner: a member may write
	KindCut    RecordKind = 4 // owner: a member's records end here
)

const recordFormat = 1

// An HLC is a hybrid logical clock: 48 bits of wall milliseconds since 1970 and
// a 16-bit count (Kulkarni et al., "Logical Physical Clocks", 2014). It is an
// author's claim, shown to views, never an admission rule.
type HLC uint64

// NewHLC makes a clock value of milliseconds (0 to 2^48−1) and a count.
func NewHLC(ms int64, count uint16) HLC { return HLC(uint64(ms)<<16 | uint64(count)) }

// Ms is the wall part, in milliseconds since 1970.
func (t HLC) Ms() int64 { return int64(t >> 16) }

// String is the human form: UTC time and, when not zero, the count.
func (t HLC) String() string {
	s := describeMs(t.Ms())
	if n := uint16(t); n != 0 {
		s += fmt.Sprintf("+%d", n)
	}
	return s
}

// A Header is the part of a record that its id covers (DESIGN §4).
type Header struct {
	Kind    RecordKind
	Space   ID
	Author  PeerID
	Version uint64 // 1 to VersionMax, increasing per author within a space; gaps are normal
	Time    HLC
	Key     Key
	Codec   uint64 // multicodec of the value; CodecNone for none
	// ValueLen is the value's length in bytes, ValueHash its SHA-256; both
	// zero when there is no value.
	ValueLen   uint64
	ValueHash  ID
	Grant      ID   // the grant this record names, zero for none
	Refs       []ID // ids this record builds on
	Supersedes []Supersede
}

// A Supersede names what a record removes: one id, or everything under a key
// prefix up to a version vector.
type Supersede struct {
	ID     ID
	Prefix Key
	Vector []Dot // sorted by author, not empty when ID is zero
}

// A Dot is one author's version.
type Dot struct {
	_       struct{} `cbor:",toarray"`
	Author  PeerID
	Version uint64
}

// A Record is a signed header with its value. It is immutable; Raw is what the
// id is the hash of.
type Record struct {
	Header
	Raw   []byte
	ID    ID
	Sig   Signature
	Value []byte // nil when there is none or when it is a blob
}

// IsBlob reports whether the value is too large to travel inside the record.
func (h *Header) IsBlob() bool { return h.ValueLen > ValueInlineMax }

// AppendHeader appends the strict DAG-CBOR form of the header.
func AppendHeader(dst []byte, h *Header) []byte {
	w := writer{b: dst}
	w.array(13)
	w.uint(recordFormat)
	w.uint(uint64(h.Kind))
	w.bytes(h.Space[:])
	w.bytes(h.Author[:])
	w.uint(h.Version)
	w.uint(uint64(h.Time))
	w.b = append(w.b, h.Key...)
	w.uint(h.Codec)
	w.uint(h.ValueLen)
	w.optionalID(h.ValueHash, h.Codec != CodecNone)
	w.optionalID(h.Grant, !h.Grant.IsZero())
	w.ids(h.Refs)
	w.supersedes(h.Supersedes)
	return w.b
}

// keyOffset is where the key starts in the encoded header.
func (h *Header) keyOffset() int {
	heads := shortestWidth(uint64(h.Kind)) + shortestWidth(h.Version) + shortestWidth(uint64(h.Time))
	return 2 + 3 + heads + 2*34
}

func (w *writer) optionalID(id ID, present bool) {
	if present {
		w.bytes(id[:])
	} else {
		w.null()
	}
}

func (w *writer) ids(ids []ID) {
	w.array(len(ids))
	for i := range ids {
		w.bytes(ids[i][:])
	}
}

func (w *writer) supersedes(list []Supersede) {
	w.array(len(list))
	for i := range list {
		s := &list[i]
		if !s.ID.IsZero() {
			w.bytes(s.ID[:])
			continue
		}
		w.array(2)
		w.key(s.Prefix)
		w.array(len(s.Vector))
		for j := range s.Vector {
			w.array(2)
			w.bytes(s.Vector[j].Author[:])
			w.uint(s.Vector[j].Version)
		}
	}
}

// ParseHeader reads exactly one header. Anything not canonical, out of bounds
// or inconsistent is a [FormatError]. The header's slices alias data.
func ParseHeader(data []byte) (Header, error) {
	c := newCursor("record header", data)
	var h Header
	if len(data) > HeaderMax {
		c.refuse("length", 0, "%d bytes, at most %d are allowed", len(data), HeaderMax)
		return h, c.failure()
	}
	c.exactArray("list", 13)
	if f := c.uint("format", 1<<32); c.err == nil && f != recordFormat {
		c.refuse("format", 1, "format %d, only %d is known", f, recordFormat)
	}
	h.Kind = RecordKind(c.uint("kind", 1<<32))
	c.fixed("space", h.Space[:])
	c.fixed("author", h.Author[:])
	h.Version = c.uint("version", VersionMax)
	h.Time = HLC(c.uint("time", 1<<64-1))
	h.Key = c.key("key")
	h.Codec = c.uint("value codec", 1<<32)
	h.ValueLen = c.uint("value length", BlobMax)
	h.ValueHash = c.optionalID("value hash")
	h.Grant = c.optionalID("grant")
	h.Refs = c.ids("refs")
	h.Supersedes = c.supersedes()
	if err := c.end(); err != nil {
		return h, err
	}
	if field, detail := h.check(); field != "" {
		c.refuse(field, h.offset(field), "%s", detail)
	}
	return h, c.failure()
}

// check holds the rules that tie the fields of a header together.
func (h *Header) check() (field, detail string) {
	switch {
	case h.Kind == 0:
		return "kind", "kind 0 does not exist"
	case h.Version == 0:
		return "version", "versions start at 1"
	case h.Codec == CodecNone && (h.ValueLen != 0 || !h.ValueHash.IsZero()):
		return "value codec", "codec 0 says there is no value, but length or hash is set"
	case h.Codec != CodecNone && h.ValueHash.IsZero():
		return "value hash", "missing for a record with a value"
	case h.Kind == KindDelete && h.Codec != CodecNone:
		return "value codec", "a delete has no value"
	case (h.Kind == KindPut || h.Kind == KindGrant || h.Kind == KindCut) && h.Codec == CodecNone:
		return "value codec", "this kind needs a value"
	case h.Key.IsControl() != (h.Kind == KindGrant || h.Kind == KindCut) && h.Kind <= KindCut:
		return "key", "keys that start with byte 0 are for grants and cuts, and only for them"
	}
	return "", ""
}

// offset is where a field that check names starts in the encoded header.
func (h *Header) offset(field string) int {
	codec := h.keyOffset() + len(h.Key)
	switch field {
	case "kind":
		return 2
	case "version":
		return 3 + shortestWidth(uint64(h.Kind)) + 2*34
	case "key":
		return h.keyOffset()
	case "value codec":
		return codec
	default: // value hash
		return codec + 2 + shortestWidth(h.Codec) + shortestWidth(h.ValueLen)
	}
}

func (c *cursor) optionalID(field string) (id ID) {
	if !c.isNull() {
		at := c.pos
		c.fixed(field, id[:])
		if c.err == nil && id.IsZero() {
			c.refuse(field, at, "an all-zero id; absence is null")
		}
	}
	return id
}

func (c *cursor) ids(field string) []ID {
	n := c.array(field, RefsMax)
	if n == 0 {
		return nil
	}
	ids := make([]ID, n)
	for i := range ids {
		c.fixed(field, ids[i][:])
	}
	return ids
}

func (c *cursor) supersedes() []Supersede {
	n := c.array("supersedes", RefsMax)
	if n == 0 {
		return nil
	}
	list := make([]Supersede, n)
	for i := range list {
		if c.nextIs(majorBytes) {
			at := c.pos
			c.fixed("supersedes", list[i].ID[:])
			if list[i].ID.IsZero() {
				c.refuse("supersedes", at, "an all-zero id")
			}
			continue
		}
		c.exactArray("supersedes", 2)
		list[i].Prefix = c.prefix("supersedes prefix")
		list[i].Vector = c.vector()
	}
	return list
}

func (c *cursor) vector() []Dot {
	at := c.pos
	n := c.array("supersedes vector", RefsMax)
	if n == 0 {
		c.refuse("supersedes vector", at, "an empty version vector")
		return nil
	}
	dots := make([]Dot, n)
	for i := range dots {
		at := c.pos
		c.exactArray("supersedes vector", 2)
		c.fixed("supersedes vector author", dots[i].Author[:])
		dots[i].Version = c.uint("supersedes vector version", VersionMax)
		if dots[i].Version == 0 {
			c.refuse("supersedes vector version", at, "versions start at 1")
		}
		if i > 0 && dots[i-1].Author.Compare(dots[i].Author) >= 0 {
			c.refuse("supersedes vector", at, "authors are not sorted or repeat")
		}
	}
	return dots
}

// signContext keeps a record's signature from meaning anything elsewhere.
const signContext = "rapprochement/1 record\x00"

// SigningMessage is what the author signs: a context, the space and the id.
func (r *Record) SigningMessage() [len(signContext) + 64]byte {
	var m [len(signContext) + 64]byte
	copy(m[:], signContext)
	copy(m[len(signContext):], r.Space[:])
	copy(m[len(signContext)+32:], r.ID[:])
	return m
}

// NewRecord completes a header with its value's length and hash, and makes the
// unsigned record. Pass a nil value for none. It returns a [FormatError] when
// header or value break a rule.
func NewRecord(h Header, value []byte) (*Record, error) {
	if h.Codec != CodecNone {
		h.ValueLen, h.ValueHash = uint64(len(value)), sha256.Sum256(value)
	}
	r := &Record{Raw: AppendHeader(nil, &h), Value: value}
	var err error
	if r.Header, err = ParseHeader(r.Raw); err != nil {
		return nil, err
	}
	r.ID = sha256.Sum256(r.Raw)
	return r, r.CheckValue()
}

// CheckValue checks the inline value against the header: present exactly when
// it should be, of the right hash, and strict DAG-CBOR where the codec says so.
func (r *Record) CheckValue() error {
	inline := r.Codec != CodecNone && !r.IsBlob()
	switch {
	case r.IsBlob() && len(r.Value) > 0:
		return formatErr("record", "value", 0, "%d bytes, at most %d travel inside a record", len(r.Value), ValueInlineMax)
	case !inline && len(r.Value) > 0:
		return formatErr("record", "value", 0, "a value where the header has none")
	case !inline:
		return nil
	case uint64(len(r.Value)) != r.ValueLen:
		return formatErr("record", "value", 0, "%d bytes, the header says %d", len(r.Value), r.ValueLen)
	case sha256.Sum256(r.Value) != r.ValueHash:
		return formatErr("record", "value", 0, "its hash is not the header's")
	}
	return r.checkValueCodec()
}

func (r *Record) checkValueCodec() error {
	if r.Codec != CodecDagCBOR || r.IsBlob() {
		return nil
	}
	if err := scanOne("record value", r.Value); err != nil {
		return err
	}
	return nil
}

// AppendEnvelope appends the record with signature and value as one strict CBOR
// list: header bytes, signature, value or null. Exports and stores hold it.
func (r *Record) AppendEnvelope(dst []byte) []byte {
	w := writer{b: dst}
	w.array(3)
	w.bytes(r.Raw)
	w.bytes(r.Sig[:])
	if r.Codec == CodecNone || r.IsBlob() {
		w.null()
	} else {
		w.bytes(r.Value)
	}
	return w.b
}

// ParseEnvelope reads exactly one envelope and checks everything but the
// signature. The record's slices alias data.
func ParseEnvelope(data []byte) (*Record, error) {
	c := newCursor("record envelope", data)
	r := &Record{}
	c.exactArray("list", 3)
	r.Raw = c.bytes("header", HeaderMax)
	c.fixed("signature", r.Sig[:])
	isNull := c.isNull()
	if !isNull {
		r.Value = c.bytes("value", ValueInlineMax)
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	var err error
	if r.Header, err = ParseHeader(r.Raw); err != nil {
		return nil, err
	}
	if isNull != (r.Codec == CodecNone || r.IsBlob()) {
		return nil, formatErr("record envelope", "value", 0, "null exactly when the header has no inline value")
	}
	r.ID = sha256.Sum256(r.Raw)
	return r, r.CheckValue()
}

// Clone copies the record out of whatever its slices alias.
func (r *Record) Clone() *Record {
	c := *r
	c.Raw = bytes.Clone(r.Raw)
	c.Value = bytes.Clone(r.Value)
	h, err := ParseHeader(c.Raw)
	if err == nil {
		c.Header = h
	}
	return &c
}

// Size is the number of canonical bytes: header, signature and inline value.
func (r *Record) Size() int { return len(r.Raw) + len(r.Sig) + len(r.Value) }
