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
				visits = append(visits, e.visits[r.at:][:r.len]...)
				r.at, r.cap = uint32(len(visits))-r.len, r.len
			}
		}
		e.visits, g.visitRoom = visits, e.visits
		e.runs.reset()
		e.runs.end = uint32(len(visits))
	}
}

// tight is a list without room to grow, unless that is little.
func tight[T any](list []T) []T {
	if cap(list) > len(list)+len(list)/8 {
		return append(make([]T, 0, len(list)), list...)
	}
	return list
}
