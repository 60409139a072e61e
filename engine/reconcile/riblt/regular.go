package riblt

const jumpBits = 12 // generator bits that choose a jump

// jump[k] = floor(2^24 · sqrt(4096/(k+0.5))): by what factor, in 24-bit fixed
// point, the right edge of a cell is multiplied to reach the next one.
var jump = jumpTable()

func jumpTable() (t [1 << jumpBits]uint32) {
	for k := range t {
		t[k] = uint32(isqrt((1 << 61) / uint64(2*k+1)))
	}
	return t
}

// isqrt returns floor(sqrt(x)) by Newton's method from above, which decreases
// until it is there.
func isqrt(x uint64) uint64 {
	if x == 0 {
		return 0
	}
	r := uint64(1) << 32
	for {
		next := (r + x/r) / 2
		if next >= r {
			return r
		}
		r = next
	}
}

// step goes from one cell of an item to the next under Regular. It starts at
// index 0 with the item's checksum as state, and indices strictly increase.
// index must be below MaxCells.
//
// The law is y → floor(y·jump/2^24) with y the right edge i+1.5 of the cell in
// 24-bit fixed point, y = (2i+3)·2^23. Multiplying 2i+3 alone and shifting once
// is the same number, and needs no 128-bit product.
func step(index, state uint64) (uint64, uint64) {
	state *= multiplier
	product := (2*index + 3) * uint64(jump[state>>(64-jumpBits)])
	return (product - 1<<24) >> 25, state
}
