package meritrank

// single reports whether a node is reached through one other: whether at least
// the threshold's share of the walks that trust it pass the same node, neither the
// ego nor itself, before they first come to it.
func (g *Graph) single(e *ego, r *record) bool {
	if r.node-1 == e.node || r.plus == 0 {
		return false
	}
	g.marks = fit(g.marks, uint32(len(g.lists)))
	need := g.cfg.Threshold * float64(r.plus)
	most, left := uint32(0), r.plus // walks through the commonest node so far, walks to come
	met := g.path[:0]
	for i, v := range e.listOf(r) {
		if float64(most) >= need || float64(most+left) < need {
			break
		}
		w := &e.walks[v.walk()]
		p := v.position()
		before := e.steps[w.at:][:p-1]
		if p >= int(w.turn) || occurs(before, r.node-1) {
			continue
		}
		left--
		for _, s := range before {
			m := &g.marks[s.node]
			if s.node == e.node || m.stamp == uint32(i)+1 {
				continue
			}
			if m.record == 0 {
				met = append(met, s.node)
			}
			m.stamp = uint32(i) + 1
			m.record++
			most = max(most, m.record)
		}
	}
	for _, node := range met {
		g.marks[node] = mark{}
	}
	g.path = met
	return float64(most) >= need
}

func occurs(steps []step, node Node) bool {
	for i := range steps {
		if steps[i].node == node {
			return true
		}
	}
	return false
}
