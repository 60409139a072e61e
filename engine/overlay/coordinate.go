package overlay

import "math"

// A Coordinate places a peer so that distances predict round trips, all in
// milliseconds: two dimensions for where it is, a height for how long its own
// access takes, as in Vivaldi (Dabek, Cox, Kaashoek, Morris, SIGCOMM 2004). On
// measured matrices two dimensions predict better than more, as long as there
// are tens of measurements and not hundreds.
type Coordinate struct{ X, Y, Height float64 }

// heightMin keeps heights positive.
const heightMin = 0.1

// spread bounds where coordinates may be, in ms: further away than any round
// trip on Earth.
const spread = 10_000

// Valid reports whether a coordinate is finite and in range. Others are refused.
func (c Coordinate) Valid() bool {
	in := func(v float64) bool { return v >= -spread && v <= spread } // false for NaN
	return in(c.X) && in(c.Y) && c.Height >= 0 && c.Height <= spread
}

// between is the distance of two coordinates without heights, in ms.
func (c Coordinate) between(d Coordinate) float64 {
	x, y := c.X-d.X, c.Y-d.Y
	return math.Sqrt(float64(x*x) + float64(y*y))
}

// Distance predicts the round trip between two peers, in ms.
func (c Coordinate) Distance(d Coordinate) float64 { return c.between(d) + c.Height + d.Height }

// A spring pulls or pushes a coordinate.
type spring struct {
	from   Coordinate
	rtt    float64 // ms
	weight float64
}

const (
	fitPasses  = 20
	heightRate = 0.03 // heights move slowly, or they take up what position should
	fitSlack   = 5    // ms: how exact a round trip can be known
)

// fit moves a coordinate to where the springs are at rest. Errors count by their
// share of the round trip, and less and less beyond a half of it: a few peers
// that lie, or sit behind a detour, do not drag the others along.
func (c Coordinate) fit(springs []spring) Coordinate {
	for range fitPasses {
		var dx, dy, dh, sum float64
		for _, s := range springs {
			flat := max(c.between(s.from), 1e-6)
			wrong := s.rtt - (flat + c.Height + s.from.Height)
			share := 2 * wrong / (s.rtt + fitSlack)
			w := s.weight / ((s.rtt + fitSlack) * (1 + float64(share*share)))
			pull := w * wrong / flat
			dx += float64(pull * (c.X - s.from.X))
			dy += float64(pull * (c.Y - s.from.Y))
			dh += float64(w * wrong)
			sum += w
		}
		if sum == 0 {
			return c
		}
		c.X = min(max(c.X+dx/sum, -spread), spread)
		c.Y = min(max(c.Y+dy/sum, -spread), spread)
		c.Height = min(max(c.Height+float64(heightRate*dh)/sum, heightMin), spread)
	}
	return c
}
