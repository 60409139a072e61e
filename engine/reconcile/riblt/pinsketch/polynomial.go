package pinsketch

import "slices"

// A polynomial over the field, the constant term first. The highest coefficient
// is not zero, unless a function says otherwise.
type polynomial []uint64

func (p polynomial) trim() polynomial {
	for len(p) > 0 && p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	return p
}

// addShifted returns p + factor·x^shift·q, possibly with zeros on top.
func (p polynomial) addShifted(q polynomial, factor uint64, shift int) polynomial {
	for len(p) < len(q)+shift {
		p = append(p, 0)
	}
	addMultiple(p[shift:], q, factor)
	return p
}

// mod returns p modulo a monic polynomial, in p's memory, and the quotient if
// asked for.
func (p polynomial) mod(by polynomial, quotient polynomial) polynomial {
	degree := len(by) - 1
	for len(p) > degree {
		top := len(p) - 1
		if c := p[top]; c != 0 {
			addMultiple(p[top-degree:top], by[:degree], c)
			if quotient != nil {
				quotient[top-degree] = c
			}
		}
		p = p[:top]
	}
	return p.trim()
}

func (p polynomial) monic() polynomial {
	if top := p[len(p)-1]; top != 1 {
		over := inverse(top)
		for i := range p {
			p[i] = mul(p[i], over)
		}
	}
	return p
}

// gcd returns the monic greatest common divisor of p, not zero, and q. Both are lost.
func gcd(p, q polynomial) polynomial {
	for len(q) > 0 {
		p, q = q, p.mod(q.monic(), nil)
	}
	return p.monic()
}

// roots returns the roots of a monic polynomial, or false if it does not split
// into different linear factors, by Berlekamp's trace algorithm: the trace of
// b·x is 0 or 1 for every root x, and two roots differ in it for some b of a
// basis of the field.
func (p polynomial) roots() ([]uint64, bool) {
	if len(p) <= 2 {
		return slices.Clone(p[:len(p)-1]), true
	}
	powers, ok := p.frobenius()
	if !ok {
		return nil, false
	}
	var found []uint64
	factors := []polynomial{p}
	for bit := 0; bit < 64 && len(factors) > 0; bit++ {
		trace := powers.trace(1<<bit, len(p)-1)
		var rest []polynomial
		for _, f := range factors {
			for _, part := range f.split(trace) {
				if len(part) == 2 {
					found = append(found, part[0])
				} else {
					rest = append(rest, part)
				}
			}
		}
		factors = rest
	}
	return found, len(factors) == 0
}

// A frobenius holds x^(2^i) modulo a polynomial, i = 0 … 63.
type frobenius [64]polynomial

// frobenius returns false unless p divides x^(2^64) − x, which is to say that
// it splits into different linear factors. The degree of p is at least 2.
func (p polynomial) frobenius() (*frobenius, bool) {
	var f frobenius
	power := polynomial{0, 1}
	wide := make(polynomial, 2*len(p))
	for i := range f {
		f[i] = power
		square := wide[:2*len(power)-1]
		clear(square)
		for j, c := range power {
			square[2*j] = mul(c, c)
		}
		power = slices.Clone(square.mod(p, nil))
		if len(power) == 0 {
			return nil, false // x is a root many times
		}
	}
	return &f, slices.Equal(power, polynomial{0, 1})
}

// trace returns the trace of b·x modulo the polynomial, whose degree is given.
func (f *frobenius) trace(b uint64, degree int) polynomial {
	t := make(polynomial, degree)
	for _, power := range f {
		addMultiple(t, power, b)
		b = mul(b, b)
	}
	return t.trim()
}

// split parts a monic polynomial by what it shares with another.
func (p polynomial) split(by polynomial) []polynomial {
	rest := slices.Clone(by).mod(p, nil)
	if len(rest) == 0 {
		return []polynomial{p}
	}
	shared := gcd(slices.Clone(p), rest)
	if len(shared) == 1 {
		return []polynomial{p}
	}
	quotient := make(polynomial, len(p)-len(shared)+1)
	slices.Clone(p).mod(shared, quotient)
	return []polynomial{shared, quotient}
}
