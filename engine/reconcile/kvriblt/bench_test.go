package kvriblt

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
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

// kvView is a set that has nothing but its summary.
type kvView struct {
	reconcile.View
	kept  *kept
	count uint64
	pin   reconcile.Pinned
}

func (v *kvView) Count() uint64                            { return v.count }
func (v *kvView) Kept(reconcile.Strategy) reconcile.Pinned { return v.pin }

// A warm session of both sides, from the digest to the last record that is named.
func BenchmarkSession(b *testing.B) {
	const n, d = 1_000_000, 1000
	left, right := &kvView{kept: newKept(false, 4096)}, &kvView{kept: newKept(false, 4096)}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		item := reconcile.Item{Key: rng.Uint64(), Version: 1000 << tagBits, Short: rng.Uint64()}
		newer := item
		newer.Version, newer.Short = 1001<<tagBits, rng.Uint64()
		sides := []*kvView{left, right}
		if rng.IntN(2) == 0 {
			sides[0], sides[1] = right, left
		}
		switch {
		case i >= d:
			sides[0].kept.Add(&item)
			sides[1].kept.Add(&item)
		case i%5 > 0:
			sides[0].kept.Add(&newer)
			sides[1].kept.Add(&item)
		default:
			sides[0].kept.Add(&newer)
		}
	}
	left.count, right.count = uint64(left.kept.index.count), uint64(right.kept.index.count)
	b.ReportAllocs()
	for b.Loop() {
		left.pin, right.pin = left.kept.Pin(), right.kept.Pin()
		left.kept.repeats, right.kept.repeats = nil, nil // as if it were the first time
		var out, answer reconcile.Out
		a := Strategy{}.Open(left, reconcile.Peer{}, &out)
		r := Strategy{}.Accept(right, reconcile.Peer{Count: left.count}, &answer)
		for !out.Done {
			request := out.Payloads
			out, answer = reconcile.Out{}, reconcile.Out{}
			for _, p := range request {
				if err := r.Receive(p, &answer); err != nil {
					b.Fatal(err)
				}
			}
			for _, p := range answer.Payloads {
				if err := a.Receive(p, &out); err != nil {
					b.Fatal(err)
				}
			}
		}
		for _, p := range out.Payloads {
			if err := r.Receive(p, &answer); err != nil {
				b.Fatal(err)
			}
		}
		if len(out.Give)+len(answer.Give) < d-5 {
			b.Fatal(len(out.Give), len(answer.Give))
		}
		left.pin.Close()
		right.pin.Close()
	}
}
