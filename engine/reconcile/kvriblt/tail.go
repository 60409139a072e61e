package kvriblt

// The power sums of few unknowns give them away without any cell: their
// generating function is rational, Berlekamp–Massey finds its denominator, whose
// roots are the keys' inverses, and the numerator has the values (Prony's method;
// in coding, decoding of Reed–Solomon codes, as in PinSketch, but over GF(p)).

// An unknown is a key with what its values differ by, remote less local.
type unknown struct{ key, delta uint32 }

// solve finds the at most most ≤ tailMax unknowns that make these power sums, and
// reports whether they do. Without further evidence than the sums most must be
// below tailMax: so many unknowns fit any sums whose denominator has its roots in
// the field. It returns its answer in list.
func (p *PowerSums) solve(list *[tailMax]unknown, most int) (n int, ok bool) {
	var connect poly
	n = p.massey(&connect)
	if n > most {
		return 0, false
	}
	// The connection polynomial has the inverses of the keys as roots; reversed it
	// has the keys.
	var keys poly
	for i := 0; i <= n; i++ {
		keys[i] = connect[n-i]
	}
	var roots [tailMax]uint32
	if keys[0] == 0 || connect[0] != 1 || !keys.roots(n, roots[:0]) {
		return 0, false
	}
	rest := *p
	for i := range n {
		list[i] = unknown{roots[i], p.valueAt(&connect, roots[:n], i)}
		rest.put(roots[i], sub(0, list[i].delta))
	}
	return n, rest == PowerSums{}
}

// poly is a polynomial of degree up to 2·tailMax, the coefficient of x^i at i.
type poly [sumsCount + 1]uint32

// massey returns the shortest linear recurrence of the sums: its length and its
// connection polynomial 1 + c₁x + ….
func (p *PowerSums) massey(connect *poly) int {
	var before, saved poly
	connect[0], before[0] = 1, 1
	length, gap, discrepancy := 0, 1, uint32(1) // discrepancy: when before was current
	for j := range p {
		d := p[j]
		for i := 1; i <= length; i++ {
			d = add(d, mul(connect[i], p[j-i]))
		}
		if d == 0 {
			gap++
			continue
		}
		saved = *connect
		factor := mul(d, inverse(discrepancy))
		for i := 0; i+gap < len(connect); i++ {
			connect[i+gap] = sub(connect[i+gap], mul(factor, before[i]))
		}
		if 2*length > j {
			gap++
			continue
		}
		length, before, discrepancy, gap = j+1-length, saved, d, 1
	}
	return length
}

// valueAt is Forney's formula: the difference at root i.
func (p *PowerSums) valueAt(connect *poly, roots []uint32, i int) uint32 {
	x := inverse(roots[i])
	numerator, denominator, at := uint32(0), uint32(1), uint32(1)
	for j := range roots {
		c := uint32(0)
		for l := 0; l <= j; l++ {
			c = add(c, mul(p[j-l], connect[l]))
		}
		numerator, at = add(numerator, mul(c, at)), mul(at, x)
		if j != i {
			denominator = mul(denominator, sub(1, mul(roots[j], x)))
		}
	}
	return mul(numerator, inverse(denominator))
}

// roots appends the n roots of f, monic of degree n ≤ tailMax, to dst, and reports
// whether there are that many different ones in the field.
func (f *poly) roots(n int, dst []uint32) bool {
	if n == 0 {
		return true
	}
	// x^p = x modulo f exactly if f is a product of different linear factors.
	var x poly
	x[1] = 1
	if n > 1 && f.powerOf(&x, n, prime) != x {
		return false
	}
	return f.split(n, 0, &dst)
}

// shiftsMax bounds the attempts to split a polynomial. Each succeeds every other
// time, unless somebody has aimed at them.
const shiftsMax = 24

// split finds the roots of a product of different linear factors (Cantor and
// Zassenhaus): (x+a)^((p−1)/2) is 1 at about half of them, −1 at the others.
func (f *poly) split(n int, shift uint32, dst *[]uint32) bool {
	if n == 1 {
		*dst = append(*dst, sub(0, f[0]))
		return true
	}
	for ; shift < shiftsMax; shift++ {
		var base poly
		base[0], base[1] = mul(shift, 0x2545f491), 1
		h := f.powerOf(&base, n, (prime-1)/2)
		h[0] = sub(h[0], 1)
		left, size := f.gcd(n, h)
		if size > 0 && size < n {
			right := f.over(n, &left, size)
			return left.split(size, shift+1, dst) && right.split(n-size, shift+1, dst)
		}
	}
	return false
}

// powerOf returns base^e modulo f, monic of degree n ≥ 2.
func (f *poly) powerOf(base *poly, n int, e uint32) poly {
	r := poly{1}
	for bit := 31; bit >= 0; bit-- {
		r = f.product(&r, &r, n)
		if e>>bit&1 == 1 {
			r = f.product(&r, base, n)
		}
	}
	return r
}

func (f *poly) product(a, b *poly, n int) (r poly) {
	for i := range n {
		for j := range n {
			r[i+j] = add(r[i+j], mul(a[i], b[j]))
		}
	}
	for top := 2*n - 2; top >= n; top-- {
		for i := range n {
			r[top-n+i] = sub(r[top-n+i], mul(r[top], f[i]))
		}
		r[top] = 0
	}
	return r
}

// gcd returns the monic greatest common divisor of f, of degree n, and g, of a
// lower one, and its degree.
func (f *poly) gcd(n int, g poly) (poly, int) {
	a, b := *f, g
	size := n
	for {
		m := b.degree(size - 1)
		if m < 0 {
			return a, size
		}
		b.monic(m)
		for top := size; top >= m; top-- {
			for i, c := 0, a[top]; i <= m; i++ {
				a[top-m+i] = sub(a[top-m+i], mul(c, b[i]))
			}
		}
		a, b, size = b, a, m
	}
}

// over returns f divided by a factor.
func (f *poly) over(n int, g *poly, m int) (q poly) {
	rest := *f
	for top := n; top >= m; top-- {
		c := rest[top]
		q[top-m] = c
		for i := 0; i <= m; i++ {
			rest[top-m+i] = sub(rest[top-m+i], mul(c, g[i]))
		}
	}
	return q
}

// degree is at most most, −1 of zero.
func (f *poly) degree(most int) int {
	for ; most >= 0 && f[most] == 0; most-- {
	}
	return most
}

func (f *poly) monic(n int) {
	by := inverse(f[n])
	for i := 0; i <= n; i++ {
		f[i] = mul(f[i], by)
	}
}
