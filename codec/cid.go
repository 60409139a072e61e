package codec

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Multicodec codes of value and header blocks.
const (
	CodecNone    = 0x00 // no value: a tombstone
	CodecRaw     = 0x55
	CodecDagCBOR = 0x71
)

// ID is the SHA-256 of a block: a record's header, a genesis, a value.
type ID [32]byte

// PeerID is an Ed25519 public key. A node is its key.
type PeerID [32]byte

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// cidPrefix is CIDv1, codec, sha2-256, 32 bytes (multiformats CID specification).
func cidPrefix(codec byte) []byte { return []byte{0x01, codec, 0x12, 0x20} }

// CID returns the id as CIDv1 text (base32, lower case) of a block with the
// given codec, [CodecRaw] or [CodecDagCBOR].
func (id ID) CID(codec byte) string {
	return "b" + base32Lower.EncodeToString(append(cidPrefix(codec), id[:]...))
}

// String is the CIDv1 text of the id as a dag-cbor block: records and spaces.
func (id ID) String() string { return id.CID(CodecDagCBOR) }

// Short is an eight-character form for logs: enough to tell ids apart by eye.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// IsZero reports whether the id is unset.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders ids bytewise.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// ParseID reads the CIDv1 text that [ID.String] and [ID.CID] print, or 64 hex
// digits. It returns a [FormatError] otherwise.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) == 64 {
		if _, err := hex.Decode(id[:], []byte(text)); err != nil {
			return ID{}, formatErr("id", "text", 0, "%v", err)
		}
		return id, nil
	}
	if len(text) != 59 || text[0] != 'b' {
		return id, formatErr("id", "text", 0, "want a base32 CIDv1 of 59 characters or 64 hex digits, got %d characters", len(text))
	}
	raw, err := base32Lower.DecodeString(text[1:])
	if err != nil || base32Lower.EncodeToString(raw) != text[1:] {
		return id, formatErr("id", "text", 1, "not canonical lower-case base32")
	}
	if raw[0] != 1 || (raw[1] != CodecDagCBOR && raw[1] != CodecRaw) || raw[2] != 0x12 || raw[3] != 0x20 {
		return id, formatErr("id", "prefix", 1, "want CIDv1, dag-cbor or raw, sha2-256; got % x", raw[:4])
	}
	copy(id[:], raw[4:])
	return id, nil
}

// String is the peer's public key in hex.
func (p PeerID) String() string { return hex.EncodeToString(p[:]) }

// Short is an eight-character form for logs.
func (p PeerID) Short() string { return hex.EncodeToString(p[:4]) }

// Compare orders peers bytewise.
func (p PeerID) Compare(other PeerID) int { return bytes.Compare(p[:], other[:]) }

// A Signature is an Ed25519 signature, R then S.
type Signature [64]byte

// A Salt is 16 random bytes, fixed per space.
type Salt [16]byte

// A Blind is the name of a space that only who knows the space can recognise.
type Blind [16]byte

// MarshalCBOR writes the id as a byte string of 32 bytes.
func (id ID) MarshalCBOR() ([]byte, error) { return append([]byte{0x58, 32}, id[:]...), nil }

// UnmarshalCBOR reads a byte string of exactly 32 bytes.
func (id *ID) UnmarshalCBOR(data []byte) error { return unmarshalFixed("id", data, id[:]) }

// MarshalCBOR writes the key as a byte string of 32 bytes.
func (p PeerID) MarshalCBOR() ([]byte, error) { return append([]byte{0x58, 32}, p[:]...), nil }

// UnmarshalCBOR reads a byte string of exactly 32 bytes.
func (p *PeerID) UnmarshalCBOR(data []byte) error { return unmarshalFixed("peer id", data, p[:]) }

// UnmarshalCBOR reads a byte string of exactly 64 bytes.
func (s *Signature) UnmarshalCBOR(data []byte) error { return unmarshalFixed("signature", data, s[:]) }

// UnmarshalCBOR reads a byte string of exactly 16 bytes.
func (b *Blind) UnmarshalCBOR(data []byte) error { return unmarshalFixed("blind name", data, b[:]) }

// UnmarshalCBOR reads a byte string of exactly 16 bytes.
func (s *Salt) UnmarshalCBOR(data []byte) error { return unmarshalFixed("salt", data, s[:]) }

// unmarshalFixed refuses every length but the field's: the CBOR library would
// cut or pad.
func unmarshalFixed(what string, data []byte, to []byte) error {
	c := newCursor(what, data)
	c.fixed("bytes", to)
	return c.end()
}

// checkLinkBytes says what is wrong with the content of tag 42, or "". A CID is
// version 1 with minimal varints and a digest of the announced length, or the
// 34 bytes of a version 0 CID.
func checkLinkBytes(b []byte) string {
	if len(b) == 0 || b[0] != 0 {
		return "a link starts with 0x00"
	}
	b = b[1:]
	if len(b) == 34 && b[0] == 0x12 && b[1] == 0x20 {
		return "" // CIDv0: a bare sha2-256 multihash
	}
	var fields [4]uint64 // version, codec, hash function, digest length
	for i := range fields {
		v, n := binary.Uvarint(b)
		if n <= 0 || (n > 1 && b[n-1] == 0) {
			return "a CID's varint is cut off or not minimal"
		}
		fields[i], b = v, b[n:]
	}
	if fields[0] != 1 {
		return fmt.Sprintf("CID version %d, only 0 and 1 exist", fields[0])
	}
	if fields[3] != uint64(len(b)) {
		return fmt.Sprintf("a digest of %d bytes is announced, %d are there", fields[3], len(b))
	}
	return ""
}
