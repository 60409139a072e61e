package prolly

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// longKeys yields n keys of 40 bytes, as message stores have them: a time and a
// hash; values are 32 bytes.
func longKeys(n int, yield func(key, value []byte) bool) {
	rng := rand.New(rand.NewPCG(1, 2))
	key, value := make([]byte, 40), make([]byte, 32)
	for i := range n {
		binary.BigEndian.PutUint64(key, uint64(i)<<20|rng.Uint64N(1<<20))
		for j := 8; j < 40; j += 8 {
			binary.LittleEndian.PutUint64(key[j:], rng.Uint64())
		}
		if !yield(key, value) {
			return
		}
	}
}

const benchEntries = 1_000_000

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkOkraBulk(b *testing.B) {
	for range b.N {
		before := heap()
		b.StartTimer()
		o := mustFill(b, mustOkra(b, 16, 32), func(yield func(k, v []byte) bool) { longKeys(benchEntries, yield) })
		o.Root()
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/benchEntries, "B/entry")
		runtime.KeepAlive(o)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/bulk")
}

func BenchmarkOkraUpdate(b *testing.B) {
	o := mustFill(b, mustOkra(b, 16, 32), func(yield func(k, v []byte) bool) { longKeys(benchEntries, yield) })
	rng := rand.New(rand.NewPCG(3, 4))
	key, value := make([]byte, 40), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		binary.BigEndian.PutUint64(key, rng.Uint64N(benchEntries<<20))
		binary.LittleEndian.PutUint64(key[32:], rng.Uint64())
		o.Set(key, value)
		o.Root()
	}
}

func BenchmarkSetBulk(b *testing.B) {
	all := randomKeys(1, benchEntries)
	for range b.N {
		keys := slices.Clone(all)
		before := heap()
		b.StartTimer()
		s := NewSet(&testSalt, keys)
		s.Root()
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/benchEntries, "B/entry")
		runtime.KeepAlive(s)
		runtime.KeepAlive(keys)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/bulk")
}

// The hashes of an update are computed when a session asks for them: here, after
// every one, and after a thousand.
func BenchmarkSetUpdate(b *testing.B) {
	for _, every := range []int{1, 1000} {
		b.Run(map[int]string{1: "hashed", 1000: "burst"}[every], func(b *testing.B) {
			s := NewSet(&testSalt, randomKeys(1, benchEntries))
			s.Root()
			more := randomKeys(2, 1<<16)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				k := more[i%len(more)]
				if i++; !s.Add(k) {
					s.Remove(k)
				}
				if i%every == 0 {
					s.Root()
				}
			}
		})
	}
}

// What an update costs where somebody has ground all keys so that none begins a
// run, and so that they are cut as unevenly as can be.
func BenchmarkSetUpdateGround(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i, name := range []string{"dense", "doubling"} {
		b.Run(name, func(b *testing.B) {
			keys := make([]Key, 100_000)
			for j := range keys {
				keys[j] = key(times[[]int{1, 3}[i]](rng), uint64(j), ground(rng, 0, 3))
			}
			s := NewSet(&testSalt, slices.Clone(keys))
			for b.Loop() {
				if k := keys[rng.IntN(len(keys))]; !s.Remove(k) {
					s.Add(k)
				}
				s.Root()
			}
		})
	}
}
