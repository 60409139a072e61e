package lab

import "testing"

// A thousand nodes, a hundred rounds.
func BenchmarkThousand(b *testing.B) {
	m := plane(1000, 1)
	for b.Loop() {
		l := New(Config{Matrix: m, Seed: 1, Start: 8})
		for range 100 {
			l.Round()
		}
		b.ReportMetric(l.Ratio(), "ratio")
	}
}
