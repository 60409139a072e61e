package links

import (
	"fmt"
	"math/bits"
)

// Place is a point on the globe in millionths of a degree: latitude north in ±90,000,000, longitude east in ±180,000,000.
type Place struct {
	Name     string
	Lat, Lon int32
}

// Route turns a distance into a one-way latency: PerKm nanoseconds for each kilometre of the great circle, and Fixed for
// the last miles and the equipment.
type Route struct{ PerKm, Fixed int64 }

// Fibre makes the pairs of Cities about as far apart as those of published measurements (round trips with median and mean near 140 ms):
// light in glass takes 4,900 ns a kilometre, and cables make detours.
var Fibre = Route{PerKm: 8_800, Fixed: 1_500_000}

// Geographic computes the latencies between places, with integers only: the result is the same everywhere.
// There may be 1 to MaxSites places. Errors are *ParamError.
func Geographic(places []Place, r Route) (*Matrix, error) {
	err := first(within("PerKm", r.PerKm, 0, 1_000_000_000), delay("Fixed", r.Fixed),
		within("places", int64(len(places)), 1, MaxSites))
	if err != nil {
		return nil, err
	}
	vectors := make([][3]int64, len(places))
	for i, p := range places {
		err := first(within(fmt.Sprintf("places[%d].Lat", i), int64(p.Lat), -right, right),
			within(fmt.Sprintf("places[%d].Lon", i), int64(p.Lon), -2*right, 2*right))
		if err != nil {
			return nil, err
		}
		vectors[i] = p.vector()
	}
	delays := make([]int64, 0, len(places)*len(places))
	for _, a := range vectors {
		for _, b := range vectors {
			delays = append(delays, min(r.Fixed+distance(a, b)*r.PerKm/1000, MaxDelay))
		}
	}
	return NewMatrix(len(places), delays)
}

// Distance is the great-circle distance in metres on a sphere of the Earth's mean radius, exact to about a metre.
func Distance(a, b Place) int64 { return distance(a.vector(), b.vector()) }

// Below, fractions are integers in units of 2⁻³⁰, and angles given by the user millionths of a degree.
const (
	one    = 1 << 30
	pi     = 3373259426
	right  = 90_000_000
	radius = 6_371_008 // metres
)

// times rounds down, also below zero.
func times(a, b int64) int64 { return a * b >> 30 }

// vector is the direction from the Earth's centre.
func (p Place) vector() [3]int64 {
	lat, lon := int64(p.Lat), int64(p.Lon)
	c := cosine(lat)
	return [3]int64{times(c, cosine(lon)), times(c, sine(lon)), sine(lat)}
}

// distance takes the way over the chord, which is precise for near places too.
func distance(a, b [3]int64) int64 {
	square := uint64(0)
	for i := range a {
		d := a[i] - b[i]
		square += uint64(d * d)
	}
	half := min(int64(squareRoot(square/4)), one)
	return times(2*radius, arcsine(half))
}

// sine of an angle in ±180°.
func sine(angle int64) int64 {
	switch {
	case angle < 0:
		return -sine(-angle)
	case angle > right:
		angle = 2*right - angle
	}
	x := angle * pi / (2 * right)
	square, sum := times(x, x), int64(one)
	for k := int64(16); k > 0; k -= 2 { // Taylor's series from its end: 1 - x²/6 (1 - x²/20 (1 - …))
		sum = one - times(square, sum)/(k*(k+1))
	}
	return times(x, sum)
}

func cosine(angle int64) int64 {
	if angle < 0 {
		angle = -angle
	}
	return sine(right - angle)
}

// arcsine of x in [0, 1], in radians. Its series is used where it is short: up to a half.
func arcsine(x int64) int64 {
	if x > one/2 {
		return pi/2 - 2*arcsine(int64(squareRoot(uint64(one-x)*one/2)))
	}
	square, sum := times(x, x), int64(one)
	for k := int64(30); k > 0; k -= 2 {
		sum = one + times(square, sum)*(k-1)*(k-1)/(k*(k+1))
	}
	return times(x, sum)
}

// squareRoot is rounded down. Newton's steps from above fall until they are there.
func squareRoot(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	root := uint64(1) << ((bits.Len64(n) + 1) / 2)
	for {
		next := (root + n/root) / 2
		if next >= root {
			return root
		}
		root = next
	}
}
