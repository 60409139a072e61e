package sim

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/sim/adversary"
	"github.com/intersubjective/rapprochement/engine/sim/kernel"
	"github.com/intersubjective/rapprochement/engine/sim/liar"
	"github.com/intersubjective/rapprochement/engine/sim/links"
	"github.com/intersubjective/rapprochement/engine/store"
)

// A World runs a plan. It is used by one goroutine at a time, but for Cancel.
type World struct {
	plan       *Plan
	stores     Stores
	shared     *engine.Shared
	queue      kernel.Queue
	net        *links.Net
	nodes      []*simNode
	links      []simLink
	cuts       []cut
	floods     []flood
	salt       codec.Salt // of the space
	strategies []string   // all that there are
	keepsAll   bool       // the space keeps every version
	frames     slab
	now        int64
	ready      bool // every action of the plan has happened
	over       bool // the run has converged, or its time is up
	events     uint64
	byPeer     map[codec.PeerID]uint32
	scratch    []links.Delivery
	cancel     atomic.Bool
	metrics
}

// Stores makes and breaks the stores of a world's nodes.
type Stores interface {
	// Open returns an empty store for a node.
	Open(node uint32) (store.Store, error)
	// Crash ends a node's store without warning and returns what a new process
	// finds. For StoreTorn, x decides how much of what was not synced survives.
	Crash(node uint32, st store.Store, fate StoreFate, x uint64) (store.Store, error)
}

// simNode is a node with everything that belongs to its machine.
type simNode struct {
	index  uint32
	node   *engine.Node // nil while it is down
	store  *store.Faulty
	boot   uint64
	audits []uint64 // of earlier boots
	paused bool
	waits  []uint64 // payloads that came while paused
	mono   int64    // its monotonic clock is ahead of the world's by this
	wall   int64    // its wall clock is
	drift  int64    // parts per billion, since driftAt
	since  int64
	busy   int64           // its CPU is busy until then
	links  []uint32        // numbers of its links in World.links
	counts codec.Counters  // of earlier boots
	tap    *[]codec.Effect // where effects are copied to, for manual driving
	// adversary stands between the node and the network while it misbehaves.
	adversary *adversary.Adversary
	// liar stands around the service "rtt" of a node that takes part in plots, from the
	// start of the run; nil for others.
	liar *liar.Liar
}

// What a kernel event's payload stands for: the upper byte says which.
const (
	payloadFrame  = iota << 56 // a frame reaches the receiver's downlink
	payloadArrive              // a frame has passed it
	payloadLeave               // a frame leaves a busy sender
	payloadAction
	payloadDial // a link comes up
	payloadSample
	payloadHangUp   // a node gave up a link, by its number for the nodes
	payloadMischief // an adversary has something of its own to send, by action
	payloadMask     = 0xff << 56
)

// NewWorld opens the nodes of a plan and connects them at time 0. stores may be
// nil: nodes then keep their records in memory.
func NewWorld(p *Plan, stores Stores) (*World, error) {
	net, err := links.New(p.Seed, p.Model, p.Params)
	if err != nil {
		return nil, err
	}
	if stores == nil {
		stores = newMemoryStores()
	}
	w := &World{
		plan: p, stores: stores, net: net, byPeer: map[codec.PeerID]uint32{},
		shared: engine.NewShared(sharedSignatures, sharedExpansions), metrics: newMetrics(), strategies: engine.StrategyNames(),
	}
	g, err := codec.ParseGenesis(p.Genesis)
	if err != nil {
		return nil, err
	}
	w.salt, w.keepsAll = g.Salt, g.History == codec.HistoryAll
	for i := range p.Nodes {
		w.byPeer[p.Nodes[i].Peer] = uint32(i)
		w.nodes = append(w.nodes, &simNode{index: uint32(i)})
		if err := w.network(uint32(i)); err != nil {
			return nil, err
		}
	}
	for i, pair := range p.Links {
		w.addLink(uint32(i), pair)
	}
	for i := range p.Actions {
		w.queue.Push(p.Actions[i].At, payloadAction|uint64(i))
	}
	w.ready = len(p.Actions) == 0
	w.newLiars()
	w.queue.Push(0, payloadSample)
	for _, n := range w.nodes {
		if p.Absent != nil && p.Absent[n.index] {
			continue
		}
		if err := w.open(n); err != nil {
			return nil, err
		}
	}
	for i := range w.links {
		w.linkUp(uint32(i))
	}
	return w, nil
}

// Sizes of the caches that all nodes share: 10⁵ signatures are 10 MB, 2¹⁴
// expansions 32 MB; beyond that results are computed again.
const (
	sharedSignatures = 1 << 18
	sharedExpansions = 1 << 14
)

func (w *World) network(node uint32) error {
	if err := w.net.SetUplink(node, w.plan.Uplink); err != nil {
		return err
	}
	return w.net.SetDownlink(node, w.plan.Downlink)
}

// open starts a node on its store and lets it join the space.
func (w *World) open(n *simNode) error {
	cfg := w.plan.Nodes[n.index]
	cfg.Boot = n.boot
	if n.boot > 0 {
		cfg.Seed = w.plan.bootSeed(n.index, n.boot)
	}
	if n.store == nil {
		st, err := w.stores.Open(n.index)
		if err != nil {
			return err
		}
		n.store = &store.Faulty{Store: st, Err: errStoreFault}
	}
	options := engine.Options{Shared: w.shared, Observer: &observer{w, n}}
	if n.liar != nil {
		honest, err := rtt.New(cfg.RTT)
		if err != nil {
			return fmt.Errorf("sim: node %d: %w", n.index, err)
		}
		n.liar.Boot(honest)
		options.Services = append(options.Services, n.liar)
		cfg.Services = slices.DeleteFunc(slices.Clone(cfg.Services), func(name string) bool { return name == rtt.Name })
	}
	node, err := engine.Open(cfg, n.store, options)
	if err != nil {
		return fmt.Errorf("sim: node %d: %w", n.index, err)
	}
	n.node = node
	w.step(n, &codec.JoinSpace{Genesis: w.plan.Genesis})
	return nil
}

// clock is what a node's clocks show now.
func (w *World) clock(n *simNode) codec.Now {
	drifted := (w.now - n.since) / 1e6 * n.drift / 1e3
	return codec.Now{Mono: w.now + n.mono, Wall: WallStart + w.now + n.wall + drifted}
}

// step gives a node events and carries out its effects.
func (w *World) step(n *simNode, events ...codec.Event) {
	var before codec.Counters
	if w.plan.CPU || len(w.accused) > 0 {
		before = *n.node.Counters()
	}
	effects, err := n.node.Step(w.clock(n), events...)
	if err != nil {
		w.refused++
		w.lastRefusal = fmt.Sprintf("node %d: %v", n.index, err)
	}
	if w.plan.CPU {
		n.busy = max(n.busy, w.now) + cost(&before, n.node.Counters())
	}
	w.charge(n, events, &before)
	if w.plan.Transcript {
		w.transcribe(n, events, effects)
	}
	if n.tap != nil {
		*n.tap = append(*n.tap, effects...)
	}
	for _, ef := range effects {
		w.effect(n, ef)
	}
}

func (w *World) effect(n *simNode, ef codec.Effect) {
	switch ef := ef.(type) {
	case *codec.Send:
		w.send(n, ef)
	case *codec.WakeAt:
		if ef.Mono == 0 {
			w.queue.ClearWake(n.index)
		} else {
			w.queue.SetWake(n.index, max(ef.Mono-n.mono, w.now))
		}
	case *codec.SyncEnded:
		w.session(n, ef)
	case *codec.HangUp:
		// Not at once: the effects of this step are still being carried out, and
		// a link that goes down steps both its ends.
		w.queue.Push(w.now, payloadHangUp|ef.Link)
	case *codec.Dial:
		w.dial(n, ef.Peer)
	case *codec.StoreFailed:
		w.stop(n)
	case *codec.PeerFault:
		w.fault(n, ef)
	case *codec.Equivocation:
		w.equivocation(n, ef)
	case *codec.Stored:
		w.acknowledge(n, ef)
	}
}

// Run lets the world run until a time, until it is over, until so many events
// have happened (0: no bound), or until Cancel. It returns the number of events.
func (w *World) Run(until int64, events uint64) uint64 {
	until = min(until, w.plan.Duration)
	start := w.events
	for !w.over && (events == 0 || w.events-start < events) && !w.cancel.Load() {
		e, ok := w.queue.PopUntil(until)
		w.now = w.queue.Now()
		if !ok {
			w.over = until == w.plan.Duration
			break
		}
		w.events++
		if e.Wake {
			w.wake(uint32(e.Payload))
		} else {
			w.happen(e.Payload)
		}
	}
	w.cancel.Store(false)
	return w.events - start
}

// Cancel makes a Run that another goroutine is in return soon.
func (w *World) Cancel() { w.cancel.Store(true) }

func (w *World) wake(index uint32) {
	n := w.nodes[index]
	switch {
	case n.node == nil:
	case n.paused:
		n.waits = append(n.waits, payloadMask)
	case n.busy > w.now:
		w.queue.SetWake(index, n.busy)
	default:
		w.step(n, &codec.Wake{})
	}
}

func (w *World) happen(payload uint64) {
	switch kind := payload & payloadMask; kind {
	case payloadFrame:
		w.reach(uint32(payload))
	case payloadArrive:
		w.deliver(uint32(payload))
	case payloadLeave:
		w.transmit(w.frames.take(uint32(payload)))
	case payloadAction:
		w.act(payload)
	case payloadDial:
		w.linkUp(uint32(payload))
	case payloadSample:
		w.sample()
	case payloadHangUp:
		w.hungUp(payload &^ payloadMask)
	case payloadMischief:
		w.mischief(payload)
	}
}

func (n *simNode) peer(w *World) codec.PeerID { return w.plan.Nodes[n.index].Peer }
