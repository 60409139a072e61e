// Package kernelbench compares the event queue of the world with a binary heap under the same load. It reads the clock,
// so it stands outside the deterministic core.
package kernelbench

import (
	"slices"
	"time"

	"github.com/intersubjective/rapprochement/engine/sim/kernel"
)

// Queue is what both queues can do; T is the type of their tickets.
type Queue[T any] interface {
	Push(at int64, payload uint64) T
	Drop(T) bool
	SetWake(node uint32, at int64)
	Pop() (kernel.Event, bool)
	Len() int
}

// Load is the hold model with cancellation: every popped event pushes its successor, every popped wake sets the next one;
// beside that, a fifth of the operations reschedule a node's wake and a twentieth drop an event and push another.
// One in ten pending items is a wake. Delays are those of a network: messages take 1 to 300 ms, timers about 1 s.
type Load[T any, Q Queue[T]] struct {
	queue   Q
	tickets []T // by payload: every payload has exactly one pending event
	nodes   uint32
	now     int64
	random  uint64
	trace   uint64
}

// NewLoad fills the queue with that many pending items, at least ten.
func NewLoad[T any, Q Queue[T]](queue Q, pending int) *Load[T, Q] {
	l := &Load[T, Q]{queue: queue, tickets: make([]T, pending-pending/10), nodes: uint32(pending / 10)}
	for payload := range l.tickets {
		l.push(uint64(payload))
	}
	for node := range l.nodes {
		l.wake(node)
	}
	return l
}

// Step pops that many items and returns a hash of all that was popped so far: equal hashes, equal traces.
func (l *Load[T, Q]) Step(pops int) uint64 {
	for range pops {
		e, _ := l.queue.Pop()
		l.now = e.At
		l.trace = (l.trace ^ uint64(e.At)) * 0x9e3779b97f4a7c15
		l.trace = (l.trace ^ e.Payload ^ l.trace>>29) * 0xbf58476d1ce4e5b9
		if e.Wake {
			l.wake(uint32(e.Payload))
		} else {
			l.push(e.Payload)
		}
		switch r := l.draw(); {
		case r>>32%100 < 20:
			l.wake(uint32(r) % l.nodes)
		case r>>32%100 < 25:
			payload := uint64(uint32(r)) % uint64(len(l.tickets))
			l.queue.Drop(l.tickets[payload])
			l.push(payload)
		}
	}
	return l.trace
}

func (l *Load[T, Q]) push(payload uint64) {
	l.tickets[payload] = l.queue.Push(l.now+1_000_000+int64(l.draw()%299_000_000), payload)
}

func (l *Load[T, Q]) wake(node uint32) {
	l.queue.SetWake(node, l.now+900_000_000+int64(l.draw()%200_000_000))
}

// draw is splitmix64.
func (l *Load[T, Q]) draw() uint64 {
	l.random += 0x9e3779b97f4a7c15
	z := l.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Run holds the given number of items, at least ten, in both queues and returns the pops per second of each: medians
// over rounds in which the two take turns, so that a busy neighbour hits both.
func Run(pending int) (eventsPerSecond, heapEventsPerSecond float64) {
	return run(pending, max(pending, 500_000))
}

func run(pending, pops int) (eventsPerSecond, heapEventsPerSecond float64) {
	const rounds = 9
	radix, heap := NewLoad[kernel.Ticket](new(kernel.Queue), pending), NewLoad[HeapTicket](new(Heap), pending)
	// What is not counted brings both to their steady state: beyond the longest delay.
	for radix.now < 2_000_000_000 {
		radix.Step(pops)
		heap.Step(pops)
	}
	var rates [2][]float64
	for range rounds {
		rates[0] = append(rates[0], rate(radix.Step, pops))
		rates[1] = append(rates[1], rate(heap.Step, pops))
	}
	return median(rates[0]), median(rates[1])
}

func rate(step func(int) uint64, pops int) float64 {
	start := time.Now()
	step(pops)
	return float64(pops) / time.Since(start).Seconds()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
