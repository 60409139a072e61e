package storebench

import (
	"testing"

	"github.com/intersubjective/rapprochement/codec"
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
	}
}

func TestPebbleIngest(t *testing.T) {
	const n = 1000
	rate, seconds, err := PebbleIngest(t.TempDir(), n)
	if err != nil || rate <= 0 || seconds <= 0 {
		t.Fatal(rate, seconds, err)
	}
}
