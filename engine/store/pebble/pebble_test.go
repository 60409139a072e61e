package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
	"github.com/intersubjective/rapprochement/engine/store/storetest"
)

func open(t testing.TB, fs vfs.FS) *pebble.Store {
	t.Helper()
	s, err := pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closing reports what Close returns.
func closing(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, s *pebble.Store) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	// Small buffers make the suite see files, filters and cold caches too.
	for name, o := range map[string]pebble.Options{
		"defaults": {},
		"small":    {MemTable: 256 << 10, BlockCache: 1, RecordCache: 1},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
				o.FS = vfs.NewMem()
				open := func() *pebble.Store {
					s, err := pebble.Open("db", o)
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
			})
		})
	}
}
