package meritrank

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
)

// What a refinement may cost, in units of the walks of an ego: arcs pushed over
// and walks drawn for what is left.
const (
	pushesPerWalk  = 35
	walksPerSample = 3
)

// Refined appends the k highest scores like Top, with errors several times smaller
// at a cost like that of drawing the walks once more.
//
// Most of the expected visits to a node are computed instead of sampled: the walks'
// mass is pushed along the edges as long as that is cheap, and walks, spread evenly
// over what is left, add the rest. The chance of meeting a node is its expected
// visits, less those that return to it: two steps there and back are computed,
// longer ways are counted in the ego's walks.
//
// Connectivity decay applies as in Top.
func (g *Graph) Refined(dst []Score, node Node, k int) ([]Score, error) {
	e, err := g.view(node)
	if err != nil {
		return dst, err
	}
	p := &g.push
	p.start(g, e)
	p.push(g, pushesPerWalk*g.cfg.Walks)
	p.sample(g, max(g.cfg.Walks/walksPerSample, 1))
	p.candidates(&g.rank, k+k/4+8)
	scores := g.refined[:0]
	for i := range g.rank.items {
		scores = append(scores, g.refine(e, g.rank.items[i].node))
	}
	p.finish()
	slices.SortFunc(scores, func(a, b Score) int {
		switch {
		case a.Value > b.Value || a.Value == b.Value && a.Node < b.Node:
			return -1
		}
		return 1
	})
	g.refined = scores
	return append(dst, scores[:min(max(k, 0), len(scores))]...), nil
}

// A state is a node in one part of a walk: the mass that waits there, the visits
// that are certain, and those that sampled walks made.
type state struct {
	waiting, visits float64
	sampled         uint32
	squares         uint32 // Σ over sampled walks of its visits squared
	inWalk          uint32 // visits of the walk that is being drawn
	known           bool
}

// pusher computes expected visits. State 2v is node v in the trusting part of a
// walk, 2v+1 in the distrusting one.
type pusher struct {
	states []state
	known  []uint32 // states that mass has come to
	path   []uint32
	random rand.ChaCha8
	weight float64 // of one sampled walk
}

func (p *pusher) start(g *Graph, e *ego) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], g.cfg.Seed)
	binary.LittleEndian.PutUint32(key[8:], e.node)
	copy(key[12:], "meritrank refined")
	p.random.Seed(key)
	p.states = fit(p.states, 2*uint32(len(g.lists)))
	p.known = p.known[:0]
	p.add(2*e.node, 1)
}

// finish leaves the states empty.
func (p *pusher) finish() {
	for _, s := range p.known {
		p.states[s] = state{}
	}
}

func (p *pusher) add(s uint32, mass float64) {
	st := &p.states[s]
	if !st.known {
		st.known = true
		p.known = append(p.known, s)
	}
	st.waiting += mass
}

// push moves mass along the edges until about so many arcs are passed. Each round
// looks at the states that were known at its begin and pushes those that hold
// their share of what waits.
func (p *pusher) push(g *Graph, arcs int) {
	for waiting := 1.0; arcs > 0 && waiting > 1e-6; {
		least := waiting / (2 * float64(len(p.known)))
		for i := 0; i < len(p.known) && arcs > 0; i++ {
			s := p.known[i]
			if p.states[s].waiting > least {
				arcs -= 1 + p.spread(g, s)
			}
		}
		waiting = 0
		for _, s := range p.known {
			waiting += p.states[s].waiting
		}
	}
}

// spread pushes what waits at a state and returns how many arcs there were.
func (p *pusher) spread(g *Graph, s uint32) int {
	st := &p.states[s]
	mass := st.waiting
	st.visits += mass
	st.waiting = 0
	l := g.summed(s >> 1)
	all := l.all
	if s&1 != 0 {
		all = l.pos
	}
	if all == 0 {
		return 0
	}
	weights := g.weightsOf(l)
	factor := float64(mass*g.cfg.Alpha) / all
	for i, a := range g.arcsOf(l) {
		w := weights[i]
		switch {
		case w > 0:
			p.add(2*a.to|s&1, float64(factor*w))
		case s&1 == 0:
			p.add(2*a.target()|1, float64(-factor*w))
		}
	}
	return int(l.len)
}

// sample draws walks that start where mass waits, at even distances of mass, so
// that no part of it has too many or too few.
func (p *pusher) sample(g *Graph, walks int) {
	waiting := 0.0
	for _, s := range p.known {
		waiting += p.states[s].waiting
	}
	p.weight = waiting / float64(walks)
	next, passed := float64(p.weight*unit(p.random.Uint64())), 0.0
	for i, n := 0, len(p.known); i < n && p.weight > 0; i++ {
		for passed += p.states[p.known[i]].waiting; next < passed; next += p.weight {
			p.walk(g, p.known[i])
		}
	}
}

// walk draws one walk from a state and counts its visits.
func (p *pusher) walk(g *Graph, s uint32) {
	path := append(p.path[:0], s)
	patience := p.random.Uint64()
	for _, keep := range g.keep {
		if patience >= keep {
			break
		}
		to, ok := g.draw(s>>1, s&1 != 0, &p.random)
		if !ok {
			break
		}
		s = 2*(to&^distrusts) | s&1 | to>>31
		path = append(path, s)
	}
	for _, s := range path {
		p.add(s, 0)
		st := &p.states[s]
		st.sampled++
		st.squares += 2*st.inWalk + 1
		st.inWalk++
	}
	for _, s := range path {
		p.states[s].inWalk = 0
	}
	p.path = path
}

// expected is the expected visits to a state and their variance.
func (p *pusher) expected(s uint32) (visits, variance float64) {
	st := &p.states[s]
	return st.visits + float64(p.weight*float64(st.sampled)), float64(float64(p.weight*p.weight) * float64(st.squares))
}

// candidates leaves the n nodes with the most net visits.
func (p *pusher) candidates(rank *ranking, n int) {
	rank.items = rank.items[:0]
	for _, s := range p.known {
		if s&1 != 0 && p.states[s^1].known {
			continue // with its twin
		}
		plus, _ := p.expected(s &^ 1)
		minus, _ := p.expected(s | 1)
		net := int64(math.Ldexp(plus-minus, 2*netBits-10))
		rank.items = append(rank.items, ranked{key: uint64(net + netZero<<1), node: s >> 1})
	}
	rank.keep(n)
}

// refine is a node's score from expected visits.
func (g *Graph) refine(e *ego, v Node) Score {
	number, met := e.find(v)
	if !met {
		number = vacant
	}
	plus, plusSpread := g.chance(e, v, number, 0)
	minus, minusSpread := g.chance(e, v, number, 1)
	if g.cfg.Beta > 0 && met && g.single(e, number) {
		plus -= float64(g.cfg.Beta * plus)
	}
	// What a walk hits in all scales every score, by the same error.
	walks := float64(len(e.walks))
	hits := float64(e.hits) / walks
	scale := (float64(e.squares)/walks - float64(hits*hits)) / (walks * float64(hits*hits))
	value := (plus - minus) / hits
	spread := (plusSpread+minusSpread)/float64(hits*hits) + float64(float64(value*value)*scale)
	return Score{Node: v, Value: value, Error: math.Sqrt(spread)}
}

// chance is the chance that a walk meets a node in one of its parts, and its
// variance: the expected visits times the chance that none follows a visit.
func (g *Graph) chance(e *ego, v Node, number uint32, part uint32) (chance, variance float64) {
	if number == 0 && part == 0 {
		return 1, 0
	}
	visits, spread := g.push.expected(2*v | part)
	if visits == 0 {
		return 0, 0
	}
	short := g.returns(v, part)
	long, trials := 0.0, 1.0
	if number != vacant {
		long, trials = e.longReturns(number, part)
	}
	stay := max(1-short-long, 0)
	return float64(visits * stay), float64(spread*float64(stay*stay)) +
		float64(float64(visits*visits)*float64((long+0.5/trials)/trials))
}

// returns is the chance to come back in two steps.
func (g *Graph) returns(v Node, part uint32) float64 {
	l := g.summed(v)
	weights := g.weightsOf(l)
	sum := 0.0
	for i, a := range g.arcsOf(l) {
		if weights[i] < 0 {
			continue
		}
		back := g.weight(a.to, v)
		if back <= 0 {
			continue
		}
		other := g.summed(a.to)
		if part == 0 {
			sum += float64(weights[i] / l.all * (back / other.all))
		} else {
			sum += float64(weights[i] / l.pos * (back / other.pos))
		}
	}
	return float64(float64(g.cfg.Alpha*g.cfg.Alpha) * sum)
}

// longReturns is the share of a node's visits in a part of the walks that a
// return in more than two steps follows, and how many visits there were, at least
// one.
func (e *ego) longReturns(number, part uint32) (share, visits float64) {
	for _, v := range e.visitsOf(number) {
		w := &e.walks[v.walk()]
		p := v.position()
		if (p >= int(w.turn)) != (part == 1) {
			continue
		}
		visits++
		if v.first() {
			continue
		}
		if p-2 >= 1 && e.steps[int(w.at)+p-3].record == number && (p-2 >= int(w.turn)) == (part == 1) {
			continue
		}
		share++
	}
	visits = max(visits, 1)
	return share / visits, visits
}
