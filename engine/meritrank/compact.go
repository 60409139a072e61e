package meritrank

// Lists that move as they grow leave holes, which only lists of their size can
// fill. When holes and room to grow are more than half of what is in use, all
// lists are written anew without them: a cost of a few visits for each that was
// added since.

// compact writes an ego's lists anew if there is too much between them.
func (g *Graph) compact(e *ego) {
	if used := e.length + int64(len(e.walks)); int64(e.stepRuns.end) > used+used/2 {
		steps := g.stepRoom[:0]
		for i := range e.walks {
			w := &e.walks[i]
			steps = append(steps, e.steps[w.at:][:w.len]...)
			w.at, w.cap = uint32(len(steps))-uint32(w.len), w.len
		}
		e.steps, g.stepRoom = steps, e.steps
		e.stepRuns.reset()
		e.stepRuns.end = uint32(len(steps))
	}
	if used := e.length + int64(e.size()); int64(e.runs.end) > used+used/2 {
		visits := g.visitRoom[:0]
		for i := range e.list {
			if r := &e.list[i]; r.node != vacant {
				at := uint32(len(visits))
				visits = e.appendVisits(visits, uint32(i))
				r.at, r.len, r.hole = at, uint32(len(visits))-at, 0
				r.cap = r.len
			}
		}
		e.visits, g.visitRoom = visits, e.visits
		e.runs.reset()
		e.runs.end = uint32(len(visits))
	}
}

// appendVisits appends a node's visits without the holes, and tells their steps
// where they are now.
func (e *ego) appendVisits(dst []visit, number uint32) []visit {
	visits := e.visitsOf(number)
	if e.list[number].hole == 0 {
		return append(dst, visits...)
	}
	at := len(dst)
	for _, v := range visits {
		if !v.hole() {
			w := &e.walks[v.walk()]
			e.steps[int(w.at)+v.position()-1].slot = uint32(len(dst) - at)
			dst = append(dst, v)
		}
	}
	return dst
}

// tight is a list without room to grow, unless that is little.
func tight[T any](list []T) []T {
	if cap(list) > len(list)+len(list)/8 {
		return append(make([]T, 0, len(list)), list...)
	}
	return list
}
