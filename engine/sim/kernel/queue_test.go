package kernel_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/engine/sim/kernel"
	"github.com/intersubjective/rapprochement/engine/sim/kernel/kernelbench"
)

// model is the trivially correct queue: a list, sorted when asked.
type model struct {
	items []modelItem
	count int
}

type modelItem struct {
	kernel.Event
	order int // of insertion; for wakes the node, after all events
}

func (m *model) sort() {
	slices.SortFunc(m.items, func(a, b modelItem) int {
		switch {
		case a.At != b.At:
			return cmp.Compare(a.At, b.At)
		case a.Wake != b.Wake:
			if b.Wake {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.order, b.order)
	})
}

func (m *model) push(at int64, payload uint64) int {
	m.count++
	m.items = append(m.items, modelItem{kernel.Event{At: at, Payload: payload}, m.count})
	return m.count
}

func (m *model) drop(order int) bool {
	return m.remove(func(x modelItem) bool { return !x.Wake && x.order == order })
}

func (m *model) remove(is func(modelItem) bool) bool {
	before := len(m.items)
	m.items = slices.DeleteFunc(m.items, is)
	return len(m.items) < before
}

func (m *model) clearWake(node uint32) {
	m.remove(func(x modelItem) bool { return x.Wake && x.order == int(node) })
}

func (m *model) setWake(node uint32, at int64) {
	m.clearWake(node)
	m.items = append(m.items, modelItem{kernel.Event{At: at, Payload: uint64(node), Wake: true}, int(node)})
}

func (m *model) wake(node uint32) int64 {
	for _, x := range m.items {
		if x.Wake && x.order == int(node) {
			return x.At
		}
	}
	return kernel.Never
}

func (m *model) popUntil(limit int64) (kernel.Event, bool) {
	m.sort()
	if len(m.items) == 0 || m.items[0].At > limit {
		return kernel.Event{}, false
	}
	e := m.items[0].Event
	m.items = m.items[1:]
	return e, true
}

func (m *model) peek() int64 {
	m.sort()
	if len(m.items) == 0 {
		return kernel.Never
	}
	return m.items[0].At
}

// run drives both queues by a program: each operation takes two bytes. Small delays make ties; the exponent spreads the
// others over all levels.
func run(t *testing.T, program []byte) {
	t.Helper()
	var q kernel.Queue
	var m model
	var tickets []kernel.Ticket
	var orders []int
	for payload := uint64(0); len(program) >= 2; payload++ {
		op, arg := program[0], program[1]
		program = program[2:]
		delay := int64(arg&7) << (arg >> 3 & 31)
		node := uint32(op >> 3)
		switch op & 7 {
		case 0, 1:
			tickets = append(tickets, q.Push(q.Now()+delay, payload))
			orders = append(orders, m.push(q.Now()+delay, payload))
		case 2:
			q.SetWake(node, q.Now()+delay)
			m.setWake(node, q.Now()+delay)
		case 3:
			if len(tickets) > 0 {
				i := int(op>>3)<<8 | int(arg)
				i %= len(tickets)
				if got, want := q.Drop(tickets[i]), m.drop(orders[i]); got != want {
					t.Fatalf("Drop: %v, want %v", got, want)
				}
			}
		case 4:
			q.ClearWake(node)
			m.clearWake(node)
		case 5:
			got, ok := q.Pop()
			want, wantOK := m.popUntil(kernel.Never)
			if got != want || ok != wantOK {
				t.Fatalf("Pop: %v %v, want %v %v", got, ok, want, wantOK)
			}
		case 6:
			limit := q.Now() + delay
			got, ok := q.PopUntil(limit)
			want, wantOK := m.popUntil(limit)
			if got != want || ok != wantOK {
				t.Fatalf("PopUntil(%d): %v %v, want %v %v", limit, got, ok, want, wantOK)
			}
			if !ok && q.Now() != limit {
				t.Fatalf("PopUntil left the time at %d, want %d", q.Now(), limit)
			}
		case 7:
			if got, want := q.PeekTime(), m.peek(); got != want {
				t.Fatalf("PeekTime: %d, want %d", got, want)
			}
		}
		if got, want := q.Wake(node), m.wake(node); got != want {
			t.Fatalf("Wake(%d): %d, want %d", node, got, want)
		}
		if q.Len() != len(m.items) {
			t.Fatalf("Len: %d, want %d", q.Len(), len(m.items))
		}
	}
	finish(t, &q, &m)
}

// finish compares the list of what is pending, and then what comes out.
func finish(t *testing.T, q *kernel.Queue, m *model) {
	t.Helper()
	m.sort()
	listed := q.AppendPending(nil)
	for _, want := range m.items {
		got, ok := q.Pop()
		if !ok || got != want.Event {
			t.Fatalf("Pop: %v %v, want %v", got, ok, want.Event)
		}
		if len(listed) == 0 || listed[0].Event != want.Event || listed[0].Wake != (listed[0].Ticket == kernel.Ticket{}) {
			t.Fatalf("AppendPending: %v, want %v", listed[:min(1, len(listed))], want.Event)
		}
		listed = listed[1:]
	}
	if e, ok := q.Pop(); ok || len(listed) > 0 {
		t.Fatalf("nothing should be left, got %v, list %v", e, listed)
	}
}

func TestAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		program := make([]byte, 2*random.IntN(600))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		// Rounds differ in character: few nodes, short delays, many pushes.
		for i := 0; i+1 < len(program); i += 2 {
			if round%3 == 1 {
				program[i+1] &= 0x1f
			}
			if round%5 == 1 && program[i]&7 == 5 {
				program[i] ^= 5
			}
		}
		run(t, program)
	}
}

func FuzzAgainstModel(f *testing.F) {
	f.Add([]byte{0, 9, 0, 9, 2, 9, 3, 0, 7, 0, 5, 0, 6, 200})
	f.Add([]byte{2, 250, 10, 250, 2, 251, 7, 0, 5, 0, 2, 0, 10, 0, 5, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 5000 {
			run(t, program)
		}
	})
}

// Everything at one instant, with zero delays added on the way: the rule for ties alone decides.
func TestTies(t *testing.T) {
	var q kernel.Queue
	var m model
	for i := range uint64(500) {
		q.Push(1000, i)
		m.push(1000, i)
		node := uint32(i * 7919 % 500)
		q.SetWake(node, 2000)
		q.SetWake(node, 1000)
		m.setWake(node, 1000)
	}
	for i := range uint64(700) {
		got, _ := q.Pop()
		want, _ := m.popUntil(kernel.Never)
		if got != want {
			t.Fatalf("pop %d: %v, want %v", i, got, want)
		}
		if i%3 == 0 {
			q.Push(1000, 10_000+i)
			m.push(1000, 10_000+i)
			q.SetWake(uint32(i), 1000)
			m.setWake(uint32(i), 1000)
			q.ClearWake(uint32(i + 50))
			m.clearWake(uint32(i + 50))
		}
	}
	finish(t, &q, &m)
}

// How a node came to its wake must not show.
func TestWakeHistoryIsInvisible(t *testing.T) {
	var direct, detour kernel.Queue
	for node := range uint32(200) {
		direct.SetWake(node, 5000+int64(node%3))
		other := 199 - node
		detour.SetWake(other, 1<<40)
		detour.SetWake(other, 3)
		detour.ClearWake(other)
		detour.SetWake(other, 5000+int64(other%3))
	}
	for range 200 {
		a, _ := direct.Pop()
		b, ok := detour.Pop()
		if a != b || !ok {
			t.Fatalf("%v and %v", a, b)
		}
	}
}

func TestStaleTickets(t *testing.T) {
	var q kernel.Queue
	popped := q.Push(1, 1)
	q.Pop()
	dropped := q.Push(2, 2)
	if !q.Drop(dropped) || q.Drop(dropped) || q.Drop(popped) || q.Drop(kernel.Ticket{}) {
		t.Fatal("a ticket is good once, and only while its event is pending")
	}
	later := q.Push(3, 3)
	if q.Drop(dropped) || q.Drop(popped) || !q.Drop(later) || q.Len() != 0 {
		t.Fatal("an old ticket must not reach the event that took its place")
	}
	if e, ok := q.Pop(); ok || q.Now() != 1 {
		t.Fatalf("popped %v from an empty queue, now %d", e, q.Now())
	}
}

func TestPastIsRefused(t *testing.T) {
	for name, misuse := range map[string]func(q *kernel.Queue){
		"push before now":  func(q *kernel.Queue) { q.Push(99, 0) },
		"push at never":    func(q *kernel.Queue) { q.Push(kernel.Never, 0) },
		"wake before now":  func(q *kernel.Queue) { q.SetWake(1, 99) },
		"wake at never":    func(q *kernel.Queue) { q.SetWake(1, kernel.Never) },
		"before PopUntil":  func(q *kernel.Queue) { q.PopUntil(200); q.Push(199, 0) },
		"negative times":   func(q *kernel.Queue) { q.Push(-1, 0) },
		"wake before zero": func(q *kernel.Queue) { q.SetWake(1, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			var q kernel.Queue
			q.Push(100, 0)
			q.Pop()
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			misuse(&q)
		})
	}
}

// traceHash pins the trace of a load: the choice of queue must not show in it, and neither must a change of the queue.
const traceHash = 0x5d2c39d44a8b2284

func TestTraceHash(t *testing.T) {
	const pending, pops = 20_000, 300_000
	radix := kernelbench.NewLoad[kernel.Ticket](new(kernel.Queue), pending).Step(pops)
	heap := kernelbench.NewLoad[kernelbench.HeapTicket](new(kernelbench.Heap), pending).Step(pops)
	if radix != heap || radix != traceHash {
		t.Fatalf("trace hashes: radix %#x, heap %#x, pinned %#x", radix, heap, uint64(traceHash))
	}
}
