package draw

import (
	"math"
	"slices"
	"testing"
)

// Values have the mean that was asked for and fall as the distribution says.
func TestWeibull(t *testing.T) {
	const count, mean = 400_000, int64(100e9)
	for _, shape := range []uint32{340, 600, 1000, 3000} {
		k := float64(shape) / 1000
		scale := float64(mean) / math.Gamma(1+1/k)
		s := NewStream(1, uint64(shape))
		values, sum := make([]int64, count), 0.0
		for i := range values {
			values[i] = Weibull(s.Uint64(0, uint64(i)), mean, shape)
			sum += float64(values[i])
		}
		// Three standard errors: the variance is that of the distribution.
		spread := math.Sqrt(math.Gamma(1+2/k)/math.Pow(math.Gamma(1+1/k), 2) - 1)
		if off := sum/count/float64(mean) - 1; math.Abs(off) > 3*spread/math.Sqrt(count) {
			t.Errorf("shape %d: the mean is off by %.4f", shape, off)
		}
		slices.Sort(values)
		worst := 0.0 // Kolmogorov-Smirnov
		for i, v := range values {
			want := 1 - math.Exp(-math.Pow(float64(v)/scale, k))
			worst = max(worst, math.Abs(want-float64(i)/count), math.Abs(want-float64(i+1)/count))
		}
		if worst > 1.63/math.Sqrt(count) { // one sample in a hundred is further off
			t.Errorf("shape %d: the distribution is off by %.5f", shape, worst)
		}
	}
}

// The ends of the range make no trouble, and shape 1 is the exponential distribution.
func TestWeibullAtTheEnds(t *testing.T) {
	for _, shape := range []uint32{300, 1000, 10_000} {
		for _, x := range []uint64{0, 1, 1 << 63, math.MaxUint64} {
			if v := Weibull(x, Max, shape); v < 0 || v > Max {
				t.Errorf("Weibull(%#x, Max, %d) = %d", x, shape, v)
			}
		}
	}
	for x := uint64(1 << 20); x < 1<<63; x = x*3 + 1 {
		got, want := Weibull(x, 1e12, 1000), Exponential(x, 1e12)
		if off := float64(got-want) / float64(want); math.Abs(off) > 1e-4 {
			t.Errorf("x = %#x: %d, exponential %d", x, got, want)
		}
	}
}
