package kernel

import (
	"cmp"
	"slices"
)

// wake is one node's place in the list of its bucket. Links are 1 + the node's number; 0 ends the list.
type wake struct {
	at         int64 // Never: none
	next, prev uint32
}

// wakes is an indexed radix heap: one wake per node, in doubly linked lists through the table of nodes, so that a wake
// can be moved at once and leaves nothing behind.
type wakes struct {
	radix
	count int
	nodes []wake
	heads [buckets]uint32
	// due are the nodes of the time dueAt, which is being popped: in falling order, so that the next one is at the end.
	// While time stands there, new wakes for it go to due and not to a bucket.
	due    []uint32
	dueAt  int64
	dueSet bool
}

func (w *wakes) at(node uint32) int64 {
	if int(node) >= len(w.nodes) {
		return Never
	}
	return w.nodes[node].at
}

func (w *wakes) set(node uint32, at int64) {
	if w.at(node) == at {
		return
	}
	for int(node) >= len(w.nodes) {
		w.nodes = append(w.nodes, wake{at: Never})
	}
	w.clear(node)
	w.nodes[node].at = at
	w.count++
	if w.dueSet && at == w.dueAt {
		i, _ := slices.BinarySearchFunc(w.due, node, falling)
		w.due = slices.Insert(w.due, i, node)
		return
	}
	w.link(node, at)
}

func (w *wakes) clear(node uint32) {
	at := w.at(node)
	if at == Never {
		return
	}
	if w.dueSet && at == w.dueAt {
		i, _ := slices.BinarySearchFunc(w.due, node, falling)
		w.due = slices.Delete(w.due, i, i+1)
	} else {
		w.unlink(node)
	}
	w.nodes[node].at = Never
	w.count--
}

// falling orders node numbers from high to low.
func falling(a, b uint32) int { return cmp.Compare(b, a) }

// bound hides that of radix: while nodes are due, nothing is earlier.
func (w *wakes) bound() int64 {
	if len(w.due) > 0 {
		return w.dueAt
	}
	return w.radix.bound()
}

// advance yields the earliest wake, or false after it has spread a bucket or collected the nodes that are due.
func (w *wakes) advance() (Event, bool) {
	if n := len(w.due); n > 0 {
		node := w.due[n-1]
		w.due = w.due[:n-1]
		return w.taken(node), true
	}
	b := w.lowest()
	head := w.heads[b]
	w.base = w.from[b]
	w.heads[b] = 0
	w.leave(b)
	switch first := w.nodes[head-1]; {
	case first.next == 0 && first.at == w.base: // alone, and the bound was not too early
		return w.taken(head - 1), true
	case b < radixBase:
		w.collect(head)
	default:
		w.spread(head)
	}
	return Event{}, false
}

func (w *wakes) taken(node uint32) Event {
	at := w.nodes[node].at
	w.nodes[node].at = Never
	w.count--
	return Event{At: at, Payload: uint64(node), Wake: true}
}

// spread links the nodes of a list anew.
func (w *wakes) spread(head uint32) {
	for head != 0 {
		node := head - 1
		head = w.nodes[node].next
		w.link(node, w.nodes[node].at)
	}
}

// collect makes the nodes of a list due, all of them being for the time base.
func (w *wakes) collect(head uint32) {
	w.dueAt, w.dueSet = w.base, true
	if cap(w.due) > 4*len(w.nodes) {
		w.due = nil
	}
	for ; head != 0; head = w.nodes[head-1].next {
		w.due = append(w.due, head-1)
	}
	slices.SortFunc(w.due, falling)
}

// peek is the time of the earliest wake, or Never.
func (w *wakes) peek() int64 {
	if len(w.due) > 0 {
		return w.dueAt
	}
	if w.levels == 0 {
		return Never
	}
	b := w.lowest()
	if !w.exact(b) {
		w.leave(b)
		for n := w.heads[b]; n != 0; n = w.nodes[n-1].next {
			w.enter(b, w.nodes[n-1].at)
		}
	}
	return w.from[b]
}

func (w *wakes) appendPending(dst []Pending) []Pending {
	for node := range w.nodes {
		if at := w.nodes[node].at; at != Never {
			dst = append(dst, Pending{Event: Event{At: at, Payload: uint64(node), Wake: true}})
		}
	}
	return dst
}

// link puts the node first in the list of its bucket: lists have no order, nodes of equal time are sorted when due.
func (w *wakes) link(node uint32, at int64) {
	b := w.bucketOf(at)
	w.enter(b, at)
	n := &w.nodes[node]
	n.prev, n.next = 0, w.heads[b]
	if n.next != 0 {
		w.nodes[n.next-1].prev = node + 1
	}
	w.heads[b] = node + 1
}

func (w *wakes) unlink(node uint32) {
	n := &w.nodes[node]
	b := w.bucketOf(n.at)
	if n.next != 0 {
		w.nodes[n.next-1].prev = n.prev
	}
	if n.prev != 0 {
		w.nodes[n.prev-1].next = n.next
	} else if w.heads[b] = n.next; n.next == 0 {
		w.leave(b)
		return
	}
	w.removed(b, n.at)
}
