package compat

import "math"

const multiplier = 0xda942042e4dd58b5

// next goes from one cell of a symbol to the following one. It starts at index 0
// with the symbol's hash as state. index is below MaxCells.
//
// The gap is ceil((index+1.5) · (2^32/√(state+1) − 1)) in IEEE double precision,
// each operation rounded to nearest even by itself: nothing here is a product
// plus a term, which a compiler could fuse. If state+1 rounds to 2^64, once in
// 2^54 steps, the gap is 0 and the symbol is twice in the same cell.
func next(index, state uint64) (uint64, uint64) {
	state *= multiplier
	ratio := 4294967296 / math.Sqrt(nearest(state)+1)
	gap := (float64(int64(index)) + 1.5) * (ratio - 1)
	whole := int64(gap)
	if float64(whole) < gap {
		whole++
	}
	return index + uint64(whole), state
}

// nearest is float64(x) without a branch on the highest bit, which no processor
// can predict: halving keeps all that decides the rounding, if there are enough
// bits below the halved one.
func nearest(x uint64) float64 {
	if x < 1<<56 {
		return float64(int64(x))
	}
	return 2 * float64(int64(x>>1|x&1))
}
