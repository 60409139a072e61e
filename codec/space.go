package codec

import (
	"crypto/sha256"

	"github.com/dchest/siphash"
)

// WritePolicy says who may write into a space.
type WritePolicy uint64

const (
	WriteOpen    WritePolicy = 0 // every key
	WriteMembers WritePolicy = 1 // the owner, and whoever names a grant of the owner
)

// ReadRule says whom a node serves a space.
type ReadRule uint64

const (
	ReadAnyone  ReadRule = 0 // every peer that knows the space's id
	ReadMembers ReadRule = 1 // the owner and granted members
)

// History says which records of a register stay in the set.
type History uint64

const (
	HistoryCurrent History = 0 // the highest version of each register
	HistoryAll     History = 1 // every record
)

// ScopeRule says how a space is divided for reconciliation.
type ScopeRule uint64

// ScopeWhole reconciles the space as one.
const ScopeWhole ScopeRule = 0

const genesisFormat = 1

// A Genesis fixes the rules of a space for ever. The space's id is the SHA-256
// of its strict DAG-CBOR bytes, so everyone who names a space means the same.
type Genesis struct {
	_        struct{} `cbor:",toarray"`
	Owner    PeerID
	Write    WritePolicy
	Read     ReadRule
	History  History
	Scope    ScopeRule
	Salt     Salt   // places records in sketches; random per space
	ValueMax uint64 // largest value in bytes, 1 to ValueInlineMax
	Name     string // for humans, at most TextMax bytes
}

// Encode returns the genesis block.
func (g *Genesis) Encode() []byte {
	var w writer
	w.array(9)
	w.uint(genesisFormat)
	w.bytes(g.Owner[:])
	w.uint(uint64(g.Write))
	w.uint(uint64(g.Read))
	w.uint(uint64(g.History))
	w.uint(uint64(g.Scope))
	w.bytes(g.Salt[:])
	w.uint(g.ValueMax)
	w.text(g.Name)
	return w.b
}

// ID is the space's id.
func (g *Genesis) ID() ID { return sha256.Sum256(g.Encode()) }

// ParseGenesis reads exactly one genesis block. A rule this version does not
// know is refused: a node must not serve a space whose rules it cannot keep.
func ParseGenesis(data []byte) (*Genesis, error) {
	c := newCursor("genesis", data)
	g := &Genesis{}
	c.exactArray("list", 9)
	if f := c.uint("format", 1<<32); c.err == nil && f != genesisFormat {
		c.refuse("format", 1, "format %d, only %d is known", f, genesisFormat)
	}
	c.fixed("owner", g.Owner[:])
	g.Write = WritePolicy(c.uint("write policy", uint64(WriteMembers)))
	g.Read = ReadRule(c.uint("read rule", uint64(ReadMembers)))
	g.History = History(c.uint("history", uint64(HistoryAll)))
	g.Scope = ScopeRule(c.uint("scope rule", uint64(ScopeWhole)))
	c.fixed("salt", g.Salt[:])
	at := c.pos
	g.ValueMax = c.uint("value limit", ValueInlineMax)
	if c.err == nil && g.ValueMax == 0 {
		c.refuse("value limit", at, "must be at least 1")
	}
	g.Name = c.text("name", TextMax)
	return g, c.end()
}

// A GrantValue is the value of a grant: the member who may write.
type GrantValue struct {
	_      struct{} `cbor:",toarray"`
	Member PeerID
}

// Encode returns the strict DAG-CBOR value block.
func (g GrantValue) Encode() []byte {
	var w writer
	w.array(1)
	w.bytes(g.Member[:])
	return w.b
}

// ParseGrantValue reads exactly one grant value.
func ParseGrantValue(data []byte) (g GrantValue, err error) {
	c := newCursor("grant", data)
	c.exactArray("list", 1)
	c.fixed("member", g.Member[:])
	return g, c.end()
}

// A CutValue is the value of a cut: records of the member above Last that name
// a grant older than the cut are hidden and no longer relayed.
type CutValue struct {
	_      struct{} `cbor:",toarray"`
	Member PeerID
	Last   uint64 // the last version that counts, 0 for none
	ID     ID     // the record of that version, zero for none
}

// Encode returns the strict DAG-CBOR value block.
func (v CutValue) Encode() []byte {
	var w writer
	w.array(3)
	w.bytes(v.Member[:])
	w.uint(v.Last)
	w.optionalID(v.ID, !v.ID.IsZero())
	return w.b
}

// ParseCutValue reads exactly one cut value.
func ParseCutValue(data []byte) (v CutValue, err error) {
	c := newCursor("cut", data)
	c.exactArray("list", 3)
	c.fixed("member", v.Member[:])
	v.Last = c.uint("last version", VersionMax)
	v.ID = c.optionalID("last id")
	return v, c.end()
}

// ShortID is the 64-bit name of a record within a space: how sketches place it
// and how announcements and requests name it. Two records may share one; that
// costs bytes, never correctness.
func ShortID(salt *Salt, id *ID) uint64 {
	a := le64(id[0:]) ^ le64(salt[0:])
	b := le64(id[8:]) ^ le64(salt[8:])
	return mix64(a + mix64(b+mix64(le64(id[16:])+mix64(le64(id[24:])+shortIDConst))))
}

// RegisterID is the 64-bit name of a register within a space: SipHash-2-4, keyed
// by the salt, of the author's 32 bytes and the key. Two registers may share
// one; that costs bytes, never correctness.
func RegisterID(salt *Salt, author *PeerID, key Key) uint64 {
	b := append(append(make([]byte, 0, 128), author[:]...), key...)
	return siphash.Hash(le64(salt[0:]), le64(salt[8:]), b)
}

const shortIDConst = 0x9e3779b97f4a7c15

func le64(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// mix64 is the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
func mix64(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
