package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/prolly"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
)

// wantKept checks that what a strategy keeps of a space is what it would make of
// the set.
func wantKept(t *testing.T, n *Node, space codec.ID, st reconcile.Strategy) {
	t.Helper()
	v := n.Pin(space).(*view)
	defer v.Close()
	v.Kept(st)
	for _, k := range n.spaces[space].summary.kept {
		if k.strategy != st.Name() {
			continue
		}
		got, want := k.Kept.(reconcile.Saver).Save(nil), st.NewKept(v).(reconcile.Saver).Save(nil)
		if !bytes.Equal(got, want) {
			t.Fatalf("what is kept of %d records disagrees with them", v.Count())
		}
		return
	}
	t.Fatal("nothing is kept")
}

// restart closes a node in one way or another and opens it again.
func restart(t *testing.T, n *Node, disk *pebble.Disk, boot *uint64, rng *rand.Rand) *Node {
	t.Helper()
	if rng.IntN(2) == 0 {
		disk.Crash(rng.IntN(5)*25, rng.Uint64())
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	} else if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	*boot++
	st, err := disk.Open()
	if err != nil {
		t.Fatal(err)
	}
	return openNode(t, 1, Config{Boot: *boot}, st)
}

// Whatever happens between writing a summary down and reading it again, it
// never disagrees with the data: changes, power loss, restarts that do not ask
// for it.
func TestSummariesSurviveRestartsAndCrashes(t *testing.T) {
	for _, st := range []reconcile.Strategy{riblt.Strategy{}, prolly.Strategy{}} {
		t.Run(st.Name(), func(t *testing.T) { summariesSurvive(t, st) })
	}
}

func summariesSurvive(t *testing.T, st reconcile.Strategy) {
	before := saveEvery
	defer func() { saveEvery = before }()
	loaded := 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 11))
		saveEvery = 1 + rng.Uint64N(40)
		disk, boot := pebble.NewDisk(), uint64(1)
		opened, err := disk.Open()
		if err != nil {
			t.Fatal(err)
		}
		owner := newAuthor(1)
		n := openNode(t, 1, Config{Boot: boot}, opened)
		space := join(t, n, genesis(owner))
		version := uint64(1)
		for range 25 {
			if n.spaces[space] == nil {
				join(t, n, genesis(owner)) // a crash before the first sync
			}
			var records []*codec.Record
			for range rng.IntN(40) {
				version++
				records = append(records, owner.put(space, version, fmt.Sprint("k", rng.IntN(60)), "v", codec.ID{}))
			}
			bring(n, space, records...)
			do(t, n) // commits
			if rng.IntN(3) > 0 {
				wantKept(t, n, space, st)
				summaryWithoutForgetting(t, n, space)
			}
			if rng.IntN(3) == 0 {
				n = restart(t, n, disk, &boot, rng)
				if sp := n.spaces[space]; sp != nil && n.loadKept(sp, st) != nil {
					loaded++
				}
			}
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d restarts found a summary", loaded)
	if loaded < 20 {
		t.Errorf("only %d restarts found a summary", loaded)
	}
}

// summaryWithoutForgetting is summaryOf, and leaves the summary as it was.
func summaryWithoutForgetting(t *testing.T, n *Node, space codec.ID) {
	t.Helper()
	sp := n.spaces[space]
	n.fingerprint(sp)
	saved := sp.summary
	defer func() { sp.summary = saved }()
	sp.summary = summary{}
	n.rebuild(sp)
	if sp.summary.state.Digest() != saved.digest {
		t.Fatal("the fingerprint disagrees with the set")
	}
}

// A boot in which nobody asks for a summary leaves it good for the next.
func TestSummaryOutlivesAnIdleBoot(t *testing.T) {
	disk, boot := pebble.NewDisk(), uint64(1)
	opened, err := disk.Open()
	if err != nil {
		t.Fatal(err)
	}
	owner, st := newAuthor(1), riblt.Strategy{}
	n := openNode(t, 1, Config{Boot: boot}, opened)
	space := join(t, n, genesis(owner))
	for version := range uint64(3) {
		bring(n, space, owner.put(space, version+1, "k", "v", codec.ID{}))
		n.fingerprint(n.spaces[space])
		if version == 0 {
			wantKept(t, n, space, st)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		boot++
		if opened, err = disk.Open(); err != nil {
			t.Fatal(err)
		}
		n = openNode(t, 1, Config{Boot: boot}, opened)
	}
	if n.loadKept(n.spaces[space], st) == nil {
		t.Error("nothing is left")
	}
	wantKept(t, n, space, st)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// A summary that nobody asks for does not keep the log for ever.
func TestOldSummariesAreForgotten(t *testing.T) {
	disk := pebble.NewDisk()
	opened, err := disk.Open()
	if err != nil {
		t.Fatal(err)
	}
	n := openNode(t, 1, Config{Boot: 1}, opened)
	owner := newAuthor(1)
	space := join(t, n, genesis(owner))
	sp := n.spaces[space]
	n.fingerprint(sp)
	n.store.SetMeta(metaKepts(space)+"old", make([]byte, 8)) // of change 0
	n.store.SetMeta(metaKepts(space)+"cut", make([]byte, 7))
	bring(n, space, owner.put(space, 1, "k", "v", codec.ID{}))
	if got := n.oldestKept(sp, 100); got != 0 || n.store.Meta(metaKepts(space)+"cut") != nil {
		t.Errorf("the log may go up to %d", got)
	}
	if got := n.oldestKept(sp, lagMax+1); got != lagMax+1 || n.store.Meta(metaKepts(space)+"old") != nil {
		t.Errorf("the log may go up to %d", got)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}
