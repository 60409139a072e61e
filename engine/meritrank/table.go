package meritrank

import "math/bits"

// record is what an ego's walks know of one node.
type record struct {
	node         uint32 // plus 1; 0 is an empty place
	at, len, cap uint32 // of its visits
	plus, minus  uint32 // walks with the node in their trusting, their distrusting part
	joint        int32  // Σ over walks: (1 if in plus) − (1 if in minus), times the walk's hits
}

// table finds records by node: open addressing, linear probing, homes in the order
// of their hashes. Nothing else refers to a place, so records may move.
type table struct {
	places []record
	used   int
}

// home is a node's place if it is free.
func (t *table) home(node Node) int {
	high, _ := bits.Mul64(uint64(node)*0x9e3779b97f4a7c15, uint64(len(t.places)))
	return int(high)
}

// find returns a node's record, nil if there is none.
func (t *table) find(node Node) *record {
	places := t.places
	for i := t.home(node); ; {
		switch r := &places[i]; r.node {
		case node + 1:
			return r
		case 0:
			return nil
		}
		if i++; i == len(places) {
			i = 0
		}
	}
}

// need returns a node's record and makes one if there is none.
func (t *table) need(node Node) *record {
	if r := t.find(node); r != nil {
		return r
	}
	if 5*(t.used+1) > 4*len(t.places) {
		t.resize(t.used + t.used/4 + 1)
	}
	return t.put(record{node: node + 1})
}

// put adds a record whose node has none, where there is room.
func (t *table) put(r record) *record {
	t.used++
	i := t.home(r.node - 1)
	for t.places[i].node != 0 {
		if i++; i == len(t.places) {
			i = 0
		}
	}
	t.places[i] = r
	return &t.places[i]
}

// resize makes room for so many records.
func (t *table) resize(records int) {
	old := t.places
	t.places, t.used = make([]record, records+records/4+2), 0
	for i := range old {
		if old[i].node != 0 {
			t.put(old[i])
		}
	}
}

// clear empties the table and makes room for so many records, in the same memory
// if that is neither too small nor far too large.
func (t *table) clear(records int) {
	want := records + records/4 + 2
	if have := cap(t.places); have < want || have > 4*want {
		t.places = make([]record, want)
	}
	t.places, t.used = t.places[:want], 0
	clear(t.places)
}

// remove takes out a record and closes the gap: those behind it that were pushed
// away from their homes move up.
func (t *table) remove(r *record) {
	n := len(t.places)
	gap := t.home(r.node - 1)
	for &t.places[gap] != r {
		if gap++; gap == n {
			gap = 0
		}
	}
	t.used--
	for i := gap; ; {
		if i++; i == n {
			i = 0
		}
		next := &t.places[i]
		if next.node == 0 {
			break
		}
		// It may move unless its home lies after the gap, up to where it is.
		home := t.home(next.node - 1)
		if between := (i - home + n) % n; between >= (i-gap+n)%n {
			t.places[gap] = *next
			gap = i
		}
	}
	t.places[gap] = record{}
}
