package kvriblt

import "math/bits"

// A Digest sizes a difference from 96 bytes. Each key has one of 64 bits of one of
// twelve levels, level l with probability 2^−(l+1), and each record at the key
// flips that bit or not, by its value: an unknown differs in the digests of
// two sets once in two times, an update no more often than a new key.
type Digest [digestLevels]uint64

const (
	digestLevels = 12
	digestBytes  = 8 * digestLevels
)

func (d *Digest) toggle(r *route, value uint32) {
	level := bits.TrailingZeros64(r.seed>>20 | 1<<(digestLevels-1))
	d[level] ^= uint64(value*0x9e3779b1>>31) << (r.seed >> 58)
}

// Estimates are of the form 2^(g/8), 0 ≤ g ≤ estimateSteps.
const estimateSteps = 8 * 22

// chances[e−chanceMin] are the binary logarithms, with 16 fractional bits, of the
// probabilities that a bit in which 2^(e/8) unknowns meet differs, and that it
// does not.
var chances [chanceMax - chanceMin + 1]struct{ one, zero int64 }

const (
	chanceMin = -8 * (digestLevels - 1 + 6)
	chanceMax = 8 * 3 // from there on bits are toss-ups
)

func init() {
	for i := range chances {
		e := i + chanceMin
		// A bit flips at each unknown with probability 1/2, and so differs with
		// (1 − e^−u)/2 when their number is u on average.
		u := eighth(e&7) >> 8
		if e>>3 < 0 {
			u >>= -(e >> 3)
		} else {
			u <<= e >> 3
		}
		fade, _ := bits.Div64(1<<16, 0, exp(u, 1<<32))
		chances[i].one = log2((1<<40-fade)/2 + 1)
		chances[i].zero = log2((1<<40 + fade) / 2)
	}
}

// eighth returns 2^(n/8), 0 ≤ n < 8, with 40 fractional bits.
func eighth(n int) uint64 { return exp(693_147_181*uint64(n), 8_000_000_000) }

// log2 returns the binary logarithm of x/2^40, x > 0, with 16 fractional bits.
func log2(x uint64) int64 {
	n := bits.Len64(x) - 1
	r := int64(n-40) << 16
	m := x << (63 - n) // in [1,2), with 63 fractional bits
	for b := 15; b >= 0; b-- {
		hi, _ := bits.Mul64(m, m)
		if hi>>63 == 1 {
			r |= 1 << b
			m = hi
		} else {
			m = hi << 1
		}
	}
	return r
}

// Estimate returns the most likely number of keys in which the sets of two
// digests differ, 1 to 2^22; the standard error is about a sixth.
func Estimate(a, b *Digest) int {
	var ones [digestLevels]int64
	for l := range ones {
		ones[l] = int64(bits.OnesCount64(a[l] ^ b[l]))
	}
	best, likely := int64(-1<<62), 0
	for g := 0; g <= estimateSteps; g++ {
		sum := int64(0)
		for l, n := range ones {
			c := &chances[min(g-8*(min(l+1, digestLevels-1)+6), chanceMax)-chanceMin]
			sum += n*c.one + (64-n)*c.zero
		}
		if sum > best {
			best, likely = sum, g
		}
	}
	return int(eighth(likely&7) >> (40 - likely>>3))
}
