package draw

// Weibull has the given mean in nanoseconds; shape is in thousandths, at least 300. Below 1000 most values are far
// shorter than the mean and some far longer, as the times are for which peers stay (Stutzbach and Rejaie, IMC 2006).
// Plans are made of it and no network, so Python, which is given plans, has no copy.
func Weibull(x uint64, mean int64, shape uint32) int64 {
	lnE := 32*ln2 - int64(negativeLog(negativeLog(x))) // e is exponential with mean 1
	y := (lnE >> 8) * (log2e >> 8) >> 16
	return min(power(int64(float64(mean)/gamma(1000/float64(shape))), y*1000/int64(shape)), Max)
}

// gamma is Γ(1 + z), z at least 0, which the mean of a Weibull distribution with shape 1 ÷ z and scale 1 is: within
// 3 × 10⁻⁷ by a polynomial from 0 to 1 (Abramowitz and Stegun, 6.1.36) and Γ(1 + z) = z × Γ(z) beyond.
func gamma(z float64) float64 {
	product := 1.0
	for ; z > 1; z-- {
		product *= z
	}
	sum := 0.0
	for _, b := range [...]float64{
		0.035868343, -0.193527818, 0.482199394, -0.756704078, 0.918206857, -0.897056937, 0.988205891, -0.577191652, 1,
	} {
		sum = float64(sum*z) + b
	}
	return product * sum
}
