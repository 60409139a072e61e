// Package lthash is LtHash16: a homomorphic fingerprint of a set of record
// ids. Each id is expanded into 1,024 lanes of 16 bits; the fingerprint of a
// set is the lane-wise sum modulo 2^16 of its members' expansions. Adding,
// removing and merging sets cost the same however large the sets are, and
// their order never matters.
//
// The construction is AdHash over a lattice (Bellare and Micciancio, "A New
// Paradigm for Collision-Free Hashing", 1997) with the parameters n = 1,024,
// d = 16 of Lewi, Kim, Maykov and Weis, "Securing Update Propagation with
// Homomorphic Hashing", 2019, who put finding two sets with one sum at about
// 200 bits of work.
//
// The expansion is BLAKE2Xb (Aumasson, Neves, Wilcox-O'Hearn, Winnerlein,
// "BLAKE2X", 2016) with an output length of exactly 2,048 bytes, over
//
//	"rap/lthash16/v1\x00" ‖ space (32 bytes) ‖ id (32 bytes)
//
// so that equal ids in two spaces share nothing. Lanes are little-endian.
//
// The sum is that of a multiset: it proves set equality only for callers who
// add each id at most once, and 65,536 additions of one id cancel out. Keep
// the count beside the digest.
//
// Cost on one core of a 2.1 GHz Xeon with AVX2: 5.5 µs to expand an id, nearly
// all of it the 33 BLAKE2b compressions; 0.24 µs to add an expansion that has
// been kept (0.46 µs lane by lane); 2.4 µs for a digest.
package lthash

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

const (
	// Lanes is the number of 16-bit lanes of a State.
	Lanes = 1024
	// Size is the length of a State in bytes.
	Size = 2 * Lanes
	// DigestSize is the length of a digest in bytes.
	DigestSize = 32

	// A tag of 16 bytes leaves tag, space and id in one BLAKE2b block, so the
	// root of the expansion costs a single compression.
	tag = "rap/lthash16/v1\x00"
)

// State is the sum of the expansions of a set: 1,024 little-endian 16-bit
// lanes. The zero State is the empty set; == is equality. The expansion of an
// id is the State of the set that holds only that id, so a caller that meets
// an id often (a simulated world) may keep the expansion and use AddState.
type State [Size]byte

// lowBits masks the 15 low bits of each of the four lanes in a word. Sums are
// taken over those, where no carry can leave a lane; the top bit of each lane
// is then put right by an exclusive or (carry-less addition).
const lowBits = 0x7fff_7fff_7fff_7fff

// AddState adds every member of o, which may be s itself.
func (s *State) AddState(o *State) {
	for i := 0; i <= Size-8; i += 8 {
		a := binary.LittleEndian.Uint64(s[i:])
		b := binary.LittleEndian.Uint64(o[i:])
		binary.LittleEndian.PutUint64(s[i:], (a&lowBits+b&lowBits)^((a^b)&^lowBits))
	}
}

// SubState removes every member of o, which may be s itself. Members that s
// never held are owed: adding them later restores s.
func (s *State) SubState(o *State) {
	for i := 0; i <= Size-8; i += 8 {
		a := binary.LittleEndian.Uint64(s[i:])
		b := binary.LittleEndian.Uint64(o[i:])
		// The top bit set in a lends to the 15 below it, so nothing is
		// borrowed from the neighbouring lane.
		binary.LittleEndian.PutUint64(s[i:], ((a|^uint64(lowBits))-(b&lowBits))^((a^^b)&^lowBits))
	}
}

// Add adds the id to the set, expanding it with x.
func (s *State) Add(x *Expander, id *[32]byte) { s.AddState(x.Expand(id)) }

// Remove takes the id out of the set, expanding it with x.
func (s *State) Remove(x *Expander, id *[32]byte) { s.SubState(x.Expand(id)) }

// Digest is the BLAKE2b-256 of the state: what two peers compare.
func (s *State) Digest() [DigestSize]byte { return blake2b.Sum256(s[:]) }

// AppendBinary appends the 2,048 bytes of the state to b. The error is always
// nil (encoding.BinaryAppender).
func (s *State) AppendBinary(b []byte) ([]byte, error) { return append(b, s[:]...), nil }

// UnmarshalBinary sets the state from the bytes of AppendBinary. Every string
// of 2,048 bytes is a state; any other length is an error and leaves s as it
// was (encoding.BinaryUnmarshaler).
func (s *State) UnmarshalBinary(b []byte) error {
	if len(b) != Size {
		return fmt.Errorf("lthash: state of %d bytes, want %d", len(b), Size)
	}
	copy(s[:], b)
	return nil
}

// String shows the first half of the digest.
func (s *State) String() string {
	d := s.Digest()
	return fmt.Sprintf("lthash:%x", d[:16])
}

// Expander expands the ids of one space. It is scratch memory of about 3 KiB,
// to be shared by all States of the space; it is not safe for concurrent use.
type Expander struct {
	xof   blake2b.XOF
	input [len(tag) + 64]byte
	out   State
}

// NewExpander returns an expander for the given space id.
func NewExpander(space *[32]byte) *Expander {
	xof, err := blake2b.NewXOF(Size, nil)
	if err != nil {
		panic(err) // only a key or a length out of range; both are constants
	}
	x := &Expander{xof: xof}
	copy(x.input[:], tag)
	copy(x.input[len(tag):], space[:])
	return x
}

// Expand returns the State of the set {id}. It is valid until the next call
// that uses x; copy it to keep it.
func (x *Expander) Expand(id *[32]byte) *State {
	copy(x.input[len(tag)+32:], id[:])
	x.xof.Reset()
	x.xof.Write(x.input[:])
	x.xof.Read(x.out[:]) // neither can fail: exactly the declared length is read
	return &x.out
}
