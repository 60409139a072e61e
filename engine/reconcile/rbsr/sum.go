package rbsr

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/intersubjective/rapprochement/codec"
)

// An Entry is a member of the set. Entries are ordered by time, then by id
// bytewise.
type Entry struct {
	Time uint64 // below Infinity
	ID   codec.ID
}

// Infinity is the time after every entry. No entry has it.
const Infinity = ^uint64(0)

func (e *Entry) compare(o *Entry) int {
	if e.Time != o.Time {
		if e.Time < o.Time {
			return -1
		}
		return 1
	}
	return bytes.Compare(e.ID[:], o.ID[:])
}

// sum is a sum of ids modulo 2^256 in little-endian words.
type sum [4]uint64

func (s *sum) addID(id *codec.ID) {
	var c uint64
	s[0], c = bits.Add64(s[0], binary.LittleEndian.Uint64(id[0:]), 0)
	s[1], c = bits.Add64(s[1], binary.LittleEndian.Uint64(id[8:]), c)
	s[2], c = bits.Add64(s[2], binary.LittleEndian.Uint64(id[16:]), c)
	s[3], _ = bits.Add64(s[3], binary.LittleEndian.Uint64(id[24:]), c)
}

func (s *sum) add(o *sum) {
	var c uint64
	s[0], c = bits.Add64(s[0], o[0], 0)
	s[1], c = bits.Add64(s[1], o[1], c)
	s[2], c = bits.Add64(s[2], o[2], c)
	s[3], _ = bits.Add64(s[3], o[3], c)
}

func (s *sum) sub(o *sum) {
	var c uint64
	s[0], c = bits.Sub64(s[0], o[0], 0)
	s[1], c = bits.Sub64(s[1], o[1], c)
	s[2], c = bits.Sub64(s[2], o[2], c)
	s[3], _ = bits.Sub64(s[3], o[3], c)
}

// addEntries adds the ids of a run of entries.
func (s *sum) addEntries(run []Entry) {
	a0, a1, a2, a3 := s[0], s[1], s[2], s[3]
	for i := range run {
		id := &run[i].ID
		var c uint64
		a0, c = bits.Add64(a0, binary.LittleEndian.Uint64(id[0:]), 0)
		a1, c = bits.Add64(a1, binary.LittleEndian.Uint64(id[8:]), c)
		a2, c = bits.Add64(a2, binary.LittleEndian.Uint64(id[16:]), c)
		a3, _ = bits.Add64(a3, binary.LittleEndian.Uint64(id[24:]), c)
	}
	*s = sum{a0, a1, a2, a3}
}

// A mass is the sum of short ids and that of their checks, modulo 2^64. Where two
// sides' masses of a range differ by one record, the difference is its name.
type mass struct{ short, check uint64 }

func massOf(short uint64) mass { return mass{short, checkOf(short)} }

// checkOf is a bijection of short ids that no sum of them predicts by chance.
func checkOf(short uint64) uint64 {
	x := short ^ 0x6a09e667f3bcc909
	x = (x ^ x>>32) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	return x ^ x>>32
}

func (m mass) plus(o mass) mass  { return mass{m.short + o.short, m.check + o.check} }
func (m mass) minus(o mass) mass { return mass{m.short - o.short, m.check - o.check} }

// total is what is summed up over entries: for protocol V1 their ids, for ours
// their short ids.
type total struct {
	ids sum
	mass
}

func (t *total) add(o *total) {
	t.ids.add(&o.ids)
	t.mass = t.mass.plus(o.mass)
}

func (t *total) sub(o *total) {
	t.ids.sub(&o.ids)
	t.mass = t.mass.minus(o.mass)
}
