package meritrank

import (
	"math/bits"
	"slices"
)

// spans hands out runs of places in arrays that grow at their end. What is given
// back is cut into powers of two and handed out again.
type spans struct {
	end  uint32
	free [32][]uint32 // first places of free runs, by the logarithm of their length
}

// roomFor is the capacity that a list of n gets once it grows.
func roomFor(n uint32) uint32 { return 1 << bits.Len32(n-1) }

// take hands out n places in a row. If n is a power of two, a free run may serve.
func (s *spans) take(n uint32) uint32 {
	class := bits.Len32(n) - 1
	if list := s.free[class]; n == 1<<class && len(list) > 0 {
		at := list[len(list)-1]
		s.free[class] = list[:len(list)-1]
		return at
	}
	at := s.end
	s.end += n
	return at
}

// give takes back n places from at on.
func (s *spans) give(at, n uint32) {
	for n > 0 {
		class := bits.Len32(n) - 1
		s.free[class] = append(s.free[class], at)
		at += 1 << class
		n -= 1 << class
	}
}

// reset forgets all runs.
func (s *spans) reset() {
	s.end = 0
	for i := range s.free {
		s.free[i] = s.free[i][:0]
	}
}

// fit makes an array as long as the spans reach.
func fit[T any](items []T, end uint32) []T {
	old := len(items)
	if int(end) <= old {
		return items
	}
	items = slices.Grow(items, int(end)-old)[:end]
	clear(items[old:])
	return items
}
