package sim

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/adversary"
	"github.com/intersubjective/rapprochement/engine/sim/liar"
)

// honest reports whether a node is what it seems.
func (n *simNode) honest() bool { return n.adversary == nil && !n.lies() }

func (n *simNode) lies() bool { return n.liar != nil && !n.liar.Honest() }

// newLiars puts a layer around the service of every node that will ever take part in
// a plot. Until then it passes everything on.
func (w *World) newLiars() {
	for i := range w.plan.Actions {
		if a := &w.plan.Actions[i]; a.Plot != nil && w.nodes[a.Node].liar == nil {
			w.nodes[a.Node].liar = liar.New(w.plan.Seed, a.Node)
		}
	}
}

// conspire lets a node join a plot, or leave it.
func (w *World) conspire(n *simNode, a *Action) {
	if a.Kind == Corrupt {
		w.accuse(n)
		n.liar.Join(a.Plot)
	} else {
		n.liar.Quit(a.Plot)
	}
	if n.node != nil && !n.paused {
		w.step(n, &codec.Wake{}) // it may have something to do at once
	}
}

func (n *simNode) linkUp(number uint64, peer codec.PeerID) {
	if n.adversary != nil {
		n.adversary.LinkUp(number, peer)
	}
}

// misbehave carries out Corrupt and Reform.
func (w *World) misbehave(n *simNode, a *Action) {
	switch {
	case a.Plot != nil:
		w.conspire(n, a)
	case a.Kind == Corrupt:
		w.corrupt(n, a)
	default:
		w.reform(n, a)
	}
}

// corrupt lets a node take up a habit. Its links come up anew, as if another program
// ran there: an adversary has to know what was said on a link from its beginning.
func (w *World) corrupt(n *simNode, a *Action) {
	w.relink(n, func() {
		if n.adversary == nil {
			n.adversary = w.newAdversary(n)
		}
		n.adversary.Take(a.Habit)
	})
	if a.Habit.Kind == adversary.Flood {
		w.floods = append(w.floods, flood{node: n, habit: a.Habit})
		w.queue.Push(w.now+a.Habit.Every, payloadMischief|uint64(len(w.floods)-1))
	}
}

// reform lets a node give up a habit; without any it is honest again.
func (w *World) reform(n *simNode, a *Action) {
	if n.adversary == nil {
		return
	}
	w.relink(n, func() {
		n.adversary.Drop(a.Habit)
		if n.adversary.Honest() {
			w.adversaries[n.index].add(&n.adversary.Account)
			n.adversary = nil
		}
	})
	for i := range w.floods {
		if f := &w.floods[i]; f.node == n && f.habit == a.Habit && !f.over {
			f.over = true
			break
		}
	}
}

// relink takes down a node's links, does something, and connects it again.
func (w *World) relink(n *simNode, between func()) {
	for _, index := range n.links {
		w.linkDown(index)
	}
	between()
	for _, index := range n.links {
		w.linkUp(index)
	}
}

func (w *World) newAdversary(n *simNode) *adversary.Adversary {
	id := adversary.Identity{Key: w.plan.Nodes[n.index].Key, Space: w.plan.space(), Salt: w.salt}
	for i := range w.plan.Nodes {
		id.Peers = append(id.Peers, w.plan.Nodes[i].Peer)
	}
	w.accuse(n)
	return adversary.New(w.plan.Seed, n.index, id)
}

// accuse opens the account of a node that misbehaves.
func (w *World) accuse(n *simNode) {
	if w.adversaries == nil {
		w.adversaries = map[uint32]*accused{}
	}
	if w.adversaries[n.index] == nil {
		w.adversaries[n.index] = &accused{}
		w.accused = append(w.accused, n.index)
	}
}

// A flood is a habit that sends by itself, at intervals.
type flood struct {
	node  *simNode
	habit adversary.Habit
	over  bool
}

// mischief sends the next frames of a flood.
func (w *World) mischief(payload uint64) {
	f := &w.floods[payload&^payloadMask]
	if f.over {
		return
	}
	n := f.node
	for _, index := range n.links {
		l := &w.links[index]
		if !l.up || n.node == nil || n.paused {
			continue
		}
		number := linkNumber(index, l.epoch)
		sent := inFlight{from: n.index, to: l.other(n.index), link: number, sent: w.now}
		n.adversary.Tick(number, f.habit, func(frame []byte) {
			sent.bytes = frame
			w.leave(n, sent)
		})
	}
	w.queue.Push(w.now+f.habit.Every, payload)
}

// accused is an adversary's account, and what it cost the honest.
type accused struct {
	adversary.Account
	costNs uint64 // of the steps that its frames caused, by the cost model
	bytes  uint64 // sent in these steps, to anybody
}

func (a *accused) add(more *adversary.Account) {
	a.Frames += more.Frames
	a.Bytes += more.Bytes
	a.Altered += more.Altered
	a.Added += more.Added
}

// charge accounts for what an honest node did because of an adversary's frame.
func (w *World) charge(n *simNode, events []codec.Event, before *codec.Counters) {
	if len(w.accused) == 0 || !n.honest() {
		return
	}
	ev, ok := events[0].(*codec.Frame)
	if !ok {
		return
	}
	from := w.links[uint32(ev.Link>>24)-1].other(n.index)
	if w.nodes[from].honest() {
		return
	}
	after := n.node.Counters()
	a := w.adversaries[from]
	a.costNs += uint64(cost(before, after))
	a.bytes += after.BytesOut - before.BytesOut
}

// fault counts what a node reports of a peer.
func (w *World) fault(n *simNode, ef *codec.PeerFault) {
	at := w.byPeer[ef.Peer]
	key := [3]uint32{uint32(ef.Fault), n.index, at}
	i, known := w.reports.index[key]
	if !known {
		i = len(w.reports.count)
		w.reports.index[key] = i
		w.reports.kind = append(w.reports.kind, key[0])
		w.reports.reporter = append(w.reports.reporter, key[1])
		w.reports.accused = append(w.reports.accused, key[2])
		w.reports.count = append(w.reports.count, 0)
	}
	w.reports.count[i]++
	if n.honest() {
		w.faults++
		if w.nodes[at].honest() {
			w.slanders++
			w.lastSlander = codec.Describe(ef)
		}
	}
}

// equivocation counts an author that a node caught. That of one who has been an
// adversary may be found long after.
func (w *World) equivocation(n *simNode, ef *codec.Equivocation) {
	if !n.honest() {
		return
	}
	w.equivocations++
	if w.adversaries[w.byPeer[ef.Author]] == nil {
		w.framed++
	}
}

// adversaryColumns is the table "adversaries": a row for each node that has ever
// been one.
func (w *World) adversaryColumns() []Column {
	count := len(w.accused)
	frames, bytes := make([]uint64, count), make([]uint64, count)
	altered, added := make([]uint64, count), make([]uint64, count)
	costs, caused := make([]uint64, count), make([]uint64, count)
	for i, node := range w.accused {
		sum := *w.adversaries[node]
		if a := w.nodes[node].adversary; a != nil {
			sum.add(&a.Account)
		}
		if l := w.nodes[node].liar; l != nil {
			sum.Altered, sum.Added = sum.Altered+l.Altered, sum.Added+l.Added
		}
		frames[i], bytes[i], altered[i], added[i] = sum.Frames, sum.Bytes, sum.Altered, sum.Added
		costs[i], caused[i] = sum.costNs, sum.bytes
	}
	return []Column{
		{"node", w.accused}, {"frames_out", frames}, {"bytes_out", bytes}, {"altered", altered}, {"added", added},
		{"cost_ns", costs}, {"bytes_caused", caused},
	}
}
