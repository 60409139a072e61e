package meritrank

import (
	"math/bits"
	"slices"
)

// record is what an ego's walks know of one node.
type record struct {
	node         Node   // vacant if the record is free
	at, len, cap uint32 // of its visits
	plus, minus  uint32 // walks with the node in their trusting, their distrusting part
}

const vacant = 1<<32 - 1

// records are the nodes that an ego's walks meet, by numbers that stay, and an
// index that finds them: open addressing, linear probing. The ego itself has
// number 0.
type records struct {
	list   []record
	free   []uint32
	places []uint32 // numbers plus 1, 0 where empty
}

// reset leaves the ego alone. The index is made later.
func (r *records) reset(ego Node) {
	r.list = append(r.list[:0], record{node: ego})
	r.free = r.free[:0]
}

func (r *records) size() int { return len(r.list) - len(r.free) }

// home is a node's place if that is free.
func (r *records) home(node Node) int {
	high, _ := bits.Mul64(uint64(node)*0x9e3779b97f4a7c15, uint64(len(r.places)))
	return int(high)
}

// find returns a node's number.
func (r *records) find(node Node) (number uint32, ok bool) {
	for i := r.home(node); ; {
		p := r.places[i]
		if p == 0 {
			return 0, false
		}
		if r.list[p-1].node == node {
			return p - 1, true
		}
		if i++; i == len(r.places) {
			i = 0
		}
	}
}

// need returns a node's number and gives it one if it has none.
func (r *records) need(node Node) uint32 {
	if number, ok := r.find(node); ok {
		return number
	}
	var number uint32
	if n := len(r.free); n > 0 {
		number, r.free = r.free[n-1], r.free[:n-1]
	} else {
		number = uint32(len(r.list))
		r.list = append(r.list, record{})
	}
	r.list[number] = record{node: node}
	if 3*r.size() > 2*len(r.places) {
		r.reindex()
	} else {
		r.place(number)
	}
	return number
}

// reindex makes the index anew, half empty.
func (r *records) reindex() {
	n := 2*r.size() + 2
	r.places = slices.Grow(r.places[:0], n)[:n]
	clear(r.places)
	for number := range r.list {
		if r.list[number].node != vacant {
			r.place(uint32(number))
		}
	}
}

func (r *records) place(number uint32) {
	i := r.home(r.list[number].node)
	for r.places[i] != 0 {
		if i++; i == len(r.places) {
			i = 0
		}
	}
	r.places[i] = number + 1
}

// remove frees a number and closes the gap in the index: places behind it that
// were pushed away from their homes move up.
func (r *records) remove(number uint32) {
	n := len(r.places)
	gap := r.home(r.list[number].node)
	for r.places[gap] != number+1 {
		if gap++; gap == n {
			gap = 0
		}
	}
	for i := gap; ; {
		if i++; i == n {
			i = 0
		}
		if r.places[i] == 0 {
			break
		}
		// It may move unless its home lies behind the gap.
		home := r.home(r.list[r.places[i]-1].node)
		if (i-home+n)%n >= (i-gap+n)%n {
			r.places[gap] = r.places[i]
			gap = i
		}
	}
	r.places[gap] = 0
	r.list[number].node = vacant
	r.free = append(r.free, number)
}
