package kernelbench

import "github.com/intersubjective/rapprochement/engine/sim/kernel"

// Heap is the queue to beat: a hand-written binary heap of 24-byte values with the order of kernel.Queue, events
// dropped by tombstone, and wakes replaced by lazy deletion with a generation check. Beside the comparison it serves
// the tests as a second implementation.
type Heap struct {
	items  []heapItem
	slots  []heapSlot
	free   []uint32
	wakes  []heapWake
	serial uint32
	count  uint64
	live   int
}

type heapItem struct {
	at    int64
	order uint64 // events: order of insertion; wakes: wakeBit | node
	slot  uint32 // events only
	gen   uint32
}

type heapSlot struct {
	payload uint64
	serial  uint32 // 0: dropped
}

type heapWake struct {
	at  int64
	gen uint32
}

const wakeBit = 1 << 63

// HeapTicket names a pushed event.
type HeapTicket struct{ slot, serial uint32 }

func (h *Heap) Len() int { return h.live }

func (h *Heap) Push(at int64, payload uint64) HeapTicket {
	h.serial++
	h.count++
	var index uint32
	if n := len(h.free); n > 0 {
		index, h.free = h.free[n-1], h.free[:n-1]
	} else {
		index = uint32(len(h.slots))
		h.slots = append(h.slots, heapSlot{})
	}
	h.slots[index] = heapSlot{payload, h.serial}
	h.live++
	h.up(heapItem{at, h.count, index, h.serial})
	return HeapTicket{index, h.serial}
}

func (h *Heap) Drop(t HeapTicket) bool {
	if t.serial == 0 || int(t.slot) >= len(h.slots) || h.slots[t.slot].serial != t.serial {
		return false
	}
	h.slots[t.slot].serial = 0
	h.live--
	return true
}

func (h *Heap) SetWake(node uint32, at int64) {
	for int(node) >= len(h.wakes) {
		h.wakes = append(h.wakes, heapWake{at: kernel.Never})
	}
	h.ClearWake(node)
	w := &h.wakes[node]
	w.at = at
	h.live++
	h.up(heapItem{at: at, order: wakeBit | uint64(node), gen: w.gen})
}

func (h *Heap) ClearWake(node uint32) {
	if int(node) >= len(h.wakes) || h.wakes[node].at == kernel.Never {
		return
	}
	h.wakes[node].at = kernel.Never
	h.wakes[node].gen++
	h.live--
}

func (h *Heap) Pop() (kernel.Event, bool) {
	for len(h.items) > 0 {
		x := h.items[0]
		h.down()
		if x.order&wakeBit != 0 {
			w := &h.wakes[uint32(x.order)]
			if w.gen != x.gen || w.at == kernel.Never {
				continue
			}
			w.at = kernel.Never
			w.gen++
			h.live--
			return kernel.Event{At: x.at, Payload: x.order &^ wakeBit, Wake: true}, true
		}
		s := &h.slots[x.slot]
		alive := s.serial == x.gen
		s.serial = 0
		h.free = append(h.free, x.slot)
		if alive {
			h.live--
			return kernel.Event{At: x.at, Payload: s.payload}, true
		}
	}
	return kernel.Event{}, false
}

func before(a, b *heapItem) bool { return a.at < b.at || a.at == b.at && a.order < b.order }

func (h *Heap) up(x heapItem) {
	h.items = append(h.items, x)
	i := len(h.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !before(&x, &h.items[parent]) {
			break
		}
		h.items[i] = h.items[parent]
		i = parent
	}
	h.items[i] = x
}

// down removes the root.
func (h *Heap) down() {
	n := len(h.items) - 1
	x := h.items[n]
	h.items = h.items[:n]
	if n == 0 {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && before(&h.items[child+1], &h.items[child]) {
			child++
		}
		if !before(&h.items[child], &x) {
			break
		}
		h.items[i] = h.items[child]
		i = child
	}
	h.items[i] = x
}
