package meritrank

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// A walk's nodes stand in a row, without its start, which is always the ego. Its
// p-th node, from 1, stands at at+p−1.
type walk struct {
	at       uint32
	len, cap uint16
	turn     uint16 // first node of the distrusting part, never if there is none
	hits     uint16 // different nodes in each of the parts, the start included
}

const never = 1<<16 - 1

// step is a node of a walk, by the number of its record, and where the visit of it
// stands in the node's list.
type step struct{ record, slot uint32 }

// visit is a walk, a position in it, and whether the node is there for the first
// time in its part of the walk.
type visit uint32

const (
	positionBits = 12
	walkShift    = positionBits + 1
)

func visitOf(walk uint32, p int, first bool) visit {
	v := visit(walk<<walkShift | uint32(p)<<1)
	if first {
		v |= 1
	}
	return v
}

func (v visit) walk() uint32  { return uint32(v) >> walkShift }
func (v visit) position() int { return int(v >> 1 & (1<<positionBits - 1)) }
func (v visit) first() bool   { return v&1 != 0 }
func (v visit) before() visit { return v - 2 }

// ego is a node's view of the graph: its walks, and who visits what.
//
// Each step is in its node's list of visits and knows its place there, so that
// it is taken out by moving the last visit to that place. The starts are in no
// list: they are every walk's position 0.
type ego struct {
	records
	node   Node
	used   uint64  // when it was asked for last, in calls
	owed   float64 // walks that changes are expected to have redrawn since then
	random rand.ChaCha8

	walks    []walk
	steps    []step
	stepRuns spans
	visits   []visit
	runs     spans

	length  int64 // Σ len of the walks
	hits    int64 // Σ hits
	squares int64 // Σ hits²
}

// reset makes an ego as new, in the memory of the one before.
func (e *ego) reset(node Node, cfg *Config) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], cfg.Seed)
	binary.LittleEndian.PutUint32(key[8:], node)
	copy(key[12:], "meritrank walks")
	e.random.Seed(key)
	e.node = node
	e.records.reset(node)
	e.walks = slices.Grow(e.walks[:0], cfg.Walks)[:cfg.Walks]
	e.steps, e.visits = e.steps[:0], e.visits[:0]
	e.stepRuns.reset()
	e.runs.reset()
	e.hits, e.squares = 0, 0
}

// mark is a graph's scratch about one node.
type mark struct {
	record uint32 // its number plus 1, or a count
	stamp  uint32 // what met it last
}

// calculate draws all walks of an ego and then writes the lists of visits, each
// of exactly its length.
func (g *Graph) calculate(e *ego, node Node) {
	e.reset(node, &g.cfg)
	g.marks = fit(g.marks, uint32(len(g.lists)))
	g.marks[node].record = 1
	for w := range e.walks {
		g.drawWalk(e, w)
		g.tally(e, uint32(w))
	}
	e.stepRuns.end = uint32(len(e.steps))
	e.length = int64(len(e.steps))
	e.listVisits()
	for i := range e.list {
		g.marks[e.list[i].node] = mark{}
	}
	e.steps, e.list = tight(e.steps), tight(e.list)
	e.reindex()
}

// drawWalk draws a walk, whose steps are nodes for now. One random number decides
// how long it gets if it does not run into a dead end: it goes on while the number
// is below αᵏ.
func (g *Graph) drawWalk(e *ego, number int) {
	w := walk{at: uint32(len(e.steps)), turn: never}
	patience := e.random.Uint64()
	node := e.node
	for _, keep := range g.keep {
		if patience >= keep {
			break
		}
		to, ok := g.draw(node, w.turn != never, &e.random)
		if !ok {
			break
		}
		w.len++
		if to&distrusts != 0 {
			w.turn = w.len
			to &^= distrusts
		}
		e.steps = append(e.steps, step{record: to})
		node = to
	}
	w.cap = w.len
	e.walks[number] = w
}

// tally counts a new walk's hits. Its steps learn their records' numbers, and
// whether they are first instead of a slot.
func (g *Graph) tally(e *ego, number uint32) {
	w := &e.walks[number]
	stamp := 2*number + 1
	g.marks[e.node].stamp = stamp
	e.list[0].plus++
	w.hits = 1
	for i := range e.steps[w.at:] {
		if i+1 == int(w.turn) {
			stamp++
		}
		s := &e.steps[int(w.at)+i]
		m := &g.marks[s.record]
		if m.record == 0 {
			e.list = append(e.list, record{node: s.record})
			m.record = uint32(len(e.list))
		}
		s.record = m.record - 1
		r := &e.list[s.record]
		r.cap++
		if m.stamp == stamp {
			continue
		}
		m.stamp = stamp
		s.slot = 1
		w.hits++
		if i+1 < int(w.turn) {
			r.plus++
		} else {
			r.minus++
		}
	}
	e.hits += int64(w.hits)
	e.squares += int64(w.hits) * int64(w.hits)
}

// listVisits writes the lists of visits after the walks.
func (e *ego) listVisits() {
	for i := range e.list {
		r := &e.list[i]
		r.at = e.runs.end
		e.runs.end += r.cap
	}
	if n := int(e.runs.end); cap(e.visits) < n {
		e.visits = make([]visit, n)
	}
	e.visits = e.visits[:e.runs.end]
	for number := range e.walks {
		w := &e.walks[number]
		steps := e.steps[w.at:][:w.len]
		for i := range steps {
			s := &steps[i]
			r := &e.list[s.record]
			e.visits[r.at+r.len] = visitOf(uint32(number), i+1, s.slot != 0)
			s.slot = r.len
			r.len++
		}
	}
}
