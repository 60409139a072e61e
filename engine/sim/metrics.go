package sim

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// metrics is what a world measures. Nothing of it feeds back into the run.
type metrics struct {
	serial        uint64
	sent          uint64
	delivered     uint64
	stale         uint64 // frames of a connection that had ended
	drops         [links.DropPartition + 1]uint64
	acted         int
	refused       uint64
	lastRefusal   string
	faults        uint64 // reported by honest nodes
	slanders      uint64 // of them, about honest ones
	lastSlander   string
	equivocations uint64 // seen by honest nodes
	framed        uint64 // of them, of honest authors
	acks          []ack
	unkept        uint64 // acknowledged records that their own node did not hold
	losses        int    // stores that were lost or torn
	readyAt       int64  // when the last action happened
	changedAt     int64  // when a node last admitted a record
	convergedAt   int64  // −1 while it has not
	held          uint64
	size          int64 // bytes of all records

	records   map[uint64]int32 // by the first bytes of the id
	created   []int64
	author    []uint32
	holders   []uint32
	latency   histogram // of each record at each node but its author
	spread    []int64   // per record: when the last node so far admitted it
	latencies struct {
		record, node []uint32
		ns           []int64
	}
	sessions struct {
		began, elapsed           []int64
		outcome, node, strategy  []uint32 // strategy: its place in engine.StrategyNames
		rounds, bytes, exchanged []uint64
	}
	series struct {
		at                                  []int64
		held, frames, duplicates            []uint64
		reconcile, records, control, resent []uint64
	}
	reports struct { // of faults, by kind, reporter and accused
		index                   map[[3]uint32]int
		kind, reporter, accused []uint32
		count                   []uint64
	}
	adversaries map[uint32]*accused
	accused     []uint32 // their keys, in the order of their first fault
	transcript  strings.Builder
}

func newMetrics() metrics {
	m := metrics{records: map[uint64]int32{}, convergedAt: -1}
	m.reports.index = map[[3]uint32]int{}
	return m
}

// observer hears of every record that a node admits.
type observer struct {
	w *World
	n *simNode
}

// Admitted implements engine.Observer.
func (o *observer) Admitted(rec *codec.Record, link uint64) {
	w := o.w
	w.changedAt = w.now
	w.held++
	name := recordName(&rec.ID)
	i, known := w.records[name]
	if !known {
		i = int32(len(w.created))
		w.records[name] = i
		w.size += int64(rec.Size())
		w.created = append(w.created, w.now)
		w.author = append(w.author, w.byPeer[rec.Author])
		w.holders = append(w.holders, 0)
		w.spread = append(w.spread, 0)
	}
	w.holders[i]++
	if link == 0 {
		return
	}
	delay := w.now - w.created[i]
	w.latency.add(delay)
	w.spread[i] = delay
	if w.plan.Latencies {
		w.latencies.record = append(w.latencies.record, uint32(i))
		w.latencies.node = append(w.latencies.node, o.n.index)
		w.latencies.ns = append(w.latencies.ns, delay)
	}
}

func recordName(id *codec.ID) uint64 { return binary.LittleEndian.Uint64(id[:]) }

func (w *World) session(n *simNode, ef *codec.SyncEnded) {
	s := &w.sessions
	s.began = append(s.began, w.now-ef.ElapsedNs)
	s.elapsed = append(s.elapsed, ef.ElapsedNs)
	s.node = append(s.node, n.index)
	s.strategy = append(s.strategy, uint32(slices.Index(w.strategies, ef.Strategy)))
	s.outcome = append(s.outcome, uint32(ef.Outcome))
	s.rounds = append(s.rounds, ef.Rounds)
	s.bytes = append(s.bytes, ef.BytesIn+ef.BytesOut)
	s.exchanged = append(s.exchanged, ef.Received+ef.Sent)
}

// A histogram counts durations in buckets of 1.6 % width.
type histogram struct {
	counts []uint64
	total  uint64
	most   int64
}

const histogramBits = 6

func (h *histogram) add(ns int64) {
	h.total++
	h.most = max(h.most, ns)
	i := bucketOf(uint64(max(ns, 0)))
	for i >= len(h.counts) {
		h.counts = append(h.counts, 0)
	}
	h.counts[i]++
}

func bucketOf(v uint64) int {
	if v < 1<<histogramBits {
		return int(v)
	}
	shift := bits.Len64(v) - histogramBits - 1
	return (shift+1)<<histogramBits + int(v>>shift) - 1<<histogramBits
}

func bucketTop(i int) int64 {
	if i < 1<<histogramBits {
		return int64(i)
	}
	shift := i>>histogramBits - 1
	return (int64(i&(1<<histogramBits-1))+1<<histogramBits+1)<<shift - 1
}

// quantile is an upper bound of the duration below which so many thousandths
// of the entries lie; 0 of an empty histogram.
func (h *histogram) quantile(thousandths uint64) int64 {
	rank := (h.total*thousandths + 999) / 1000
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen >= rank && c > 0 {
			return min(bucketTop(i), h.most)
		}
	}
	return h.most
}

// totals adds the accounts of all nodes, earlier boots included.
func (w *World) totals() (t codec.Counters) {
	for _, n := range w.nodes {
		addCounters(&t, &n.counts)
		if n.node != nil {
			addCounters(&t, n.node.Counters())
		}
	}
	return t
}

func addCounters(to, from *codec.Counters) {
	to.FramesIn += from.FramesIn
	to.FramesOut += from.FramesOut
	to.BytesIn += from.BytesIn
	to.BytesOut += from.BytesOut
	to.BytesReconcile += from.BytesReconcile
	to.BytesRecords += from.BytesRecords
	to.BytesControl += from.BytesControl
	to.BytesResent += from.BytesResent
	to.RecordsIn += from.RecordsIn
	to.Useful += from.Useful
	to.Duplicate += from.Duplicate
	to.Refused += from.Refused
	to.Verified += from.Verified
	to.Sessions += from.Sessions
	to.Rounds += from.Rounds
}

// sample extends the time series and looks whether the run is over.
func (w *World) sample() {
	t := w.totals()
	s := &w.series
	s.at = append(s.at, w.now)
	s.held = append(s.held, w.heldNow())
	s.reconcile = append(s.reconcile, t.BytesReconcile)
	s.records = append(s.records, t.BytesRecords)
	s.control = append(s.control, t.BytesControl)
	s.resent = append(s.resent, t.BytesResent)
	s.frames = append(s.frames, t.FramesOut)
	s.duplicates = append(s.duplicates, t.Duplicate)
	if w.ready && w.convergedAt < 0 && w.Equal() {
		w.convergedAt = w.changedAt
		w.over = w.over || w.plan.Stop
	}
	if w.now+w.plan.Sample <= w.plan.Duration {
		w.queue.Push(w.now+w.plan.Sample, payloadSample)
	}
}

func (w *World) heldNow() (held uint64) {
	id := w.plan.space()
	for _, n := range w.nodes {
		if n.node != nil {
			held += n.node.Count(id)
		}
	}
	return held
}

// transcribe writes a step as one line: time, node, events, effects.
func (w *World) transcribe(n *simNode, events []codec.Event, effects []codec.Effect) {
	b := &w.transcript
	fmt.Fprintf(b, "%d n%d", w.now, n.index)
	for _, ev := range events {
		b.WriteString(" <- ")
		b.WriteString(codec.Describe(ev))
	}
	for _, ef := range effects {
		b.WriteString(" -> ")
		b.WriteString(codec.Describe(ef))
	}
	b.WriteByte('\n')
}

// Transcript is what happened so far, a line per step.
func (w *World) Transcript() string { return w.transcript.String() }

// Result is the table of a run.
func (w *World) Result() codec.WorldResult {
	t := w.totals()
	r := codec.WorldResult{
		Now: w.now, Events: w.events, Over: w.over, ConvergedAt: w.convergedAt, Audit: w.Audit(),
		Nodes: w.plan.present(), Links: uint64(len(w.links)), Records: uint64(len(w.created)), Held: w.heldNow(),
		LatencyP50: w.latency.quantile(500), LatencyP99: w.latency.quantile(990), LatencyMax: w.latency.most,
		FramesSent: w.sent, FramesDelivered: w.delivered,
		LostChance: w.drops[links.DropLoss], LostQueue: w.drops[links.DropQueue],
		LostPartition: w.drops[links.DropPartition], Stale: w.stale,
		Refused: w.refused, LastRefusal: w.lastRefusal, Faults: w.faults, Equivocations: w.equivocations,
		Totals: t,
	}
	// A record that was superseded before it got anywhere has no spread.
	spread := slices.DeleteFunc(slices.Clone(w.spread), func(ns int64) bool { return ns == 0 })
	slices.Sort(spread)
	if n := len(spread); n > 0 {
		r.SpreadP50, r.SpreadP99 = spread[(n-1)/2], spread[(n-1)*99/100]
	}
	return r
}

// A Column is one array of results.
type Column struct {
	Name string
	Data any // []int64, []uint64 or []uint32
}

// Columns returns a table of results as arrays: "series", "records", "nodes",
// "latencies", "sessions", "faults" or "adversaries". Unknown names are an error.
func (w *World) Columns(table string) ([]Column, error) {
	switch table {
	case "series":
		s := &w.series
		return []Column{
			{"at_ns", s.at}, {"held", s.held}, {"bytes_reconcile", s.reconcile}, {"bytes_records", s.records},
			{"bytes_control", s.control}, {"bytes_resent", s.resent}, {"frames", s.frames}, {"duplicates", s.duplicates},
		}, nil
	case "records":
		return []Column{{"created_ns", w.created}, {"author", w.author}, {"holders", w.holders}, {"spread_ns", w.spread}}, nil
	case "latencies":
		l := &w.latencies
		return []Column{{"record", l.record}, {"node", l.node}, {"latency_ns", l.ns}}, nil
	case "sessions":
		s := &w.sessions
		return []Column{{"began_ns", s.began}, {"elapsed_ns", s.elapsed}, {"outcome", s.outcome}, {"node", s.node}, {"strategy", s.strategy}, {"rounds", s.rounds},
			{"bytes", s.bytes}, {"records", s.exchanged}}, nil
	case "nodes":
		return w.nodeColumns(), nil
	case "faults":
		f := &w.reports
		return []Column{{"kind", f.kind}, {"reporter", f.reporter}, {"accused", f.accused}, {"count", f.count}}, nil
	case "adversaries":
		return w.adversaryColumns(), nil
	}
	return nil, fmt.Errorf("sim: no table %q, have series, records, nodes, latencies, sessions, faults, adversaries", table)
}

func (w *World) nodeColumns() []Column {
	id := w.plan.space()
	n := len(w.nodes)
	up, records := make([]uint32, n), make([]uint64, n)
	fields := []struct {
		name string
		get  func(*codec.Counters) uint64
	}{
		{"bytes_in", func(c *codec.Counters) uint64 { return c.BytesIn }},
		{"bytes_out", func(c *codec.Counters) uint64 { return c.BytesOut }},
		{"frames_out", func(c *codec.Counters) uint64 { return c.FramesOut }},
		{"useful", func(c *codec.Counters) uint64 { return c.Useful }},
		{"duplicate", func(c *codec.Counters) uint64 { return c.Duplicate }},
		{"sessions", func(c *codec.Counters) uint64 { return c.Sessions }},
		{"rounds", func(c *codec.Counters) uint64 { return c.Rounds }},
		{"verified", func(c *codec.Counters) uint64 { return c.Verified }},
	}
	columns := []Column{{"up", up}, {"records", records}}
	for _, f := range fields {
		values := make([]uint64, n)
		for i, node := range w.nodes {
			c := node.counts
			if node.node != nil {
				addCounters(&c, node.node.Counters())
				up[i], records[i] = 1, node.node.Count(id)
			}
			values[i] = f.get(&c)
		}
		columns = append(columns, Column{f.name, values})
	}
	return columns
}
