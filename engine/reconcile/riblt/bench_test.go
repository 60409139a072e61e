package riblt

import (
	"fmt"
	"slices"
	"testing"
)

func BenchmarkBuild(b *testing.B) {
	items := symbols(1_000_000, 1)
	for _, mapping := range []Mapping{Regular, Irregular} {
		for _, m := range []int{135, 1350, 13_500, 135_000} {
			b.Run(fmt.Sprintf("%v/n=1M/m=%d", mapping, m), func(b *testing.B) {
				for b.Loop() {
					if _, err := Build(mapping, testSalt, m, slices.Values(items)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/item")
			})
		}
	}
}

func BenchmarkGrow(b *testing.B) {
	items := symbols(1_000_000, 1)
	for _, m := range []int{1350, 16_384} {
		b.Run(fmt.Sprintf("n=1M/%d..%d", m, 2*m), func(b *testing.B) {
			small := mustBuild(b, m, items)
			for b.Loop() {
				if err := small.Clone(m).Grow(2*m, slices.Values(items)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	items := symbols(1<<20, 1)
	for _, m := range []int{2048, 16_384, 131_072} {
		b.Run(fmt.Sprintf("m=%d", m), func(b *testing.B) {
			b.ReportAllocs()
			s, i := mustBuild(b, m, nil), 0
			for b.Loop() {
				s.Add(items[i%len(items)])
				i++
			}
		})
	}
}

// The whole of a warm session but the wire: subtract and decode.
func BenchmarkDecode(b *testing.B) {
	for _, mapping := range []Mapping{Regular, Irregular} {
		for _, reuse := range []bool{true, false} {
			for _, size := range []int{10, 100, 1000, 10_000} {
				b.Run(fmt.Sprintf("%v/reuse=%t/d=%d", mapping, reuse, size), func(b *testing.B) {
					benchmarkDecode(b, mapping, size, reuse)
				})
			}
		}
	}
}

func benchmarkDecode(b *testing.B, mapping Mapping, size int, reuse bool) {
	const pairs = 16 // so that no branch predictor learns the input
	opt := Options{Mapping: mapping, Salt: testSalt, CheckBytes: ShortCheck, MaxCells: MaxCells, Secret: 99}
	var remote, local [pairs]*Sketch
	for i := range remote {
		r, l, _, _ := pair(1000, size/2, size-size/2, uint64(i))
		remote[i], local[i] = build(b, mapping, 4*size, r), build(b, mapping, 4*size, l)
		d, err := NewDecoder(opt, local[i].Source())
		if err != nil {
			b.Fatal(err)
		}
		for j := 0; !d.Done(); j++ {
			if j == len(remote[i].Cells()) {
				b.Fatal("never done")
			}
			mustReceive(b, d, remote[i].Cells()[j:j+1])
		}
		remote[i] = remote[i].Clone(d.Received())
	}
	d, i := &Decoder{}, 0
	b.ReportAllocs()
	for b.Loop() {
		if !reuse {
			d = &Decoder{}
		}
		if err := d.Reset(opt, local[i].Source()); err != nil {
			b.Fatal(err)
		}
		if err := d.Receive(remote[i].Cells()); err != nil || !d.Done() {
			b.Fatal(err, d)
		}
		i = (i + 1) % pairs
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/diff")
}

func BenchmarkCoding(b *testing.B) {
	const m = 1400
	cells := mustBuild(b, m, symbols(1_000_000, 1)).Cells()
	c := Coding{Regular, 1_000_000, ShortCheck}
	data := c.Append(nil, 0, cells)
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			data = c.Append(data[:0], 0, cells)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/m, "ns/cell")
	})
	b.Run("decode", func(b *testing.B) {
		var out []Cell
		for b.Loop() {
			var err error
			if out, err = c.Decode(out[:0], 0, m, data); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/m, "ns/cell")
	})
}
