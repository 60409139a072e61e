package memory

import "hash/maphash"

// An index finds handles by 64-bit hashes, which others may choose. It is a table
// with open addressing and linear probing: a lookup touches one line of memory
// where a Go map touches three. A slot holds half of the mixed hash and 1 + the
// handle, 0 when it is free.
//
// Mixing is by a secret odd factor, drawn for every index, so that nobody can make
// hashes that crowd one part of the table (multiply-shift, Dietzfelbinger et al.,
// "A reliable randomized algorithm for the closest-pair problem", 1997). The order
// in which handles are found depends on it and must not show.
type index struct {
	slots  []uint64 // a power of two, at most three quarters in use
	used   int
	factor uint64
}

func newIndex() index {
	return index{slots: make([]uint64, 8), factor: maphash.Comparable(maphash.MakeSeed(), 0) | 1}
}

// mix gives the half of the hash that slots hold.
func (x *index) mix(hash uint64) uint64 { return hash * x.factor >> 32 }

// home is where the search for a mixed hash begins.
func (x *index) home(mixed uint64) int { return int(mixed * uint64(len(x.slots)) >> 32) }

// A probe goes through the handles that may have a hash.
type probe struct {
	slots []uint64
	mixed uint64
	at    int
}

func (x *index) probe(hash uint64) probe {
	mixed := x.mix(hash)
	return probe{x.slots, mixed, x.home(mixed)}
}

// next returns the next handle, none after the last. Other hashes' handles are
// hardly ever among them, but can be.
func (p *probe) next() uint32 {
	for {
		s := p.slots[p.at]
		p.at = (p.at + 1) & (len(p.slots) - 1)
		if s == 0 {
			return none
		}
		if s>>32 == p.mixed {
			return uint32(s) - 1
		}
	}
}

func (x *index) add(hash uint64, h uint32) {
	if x.used++; 4*x.used > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]uint64, 2*len(old))
		for _, s := range old {
			if s != 0 {
				x.place(s)
			}
		}
	}
	x.place(x.mix(hash)<<32 | uint64(h+1))
}

func (x *index) place(s uint64) {
	at := x.home(s >> 32)
	for x.slots[at] != 0 {
		at = (at + 1) & (len(x.slots) - 1)
	}
	x.slots[at] = s
}

// remove takes out a handle that is there, and moves those up that had to make way
// for it.
func (x *index) remove(hash uint64, h uint32) {
	x.used--
	mask := len(x.slots) - 1
	gap := x.home(x.mix(hash))
	for s := x.mix(hash)<<32 | uint64(h+1); x.slots[gap] != s; {
		gap = (gap + 1) & mask
	}
	for at := (gap + 1) & mask; x.slots[at] != 0; at = (at + 1) & mask {
		// Those whose home lies behind the gap stay: they are found from there.
		if away := (at - x.home(x.slots[at]>>32)) & mask; away >= (at-gap)&mask {
			x.slots[gap], gap = x.slots[at], at
		}
	}
	x.slots[gap] = 0
}
