package kvriblt

import "math/bits"

// The mapping: which cells a key is in. It is irregular, keys fall into classes
// that spread over the cells more or less thinly, and stratified: a key of a
// class with parameter α takes one cell of each stratum, a run of cells e^α
// times as far along as the one before, so that it is in cell i with probability
// 1/(1+αi) or so. Irregular classes bring the cells per difference from 1.35
// down to 1.07, strata keep the edges of a key few.
//
// Everything is computed in integers, and the draw of a stratum does not depend
// on that of another one: whether a key is in a cell is decided by two draws.

// MaxCells bounds every cell index: 36 MiB on the wire, 3.8 million differences.
const MaxCells = 1 << 22

// A class is a share of the keys, in 1/65536, and its parameters in 1/1000:
// stratum s begins at cell (e^(α(s+φ)) − 1)/α.
type class struct{ share, alpha, phase int }

// classes came from a random search for few cells at 100, 1000 and 10,000
// differences with the power sums as tail. They are a format.
var classes = [...]class{
	{4881, 51, 92},
	{25399, 1581, -113},
	{20604, 530, 523},
	{9982, 202, -65},
	{4670, 926, -161},
}

const (
	multiplier = 0xda942042e4dd58b5 // odd, of full period: stratum s draws the top of seed·multiplier^s
	segments   = 64                 // pieces of the exponential within a stratum
	edgeBits   = 16                 // fractional bits of a stratum's edge
	curveBits  = 20                 // fractional bits of the exponential
	strataMax  = 256
)

// strata is a class in tables.
type strata struct {
	pieces [segments]piece
	runs   [strataMax]stratum
	shift  uint64            // 1/α
	first  [strataMax]uint32 // first cell of stratum s
	hint   [33]uint16        // by the length of a cell's index: a stratum at or before it
}

// A piece of the exponential e^αt, 0 ≤ t < 1: where it begins and how much it rises.
type piece struct{ base, rise uint32 }

// A stratum s is what keys draw with there, multiplier^s, and where it begins,
// e^(α(s+φ))/α.
type stratum struct{ draw, edge uint64 }

var (
	spread  [len(classes)]strata
	classOf [256]uint8 // by the top byte of a 16-bit draw: the class, or 255 where two share
	bounds  [len(classes)]uint32
)

func init() {
	sum := uint32(0)
	for c := range classes {
		spread[c].fill(uint64(classes[c].alpha), classes[c].phase)
		sum += uint32(classes[c].share)
		bounds[c] = sum
	}
	for b := range uint32(256) {
		if classOf[b] = uint8(classIn(b << 8)); classIn(b<<8) != classIn(b<<8|255) {
			classOf[b] = 255
		}
	}
}

func classIn(draw uint32) int {
	for c, end := range bounds {
		if draw < end {
			return c
		}
	}
	return len(bounds) - 1
}

func (t *strata) fill(alpha uint64, phase int) {
	curve := func(i int) uint32 { return uint32(exp(alpha*uint64(i), 1000*segments) >> (40 - curveBits)) }
	for i := range t.pieces {
		t.pieces[i] = piece{curve(i), curve(i+1) - curve(i)}
	}
	t.shift = (1000 << edgeBits) / alpha
	growth, edge := exp(alpha, 1000), uint64(1000<<32)/alpha // 1/α with 32 fractional bits
	edge = scale(edge, exp(alpha*uint64(1000+phase), 1_000_000))
	draw := uint64(1)
	for s := 1; s < strataMax; s++ {
		draw *= multiplier
		t.runs[s] = stratum{draw, edge >> (32 - edgeBits)}
		t.first[s] = uint32(min((t.runs[s].edge-min(t.shift, t.runs[s].edge))>>edgeBits, MaxCells))
		if edge>>32 < 2*MaxCells {
			edge = scale(edge, growth)
		}
	}
	for l := range t.hint {
		s := 1
		for s+1 < strataMax && uint64(t.first[s+1]) < uint64(1)<<l>>1 {
			s++
		}
		t.hint[l] = uint16(s)
	}
}

// scale multiplies by a factor with 40 fractional bits.
func scale(v, factor uint64) uint64 {
	hi, lo := bits.Mul64(v, factor)
	return hi<<24 | lo>>40
}

// exp returns e^(num/den), at most e^7, with 40 fractional bits.
func exp(num, den uint64) uint64 {
	sum, term := uint64(1<<40), uint64(1<<40)
	for n := uint64(1); term > 0; n++ {
		hi, lo := bits.Mul64(term, num)
		term, _ = bits.Div64(hi, lo, den*n)
		sum += term
	}
	return sum
}

// mix64 is the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
func mix64(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// A route is what places a key.
type route struct {
	table *strata
	seed  uint64
	check uint32 // odd, below 2^checkBits: what the key's values are multiplied with in the check
}

func routeOf(k uint32) route {
	x := mix64(uint64(k) * 0x9e3779b97f4a7c15)
	c := classOf[uint8(x>>8)]
	if c == 255 {
		c = uint8(classIn(uint32(x) & 0xffff))
	}
	return route{&spread[c], x | 1, uint32(x>>40)&checkMask | 1}
}

// cell returns the key's cell in stratum s ≥ 1; 0 means that there is none.
func (r *route) cell(s int) uint32 { return r.table.runs[s&(strataMax-1)].cell(r) }

func (run *stratum) cell(r *route) uint32 {
	draw := uint32(r.seed * run.draw >> 32)
	at := &r.table.pieces[draw>>26]
	curve := uint64(at.base) + uint64(at.rise)*uint64(draw>>10&0xffff)>>16
	return uint32((run.edge*curve>>curveBits - r.table.shift) >> edgeBits)
}

// from returns the first stratum that reaches cell i.
func (r *route) from(i uint32) int {
	s := int(r.table.hint[bits.Len32(i)])
	for s+1 < strataMax && r.table.first[s+1] < i {
		s++
	}
	return s
}

// in reports whether the key is in cell i ≥ 1.
func (r *route) in(i uint32) bool {
	for s := r.from(i); s < strataMax && r.table.first[s] <= i; s++ {
		if r.cell(s) == i {
			return true
		}
	}
	return false
}
