package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/sim/kernel"
	"github.com/intersubjective/rapprochement/engine/sim/links"
	"github.com/intersubjective/rapprochement/engine/store"
)

// A World runs a plan. It is used by one goroutine at a time, but for Cancel.
type World struct {
	plan    *Plan
	stores  Stores
	shared  *engine.Shared
	queue   kernel.Queue
	net     *links.Net
	nodes   []*simNode
	links   []simLink
	frames  slab
	now     int64
	ready   bool // every action of the plan has happened
	over    bool // the run has converged, or its time is up
	events  uint64
	byPeer  map[codec.PeerID]uint32
	scratch []links.Delivery
	cancel  atomic.Bool
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
}

// simLink joins two nodes. Its number for the nodes changes with every epoch,
// so that frames of an earlier connection are not mistaken for this one's.
type simLink struct {
	ends  [2]uint32
	epoch uint64
	up    bool
}

func linkNumber(index uint32, epoch uint64) uint64 { return uint64(index+1)<<24 | epoch&(1<<24-1) }

// What a kernel event's payload stands for: the upper byte says which.
const (
	payloadFrame  = iota << 56 // a frame reaches the receiver's downlink
	payloadArrive              // a frame has passed it
	payloadLeave               // a frame leaves a busy sender
	payloadAction
	payloadDial // a link comes up
	payloadSample
	payloadHangUp // a node gave up a link, by its number for the nodes
	payloadMask   = 0xff << 56
)

// redialNs is how long a link stays down after a node hung up.
const redialNs = 5e9

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
		shared: engine.NewShared(sharedSignatures, sharedExpansions), metrics: newMetrics(),
	}
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
	w.queue.Push(0, payloadSample)
	for _, n := range w.nodes {
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

func (w *World) addLink(index uint32, pair [2]uint32) {
	w.links = append(w.links, simLink{ends: pair})
	for _, end := range pair {
		w.nodes[end].links = append(w.nodes[end].links, index)
	}
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
	node, err := engine.Open(cfg, n.store, engine.Options{Shared: w.shared, Observer: &observer{w, n}})
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
	if w.plan.CPU {
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
		w.session(ef)
	case *codec.HangUp:
		// Not at once: the effects of this step are still being carried out, and
		// a link that goes down steps both its ends.
		w.queue.Push(w.now, payloadHangUp|ef.Link)
	case *codec.Dial:
		w.dial(n, ef.Peer)
	case *codec.StoreFailed:
		w.stop(n)
	case *codec.PeerFault:
		w.faults++
	case *codec.Equivocation:
		w.equivocations++
	}
}

// send gives a frame to the network, when the sender's CPU has got to it.
func (w *World) send(n *simNode, ef *codec.Send) {
	index := uint32(ef.Link>>24) - 1
	l := &w.links[index]
	if !l.up || linkNumber(index, l.epoch) != ef.Link {
		return
	}
	to := l.ends[0]
	if to == n.index {
		to = l.ends[1]
	}
	f := inFlight{from: n.index, to: to, link: ef.Link, bytes: ef.Bytes, sent: w.now}
	if n.busy > w.now {
		w.push(n.busy, payloadLeave, f)
		return
	}
	w.transmit(f)
}

func (w *World) transmit(f inFlight) {
	var drop links.Drop
	w.scratch, drop = w.net.Send(w.now, f.from, f.to, len(f.bytes), w.scratch[:0])
	w.sent++
	if drop != links.Delivered {
		w.drops[drop]++
	}
	for _, d := range w.scratch {
		w.push(d.At, payloadFrame, f)
	}
}

// push puts a frame into flight.
func (w *World) push(at int64, kind uint64, f inFlight) {
	w.serial++
	f.serial, f.at, f.kind = w.serial, at, kind
	slot := w.frames.add(f)
	w.frames.at(slot).ticket = w.queue.Push(at, kind|uint64(slot))
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
	}
}

// reach passes a frame through the receiver's downlink.
func (w *World) reach(slot uint32) {
	f := w.frames.at(slot)
	at, drop := w.net.Arrive(w.now, f.to, len(f.bytes))
	switch {
	case drop != links.Delivered:
		w.drops[drop]++
		w.frames.take(slot)
	case at > w.now:
		f.at, f.kind = at, payloadArrive
		f.ticket = w.queue.Push(at, payloadArrive|uint64(slot))
	default:
		w.deliver(slot)
	}
}

// deliver hands a frame to its node, or lets it wait until the node has time.
func (w *World) deliver(slot uint32) {
	f := w.frames.at(slot)
	n := w.nodes[f.to]
	switch {
	case n.node != nil && n.paused:
		n.waits = append(n.waits, payloadArrive|uint64(slot))
	case n.node != nil && n.busy > w.now:
		f.at, f.kind = n.busy, payloadArrive
		f.ticket = w.queue.Push(n.busy, payloadArrive|uint64(slot))
	default:
		w.arrive(n, w.frames.take(slot))
	}
}

func (w *World) arrive(n *simNode, f inFlight) {
	index := uint32(f.link>>24) - 1
	if l := &w.links[index]; n.node == nil || !l.up || linkNumber(index, l.epoch) != f.link {
		w.stale++
		return
	}
	w.delivered++
	w.step(n, &codec.Frame{Link: f.link, Bytes: f.bytes})
}

// linkUp connects the two ends, if both are there.
func (w *World) linkUp(index uint32) {
	l := &w.links[index]
	a, b := w.nodes[l.ends[0]], w.nodes[l.ends[1]]
	if l.up || a.node == nil || b.node == nil {
		return
	}
	l.up = true
	l.epoch++
	number := linkNumber(index, l.epoch)
	w.step(a, &codec.LinkUp{Peer: b.node.Peer(), Link: number, Dialed: true})
	if b.node != nil { // a's step may have crashed nothing, but a hang-up may have come
		w.step(b, &codec.LinkUp{Peer: a.peer(w), Link: number})
	}
}

func (n *simNode) peer(w *World) codec.PeerID { return w.plan.Nodes[n.index].Peer }

// linkDown tells whichever end is still there.
func (w *World) linkDown(index uint32) {
	l := &w.links[index]
	if !l.up {
		return
	}
	l.up = false
	number := linkNumber(index, l.epoch)
	for _, end := range l.ends {
		if n := w.nodes[end]; n.node != nil {
			w.step(n, &codec.LinkDown{Link: number})
		}
	}
}

// hungUp takes a link down that a node gave up, unless it has gone already, and
// lets it come back later.
func (w *World) hungUp(number uint64) {
	index := uint32(number>>24) - 1
	if l := &w.links[index]; l.up && linkNumber(index, l.epoch) == number {
		w.linkDown(index)
		w.queue.Push(w.now+redialNs, payloadDial|uint64(index))
	}
}

// dial makes a link that the plan does not have, for a node that asks for one.
func (w *World) dial(n *simNode, peer codec.PeerID) {
	to, known := w.byPeer[peer]
	if !known {
		return
	}
	for _, index := range n.links {
		if l := &w.links[index]; l.ends[0] == to || l.ends[1] == to {
			w.queue.Push(w.now, payloadDial|uint64(index))
			return
		}
	}
	index := uint32(len(w.links))
	w.addLink(index, [2]uint32{n.index, to})
	w.queue.Push(w.now, payloadDial|uint64(index))
}

// act carries out an action of the plan.
func (w *World) act(payload uint64) {
	i := int(payload &^ payloadMask)
	a := &w.plan.Actions[i]
	n := w.nodes[a.Node]
	if a.Kind == Give && n.node != nil {
		if n.paused {
			n.waits = append(n.waits, payload)
			return
		}
		if n.busy > w.now {
			w.queue.Push(n.busy, payload)
			return
		}
	}
	w.perform(a)
	w.acted++
	w.ready = w.acted == len(w.plan.Actions)
}

func (w *World) perform(a *Action) {
	n := w.nodes[a.Node]
	switch a.Kind {
	case Give:
		if n.node != nil {
			w.step(n, a.Event)
		} else {
			w.down(n)
		}
	case Cut:
		w.cut(a.Nodes, a.OneWay)
	case Heal:
		w.net.HealAll()
	case Crash:
		w.crash(n, a.Store)
	case Restart:
		w.restart(n)
	case Pause:
		n.paused = true
	case Resume:
		w.resume(n)
	case Clock:
		now := w.clock(n)
		n.wall, n.since, n.drift = now.Wall-WallStart-w.now+a.Shift, w.now, a.Drift
	case SetLinks:
		w.setLinks(a)
	case FailStore:
		n.store.FailAt = n.store.Commits + max(a.Commit, 1)
	case Leave:
		w.leave(n)
	}
}

// down notes that a node was not there for what it should have done.
func (w *World) down(n *simNode) {
	w.refused++
	w.lastRefusal = fmt.Sprintf("node %d: down", n.index)
}

// cut separates nodes from all others: they form a group of their own.
func (w *World) cut(nodes []uint32, oneWay bool) {
	for i := range w.nodes {
		group := 0
		if _, in := slices.BinarySearch(nodes, uint32(i)); in {
			group = 1
		}
		must(w.net.SetGroup(uint32(i), group))
	}
	must(w.net.CutGroups(1, 0))
	if !oneWay {
		must(w.net.CutGroups(0, 1))
	}
}

func must(err error) {
	if err != nil {
		panic(err) // unreachable: the plan's parameters were checked
	}
}

func (w *World) setLinks(a *Action) {
	must(w.net.SetDefault(*a.Params))
	must(w.net.SetModel(a.Model))
}

// stop takes a node out of the world; its store stays as it is.
func (w *World) stop(n *simNode) {
	if n.node == nil {
		return
	}
	n.audits = append(n.audits, n.node.Audit())
	addCounters(&n.counts, n.node.Counters())
	n.node = nil
	w.queue.ClearWake(n.index)
	for _, payload := range n.waits {
		switch payload & payloadMask {
		case payloadArrive:
			w.frames.take(uint32(payload))
		case payloadAction:
			w.down(n)
			w.acted++
		}
	}
	w.ready = w.acted == len(w.plan.Actions)
	n.waits, n.paused, n.busy = nil, false, 0
	for _, index := range n.links {
		w.linkDown(index)
	}
}

func (w *World) crash(n *simNode, fate StoreFate) {
	if n.node == nil {
		return
	}
	w.stop(n)
	w.breakStore(n, fate)
}

func (w *World) breakStore(n *simNode, fate StoreFate) {
	next, err := w.stores.Crash(n.index, n.store.Store, fate, w.plan.draw(uint64(n.index), drawTorn, n.boot))
	if err != nil {
		panic(err) // a store that cannot be crashed is a bug of the world
	}
	n.store = &store.Faulty{Store: next, Err: errStoreFault}
}

// leave closes a node in good order.
func (w *World) leave(n *simNode) {
	if n.node == nil {
		return
	}
	w.stop(n)
	w.breakStore(n, StoreKept)
}

// restart opens a node again and connects it.
func (w *World) restart(n *simNode) {
	if n.node != nil {
		return
	}
	if n.store.FailAt > 0 {
		w.breakStore(n, StoreKept)
	}
	n.boot++
	if err := w.open(n); err != nil {
		panic(err) // the plan's configuration was valid before
	}
	for _, index := range n.links {
		w.linkUp(index)
	}
}

func (w *World) resume(n *simNode) {
	n.paused = false
	waits := n.waits
	n.waits = nil
	for _, payload := range waits {
		switch payload & payloadMask {
		case payloadMask:
			w.queue.SetWake(n.index, w.now)
		default:
			w.queue.Push(w.now, payload)
		}
	}
}

// Audit combines the chains of all nodes and all their boots, by peer id.
func (w *World) Audit() (sum codec.ID) {
	order := slices.Clone(w.nodes)
	slices.SortFunc(order, func(a, b *simNode) int { return a.peer(w).Compare(b.peer(w)) })
	h := sha256.New()
	for _, n := range order {
		peer := n.peer(w)
		h.Write(peer[:])
		audits := n.audits
		if n.node != nil {
			audits = append(slices.Clone(audits), n.node.Audit())
		}
		for _, a := range audits {
			h.Write(binary.BigEndian.AppendUint64(nil, a))
		}
	}
	h.Sum(sum[:0])
	return sum
}

// cost is the virtual time, in nanoseconds, of what a step did, by unit costs
// measured on one 2 GHz core: checking a signature, handling a record that is
// known, a frame, a byte.
func cost(before, after *codec.Counters) int64 {
	const verify, record, frame, perKiB = 36_000, 1_000, 3_000, 1_000
	bytes := after.BytesIn - before.BytesIn + after.BytesOut - before.BytesOut
	frames := after.FramesIn - before.FramesIn + after.FramesOut - before.FramesOut
	return int64((after.Verified-before.Verified)*verify + (after.RecordsIn-before.RecordsIn)*record +
		frames*frame + bytes*perKiB/1024)
}

// Slots of frames in flight are used again.
type slab struct {
	slots []inFlight
	free  []uint32
}

// inFlight is a frame between two nodes.
type inFlight struct {
	from, to uint32
	link     uint64
	bytes    []byte
	sent, at int64
	serial   uint64
	kind     uint64
	ticket   kernel.Ticket
}

func (s *slab) add(f inFlight) uint32 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		s.slots[slot] = f
		return slot
	}
	s.slots = append(s.slots, f)
	return uint32(len(s.slots) - 1)
}

func (s *slab) at(slot uint32) *inFlight { return &s.slots[slot] }

func (s *slab) take(slot uint32) inFlight {
	f := s.slots[slot]
	s.slots[slot] = inFlight{}
	s.free = append(s.free, slot)
	return f
}
