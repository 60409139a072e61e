package kvriblt

import (
	"fmt"
	"math/bits"
)

// A Cell is what the keys in it add up to: the sum of their values and their moment,
// the sum of key times value, both modulo prime, and a check. In a difference a
// cell with one unknown names it: its key is moment / sum.
//
// The check adds value times an odd number that depends on the key, modulo 2^4,
// values being taken as integers. As the sum of a lone unknown is known modulo
// prime only, and prime ≡ −1 modulo 2^4, the check knows it up to the multiple of
// prime that was lost: one of four is accepted, which is enough for keys that name
// up to two records on either side. So three mixtures of four are told from lone
// keys by it; the decoder has other evidence, and takes back what was wrong. A
// longer check makes the cells longer than it saves of them.
type Cell struct {
	pair  uint64 // sum, and 32 bits above it moment: one addition serves both
	check uint32
}

const (
	checkBits = 4
	checkMask = 1<<checkBits - 1
)

func newCell(sum, moment, check uint32) Cell { return Cell{uint64(moment)<<32 | uint64(sum), check} }

func (c Cell) sum() uint32    { return uint32(c.pair) }
func (c Cell) moment() uint32 { return uint32(c.pair >> 32) }

// String is the cell's one-line form.
func (c Cell) String() string { return fmt.Sprintf("%08x·%08x/%x", c.sum(), c.moment(), c.check) }

// halves has a one in both halves of a pair.
const halves = 1<<32 | 1

// reduce takes prime out of those halves that have it.
func reduce(pair uint64) uint64 {
	over := (pair + halves) >> 31 & halves
	return pair + over - over<<31
}

// put adds another cell's contents.
func (c *Cell) put(o Cell) {
	c.pair, c.check = reduce(c.pair+o.pair), (c.check+o.check)&checkMask
}

// take subtracts them.
func (c *Cell) take(o Cell) {
	c.pair, c.check = reduce(c.pair+prime*halves-o.pair), (c.check-o.check)&checkMask
}

// empty ignores the check, which power sums cannot tell of a key.
func (c Cell) empty() bool { return c.pair == 0 }

// alone reports whether the check agrees that the cell has one unknown, its key
// being the one of that route.
func (c Cell) alone(r *route) bool {
	// check = (sum + j)·r.check with −1 ≤ j ≤ 2.
	off := (c.check - (c.sum()-1)*r.check) & checkMask
	return off == 0 || off == r.check || off == 2*r.check&checkMask || off == 3*r.check&checkMask
}

// SumsBytes is what power sums take on the wire, and CellBits a cell.
const (
	SumsBytes = (31*sumsCount + 7) / 8
	CellBits  = 31 + 31 + checkBits
)

// sumsCount is the number of power sums Σ value·key^j, j = 0 … 15. They find up to
// tailMax unknowns by themselves, and stand in for cell 0, which every key is in.
const (
	sumsCount = 16
	tailMax   = sumsCount / 2
)

// PowerSums are a set's, or a difference's.
type PowerSums [sumsCount]uint32

// put adds value·key^j to sum j. The four runs of powers do not wait for each
// other.
func (p *PowerSums) put(key, value uint32) {
	k2 := mul(key, key)
	k4 := mul(k2, k2)
	a, b := value, mul(value, key)
	c, d := mul(value, k2), mul(b, k2)
	for j := 0; j < sumsCount; j += 4 {
		p[j], p[j+1], p[j+2], p[j+3] = add(p[j], a), add(p[j+1], b), add(p[j+2], c), add(p[j+3], d)
		a, b, c, d = mul(a, k4), mul(b, k4), mul(c, k4), mul(d, k4)
	}
}

func (p *PowerSums) take(o *PowerSums) {
	for j := range p {
		p[j] = sub(p[j], o[j])
	}
}

// keyID is the key's place in the field, 1 to prime−1, of a hash that the space's
// salt has keyed.
func keyID(hash uint64) uint32 {
	hi, _ := bits.Mul64(hash, prime-1)
	return uint32(hi) + 1
}

// The value of a record, 1 to prime−1: the low 20 bits of its author's count, and
// below them a hash of the record. Two counts less than 2^19 apart tell the newer
// version; other versions of one key have other values but once in 2^11·2^20
// times, records of one version but once in 2,046.
const (
	countBits = 20
	hashRange = 2046 // the largest value is prime−1 then
	hashBits  = 11
	tagBits   = 16 // of a version, below the count
)

func pack(version, short uint64) uint32 {
	count := uint32(version>>tagBits) & (1<<countBits - 1)
	return count<<hashBits + uint32(short>>32*hashRange>>32) + 1
}

// newer compares the counts in two values as serial numbers: above 0 if the first
// is newer, below if it is older, 0 where they do not tell.
func newer(a, b uint32) int {
	const unit = 32 - countBits
	d := int32(((a-1)>>hashBits - (b-1)>>hashBits) << unit)
	switch {
	case d == -1<<31: // as far behind as ahead
		return 0
	case d > 0:
		return 1
	case d < 0:
		return -1
	}
	return 0
}
