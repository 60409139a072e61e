package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/kvriblt"
)

// kvSide is one side's set: registers by number, and what the strategy keeps.
type kvSide struct {
	salt    codec.Salt
	count   uint64
	kept    reconcile.Kept
	initial func(fn func(item *reconcile.Item) bool)
	pinned  reconcile.Pinned
}

// A side is the view of its own sessions; strategies of key ids ask for no more.
func (s *kvSide) Count() uint64                                 { return s.count }
func (s *kvSide) Salt() *codec.Salt                             { return &s.salt }
func (s *kvSide) Each(func(uint64, *codec.ID) bool)             {}
func (s *kvSide) Items(fn func(item *reconcile.Item) bool)      { s.initial(fn) }
func (s *kvSide) Has(uint64) bool                               { return false }
func (s *kvSide) Authors(func(codec.PeerID, uint64) bool)       {}
func (s *kvSide) Above(codec.PeerID, uint64, func(uint64) bool) {}

func (s *kvSide) Kept(reconcile.Strategy) reconcile.Pinned { return s.pinned }

// kvItem is version number v of register k, half a million writes of its author after
// the one before. Its short id is its own, so that the answer can be checked.
func kvItem(k, v uint64) reconcile.Item {
	rng := rand.New(rand.NewPCG(k, 1))
	return reconcile.Item{Key: rng.Uint64(), Version: (k + v*500_000) << 16, Short: (k<<20 | v) * 0x9e3779b97f4a7c15}
}

const kvRegisters = 1_000_000

func newKVSide() *kvSide {
	s := &kvSide{count: kvRegisters, initial: func(fn func(item *reconcile.Item) bool) {
		for k := range uint64(kvRegisters) {
			if item := kvItem(k, 0); !fn(&item) {
				return
			}
		}
	}}
	s.kept = kvriblt.Strategy{}.NewKept(s)
	return s
}

// replace puts one record in the place of another; either may be none.
func (s *kvSide) replace(old, new *reconcile.Item) {
	if old != nil {
		s.kept.Remove(old)
		s.count--
	}
	if new != nil {
		s.kept.Add(new)
		s.count++
	}
}

// A kvChange is a register that one side has changed: which one, and what was
// there before, nil for nothing.
type kvChange struct {
	left     bool
	old, new *reconcile.Item
}

// kvDiffer draws changes: four of five are new versions, the others new registers,
// each by one side or the other.
func kvDiffer(d int, rng *rand.Rand) (list []kvChange) {
	used := map[uint64]bool{}
	for len(list) < d {
		k := rng.Uint64N(kvRegisters)
		if used[k] {
			continue
		}
		used[k] = true
		c := kvChange{left: rng.IntN(2) == 0}
		if rng.IntN(5) > 0 {
			old, new := kvItem(k, 0), kvItem(k, 1)
			c.old, c.new = &old, &new
		} else {
			new := kvItem(kvRegisters+k, 0)
			c.new = &new
		}
		list = append(list, c)
	}
	return list
}

// kvCost is what one session took.
type kvCost struct {
	payloads, messages int // bytes of payloads alone, and of all messages and frames around them
	rounds, given      int
	fallback           bool
	took               time.Duration
}

// kvSession runs a session and checks that it moves every newer record once and, two
// keys that share a place aside, nothing else.
func kvSession(left, right *kvSide, changes []kvChange) (cost kvCost, err error) {
	for _, s := range []*kvSide{left, right} {
		s.pinned = s.kept.Pin()
		defer func() { s.pinned.Close() }()
	}
	cost.messages = message(codec.MsgOpen, &codec.Open{Session: 1, Strategy: "kvriblt", Count: left.count}) +
		message(codec.MsgWant, &codec.Want{Session: 1}) +
		message(codec.MsgClose, &codec.Close{Session: -1, Outcome: codec.OutcomeFinished, Count: right.count})
	cost.rounds = 1
	var gives [2][]uint64 // by left, by right
	clock := start()
	var out, answer reconcile.Out
	a := kvriblt.Strategy{}.Open(left, reconcile.Peer{Count: right.count}, &out)
	b := kvriblt.Strategy{}.Accept(right, reconcile.Peer{Count: left.count}, &answer)
	for len(out.Payloads) > 0 {
		request := out
		out = reconcile.Out{}
		for _, p := range request.Payloads {
			cost.carry(p)
			if err := b.Receive(p, &answer); err != nil {
				return cost, err
			}
		}
		gives[1] = append(gives[1], answer.Give...)
		if request.Done {
			break
		}
		reply := answer.Payloads
		answer = reconcile.Out{}
		for _, p := range reply {
			cost.carry(p)
			if out.Done {
				continue
			}
			if err := a.Receive(p, &out); err != nil {
				return cost, err
			}
		}
		if len(out.Payloads) > 0 && !out.Done {
			cost.rounds++
		}
		gives[0] = append(gives[0], out.Give...)
		cost.fallback = cost.fallback || out.Fallback || answer.Fallback
	}
	_, cost.took = clock.stop()
	cost.given = len(gives[0]) + len(gives[1])
	return cost, kvCheck(gives, changes)
}

func (c *kvCost) carry(payload []byte) {
	c.payloads += len(payload)
	c.messages += message(codec.MsgData, &codec.Data{Session: 1, Payload: payload})
}

// message is the size of a message in a frame of its own.
func message(kind codec.MessageKind, fields any) int {
	return len(codec.AppendFrame(nil, codec.FrameHead{Seq: 100, Ack: 100}, 1, codec.AppendMessage(nil, kind, fields)))
}

func kvCheck(gives [2][]uint64, changes []kvChange) error {
	var sent [2]map[uint64]bool
	for i := range sent {
		sent[i] = map[uint64]bool{}
		for _, short := range gives[i] {
			sent[i][short] = true
		}
	}
	missed := 0
	for _, c := range changes {
		from := 1
		if c.left {
			from = 0
		}
		if !sent[from][c.new.Short] {
			missed++
		}
	}
	if missed > 1+len(changes)/300 { // of two keys that share a place one may wait for the next session
		return fmt.Errorf("kvriblt: %d of %d changes were missed", missed, len(changes))
	}
	return nil
}

// kvSessions measures warm sessions over 1000 changed registers of a million, of
// which neither side knows anything beforehand.
func kvSessions(rounds int) error {
	left, right := newKVSide(), newKVSide()
	for _, d := range []int{10, 100, 1000, 10_000} {
		runs := 40 * rounds
		if d > 1000 {
			runs = 4 * rounds
		}
		var payloads, messages, took, extra []float64
		one := 0
		for run := range runs {
			changes := kvDiffer(d, rand.New(rand.NewPCG(uint64(run), uint64(d))))
			for _, c := range changes {
				if c.left {
					left.replace(c.old, c.new)
				} else {
					right.replace(c.old, c.new)
				}
			}
			cost, err := kvSession(left, right, changes)
			if err != nil {
				return err
			}
			if cost.fallback {
				return fmt.Errorf("kvriblt: a session of %d changes gave up", d)
			}
			if cost.rounds == 1 {
				one++
			}
			payloads = append(payloads, float64(cost.payloads)/float64(d))
			messages = append(messages, float64(cost.messages)/float64(d))
			took = append(took, float64(cost.took.Nanoseconds())/1e3)
			extra = append(extra, float64(cost.given-d))
			for _, c := range changes {
				if c.left {
					left.replace(c.new, c.old)
				} else {
					right.replace(c.new, c.old)
				}
			}
		}
		p := parameters{"records": kvRegisters, "changed": d, "updates": 0.8, "runs": runs}
		emit("kvriblt_bytes_per_changed_key", median(messages), "B", with(p, parameters{
			"payloads_only": median(payloads), "one_round_trip": float64(one) / float64(runs), "records_too_many_mean": mean(extra),
		}))
		emit("session_warm_us", median(took), "us, both sides", with(p, parameters{"strategy": "kvriblt", "fastest": slices.Min(took)}))
	}
	return nil
}

func with(p, more parameters) parameters {
	all := parameters{}
	for _, m := range []parameters{p, more} {
		for name, value := range m {
			all[name] = value
		}
	}
	return all
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// kvCells finds the fewest cells, to one in a thousand, that a difference can be
// decoded from, with the power sums counted as the cells that they are as long as.
func kvCells(rounds int) error {
	for _, d := range []int{20, 100, 1000, 10_000, 100_000} {
		runs := max(1, min(400*rounds, 40_000*rounds/d))
		var cells []float64
		for run := range runs {
			n, err := kvCellsOnce(d, uint64(run))
			if err != nil {
				return err
			}
			cells = append(cells, (float64(n)+8*float64(kvriblt.SumsBytes)/kvriblt.CellBits)/float64(d))
		}
		emit("cells_per_diff", mean(cells), "cells", parameters{"strategy": "kvriblt", "changed": d, "runs": runs, "median": median(cells)})
	}
	return nil
}

func kvCellsOnce(d int, seed uint64) (int, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(d)))
	a := kvriblt.NewSketch(2*d + 200)
	b := kvriblt.NewSketch(a.Len())
	used := map[uint32]bool{}
	for len(used) < d {
		k := 1 + rng.Uint32N(1<<31-2)
		if used[k] {
			continue
		}
		used[k] = true
		a.Add(k, 1+rng.Uint32N(1<<31-2))
		if rng.IntN(5) > 0 {
			b.Add(k, 1+rng.Uint32N(1<<31-2))
		}
	}
	var dec kvriblt.Decoder
	step := max(1, d/1000)
	decodes := func(steps int) bool {
		end := min(1+steps*step, a.Len())
		dec.Reset(seed)
		dec.Sums(a.Sums(), b.Sums())
		dec.Receive(a.Cells()[1:end], b.Cells()[1:end])
		return dec.Done()
	}
	most := a.Len()/step + 1
	n := sort.Search(most, decodes)
	if n == most {
		return 0, fmt.Errorf("kvriblt: %v for %d differences", &dec, d)
	}
	return n * step, nil
}

// kvInsert is the time to add a record to a sketch.
func kvInsert(rounds int) error {
	for _, cells := range []int{512, 16_384, 131_072} {
		s := kvriblt.NewSketch(cells)
		var ns []float64
		for range rounds {
			const n = 1 << 20
			w := start()
			for i := range uint32(n) {
				s.Add(1+i*2039%(1<<31-2), i+1)
			}
			_, cpu := w.stop()
			ns = append(ns, float64(cpu.Nanoseconds())/n)
		}
		emit("sketch_insert_ns", median(ns), "ns", parameters{"strategy": "kvriblt", "cells": cells, "rounds": rounds})
	}
	return nil
}
