package meritrank

import "math"

// The library's logarithm and power differ in the last bit between platforms,
// and a compiler may join a product and a sum into one rounding where the machine
// can. What decides about walks is therefore written out here, with every product
// rounded by a conversion.

// ln is the natural logarithm of x, 0 < x ≤ 1, to about 10⁻¹⁵.
func ln(x float64) float64 {
	mantissa, exponent := math.Frexp(x)
	if mantissa < math.Sqrt2/2 {
		mantissa *= 2
		exponent--
	}
	return float64(float64(exponent)*math.Ln2) + doubleAtanh((mantissa-1)/(mantissa+1))
}

// ln1m is ln(1−p), 0 ≤ p < 1, exact for small p too.
func ln1m(p float64) float64 {
	if p > 0.25 {
		return ln(1 - p)
	}
	return doubleAtanh(-p / (2 - p))
}

// doubleAtanh is 2·atanh(s) for |s| ≤ 0.18.
func doubleAtanh(s float64) float64 {
	z, sum := float64(s*s), 0.0
	for k := 19; k >= 1; k -= 2 {
		sum = float64(sum*z) + 1/float64(k)
	}
	return float64(2 * s * sum)
}

// exp2 is 2ˣ for |x| ≤ 1000.
func exp2(x float64) float64 {
	whole := math.Floor(x + 0.5)
	y, sum := float64((x-whole)*math.Ln2), 1.0
	for k := 14.0; k >= 1; k-- { // Taylor, |y| ≤ 0.35
		sum = float64(float64(y/k)*sum) + 1
	}
	return math.Ldexp(sum, int(whole))
}

// fraction is a probability in units of 2⁻⁶⁴, below 1.
func fraction(p float64) uint64 {
	if p >= 1 {
		return math.MaxUint64
	}
	return uint64(math.Ldexp(p, 64))
}
