package meritrank

import (
	"math"
	"math/rand/v2"
)

// The oracle: the chance that a walk meets a node has a closed form. With the
// states (v,trusting) = v and (v,distrusting) = n+v and Q the matrix of going from
// one to another, alpha included, G = (I−Q)⁻¹ counts expected visits, and a walk
// from the ego ever comes to x with probability G[ego,x] / G[x,x].

// matrix is Q for a graph of n nodes.
func matrix(n int, weights map[[2]Node]float64, alpha float64) [][]float64 {
	q := make([][]float64, 2*n)
	for i := range q {
		q[i] = make([]float64, 2*n)
	}
	all, pos := make([]float64, n), make([]float64, n)
	for e, w := range weights {
		all[e[0]] += math.Abs(w)
		pos[e[0]] += max(w, 0)
	}
	for e, w := range weights {
		s, d := int(e[0]), int(e[1])
		if w > 0 {
			q[s][d] = alpha * w / all[s]
			q[n+s][n+d] = alpha * w / pos[s]
		} else {
			q[s][n+d] = alpha * -w / all[s]
		}
	}
	return q
}

// invert returns (I−Q)⁻¹ by Gauss and Jordan.
func invert(q [][]float64) [][]float64 {
	n := len(q)
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, 2*n)
		for j := range n {
			a[i][j] = -q[i][j]
		}
		a[i][i]++
		a[i][n+i] = 1
	}
	for i := range n { // diagonally dominant: no pivoting
		for j, p := 0, a[i][i]; j < 2*n; j++ {
			a[i][j] /= p
		}
		for k := range n {
			if f := a[k][i]; k != i && f != 0 {
				for j := range 2 * n {
					a[k][j] -= f * a[i][j]
				}
			}
		}
	}
	for i := range a {
		a[i] = a[i][n:]
	}
	return a
}

// chances returns for each state the chance that a walk from the ego meets it.
func chances(n int, weights map[[2]Node]float64, alpha float64, ego Node) []float64 {
	g := invert(matrix(n, weights, alpha))
	h := make([]float64, 2*n)
	for x := range h {
		h[x] = g[ego][x] / g[x][x]
	}
	return h
}

// deviations collects z-values of counts.
type deviations struct {
	squares, most float64
	count         int
	impossible    int // counts that should be 0 or all, and are not
}

func (d *deviations) add(hits uint32, walks int, h float64) {
	spread := float64(walks) * h * (1 - h)
	if spread < 1e-9 {
		if math.Abs(float64(hits)-float64(walks)*h) > 1e-6 {
			d.impossible++
		}
		return
	}
	z := (float64(hits) - float64(walks)*h) / math.Sqrt(spread)
	d.squares += z * z
	if spread > 25 { // rarer counts are far from normal
		d.most = max(d.most, math.Abs(z))
	}
	d.count++
}

func (d *deviations) rms() float64 { return math.Sqrt(d.squares / float64(d.count)) }

// compareHits adds all counts of an ego to d.
func (d *deviations) compareHits(g *Graph, weights map[[2]Node]float64, n int, ego Node) {
	h := chances(n, weights, g.cfg.Alpha, ego)
	e, err := g.view(ego)
	if err != nil {
		panic(err)
	}
	for v := range n {
		plus, minus := e.counts(Node(v))
		d.add(plus, g.cfg.Walks, h[v])
		d.add(minus, g.cfg.Walks, h[n+v])
	}
}

func (e *ego) counts(v Node) (plus, minus uint32) {
	if number, ok := e.find(v); ok {
		return e.list[number].plus, e.list[number].minus
	}
	return 0, 0
}

// drawWeights makes a random signed graph: a third of the edges, weights 1 to 4, a
// quarter of them negative.
func drawWeights(n int, random *rand.Rand) map[[2]Node]float64 {
	weights := map[[2]Node]float64{}
	for s := range n {
		for d := range n {
			if s != d && random.Float64() < 0.35 {
				weights[[2]Node{Node(s), Node(d)}] = drawWeight(random)
			}
		}
	}
	return weights
}

func drawWeight(random *rand.Rand) float64 {
	w := float64(1 + random.IntN(4))
	if random.IntN(4) == 0 {
		w = -w
	}
	return w
}

// update makes one random change in both.
func update(g *Graph, weights map[[2]Node]float64, n int, random *rand.Rand) {
	for {
		e := [2]Node{Node(random.IntN(n)), Node(random.IntN(n))}
		if e[0] == e[1] {
			continue
		}
		w := drawWeight(random)
		if random.Float64() < 0.35 {
			w = 0
		}
		if w == 0 {
			delete(weights, e)
		} else {
			weights[e] = w
		}
		if err := g.Set(e[0], e[1], w); err != nil {
			panic(err)
		}
		touch(g)
		return
	}
}

// touch asks for all egos, so that their walks follow the next change as well.
func touch(g *Graph) {
	for _, e := range g.egos {
		if _, _, err := g.Hits(e.node, e.node); err != nil {
			panic(err)
		}
	}
}

func loaded(cfg Config, weights map[[2]Node]float64) *Graph {
	g, err := New(cfg)
	if err != nil {
		panic(err)
	}
	var list []Edge
	for e, w := range weights {
		list = append(list, Edge{e[0], e[1], w})
	}
	if err := g.Load(list); err != nil {
		panic(err)
	}
	return g
}
