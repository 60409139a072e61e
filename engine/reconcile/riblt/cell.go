package riblt

import (
	"fmt"
	"math/bits"
)

// Cell is one coded cell: the exclusive-or of the symbols in it, the
// exclusive-or of their checksums, and how many they are. In a difference the
// count is that of the remote items less that of the local ones.
type Cell struct {
	Sum   uint64
	Check uint64
	Count int64
}

// String is the cell's one-line form.
func (c Cell) String() string {
	return fmt.Sprintf("%+d×%016x/%016x", c.Count, c.Sum, c.Check)
}

// toggle adds (sign +1) or removes (sign -1) an item.
func (c *Cell) toggle(symbol, check uint64, sign int64) {
	c.Sum ^= symbol
	c.Check ^= check
	c.Count += sign
}

// Checksum mixes a symbol with the salt to the 64 bits that prove a cell pure
// and seed the item's index generator.
//
// It is a bijection of the symbol for every salt: two multiplications between
// shifts, so that no exclusive-or of checksums is the checksum of the
// exclusive-or, and the salt enters twice, so that two salts are not
// translations of each other. It is no cryptographic hash: whoever knows the
// salt can solve for cells that look pure, which the Decoder survives, and
// must search for records that do, which is what the salt is for.
func Checksum(salt, symbol uint64) uint64 {
	x := symbol ^ salt
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	x ^= x >> 29
	x += bits.RotateLeft64(salt, 23)
	x *= 0xbb67ae8584caa73b // fraction of the square root of 3
	return x ^ x>>32
}
