package meritrank

// single reports whether a node is reached through one other: whether at least
// the threshold's share of the walks that trust it pass the same node, neither the
// ego nor itself, before they first come to it.
func (g *Graph) single(e *ego, number uint32) bool {
	r := &e.list[number]
	if number == 0 || r.plus == 0 {
		return false
	}
	g.marks = fit(g.marks, uint32(len(e.list)))
	need := g.cfg.Threshold * float64(r.plus)
	most, left := uint32(0), r.plus // walks through the commonest node so far, walks to come
	met := g.path[:0]
	for i, v := range e.visitsOf(number) {
		if float64(most) >= need || float64(most+left) < need {
			break
		}
		w := &e.walks[v.walk()]
		p := v.position()
		if !v.first() || p >= int(w.turn) {
			continue
		}
		left--
		for _, s := range e.steps[w.at:][:p-1] {
			m := &g.marks[s.record]
			if s.record == 0 || m.stamp == uint32(i)+1 {
				continue
			}
			if m.record == 0 {
				met = append(met, s.record)
			}
			m.stamp = uint32(i) + 1
			m.record++
			most = max(most, m.record)
		}
	}
	for _, other := range met {
		g.marks[other] = mark{}
	}
	g.path = met
	return float64(most) >= need
}
