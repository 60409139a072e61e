package meritrank

import (
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
	l := &g.lists[from]
	c := change{from: from, to: to, negative: old < 0 || weight < 0, gone: weight == 0}
	sums, olds := [2]float64{l.all, l.pos}, [2]float64{before.all, before.pos}
	old, weight = max(old, -old), max(weight, -weight)
	c.grows = weight > old
	rest := sums
	if !c.grows && !c.gone {
		i, _ := g.find(l, to)
		rest[0], rest[1] = g.sums(l, i)
	}
	for part := range c.chance {
		switch {
		case part == 1 && c.negative: // no way there
		case !c.grows && c.gone:
			c.chance[part] = 1
		case !c.grows:
			c.chance[part] = float64((old-weight)/old) * float64(rest[part]/sums[part])
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
	r := e.table.find(c.from)
	if r == nil {
		return
	}
	list := e.listOf(r)
	starts := 0
	if c.from == e.node {
		starts = len(e.walks)
	}
	// A step over the edge is in the lists of both its ends.
	back := false
	if !c.grows {
		to := e.table.find(c.to)
		if to == nil {
			return
		}
		if int(to.len) < starts+len(list) {
			list, starts, back = e.listOf(to), 0, true
		}
	}
	g.cuts = e.pick(g.cuts[:0], c, list, starts, back)
	slices.Sort(g.cuts)
	last := uint32(WalksMax)
	for _, v := range g.cuts {
		if v.walk() != last {
			last = v.walk()
			g.redraw(e, c, v)
		}
	}
}

func (e *ego) listOf(r *record) []visit { return e.visits[r.at:][:r.len] }

// pick appends the visits of the change's source after which walks change. The
// list holds visits of the source, or where back is set of the target; starts
// more visits, of the ego by its starts, stand before it. Each is looked at with
// the larger of the two chances, all by one draw for each that is.
func (e *ego) pick(dst []visit, c *change, list []visit, starts int, back bool) []visit {
	most := max(c.chance[0], c.chance[1])
	if most <= 0 {
		return dst
	}
	gaps := newGaps(most)
	n := starts + len(list)
	for i := gaps.next(&e.random); i < n; i += 1 + gaps.next(&e.random) {
		v := at(uint32(i), 0)
		if i >= starts {
			v = list[i-starts]
		}
		if back {
			v = v.before()
		}
		if part, ok := e.concerns(c, v); ok && e.accept(c.chance[part], most) {
			dst = append(dst, v)
		}
	}
	return dst
}

// accept thins what was picked with one chance down to another.
func (e *ego) accept(chance, most float64) bool {
	return chance == most || float64(most*unit(e.random.Uint64())) < chance
}

// concerns reports whether the step after a visit is one that the change can
// turn elsewhere, and in which part of the walk it is.
func (e *ego) concerns(c *change, v visit) (part int, ok bool) {
	w := &e.walks[v.walk()]
	p := v.position()
	if p >= int(w.turn) {
		part = 1
	}
	next := Node(distrusts) // no node
	if p < int(w.len) {
		next = e.steps[w.at+uint32(p)].node
	}
	switch {
	case c.grows && c.dead[part]:
		return part, true // ended here
	case c.grows:
		return part, next != distrusts && next != c.to
	}
	return part, next == c.to && e.nodeAt(w, p) == c.from
}

// nodeAt is the node of a walk's step p, of its start for 0.
func (e *ego) nodeAt(w *walk, p int) Node {
	if p == 0 {
		return e.node
	}
	return e.steps[w.at+uint32(p)-1].node
}

// redraw cuts a walk after a visit, turns its next step as the change says and
// lets it go on from there.
func (g *Graph) redraw(e *ego, c *change, v visit) {
	number, p := v.walk(), v.position()
	w := &e.walks[number]
	e.account(w, -1)
	for i := int(w.len); i > p; i-- {
		e.unvisit(e.steps[w.at+uint32(i)-1])
	}
	w.len = uint16(p)
	if int(w.turn) > p {
		w.turn = never
	}
	path := g.path[:0]
	if to, ok := g.turned(e, c, w); ok {
		path = g.goOn(e, w, append(path, to), LengthMax-1-p)
	}
	e.extend(number, path)
	e.account(w, 1)
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
	const patience = 16
	for range patience {
		to, ok = g.draw(c.from, distrust, &e.random)
		if !ok || to&^distrusts != c.to {
			return to, ok
		}
	}
	l := &g.lists[c.from]
	skip, _ := g.find(l, c.to)
	all, pos := g.sums(l, skip)
	if distrust {
		all = pos
	}
	rest := float64(all * unit(e.random.Uint64()))
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
	p := uint32(w.len)
	if n := p + uint32(len(path)); n > uint32(w.cap) {
		room := roomFor(n)
		to := e.stepRuns.take(room)
		e.steps = fit(e.steps, e.stepRuns.end)
		copy(e.steps[to:][:p], e.steps[w.at:][:p])
		e.stepRuns.give(w.at, uint32(w.cap))
		w.at, w.cap = to, uint16(room)
	}
	for i, to := range path {
		w.len++
		if to&distrusts != 0 {
			w.turn = w.len
			to &^= distrusts
		}
		e.steps[w.at+p+uint32(i)] = step{to, e.visit(to, at(number, int(w.len)))}
	}
}

// visit adds a visit to a node's list and returns its slot.
func (e *ego) visit(node Node, v visit) (slot uint32) {
	r := e.table.need(node)
	if r.len == r.cap {
		room := roomFor(r.len + 1)
		to := e.runs.take(room)
		e.visits = fit(e.visits, e.runs.end)
		copy(e.visits[to:], e.listOf(r))
		e.runs.give(r.at, r.cap)
		r.at, r.cap = to, room
	}
	e.visits[r.at+r.len] = v
	r.len++
	e.length++
	return r.len - 1
}

// unvisit takes a step out of its node's list of visits: the last visit moves to
// its place. A node that no walk visits is forgotten.
func (e *ego) unvisit(s step) {
	r := e.table.find(s.node)
	r.len--
	e.length--
	moved := e.visits[r.at+r.len]
	e.visits[r.at+s.slot] = moved
	w := &e.walks[moved.walk()]
	e.steps[w.at+uint32(moved.position())-1].slot = s.slot
	if r.len == 0 && s.node != e.node {
		e.runs.give(r.at, r.cap)
		e.table.remove(r)
	}
}

// account adds a walk's hits to the records, or takes them away with sign −1.
func (e *ego) account(w *walk, sign int32) {
	steps := e.steps[w.at:][:w.len]
	if sign > 0 {
		w.hits = e.distinct(w, steps)
	}
	hits := int32(w.hits)
	e.hits += int64(sign * hits)
	e.squares += int64(sign) * int64(hits) * int64(hits)
	start := e.table.find(e.node)
	start.plus += uint32(sign)
	start.joint += sign * hits
	for i := range steps {
		if e.repeats(w, steps, i) {
			continue
		}
		r := e.table.find(steps[i].node)
		if i+1 < int(w.turn) {
			r.plus += uint32(sign)
			r.joint += sign * hits
		} else {
			r.minus += uint32(sign)
			r.joint -= sign * hits
		}
	}
}

// distinct counts the different nodes of both parts.
func (e *ego) distinct(w *walk, steps []step) uint16 {
	hits := uint16(1)
	for i := range steps {
		if !e.repeats(w, steps, i) {
			hits++
		}
	}
	return hits
}

// repeats reports whether the i-th step's node occurs before, in the same part.
func (e *ego) repeats(w *walk, steps []step, i int) bool {
	from := 0
	if i+1 >= int(w.turn) {
		from = int(w.turn) - 1
	} else if steps[i].node == e.node {
		return true // the start is in the trusting part
	}
	for _, s := range steps[from:i] {
		if s.node == steps[i].node {
			return true
		}
	}
	return false
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
