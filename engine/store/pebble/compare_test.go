package pebble_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
	"github.com/intersubjective/rapprochement/engine/store/storetest"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "replay the random history of this seed")
	roundsFlag = flag.Int("rounds", 20, "how many random histories each test tries")
)

// seeds are those to try: the one that was asked for, or some new ones.
func seeds(n int) []uint64 {
	if *seedFlag != 0 {
		return []uint64{*seedFlag}
	}
	if testing.Short() {
		n = max(1, n/5)
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = rand.Uint64()
	}
	return out
}

// small makes flushes, compactions and cache misses happen in short tests.
func small(fs vfs.FS) pebble.Options {
	return pebble.Options{FS: fs, MemTable: 16 << 10, BlockCache: 1, RecordCache: 4 << 10}
}

func openMemory(*testing.T) (store.Store, func() store.Store) {
	s := memory.New(memory.NewArena())
	return s, func() store.Store {
		s = s.Crash(s.Unsynced())
		return s
	}
}

func openSmall(t *testing.T) (store.Store, func() store.Store) {
	fs := vfs.NewMem()
	open := func() *pebble.Store {
		s, err := pebble.Open("db", small(fs))
		if err != nil {
			t.Fatal(err)
		}
		check(t, s)
		return s
	}
	s := open()
	return s, func() store.Store {
		check(t, s)
		closing(t, s)
		s = open()
		return s
	}
}

func TestSameAsMemory(t *testing.T) {
	for _, seed := range seeds(max(1, *roundsFlag/5)) {
		storetest.Compare(t, seed, 300, openMemory, openSmall)
	}
}
