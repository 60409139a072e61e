// Package draw is the randomness of the world: every decision is a pure function of (seed, stream, purpose, count), so
// that what happens on one link never depends on what happens on another, or on how many others there are.
//
// It is integers only, built from 64-bit multiplication, shift and xor, and is mirrored bit for bit in Python.
// It is not for secrets: who sees a few draws can find the others.
package draw

import "math/bits"

// Max is the longest delay that any function here returns: 2⁵⁰ ns, about 13 days. Longer ones are cut to it.
// Arguments in nanoseconds must lie in [0, Max].
const Max int64 = 1 << 50

// Million is the denominator of chances.
const Million = 1_000_000

const (
	golden = 0x9e3779b97f4a7c15 // 2⁶⁴ ÷ golden ratio: multiples are spread evenly
	second = 0xd1342543de82ef95 // an odd multiplier of good spectral quality (Steele and Vigna 2021)
)

// mix is the finaliser of splitmix64 (Stafford's variant 13): a bijection in which each input bit moves about half of
// the output bits.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Stream is the key of one sequence of decisions, such as those about one directed link.
type Stream uint64

// NewStream derives a key. For one seed, different ids have different keys.
func NewStream(seed, id uint64) Stream { return Stream(mix(mix(seed+golden) ^ id*second)) }

// Uint64 draws 64 bits. The key enters in both rounds: in one only, streams whose keys are close multiples would run
// through the same numbers, one ahead of the other.
func (s Stream) Uint64(purpose uint32, count uint64) uint64 {
	x := mix(uint64(s) + count*golden)
	return mix((x ^ bits.RotateLeft64(uint64(s), 32)) + (uint64(purpose)+1)*second)
}

// The functions below turn the 64 bits x of one draw into a decision.

// Chance is true with probability ppm ÷ 1,000,000; at or above a million it is always true.
func Chance(x uint64, ppm uint32) bool {
	high, _ := bits.Mul64(x, Million)
	return high < uint64(ppm)
}

// Uniform is in [lo, hi], lo <= hi. No value is preferred by more than one part in 2⁶⁴ ÷ (hi - lo + 1).
func Uniform(x uint64, lo, hi int64) int64 {
	span := uint64(hi) - uint64(lo) + 1
	if span == 0 { // all 2⁶⁴ values
		return int64(uint64(lo) + x)
	}
	high, _ := bits.Mul64(x, span)
	return int64(uint64(lo) + high)
}

// Exponential has the given mean in nanoseconds. Its tail is that of 64 bits: up to 44 times the mean.
func Exponential(x uint64, mean int64) int64 { return min(scale(mean, negativeLog(x)), Max) }

// Pareto is at least minimum nanoseconds and exceeds m times it with probability m^-(alpha ÷ 1000).
// alpha is in thousandths, at least 1; from 1001 on the distribution has a mean.
func Pareto(x uint64, minimum int64, alpha uint32) int64 {
	high, low := bits.Mul64(negativeLog(x), log2e)
	return power(minimum, int64((high<<32|low>>32)*1000/uint64(alpha)))
}

// LogNormal is median × e^(sigma × z), z close to a standard normal: the sum of eight uniform numbers, within ±4.9,
// which is 0.04 low at its 99th percentile. sigma is in thousandths, at most MaxSigma.
func LogNormal(x uint64, median int64, sigma uint32) int64 {
	sum := int64(0)
	for _, half := range [2]uint64{x, mix(x + golden)} {
		sum += int64(half&0xffff + half>>16&0xffff + half>>32&0xffff + half>>48)
	}
	// The sum has mean 8 × 65535 ÷ 2 and deviation 65536 × √(8 ÷ 12), which perDeviation contains.
	return power(median, (sum-4*65535)*int64(sigma)*perDeviation>>20)
}

// MaxSigma bounds the sigma of LogNormal, in thousandths, so that its products fit 63 bits.
const MaxSigma = 10_000

const (
	ln2   = 2977044472 // 2³² × ln 2
	log2e = 6196328019 // 2³² × log₂ e
	// perDeviation is 2⁵² × log₂ e ÷ (1000 × 65536 × √(2 ÷ 3)).
	perDeviation = 121422735
)

// negativeLog is -ln(x ÷ 2⁶⁴) in units of 2⁻³²: the leading zeros give the multiples of ln 2, the table the rest.
func negativeLog(x uint64) uint64 {
	x |= 1
	zeros := bits.LeadingZeros64(x)
	fraction := x << zeros << 1
	i, rest := fraction>>56, fraction>>24&0xffffffff
	return uint64(zeros+1)*ln2 - (logTable[i] + (logTable[i+1]-logTable[i])*rest>>32)
}

// power is value × 2^y, y in units of 2⁻³².
func power(value, y int64) int64 {
	fraction := uint64(y) & 0xffffffff
	i, rest := fraction>>24, fraction&0xffffff
	value = scale(value, powerTable[i]+(powerTable[i+1]-powerTable[i])*rest>>24)
	switch shift := y >> 32; {
	case shift <= 0:
		return min(value>>min(uint64(-shift), 63), Max)
	case value > Max>>shift:
		return Max
	default:
		return value << shift
	}
}

// scale is value × factor, factor in units of 2⁻³² and below 2⁴⁴.
func scale(value int64, factor uint64) int64 {
	high, low := bits.Mul64(uint64(value), factor)
	return int64(high<<32 | low>>32)
}
