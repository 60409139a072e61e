package kvriblt

// The field of all arithmetic is GF(p), p = 2^31 − 1: products fit into 62 bits
// and reduce by a shift and an addition, without a division.
const prime = 1<<31 - 1

// add, sub and mul take and return residues below prime, without a branch: nothing
// predicts whether a sum of residues wraps.

func add(a, b uint32) uint32 { return lift(a + b - prime) }

func sub(a, b uint32) uint32 { return lift(a - b) }

func mul(a, b uint32) uint32 {
	v := uint64(a) * uint64(b)
	return lift(uint32(v&prime) + uint32(v>>31) - prime)
}

// lift adds prime to what is negative as an int32.
func lift(s uint32) uint32 { return s + prime&uint32(int32(s)>>31) }

// signed is v, or −v where sign is negative.
func signed(v uint32, sign int) uint32 {
	if sign < 0 {
		return sub(0, v)
	}
	return v
}

// power returns a to the e-th power.
func power(a, e uint32) uint32 {
	r := uint32(1)
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			r = mul(r, a)
		}
		a = mul(a, a)
	}
	return r
}

// inverse returns 1/a, a ≠ 0, by Fermat's little theorem.
func inverse(a uint32) uint32 { return power(a, prime-2) }

// invert replaces each of the non-zero values by its inverse with one inversion
// and three products each (Montgomery's trick). prefix is scratch of that size.
func invert(values, prefix []uint32) {
	product := uint32(1)
	for i, v := range values {
		prefix[i] = product
		product = mul(product, v)
	}
	product = inverse(product)
	for i := len(values) - 1; i >= 0; i-- {
		v := values[i]
		values[i] = mul(product, prefix[i])
		product = mul(product, v)
	}
}
