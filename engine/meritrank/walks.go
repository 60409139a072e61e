package meritrank

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// A walk's nodes stand in a row, without its start, which is always the ego. Step
// p of a walk is its p-th node, from 1; its p-th node stands at at+p−1.
type walk struct {
	at       uint32
	len, cap uint16
	turn     uint16 // first step of the distrusting part, never if there is none
	hits     uint16 // different nodes of both parts, the start included
}

const never = 1<<16 - 1

// step is a node of a walk, and where the visit of it stands in the node's list.
type step struct {
	node Node
	slot uint32
}

// visit is a walk and the number of a step in it.
type visit uint32

const positionBits = 12

func (v visit) walk() uint32      { return uint32(v) >> positionBits }
func (v visit) position() int     { return int(v & (LengthMax - 1)) }
func (v visit) after() visit      { return v + 1 }
func (v visit) before() visit     { return v - 1 }
func at(walk uint32, p int) visit { return visit(walk<<positionBits | uint32(p)) }

// ego is a node's view of the graph: its walks, and who visits what.
//
// Each step is in its node's list of visits and knows its place there, so that
// it is taken out by moving the last visit to that place. The starts are in no
// list: they are walks × (ego, 0).
type ego struct {
	node     Node
	used     uint64 // when it was asked for last, in calls
	random   rand.ChaCha8
	walks    []walk
	steps    []step
	stepRuns spans
	visits   []visit
	runs     spans
	table    table

	length  int64 // Σ steps, without starts
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
	e.walks = slices.Grow(e.walks[:0], cfg.Walks)[:cfg.Walks]
	e.steps, e.visits = e.steps[:0], e.visits[:0]
	e.stepRuns.reset()
	e.runs.reset()
	e.length, e.hits, e.squares = 0, 0, 0
}

// mark is a graph's scratch about one node while walks are drawn.
type mark struct {
	record uint32 // its number among those met, plus 1
	stamp  uint32 // walk and part that met it last
}

// calculate draws all walks of an ego and then writes the lists of visits, each
// of exactly its length.
func (g *Graph) calculate(e *ego, node Node) {
	e.reset(node, &g.cfg)
	g.marks = fit(g.marks, uint32(len(g.lists)))
	g.met = append(g.met[:0], record{node: node + 1})
	g.marks[node].record = 1
	for w := range e.walks {
		g.drawWalk(e, w)
		g.tally(e, uint32(w))
	}
	e.stepRuns.end = uint32(len(e.steps))
	e.length = int64(len(e.steps))
	g.index(e)
	for i := range g.met {
		g.marks[g.met[i].node-1] = mark{}
	}
}

// drawWalk draws a walk. One random number decides how long it gets if it does
// not run into a dead end: it goes on while the number is below αᵏ.
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
		e.steps = append(e.steps, step{node: to})
		node = to
	}
	w.cap = w.len
	e.walks[number] = w
}

// tally adds a new walk to the records met. Its steps learn the records' numbers.
func (g *Graph) tally(e *ego, number uint32) {
	w := &e.walks[number]
	steps := e.steps[w.at:]
	stamp := 2*number + 1
	g.marks[e.node].stamp = stamp
	g.met[0].plus++
	fresh := g.fresh[:0]
	for i := range steps {
		if uint16(i)+1 == w.turn {
			stamp++
		}
		m := &g.marks[steps[i].node]
		if m.record == 0 {
			g.met = append(g.met, record{node: steps[i].node + 1})
			m.record = uint32(len(g.met))
		}
		steps[i].slot = m.record - 1
		r := &g.met[m.record-1]
		r.cap++
		if m.stamp == stamp {
			continue
		}
		m.stamp = stamp
		if stamp&1 != 0 {
			r.plus++
			fresh = append(fresh, int32(m.record-1))
		} else {
			r.minus++
			fresh = append(fresh, ^int32(m.record-1))
		}
	}
	hits := int32(len(fresh)) + 1
	g.met[0].joint += hits
	for _, i := range fresh {
		if i >= 0 {
			g.met[i].joint += hits
		} else {
			g.met[^i].joint -= hits
		}
	}
	w.hits = uint16(hits)
	e.hits += int64(hits)
	e.squares += int64(hits) * int64(hits)
	g.fresh = fresh
}

// index writes the lists of visits and the table from the records met.
func (g *Graph) index(e *ego) {
	for i := range g.met {
		r := &g.met[i]
		r.at = e.runs.end
		e.runs.end += r.cap
	}
	if cap(e.visits) < int(e.runs.end) {
		e.visits = make([]visit, e.runs.end)
	}
	e.visits = e.visits[:e.runs.end]
	for number := range e.walks {
		w := &e.walks[number]
		for i := range e.steps[w.at:][:w.len] {
			s := &e.steps[w.at+uint32(i)]
			r := &g.met[s.slot]
			e.visits[r.at+r.len] = at(uint32(number), i+1)
			s.slot = r.len
			r.len++
		}
	}
	e.table.clear(len(g.met))
	for i := range g.met {
		e.table.put(g.met[i])
	}
}
