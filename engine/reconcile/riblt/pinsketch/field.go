package pinsketch

import "math/bits"

// The field GF(2^64), polynomials over GF(2) modulo z^64 + z^4 + z^3 + z + 1. Bit
// i of an element is the coefficient of z^i; addition is exclusive or.

// modulus is the field polynomial without its highest term.
const modulus = 0x1b

// mul returns a·b.
func mul(a, b uint64) uint64 {
	if accelerated {
		return mulFast(a, b)
	}
	return mulPortable(a, b)
}

func mulPortable(a, b uint64) uint64 { return reduce(clmul(a, b)) }

// reduce returns the element that a polynomial of up to 128 coefficients is.
func reduce(hi, lo uint64) uint64 {
	over := hi>>60 ^ hi>>61 ^ hi>>63 // what the first fold pushes beyond 64
	hi ^= over
	return lo ^ hi ^ hi<<1 ^ hi<<3 ^ hi<<4
}

// holes are every fourth bit.
const holes = 0x1111111111111111

// clmul is the product of polynomials. It multiplies integers whose bits are four
// apart: up to 15 ones add up in a column before a carry reaches the next, so
// the top four bits of a are done apart.
func clmul(a, b uint64) (hi, lo uint64) {
	for i := range uint64(4) {
		top := -(a >> (60 + i) & 1)
		lo ^= top & (b << (60 + i))
		hi ^= top & (b >> (4 - i))
	}
	a &= 1<<60 - 1
	a0, a1, a2, a3 := a&holes, a&(holes<<1), a&(holes<<2), a&(holes<<3)
	b0, b1, b2, b3 := b&holes, b&(holes<<1), b&(holes<<2), b&(holes<<3)
	h, l := column(a0, b0, a1, b3, a2, b2, a3, b1)
	hi, lo = hi^h&holes, lo^l&holes
	h, l = column(a0, b1, a1, b0, a2, b3, a3, b2)
	hi, lo = hi^h&(holes<<1), lo^l&(holes<<1)
	h, l = column(a0, b2, a1, b1, a2, b0, a3, b3)
	hi, lo = hi^h&(holes<<2), lo^l&(holes<<2)
	h, l = column(a0, b3, a1, b2, a2, b1, a3, b0)
	return hi ^ h&(holes<<3), lo ^ l&(holes<<3)
}

func column(a, b, c, d, e, f, g, h uint64) (hi, lo uint64) {
	h0, l0 := bits.Mul64(a, b)
	h1, l1 := bits.Mul64(c, d)
	h2, l2 := bits.Mul64(e, f)
	h3, l3 := bits.Mul64(g, h)
	return h0 ^ h1 ^ h2 ^ h3, l0 ^ l1 ^ l2 ^ l3
}

// addMultiple adds c·src to dst, element by element. dst has at least the length
// of src.
func addMultiple(dst, src []uint64, c uint64) {
	if accelerated {
		if len(src) > 0 {
			addMultipleFast(&dst[:len(src)][0], &src[0], len(src), c)
		}
		return
	}
	for i, x := range src {
		dst[i] ^= mulPortable(c, x)
	}
}

// inverse returns 1/a = a^(2^64−2), and 0 for 0.
func inverse(a uint64) uint64 {
	// a^(2^k−1) for k = 1, 2, 4 … 32, then 63 = 32+16+8+4+2+1.
	power, result, count := a, uint64(0), 0
	for k := 1; k < 64; k *= 2 {
		if count == 0 {
			result = power
		} else {
			result = mul(squares(result, k), power)
		}
		count += k
		power = mul(squares(power, k), power)
	}
	return mul(result, result)
}

// squares returns a^(2^n).
func squares(a uint64, n int) uint64 {
	for range n {
		a = mul(a, a)
	}
	return a
}
