package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

// ledger is an observer that knows every record ever made with a key.
type ledger struct {
	t    *testing.T
	self codec.PeerID
	ids  map[uint64]codec.ID
	high uint64 // the highest count that the node must remember, whatever happens
}

func (l *ledger) Admitted(rec *codec.Record, link uint64) {
	if rec.Author != l.self {
		return
	}
	count := rec.Version >> versionTagBits
	if link == 0 && count <= l.high {
		l.t.Fatalf("count %d was written after %d", count, l.high)
	}
	if old, used := l.ids[rec.Version]; used && old != rec.ID {
		l.t.Fatalf("version %#x was signed twice", rec.Version)
	}
	l.ids[rec.Version] = rec.ID
	l.high = max(l.high, count)
}

func putOne(space codec.ID, i int) *codec.Put {
	return &codec.Put{Space: space, Entries: []codec.PutEntry{{Key: codec.MustKey("k", fmt.Sprint(i%5)), Codec: codec.CodecRaw, Value: fmt.Append(nil, "v", i)}}}
}

// No crash, loss, leave or accepted loss makes an honest node sign a version
// twice, and none but the loss of everything lets its versions fall back: what is
// written next has to win over what was written before.
func TestVersionsAreNeverReused(t *testing.T) {
	self := newAuthor(1)
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 3))
		g := genesis(newAuthor(9))
		g.History = codec.History(seed % 2)
		book := &ledger{t: t, self: self.peer, ids: map[uint64]codec.ID{}}
		witness := openNode(t, 2, Config{}, newStore())
		join(t, witness, g)
		st := newStore()
		var n *Node
		boot := uint64(0)
		open := func() {
			cfg := Config{Key: [32]byte{1, 1}, Seed: [32]byte{byte(seed), byte(boot), 5}, Boot: boot, Durable: rng.IntN(2) == 0}
			var err error
			if n, err = Open(cfg, st, Options{Observer: book}); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			boot++
			join(t, n, g)
			if n.spaces[g.ID()].writer.refused { // it knows that it may have forgotten
				book.high = 0
			}
		}
		open()
		for i := range 60 {
			switch rng.IntN(12) {
			case 0: // power loss
				st = st.Crash(rng.IntN(st.Unsynced() + 1))
				open()
			case 1: // the disk is gone
				st = newStore()
				open()
				if err := refuse(t, n, putOne(g.ID(), i)); !errors.Is(err, ErrStoreLost) {
					t.Fatal(err)
				}
			case 2:
				do(t, n, &codec.LeaveSpace{Space: g.ID()})
				join(t, n, g)
			case 3: // everything that is out there comes back
				exchange([]*Node{n, witness}, g.ID())
				n.Synced(g.ID(), witness.Peer(), true)
			case 4:
				if rng.IntN(4) == 0 && n.lost != nil {
					do(t, n, &codec.AcceptLoss{})
				}
			default:
				// Refused while the store counts as lost: that is the point.
				if _, err := n.Step(after(n, 1e6), putOne(g.ID(), i)); err != nil && !errors.Is(err, ErrStoreLost) {
					t.Fatal(err)
				}
			}
			if rng.IntN(2) == 0 {
				for _, rec := range n.all(g.ID()) {
					bring(witness, g.ID(), rec)
				}
			}
		}
		if len(witness.spaces[g.ID()].flagged) > 0 {
			t.Fatalf("seed %d: the witness saw one version signed twice", seed)
		}
	}
}

// A store that is lost keeps the node from writing until a sync, also when the
// node crashes before that.
func TestLostStoreStaysLost(t *testing.T) {
	g := genesis(newAuthor(9))
	st := newStore()
	n := openNode(t, 1, Config{}, st)
	join(t, n, g)
	do(t, n, putOne(g.ID(), 1))

	st = newStore()
	n = openNode(t, 1, Config{Boot: 1}, st)
	join(t, n, g)
	if err := refuse(t, n, putOne(g.ID(), 2)); !errors.Is(err, ErrStoreLost) {
		t.Fatal(err)
	}
	st = st.Crash(st.Unsynced())
	n = openNode(t, 1, Config{Boot: 2}, st)
	if err := refuse(t, n, putOne(g.ID(), 2)); !errors.Is(err, ErrStoreLost) {
		t.Fatal(err)
	}
	n.Synced(g.ID(), codec.PeerID{}, false)
	do(t, n, putOne(g.ID(), 2))

	// Regained for good: another boot may write, and so may another join.
	st = st.Crash(st.Unsynced())
	n = openNode(t, 1, Config{Boot: 3}, st)
	do(t, n, putOne(g.ID(), 3))
	join(t, n, g)
	do(t, n, putOne(g.ID(), 4))

	// Another loss is another loss; boots that are missing are one, too.
	n = openNode(t, 1, Config{Boot: 5}, st.Crash(st.Unsynced()))
	if err := refuse(t, n, putOne(g.ID(), 5)); !errors.Is(err, ErrStoreLost) {
		t.Fatal(err)
	}
	do(t, n, &codec.AcceptLoss{})
	do(t, n, putOne(g.ID(), 5))
}

func TestBootsAndPeersAreChecked(t *testing.T) {
	st := newStore()
	openNode(t, 1, Config{Boot: 4}, st)
	for _, cfg := range []Config{{Key: [32]byte{1, 1}, Boot: 4}, {Key: [32]byte{2, 1}, Boot: 5}} {
		if _, err := Open(cfg, st, Options{}); err == nil {
			t.Fatalf("boot %d opened", cfg.Boot)
		}
	}
}

// Records of its own that a crash has taken from a node are its past, not somebody
// else's.
func TestOwnPastComesBack(t *testing.T) {
	g := genesis(newAuthor(9))
	witness := openNode(t, 2, Config{}, newStore())
	st := newStore()
	n := openNode(t, 1, Config{}, st)
	join(t, witness, g)
	join(t, n, g)
	do(t, n, putOne(g.ID(), 1)) // reserves versions, durably
	do(t, n, putOne(g.ID(), 2))
	exchange([]*Node{n, witness}, g.ID())
	n = openNode(t, 1, Config{Boot: 1}, st.Crash(0))
	if n.Count(g.ID()) != 1 {
		t.Fatalf("%d records have survived the crash", n.Count(g.ID()))
	}
	exchange([]*Node{n, witness}, g.ID())
	if got := find[*codec.KeyInUse](do(t, n, &codec.Wake{})); n.Count(g.ID()) != 2 || n.keyInUse || len(got) > 0 {
		t.Fatalf("%d records, key in use: %t, %v", n.Count(g.ID()), n.keyInUse, got)
	}
}

// Two machines with one key and different seeds sign no version twice, and it is
// noticed.
func TestKeyOnTwoMachines(t *testing.T) {
	w := newNet(t, 0)
	g := genesis(newAuthor(9))
	hub := w.add(2, Config{}, newStore())
	one := w.add(1, Config{Seed: [32]byte{1}}, newStore())
	two := openNode(t, 1, Config{Seed: [32]byte{2}}, newStore())
	for _, n := range []*Node{hub, one, two} {
		join(t, n, g)
	}
	for i := range 10 {
		do(t, one, putOne(g.ID(), i))
		do(t, two, putOne(g.ID(), i))
	}
	if one.tag == two.tag {
		t.Fatal("the seeds of this test give one tag")
	}
	exchange([]*Node{one, hub, two}, g.ID())
	// The machine whose records lose sees those that win; the other one cannot.
	loser := one
	if two.keyInUse {
		loser = two
	}
	if !loser.keyInUse || one.keyInUse && two.keyInUse {
		t.Fatalf("noticed: %t, %t", one.keyInUse, two.keyInUse)
	}
	for i := range 10 {
		do(t, one, putOne(g.ID(), 100+i))
		do(t, two, putOne(g.ID(), 100+i))
	}
	exchange([]*Node{one, hub, two}, g.ID())
	if len(hub.spaces[g.ID()].flagged) != 0 {
		t.Fatal("one version was signed twice")
	}
	// It writes above what it has seen, also after a restart.
	highest := loser.latestOf(loser.spaces[g.ID()], loser.Peer()).Version
	reopened := openNode(t, 1, Config{Seed: [32]byte{3}, Boot: 1}, loser.store.(*memory.Store).Crash(1<<20))
	do(t, reopened, putOne(g.ID(), 101))
	if got := reopened.latestOf(reopened.spaces[g.ID()], reopened.Peer()).Version; got <= highest {
		t.Fatalf("wrote version %#x, had seen %#x", got, highest)
	}
}

func TestVersionsUsedUp(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	g := genesis(newAuthor(9))
	join(t, n, g)
	bring(n, g.ID(), newAuthor(1).put(g.ID(), codec.VersionMax, "k", "the end", codec.ID{}))
	if err := refuse(t, n, putOne(g.ID(), 1)); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
}

// Clocks that run far ahead elsewhere do not carry ours along; ours never goes
// back, wherever the wall clock jumps.
func TestClockIsBounded(t *testing.T) {
	n := openNode(t, 1, Config{}, newStore())
	g := genesis(newAuthor(9))
	join(t, n, g)
	a := newAuthor(3)
	at := func(ms int64) *codec.Record {
		return a.sign(codec.Header{Space: g.ID(), Version: uint64(ms), Key: codec.MustKey("k"), Time: codec.NewHLC(ms, 0)}, []byte("v"))
	}
	wall := after(n, 0).Wall / 1e6
	bring(n, g.ID(), at(wall+3600_000))
	if n.clock.Ms() > wall {
		t.Fatal("an hour ahead was believed")
	}
	bring(n, g.ID(), at(wall+60_000))
	if n.clock.Ms() != wall+60_000 {
		t.Fatal("a minute ahead was not believed")
	}
	last := n.clock
	for i, jump := range []int64{-1e18, 1e18, -1 << 62, 1<<63 - 1, 0} {
		now := codec.Now{Mono: n.now.Mono + 1, Wall: jump}
		if _, err := n.Step(now, putOne(g.ID(), i)); err != nil {
			t.Fatal(err)
		}
		if n.clock <= last {
			t.Fatalf("the clock went back at wall %d", jump)
		}
		last = n.clock
	}
}
