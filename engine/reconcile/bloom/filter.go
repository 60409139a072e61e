package bloom

import (
	"encoding/binary"
	"math/bits"

	"github.com/intersubjective/rapprochement/codec"
)

// A filter is a Bloom filter of n entries with k bits each: an entry that is not
// in the set passes with a probability of 2^-k.
type filter struct {
	n, k uint64
	salt uint64
	bits []byte
}

const (
	// entriesMax and hashesMax bound what the other side says of its filter.
	entriesMax = 1 << 28
	hashesMax  = 32
)

// size is the number of bytes in a filter: n·k / ln 2 bits, at which half of them
// are set.
func size(n, k uint64) int { return int((n*k*1477/1024 + 7) / 8) }

// An entry is a record in a session.
type entry struct {
	short uint64
	a, b  uint64 // the first half of its id
}

func newEntry(short uint64, id *codec.ID) entry {
	return entry{short, binary.LittleEndian.Uint64(id[:]), binary.LittleEndian.Uint64(id[8:])}
}

// mix is the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash mixes a whole entry with a salt.
func (e *entry) hash(salt uint64) uint64 { return mix(e.a + mix(e.b+salt)) }

// probe calls fn with the byte and the bit of every hash of an entry, until it
// returns false. Hash i is x + i·y (Kirsch, Mitzenmacher, ESA 2006).
func (f *filter) probe(e *entry, fn func(at uint64, bit byte) bool) bool {
	x := e.hash(f.salt)
	y := mix(x) | 1
	m := 8 * uint64(len(f.bits))
	for range f.k {
		at, _ := bits.Mul64(x, m)
		if !fn(at>>3, 1<<(at&7)) {
			return false
		}
		x += y
	}
	return true
}

func (f *filter) add(e *entry) {
	f.probe(e, func(at uint64, bit byte) bool {
		f.bits[at] |= bit
		return true
	})
}

// has reports whether an entry passes. Nothing passes the filter of no entries;
// everything passes one of no hashes.
func (f *filter) has(e *entry) bool {
	if f.n == 0 {
		return false
	}
	return f.probe(e, func(at uint64, bit byte) bool { return f.bits[at]&bit != 0 })
}

// A sum is a fingerprint of a set of entries: two sums of hashes.
type sum [2]uint64

func sumOf(entries []entry, salt uint64) (s sum) {
	for i := range entries {
		h := entries[i].hash(salt)
		s[0] += h
		s[1] += mix(h ^ salt)
	}
	return s
}
