package kernelbench

import (
	"fmt"
	"testing"

	"github.com/intersubjective/rapprochement/engine/sim/kernel"
)

func BenchmarkHold(b *testing.B) {
	for _, pending := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("radix/%d", pending), func(b *testing.B) {
			benchmark(b, NewLoad[kernel.Ticket](new(kernel.Queue), pending))
		})
		b.Run(fmt.Sprintf("heap/%d", pending), func(b *testing.B) {
			benchmark(b, NewLoad[HeapTicket](new(Heap), pending))
		})
	}
}

func benchmark[T any, Q Queue[T]](b *testing.B, l *Load[T, Q]) {
	for l.now < 2_000_000_000 {
		l.Step(100_000)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Step(1)
	}
}

// BenchmarkRatio is the comparison that counts: both queues in turns.
func BenchmarkRatio(b *testing.B) {
	for _, pending := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(pending), func(b *testing.B) {
			for b.Loop() {
				radix, heap := Run(pending)
				b.ReportMetric(1e9/radix, "ns/event")
				b.ReportMetric(1e9/heap, "ns/heap-event")
				b.ReportMetric(radix/heap, "ratio")
			}
		})
	}
}

func TestRun(t *testing.T) {
	if radix, heap := run(1000, 5000); radix <= 0 || heap <= 0 {
		t.Fatalf("rates %v and %v", radix, heap)
	}
}
