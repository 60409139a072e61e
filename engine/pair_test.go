package engine

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

// A net carries frames between nodes with a fixed delay and seeded loss: the
// smallest driver of the host loop.
type net struct {
	t       *testing.T
	nodes   map[codec.PeerID]*Node
	wake    map[codec.PeerID]int64
	got     map[codec.PeerID][]codec.Effect
	queue   []delivery
	links   map[uint64][2]codec.PeerID
	now     int64
	delay   int64
	loss    int // per mille
	rng     *rand.Rand
	serial  int
	dropped int
}

type delivery struct {
	at     int64
	serial int
	to     codec.PeerID
	link   uint64
	bytes  []byte
}

func newNet(t *testing.T, loss int) *net {
	return &net{t: t, nodes: map[codec.PeerID]*Node{}, wake: map[codec.PeerID]int64{}, got: map[codec.PeerID][]codec.Effect{},
		links: map[uint64][2]codec.PeerID{}, delay: 20e6, loss: loss, rng: rand.New(rand.NewPCG(1, 2))}
}

func (w *net) add(i byte, cfg Config, st store.Store, services ...service.Service) *Node {
	cfg.Key = [32]byte{i, 1}
	if cfg.Seed == [32]byte{} {
		cfg.Seed = [32]byte{i, 2}
	}
	n, err := Open(cfg, st, Options{Services: services})
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[n.Peer()] = n
	return n
}

func (w *net) clock() codec.Now { return codec.Now{Mono: w.now, Wall: 1_700_000_000e9 + w.now} }

func (w *net) step(n *Node, events ...codec.Event) []codec.Effect {
	w.t.Helper()
	effects, err := n.Step(w.clock(), events...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case *codec.Send:
			ends := w.links[e.Link]
			to := ends[0]
			if to == n.Peer() {
				to = ends[1]
			}
			if w.rng.IntN(1000) < w.loss {
				w.dropped++
				continue
			}
			w.serial++
			w.queue = append(w.queue, delivery{w.now + w.delay, w.serial, to, e.Link, e.Bytes})
		case *codec.WakeAt:
			if e.Mono != 0 && e.Mono <= w.now {
				w.t.Fatalf("at %d the node wants to be woken at %d", w.now, e.Mono)
			}
			w.wake[n.Peer()] = e.Mono
		default:
			w.got[n.Peer()] = append(w.got[n.Peer()], e)
		}
	}
	return append([]codec.Effect(nil), effects...)
}

func (w *net) connect(link uint64, a, b *Node) {
	w.links[link] = [2]codec.PeerID{a.Peer(), b.Peer()}
	w.step(a, &codec.LinkUp{Peer: b.Peer(), Link: link, Dialed: true})
	w.step(b, &codec.LinkUp{Peer: a.Peer(), Link: link})
}

func (w *net) run(until int64) {
	for {
		next := until
		var who *Node
		peers := make([]codec.PeerID, 0, len(w.wake))
		for p := range w.wake {
			peers = append(peers, p)
		}
		sort.Slice(peers, func(i, j int) bool { return peers[i].Compare(peers[j]) < 0 })
		for _, p := range peers {
			if at := w.wake[p]; at != 0 && at < next {
				next, who = max(at, w.now), w.nodes[p]
			}
		}
		best := -1
		for i, d := range w.queue {
			if d.at <= next && (best < 0 || d.at < w.queue[best].at || d.at == w.queue[best].at && d.serial < w.queue[best].serial) {
				best = i
			}
		}
		switch {
		case best >= 0:
			d := w.queue[best]
			w.queue = append(w.queue[:best], w.queue[best+1:]...)
			w.now = d.at
			if n := w.nodes[d.to]; n != nil {
				w.step(n, &codec.Frame{Link: d.link, Bytes: d.bytes})
			}
		case who != nil:
			w.now = next
			w.step(who, &codec.Wake{})
		default:
			w.now = until
			return
		}
	}
}

func (w *net) faults() (list []string) {
	for _, effects := range w.got {
		for _, e := range effects {
			if f, ok := e.(*codec.PeerFault); ok {
				list = append(list, fmt.Sprint(*f))
			}
		}
	}
	return list
}

func puts(space codec.ID, from, count int) *codec.Put {
	p := &codec.Put{Req: 1, Space: space}
	for i := from; i < from+count; i++ {
		p.Entries = append(p.Entries, codec.PutEntry{Key: codec.MustKey("k", fmt.Sprint(i)), Codec: codec.CodecRaw, Value: []byte(fmt.Sprint("value ", i))})
	}
	return p
}

func (w *net) space(owner *Node, others ...*Node) codec.ID {
	var ready *codec.SpaceReady
	for _, e := range w.step(owner, &codec.CreateSpace{Name: "test"}) {
		if r, ok := e.(*codec.SpaceReady); ok {
			ready = r
		}
	}
	for _, n := range others {
		w.step(n, &codec.JoinSpace{Genesis: ready.Genesis})
	}
	return ready.Space
}

func TestTwoNodesSync(t *testing.T) {
	for _, strategy := range StrategyNames() {
		for _, loss := range []int{0, 100} {
			t.Run(fmt.Sprint(strategy, loss), func(t *testing.T) {
				w := newNet(t, loss)
				cfg := Config{Strategies: []string{strategy, "full"}}
				a, b := w.add(1, cfg, memory.New(memory.NewArena())), w.add(2, cfg, memory.New(memory.NewArena()))
				space := w.space(a, b)
				w.step(a, puts(space, 0, 300))
				w.step(b, puts(space, 200, 300))
				w.connect(1, a, b)
				w.run(20e9)
				sa, ca := a.Summary(space)
				sb, cb := b.Summary(space)
				if sa != sb || ca != 600 || cb != 600 {
					t.Fatalf("after 20 s: %d %s, %d %s; faults %v", ca, sa.Short(), cb, sb.Short(), w.faults())
				}
				if f := w.faults(); f != nil {
					t.Fatal(f)
				}
				// Live path.
				w.step(a, puts(space, 1000, 1))
				w.run(w.now + 3e9)
				if _, cb := b.Summary(space); cb != 601 {
					t.Fatal("live record did not arrive", cb)
				}
				for p, effects := range w.got {
					for _, e := range effects {
						if s, ok := e.(*codec.SyncEnded); ok {
							t.Logf("%s %+v", p.Short(), *s)
						}
					}
				}
				t.Logf("%+v", *a.Counters())
			})
		}
	}
}
