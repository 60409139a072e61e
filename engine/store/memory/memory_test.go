package memory_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
	"github.com/intersubjective/rapprochement/engine/store/storetest"
)

var seedFlag = flag.Uint64("seed", 0, "replay the random history of this seed")

func seed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return rand.Uint64()
}

// in opens stores on an arena.
func in(arena *memory.Arena) storetest.Opener {
	return func(*testing.T) (store.Store, func() store.Store) {
		s := memory.New(arena)
		return s, func() store.Store {
			s = s.Crash(s.Unsynced())
			return s
		}
	}
}

// Stores on one arena do not see each other, and leave nothing behind.
func TestSharedArena(t *testing.T) {
	for range 5 {
		shared := memory.NewArena()
		storetest.Compare(t, seed(), 300, in(memory.NewArena()), in(shared), in(shared))
		wantEmpty(t, shared)
	}
}

func wantEmpty(t *testing.T, arena *memory.Arena) {
	t.Helper()
	for i := range byte(3) {
		if n := arena.Records(storetest.Space(i)); n != 0 {
			t.Fatalf("%d records are left in the arena", n)
		}
	}
}

// A crash keeps what was synced and as many commits after that as it is told.
func TestCrash(t *testing.T) {
	for range 20 {
		testCrash(t, seed())
	}
}

func testCrash(t *testing.T, seed uint64) {
	t.Logf("seed %d", seed)
	arena := memory.NewArena()
	w, s := storetest.NewWalk(seed), memory.New(arena)
	for range 5 {
		states := []string{w.Dump(s)}
		_ = s.Commit(true)
		for range 1 + w.Rand.IntN(5) {
			for range w.Rand.IntN(20) {
				w.Change(s)
			}
			states = append(states, w.Dump(s))
			_ = s.Commit(false)
		}
		for range w.Rand.IntN(20) {
			w.Change(s)
		}
		if s.Unsynced() != len(states)-1 {
			t.Fatalf("%d commits are not synced, want %d", s.Unsynced(), len(states)-1)
		}
		keep := w.Rand.IntN(len(states))
		s = s.Crash(keep)
		if dump := w.Dump(s); dump != states[keep] {
			t.Fatalf("after a crash that keeps %d commits, got\n%s\nwant\n%s", keep, dump, states[keep])
		}
		w.Resume(s)
	}
	s.Destroy()
	wantEmpty(t, arena)
}
