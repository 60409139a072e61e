package meritrank

import (
	"math"
	"math/rand/v2"
	"slices"
)

// change is one edge that got another weight, of the same sign or 0, and what
// that does to the steps out of its source. A walk chooses among all edges in its
// trusting part and among positive ones in its distrusting part, hence two of each.
//
// The walks are coupled as closely as the two laws allow: what the new law does
// not force to change stays. An edge that grows takes over each other step with
// probability Δ/new sum; one that shrinks loses each of its steps with probability
// Δ·rest/(old weight·new sum), to the others by their weights. A walk changes at
// the first such step; what follows is drawn anew.
type change struct {
	from, to Node
	grows    bool
	negative bool
	gone     bool       // the new weight is 0
	chance   [2]float64 // by part: trusting, distrusting
	dead     [2]bool    // by part: there was no way on, walks ended here for that
}

// compare works out what setting a weight does, before it is set (old sums and
// old weight) and after (the list as it is now).
func (g *edges) compare(from, to Node, before list, old, weight, alpha float64) change {
	l := g.summed(from)
	c := change{from: from, to: to, negative: old < 0 || weight < 0, gone: weight == 0}
	sums, olds := [2]float64{l.all, l.pos}, [2]float64{before.all, before.pos}
	old, weight = max(old, -old), max(weight, -weight)
	c.grows = weight > old
	for part := range c.chance {
		switch {
		case part == 1 && c.negative: // no way there
		case !c.grows && c.gone:
			c.chance[part] = 1
		case !c.grows:
			c.chance[part] = float64((old-weight)/old) * float64((sums[part]-weight)/sums[part])
		case olds[part] == 0:
			c.dead[part], c.chance[part] = true, alpha
		default:
			c.chance[part] = (weight - old) / sums[part]
		}
	}
	return c
}

// follow brings an ego's walks in line with a changed edge.
func (g *Graph) follow(e *ego, c *change) {
	from, ok := e.find(c.from)
	if !ok {
		return
	}
	list, starts := e.visitsOf(from), 0
	if from == 0 {
		starts = len(e.walks)
	}
	// A step over the edge is in the lists of both its ends.
	to, ok := e.find(c.to)
	back := false
	switch {
	case !ok && !c.grows:
		return
	case !ok:
		to = vacant
	case !c.grows && int(e.list[to].len) < starts+len(list):
		list, starts, back = e.visitsOf(to), 0, true
	}
	p := picking{c, from, to, back}
	g.cuts = e.pick(g.cuts[:0], &p, list, starts)
	slices.Sort(g.cuts)
	last := uint32(WalksMax)
	for _, v := range g.cuts {
		if v.walk() != last {
			last = v.walk()
			g.redraw(e, c, v)
		}
	}
	g.compact(e)
}

func (e *ego) visitsOf(number uint32) []visit {
	r := &e.list[number]
	return e.visits[r.at:][:r.len]
}

// picking is a change as one ego sees it.
type picking struct {
	*change
	from, to uint32 // numbers of the records
	back     bool   // the list is that of the target
}

// The chances from which on looking at every visit costs less than drawing the
// gaps between those to look at: if an edge shrinks, one look tells most of them.
const (
	denseGrowing   = 3.0 / 8
	denseShrinking = 1.0 / 8
)

// pick appends the visits of the change's source after which walks change. The
// list holds visits of the source, or where back is set of the target; starts
// more visits, the walks' starts, stand before it.
func (e *ego) pick(dst []visit, c *picking, list []visit, starts int) []visit {
	most := max(c.chance[0], c.chance[1])
	switch {
	case most <= 0:
		return dst
	case most >= denseGrowing || most >= denseShrinking && !c.grows:
		return e.scan(dst, c, list, starts)
	}
	gaps := newGaps(most)
	n := starts + len(list)
	for i := gaps.next(&e.random); i < n; i += 1 + gaps.next(&e.random) {
		v := visitOf(uint32(i), 0, true)
		if i >= starts {
			v = list[i-starts]
		}
		dst = e.try(dst, c, v, most)
	}
	return dst
}

// scan is pick with a look at every visit. Of an edge that shrinks, most are about
// other steps.
func (e *ego) scan(dst []visit, c *picking, list []visit, starts int) []visit {
	for number := range starts {
		dst = e.try(dst, c, visitOf(uint32(number), 0, true), 1)
	}
	for _, v := range list {
		w := &e.walks[v.walk()]
		p := v.position()
		switch {
		case c.grows:
		case c.back && p > 1 && e.steps[int(w.at)+p-2].record != c.from:
			continue
		case !c.back && (p >= int(w.len) || e.steps[int(w.at)+p].record != c.to):
			continue
		}
		dst = e.try(dst, c, v, 1)
	}
	return dst
}

// try appends a visit that was picked with the chance most, if the change concerns
// it, with its own chance.
func (e *ego) try(dst []visit, c *picking, v visit, most float64) []visit {
	if c.back {
		v = v.before()
	}
	if part, ok := e.concerns(c, v); ok && e.accept(c.chance[part], most) {
		dst = append(dst, v)
	}
	return dst
}

// accept thins what was picked with one chance down to another.
func (e *ego) accept(chance, most float64) bool {
	return chance == most || float64(most*unit(e.random.Uint64())) < chance
}

// concerns reports whether the step after a visit is one that the change can
// turn elsewhere, and in which part of the walk it is.
func (e *ego) concerns(c *picking, v visit) (part int, ok bool) {
	w := &e.walks[v.walk()]
	p := v.position()
	if p >= int(w.turn) {
		part = 1
	}
	ended := p == int(w.len)
	switch {
	case c.grows && c.dead[part]:
		return part, true
	case c.grows:
		return part, !ended && e.steps[int(w.at)+p].record != c.to
	case c.back && p == 0:
		return part, c.from == 0
	case c.back:
		return part, e.steps[int(w.at)+p-1].record == c.from
	}
	return part, !ended && e.steps[int(w.at)+p].record == c.to
}

// redraw cuts a walk after a visit, turns its next step as the change says and
// lets it go on from there.

func (g *Graph) redraw(e *ego, c *change, v visit) {
	g.redrawn++
	number, p := v.walk(), v.position()
	w := &e.walks[number]
	e.hits -= int64(w.hits)
	e.squares -= int64(w.hits) * int64(w.hits)
	e.cut(w, p)
	path := g.path[:0]
	if to, ok := g.turned(e, c, w); ok {
		path = g.goOn(e, w, append(path, to), LengthMax-1-p)
	}
	e.extend(number, path)
	e.hits += int64(w.hits)
	e.squares += int64(w.hits) * int64(w.hits)
	g.path = path
}

// turned chooses the first step after the cut.
func (g *Graph) turned(e *ego, c *change, w *walk) (to uint32, ok bool) {
	switch {
	case int(w.len) == LengthMax-1:
		return 0, false
	case !c.grows:
		return g.drawOther(c, w.turn != never, e)
	case c.negative:
		return c.to | distrusts, true
	}
	return c.to, true
}

// drawOther chooses an out-edge of the change's source other than the one that
// shrank. If that is still much of all, adding up the others is faster than
// drawing until one comes.
func (g *Graph) drawOther(c *change, distrust bool, e *ego) (to uint32, ok bool) {
	const attempts = 16
	for range attempts {
		to, ok = g.draw(c.from, distrust, &e.random)
		if !ok || to&^distrusts != c.to {
			return to, ok
		}
	}
	l := &g.lists[c.from]
	skip, _ := g.find(l, c.to)
	all := l.all
	if distrust {
		all = l.pos
	}
	rest := float64((all - math.Abs(g.weights[l.at+skip])) * unit(e.random.Uint64()))
	for i, weight := range g.weightsOf(l) {
		if uint32(i) == skip || distrust && weight < 0 {
			continue
		}
		to, ok = g.arcs[l.at+uint32(i)].to, true
		if rest -= max(weight, -weight); rest < 0 {
			break
		}
	}
	return to, ok
}

// goOn lets a path that begins with a forced step go on, up to room nodes.
func (g *Graph) goOn(e *ego, w *walk, path []uint32, room int) []uint32 {
	distrust := w.turn != never || path[0]&distrusts != 0
	patience := e.random.Uint64()
	for k := 0; k < len(g.keep) && patience < g.keep[k] && len(path) < room; k++ {
		to, ok := g.draw(path[len(path)-1]&^distrusts, distrust, &e.random)
		if !ok {
			break
		}
		distrust = distrust || to&distrusts != 0
		path = append(path, to)
	}
	return path
}

// extend appends a path to a walk.
func (e *ego) extend(number uint32, path []uint32) {
	w := &e.walks[number]
	if n := int(w.len) + len(path); n > int(w.cap) {
		room := roomFor(uint32(n))
		to := e.stepRuns.take(room)
		e.steps = fit(e.steps, e.stepRuns.end)
		copy(e.steps[to:], e.steps[w.at:][:w.len])
		e.stepRuns.give(w.at, uint32(w.cap))
		w.at, w.cap = to, uint16(room)
	}
	for _, to := range path {
		w.len++
		if to&distrusts != 0 {
			w.turn = w.len
		}
		e.visit(number, w, to&^distrusts)
	}
}

// visit writes a walk's last step: what it visits, in its node's list.
func (e *ego) visit(number uint32, w *walk, node Node) {
	s := &e.steps[w.at+uint32(w.len)-1]
	s.record = e.need(node)
	r := &e.list[s.record]
	first := e.isFirst(w, s.record)
	switch {
	case !first:
	case w.turn == never:
		r.plus++
		w.hits++
	default:
		r.minus++
		w.hits++
	}
	if r.len == r.cap {
		room := roomFor(r.len + 1)
		to := e.runs.take(room)
		e.visits = fit(e.visits, e.runs.end)
		copy(e.visits[to:], e.visits[r.at:][:r.len])
		e.runs.give(r.at, r.cap)
		r.at, r.cap = to, room
	}
	e.visits[r.at+r.len] = visitOf(number, int(w.len), first)
	s.slot = r.len
	r.len++
	e.length++
}

// isFirst reports whether a record occurs in the last part of a walk before its
// last step.
func (e *ego) isFirst(w *walk, number uint32) bool {
	from := 0
	if w.turn != never {
		from = int(w.turn) - 1
	} else if number == 0 {
		return false // the start is in the trusting part
	}
	return !occurs(e.steps[w.at:][from:w.len-1], number)
}

// cut shortens a walk to its first p steps and takes the others out of their
// lists: the last visit of a list moves to the place of the one that goes. A node
// that no walk visits is forgotten.
func (e *ego) cut(w *walk, p int) {
	gone := e.steps[w.at:][p:w.len]
	for i := len(gone) - 1; i >= 0; i-- {
		s := gone[i]
		r := &e.list[s.record]
		list := e.visits[r.at:][:r.len]
		if list[s.slot].first() {
			w.hits--
			if p+i+1 < int(w.turn) {
				r.plus--
			} else {
				r.minus--
			}
		}
		moved := list[len(list)-1]
		list[s.slot] = moved
		other := &e.walks[moved.walk()]
		e.steps[int(other.at)+moved.position()-1].slot = s.slot
		if r.len--; r.len == 0 && s.record != 0 {
			e.runs.give(r.at, r.cap)
			e.remove(s.record)
		}
	}
	e.length -= int64(len(gone))
	w.len = uint16(p)
	if int(w.turn) > p {
		w.turn = never
	}
}

// gaps are the distances between successes of independent trials.
type gaps struct{ scale float64 } // 1 / ln(1−p), 0 if p is 1

func newGaps(p float64) gaps {
	if p >= 1 {
		return gaps{}
	}
	return gaps{1 / ln1m(p)}
}

// next is how many trials fail before the next success, at most 2³¹−1.
func (g gaps) next(random *rand.ChaCha8) int {
	if g.scale == 0 {
		return 0
	}
	u := float64(random.Uint64()>>11+1) * (1.0 / (1 << 53)) // in (0, 1]
	return int(min(float64(ln(u)*g.scale), 1<<31-1))
}
