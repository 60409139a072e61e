package rbsr

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// solve names the differences in a range where there are one or two and the
// masses tell: one on either side, one on each, or two of ours. (Two of the other
// side's are its to name.)
func (s *side) solve(c *contrast) (ours, theirs []uint64, ok bool) {
	x := c.mass.short
	switch small := c.own() <= searchMax; {
	case c.more == 1:
		if checkOf(x)&checkMask == c.mass.check && !s.has(x) {
			return nil, []uint64{x}, true
		}
	case c.more == -1:
		if -checkOf(-x)&checkMask == c.mass.check && s.has(-x) {
			return []uint64{-x}, nil, true
		}
	case c.more == 0 && small:
		return s.solveSwap(c)
	case c.more == -2 && small:
		return s.solvePair(c)
	}
	return nil, nil, false
}

// solveSwap looks for an own entry and one of the other side's in its place.
func (s *side) solveSwap(c *contrast) (ours, theirs []uint64, ok bool) {
	for _, x := range s.shortsOf(c.part) {
		y := x + c.mass.short
		if (checkOf(y)-checkOf(x))&checkMask == c.mass.check && x != y && !s.has(y) {
			return []uint64{x}, []uint64{y}, true
		}
	}
	return nil, nil, false
}

// solvePair looks for two own entries that the other side lacks. The checks rule
// out nearly all before they are looked for.
func (s *side) solvePair(c *contrast) (ours, theirs []uint64, ok bool) {
	list := s.shortsOf(c.part)
	for i, x := range list {
		y := -c.mass.short - x
		if -(checkOf(x)+checkOf(y))&checkMask == c.mass.check && slices.Contains(list[i+1:], y) {
			return []uint64{x, y}, nil, true
		}
	}
	return nil, nil, false
}

func (s *side) shortsOf(part span) []uint64 {
	s.shorts = s.shorts[:0]
	for at := s.set.seek(part.lo); at.rank < part.hi; s.set.forward(&at, 1) {
		s.shorts = append(s.shorts, codec.ShortID(&s.set.salt, &at.entry().ID))
	}
	return s.shorts
}
