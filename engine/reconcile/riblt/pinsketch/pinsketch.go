// Package pinsketch names the difference of two sets from as many 64-bit sums as
// there are differences: the best that can be had in bytes, at a cost that grows
// with their square.
//
// A sketch of capacity t is the sums of the elements' powers 1, 3 … 2t−1 in
// GF(2^64): the syndromes of a BCH code, as in Dodis, Ostrovsky, Reyzin, Smith,
// "Fuzzy Extractors", SIAM J. Comput. 2008. Sketches add up by exclusive or,
// so that what two sets share vanishes, and the first sums of a sketch are a
// smaller sketch. Elements are nonzero 64-bit numbers: zero leaves no trace.
package pinsketch

import (
	"encoding/binary"
	"slices"
)

// CapacityMax bounds what Decode works on.
const CapacityMax = 64

// A Sketch holds its sums, 8 bytes each; its length is its capacity.
type Sketch []uint64

// Toggle adds an element to the set, or removes it.
func (s Sketch) Toggle(x uint64) {
	if accelerated && len(s) > 0 && len(s)%4 == 0 {
		toggleFast(&s[0], len(s)/4, x)
		return
	}
	s.togglePortable(x)
}

func (s Sketch) togglePortable(x uint64) {
	power, square := x, mulPortable(x, x)
	for i := range s {
		s[i] ^= power
		power = mulPortable(power, square)
	}
}

// Merge makes s the sketch of the symmetric difference of its set and that of t,
// which has at least its capacity.
func (s Sketch) Merge(t Sketch) {
	for i := range s {
		s[i] ^= t[i]
	}
}

// Append appends the sums, each little-endian.
func (s Sketch) Append(dst []byte) []byte {
	for _, sum := range s {
		dst = binary.LittleEndian.AppendUint64(dst, sum)
	}
	return dst
}

// Read fills s from the first 8·len(s) bytes of data and returns the others. It
// reports whether there were so many.
func (s Sketch) Read(data []byte) (rest []byte, ok bool) {
	if len(data) < 8*len(s) {
		return data, false
	}
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	return data[8*len(s):], true
}

// Decode returns the elements of the set in increasing order, if they are at
// most as many as the capacity; else it fails, or finds another set whose sums
// are the same, which happens in one of t! cases. It costs O(64·t²)
// multiplications whatever the sums are.
func (s Sketch) Decode() (elements []uint64, ok bool) {
	if len(s) > CapacityMax {
		return nil, false
	}
	locator, ok := s.locator()
	if !ok {
		return nil, false
	}
	elements, ok = locator.roots()
	if !ok {
		return nil, false
	}
	// That the sums follow the recurrence does not say that each element counts
	// once.
	check := slices.Clone(s)
	for _, x := range elements {
		check.Toggle(x)
	}
	if slices.ContainsFunc(check, func(sum uint64) bool { return sum != 0 }) {
		return nil, false
	}
	slices.Sort(elements)
	return elements, true
}

// locator returns the polynomial whose roots are the elements, by the algorithm
// of Berlekamp and Massey: the shortest recurrence that all power sums follow.
func (s Sketch) locator() (polynomial, bool) {
	sums := s.all()
	current, before := polynomial{1}, polynomial{1}
	length, gap, last := 0, 1, uint64(1)
	for n := range sums {
		var off uint64
		for i := 0; i <= min(length, len(current)-1); i++ {
			off ^= mul(current[i], sums[n-i])
		}
		if off == 0 {
			gap++
			continue
		}
		old := slices.Clone(current)
		current = current.addShifted(before, mul(off, inverse(last)), gap)
		if 2*length <= n {
			length, before, last, gap = n+1-length, old, off, 1
		} else {
			gap++
		}
	}
	current = current.trim()
	if length > len(s) || len(current)-1 != length {
		return nil, false
	}
	slices.Reverse(current) // roots instead of their inverses; monic, since it began with 1
	return current, true
}

// all returns the power sums 1, 2 … 2t. Those of even powers are squares.
func (s Sketch) all() []uint64 {
	sums := make([]uint64, 2*len(s))
	for i := range sums {
		if power := i + 1; power%2 == 1 {
			sums[i] = s[i/2]
		} else {
			half := sums[power/2-1]
			sums[i] = mul(half, half)
		}
	}
	return sums
}
