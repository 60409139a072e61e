// Package kernel is the event queue of the discrete-event world: a monotone radix heap of events, and one wake-up per node.
//
// Times are int64 nanoseconds from 0. The order is total and a pure function of what is pending:
//   - earlier times first;
//   - at equal times, events before wakes;
//   - events of equal time in the order of insertion; wakes of equal time by node number.
//
// So it does not matter how often, or in what order, wakes were rescheduled on the way.
//
// Time only moves forward: nothing may be pushed or woken before Now. A caller who does so has a bug, and the queue panics.
// A Queue is not safe for concurrent use.
package kernel

import (
	"cmp"
	"fmt"
	"slices"
)

// Never is the time of what does not happen; Push and SetWake take only earlier times.
const Never int64 = 1<<63 - 1

// Event is what Pop yields. For a wake, Payload is the node's number.
type Event struct {
	At      int64 // nanoseconds
	Payload uint64
	Wake    bool
}

// Pending is an event that has not happened yet. Ticket is zero for a wake.
type Pending struct {
	Event
	Ticket Ticket
}

// Ticket names one pushed event so that it can be dropped. It is stale once the event was popped or dropped.
// The zero Ticket names nothing. Staleness is seen through a 32-bit serial number: a ticket kept over exactly
// 2³² further pushes may name another event.
type Ticket struct{ slot, serial uint32 }

// Queue holds what is yet to happen. The zero Queue is empty, at time 0, and ready.
type Queue struct {
	now    int64
	events events
	wakes  wakes
}

// Now is the time that the queue has reached, in nanoseconds: that of the last Pop or PopUntil.
func (q *Queue) Now() int64 { return q.now }

// Len counts pending events and wakes; dropped events do not count.
func (q *Queue) Len() int { return q.events.live + q.wakes.count }

// Push schedules payload at time at, Now <= at < Never.
func (q *Queue) Push(at int64, payload uint64) Ticket {
	if at < q.now || at == Never {
		q.refuse(at)
	}
	return q.events.push(at, payload)
}

// Drop cancels a pushed event in constant time and tells whether it was still pending.
// Its entry stays as a tombstone of 16 bytes, and its slot of 24, until its time comes.
func (q *Queue) Drop(t Ticket) bool { return q.events.drop(t) }

// SetWake makes at, Now <= at < Never, the only wake of the node. Memory grows with the highest node number ever used.
func (q *Queue) SetWake(node uint32, at int64) {
	if at < q.now || at == Never {
		q.refuse(at)
	}
	q.wakes.set(node, at)
}

// ClearWake leaves the node without a wake.
func (q *Queue) ClearWake(node uint32) { q.wakes.clear(node) }

// Wake is the time of the node's wake, or Never.
func (q *Queue) Wake(node uint32) int64 { return q.wakes.at(node) }

// Pop takes the first event or wake and moves Now to its time; ok is false, and Now unchanged, when nothing is pending.
func (q *Queue) Pop() (e Event, ok bool) { return q.pop(Never) }

// PopUntil is Pop for what happens up to and including limit < Never. When there is nothing, Now moves to limit if later.
// It is the way to run the world for a while: unlike PeekTime it never has to search.
func (q *Queue) PopUntil(limit int64) (e Event, ok bool) {
	if e, ok = q.pop(limit); !ok {
		q.now = max(q.now, limit)
	}
	return e, ok
}

// PeekTime is the time of what Pop would yield, or Never. It moves nothing. After the earliest of a group of far events
// was dropped or rescheduled, it searches that group once.
func (q *Queue) PeekTime() int64 { return min(q.events.peek(), q.wakes.peek()) }

// AppendPending appends everything pending to dst, in the order in which Pop would yield it. It sorts: O(n log n).
func (q *Queue) AppendPending(dst []Pending) []Pending {
	start := len(dst)
	dst = q.wakes.appendPending(q.events.appendPending(dst))
	// Stable, as each list comes with its own order at equal times, and events come first.
	slices.SortStableFunc(dst[start:], func(a, b Pending) int { return cmp.Compare(a.At, b.At) })
	return dst
}

// pop works with lower bounds: each side names a time before which it surely has nothing. Moving the earlier side on
// either yields an item or raises its bound, and never passes the time of the item that is found in the end.
func (q *Queue) pop(limit int64) (e Event, ok bool) {
	for q.Len() > 0 {
		atEvent, atWake := q.events.bound(), q.wakes.bound()
		if min(atEvent, atWake) > limit {
			return Event{}, false
		}
		if atEvent <= atWake {
			e, ok = q.events.advance()
		} else {
			e, ok = q.wakes.advance()
		}
		if ok {
			q.now = e.At
			return e, true
		}
	}
	return Event{}, false
}

// refuse keeps the formatting out of the callers' fast path.
func (q *Queue) refuse(at int64) {
	panic(fmt.Sprintf("kernel: time %d is not in [now=%d, Never)", at, q.now))
}
