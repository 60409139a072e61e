package riblt

import "math/bits"

// seen is the set of recovered symbols, as their positions in a list that the
// Decoder keeps: open addressing with linear probing, at most half full, and
// never iterated. Slots are chosen by a secret odd multiplier, so that a peer
// who makes up symbols cannot make them collide here.
type seen struct {
	slots []uint32 // position + 1, or 0 if free; a power of two of them
	shift uint     // 64 - log2(len(slots))
	key   uint64   // odd
}

// find returns the slot that holds symbol, or the free one where it belongs.
func (s *seen) find(symbol uint64, list []recovered) (slot int, found bool) {
	slot = int(symbol * s.key >> s.shift)
	for s.slots[slot] != 0 {
		if list[s.slots[slot]-1].symbol == symbol {
			return slot, true
		}
		slot = (slot + 1) & (len(s.slots) - 1)
	}
	return slot, false
}

// reserve makes room for n entries, list included. find needs room for one more
// than list has.
func (s *seen) reserve(list []recovered, n int) {
	if 2*n <= len(s.slots) {
		return
	}
	size := max(64, len(s.slots))
	for size < 2*n {
		size *= 2
	}
	s.slots, s.shift = make([]uint32, size), uint(64-bits.TrailingZeros(uint(size)))
	for i := range list {
		slot, _ := s.find(list[i].symbol, list)
		s.slots[slot] = uint32(i + 1)
	}
}
