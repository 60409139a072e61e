package kvriblt

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkAdd(b *testing.B) {
	for _, m := range []int{512, 16_384, 131_072} {
		b.Run(fmt.Sprintf("m=%d", m), func(b *testing.B) {
			b.ReportAllocs()
			s, i := NewSketch(m), uint32(0)
			for b.Loop() {
				i++
				s.Add(1+i*2039%(prime-1), i)
			}
		})
	}
}

func BenchmarkSums(b *testing.B) {
	var p PowerSums
	for b.Loop() {
		p.put(12345, 67890)
	}
}

// The whole of a warm session but the wire and the index: subtract and decode.
func BenchmarkDecode(b *testing.B) {
	for _, d := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("d=%d", d), func(b *testing.B) {
			const pairs = 16 // so that no branch predictor learns the input
			var remote, local [pairs]*Sketch
			m := cellsFor(d + d/9)
			for i := range pairs {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(d)))
				remote[i], local[i] = NewSketch(m), NewSketch(m)
				for range d {
					k := 1 + rng.Uint32N(prime-1)
					remote[i].Add(k, 1+rng.Uint32N(prime-1))
					local[i].Add(k, 1+rng.Uint32N(prime-1))
				}
			}
			var dec Decoder
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				r, l := remote[i%pairs], local[i%pairs]
				dec.Reset(7)
				dec.Sums(&r.sums, &l.sums)
				if !dec.Done() {
					dec.Receive(r.cells[1:], l.cells[1:])
				}
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(d), "ns/diff")
		})
	}
}
