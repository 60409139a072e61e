package compare

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/sim"
	"github.com/intersubjective/rapprochement/engine/sim/kernel"
	"github.com/intersubjective/rapprochement/engine/sim/links"
	"github.com/intersubjective/rapprochement/engine/store"
)

// A pair is two nodes and the link between them.
type pair struct {
	net     *links.Net
	queue   kernel.Queue
	sides   [2]*side
	frames  []flight // by payload; a pair's frames are few enough to keep
	arrival []links.Delivery
	link    uint64 // number of the present link
	failed  error
}

// A side is one node with what is measured of it.
type side struct {
	node    *engine.Node
	index   int
	ns      int64 // of this machine, in steps
	missing map[codec.ID]struct{}
	arrived int64 // simulated time at which nothing was missing any more
	began   int64 // simulated time at which a session of ours was opened, 0 before
	opened  codec.Counters
	ended   []codec.SyncEnded
	pair    *pair
}

type flight struct {
	to    int
	link  uint64
	bytes []byte
}

// Admitted implements engine.Observer.
func (s *side) Admitted(rec *codec.Record, _ uint64) {
	if _, waited := s.missing[rec.ID]; !waited {
		return
	}
	if delete(s.missing, rec.ID); len(s.missing) == 0 {
		s.arrived = s.pair.queue.Now()
	}
}

func newPair(c *Case, network *Network, stores [2]store.Store, space codec.ID, genesis []byte) (*pair, error) {
	net, err := links.New(c.Seed, network.Model, network.Params)
	if err != nil {
		return nil, err
	}
	p := &pair{net: net}
	for i, st := range stores {
		cfg := engine.Config{
			Strategies: strings.Split(c.Strategy, "+"),
			Seed:       [32]byte{byte(i), byte(c.Seed), byte(c.Seed >> 8)},
			Key:        [32]byte{1, byte(i), byte(c.Seed), byte(c.Seed >> 8)},
			IntervalNs: 3600e9, IdleNs: -1, TimeoutNs: 600e9, NoAudit: true,
		}
		s := &side{index: i, pair: p, missing: map[codec.ID]struct{}{}}
		if s.node, err = engine.Open(cfg, st, engine.Options{Observer: s}); err != nil {
			return nil, err
		}
		p.sides[i] = s
		p.step(s, &codec.JoinSpace{Genesis: genesis})
		s.node.Summary(space)
	}
	return p, p.failed
}

// connect starts a new link and forgets what was measured before.
func (p *pair) connect() {
	p.link++
	for i, s := range p.sides {
		s.began, s.arrived, s.ended, s.ns = 0, p.queue.Now(), nil, 0
		p.step(s, &codec.LinkUp{Peer: p.sides[1-i].node.Peer(), Link: p.link, Dialed: i == 0})
	}
}

func (p *pair) disconnect() {
	for _, s := range p.sides {
		p.step(s, &codec.LinkDown{Link: p.link})
	}
}

// step gives a node an event and carries out its effects.
func (p *pair) step(s *side, ev codec.Event) {
	before := *s.node.Counters()
	now := p.queue.Now()
	started := time.Now()
	effects, err := s.node.Step(codec.Now{Mono: now, Wall: sim.WallStart + now}, ev)
	s.ns += time.Since(started).Nanoseconds()
	if err != nil {
		p.failed = fmt.Errorf("compare: node %d: %w", s.index, err)
		return
	}
	if s.node.Counters().Sessions > before.Sessions && s.began == 0 {
		if p.sides[1-s.index].began == 0 { // the first session of the meeting
			p.sides[1-s.index].opened, s.opened = *p.sides[1-s.index].node.Counters(), before
		}
		s.began = max(now, 1)
	}
	for _, ef := range effects {
		p.effect(s, ef)
	}
}

func (p *pair) effect(s *side, ef codec.Effect) {
	switch ef := ef.(type) {
	case *codec.Send:
		p.arrival, _ = p.net.Send(p.queue.Now(), uint32(s.index), uint32(1-s.index), len(ef.Bytes), p.arrival[:0])
		for _, d := range p.arrival {
			p.frames = append(p.frames, flight{1 - s.index, ef.Link, ef.Bytes})
			p.queue.Push(d.At, uint64(len(p.frames)-1))
		}
	case *codec.WakeAt:
		if ef.Mono == 0 {
			p.queue.ClearWake(uint32(s.index))
		} else {
			p.queue.SetWake(uint32(s.index), max(ef.Mono, p.queue.Now()))
		}
	case *codec.SyncEnded:
		s.ended = append(s.ended, *ef)
	case *codec.PeerFault:
		p.failed = fmt.Errorf("compare: node %d finds a fault: %s", s.index, codec.Describe(ef))
	case *codec.StoreFailed:
		p.failed = fmt.Errorf("compare: node %d: %s", s.index, ef.Detail)
	}
}

// Bounds of one meeting.
const (
	patienceNs = int64(3600e9) // simulated
	quietNs    = int64(5e9)    // how long nothing may happen after the end
)

// run lets the two talk until nothing is missing and their sessions are over.
// It returns false when that does not happen within an hour of simulated time,
// or when it is canceled.
func (p *pair) run(canceled *atomic.Bool) bool {
	limit := p.queue.Now() + patienceNs
	for p.failed == nil {
		if canceled.Load() {
			p.failed = ErrCanceled
			break
		}
		if p.finished() {
			limit = min(limit, p.queue.Now()+quietNs)
		}
		e, ok := p.queue.PopUntil(limit)
		if !ok {
			return p.finished()
		}
		if e.Wake {
			p.step(p.sides[e.Payload], &codec.Wake{})
			continue
		}
		f := &p.frames[e.Payload]
		if f.link == p.link {
			p.step(p.sides[f.to], &codec.Frame{Link: f.link, Bytes: f.bytes})
		}
		f.bytes = nil
	}
	return false
}

func (p *pair) finished() bool {
	for _, s := range p.sides {
		if len(s.missing) > 0 || s.began > 0 && len(s.ended) == 0 {
			return false
		}
	}
	return p.sides[0].began > 0 || p.sides[1].began > 0
}

// row adds up what the meeting has cost.
func (p *pair) row(row *Row) {
	first := p.sides[0]
	if first.began == 0 || p.sides[1].began > 0 && p.sides[1].began < first.began {
		first = p.sides[1]
	}
	other := p.sides[1-first.index]
	up, down := spent(first), spent(other)
	row.ReconcileUp, row.ReconcileDown = up.BytesReconcile, down.BytesReconcile
	row.Records.Bytes = up.BytesRecords + down.BytesRecords
	row.Records.Duplicate = up.Duplicate + down.Duplicate
	row.Control, row.Resent = up.BytesControl+down.BytesControl, up.BytesResent+down.BytesResent
	row.Sessions, row.Rounds = up.Sessions+down.Sessions, up.Rounds+down.Rounds
	row.InitiatorNs, row.ResponderNs = first.ns, other.ns
	row.ElapsedNs = max(first.arrived, other.arrived) - first.began
	if row.Records.Missing == 0 { // the end of the session is all there is to wait for
		row.ElapsedNs = 0
		for _, e := range first.ended {
			row.ElapsedNs += e.ElapsedNs
		}
	}
}

// spent is what a node's accounts say of the meeting.
func spent(s *side) codec.Counters {
	now, then := s.node.Counters(), &s.opened
	return codec.Counters{
		BytesReconcile: now.BytesReconcile - then.BytesReconcile,
		BytesRecords:   now.BytesRecords - then.BytesRecords,
		BytesControl:   now.BytesControl - then.BytesControl,
		BytesResent:    now.BytesResent - then.BytesResent,
		Duplicate:      now.Duplicate - then.Duplicate,
		Sessions:       now.Sessions - then.Sessions,
		Rounds:         now.Rounds - then.Rounds,
	}
}
