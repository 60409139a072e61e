package storebench

import (
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
)

// BenchmarkIngest reports records/s for a million records (fewer with -short).
func BenchmarkIngest(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	for _, c := range []struct {
		name string
		in   Ingest
	}{
		{"sync=64", Ingest{n, SyncEvery, false}},
		{"sync=64,look", Ingest{n, SyncEvery, true}},
		{"sync=1", Ingest{n, 1, false}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				s, err := pebble.Open(b.TempDir(), pebble.Options{})
				if err != nil {
					b.Fatal(err)
				}
				rate, err := c.in.Run(s)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(rate, "records/s")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReopen(b *testing.B) {
	if testing.Short() {
		b.Skip("fills a store with a million records")
	}
	const n = 1_000_000
	dir := b.TempDir()
	if _, _, err := PebbleIngest(dir, n); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if _, err := Reopen(dir, n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMemoryInsert(b *testing.B) {
	var recs []*codec.Record
	var shorts []uint64
	if err := Records(b.N, func(batch []*codec.Record, names []uint64) {
		recs, shorts = append(recs, batch...), append(shorts, names...)
	}); err != nil {
		b.Fatal(err)
	}
	s := memory.New(memory.NewArena())
	b.ReportAllocs()
	b.ResetTimer()
	for i, r := range recs {
		s.Insert(r, shorts[i])
		if i%BatchRecords == 0 {
			if err := s.Commit(true); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLookup measures what a node asks for each record that it is sent.
func BenchmarkLookup(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	s, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := (Ingest{n, SyncEvery, false}).Run(s); err != nil {
		b.Fatal(err)
	}
	space := codec.ID{1}
	pin := s.Pin(space)
	defer pin.Close()
	var shorts []uint64
	var refs []store.Ref
	pin.Each(func(ref store.Ref, short uint64, _ *codec.ID) bool {
		shorts, refs = append(shorts, short), append(refs, ref)
		return true
	})
	rng := rand.New(rand.NewPCG(1, 1))
	var found []store.Ref
	for name, fn := range map[string]func(i int){
		"find":     func(i int) { found = s.Find(space, shorts[i], found[:0]) },
		"miss":     func(i int) { found = s.Find(space, shorts[i]+1, found[:0]) },
		"pin find": func(i int) { found = pin.Find(shorts[i], found[:0]) },
		"load":     func(i int) { s.Load(space, refs[i]) },
		"pin":      func(int) { s.Pin(space).Close() },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				fn(rng.IntN(n))
			}
		})
	}
	b.Run("pin each", func(b *testing.B) {
		for range b.N {
			pin.Each(func(store.Ref, uint64, *codec.ID) bool { return true })
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
	})
}

func TestPebbleIngest(t *testing.T) {
	const n = 1000
	rate, seconds, err := PebbleIngest(t.TempDir(), n)
	if err != nil || rate <= 0 || seconds <= 0 {
		t.Fatal(rate, seconds, err)
	}
}
