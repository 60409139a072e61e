package kvriblt

// index finds the records of a key: a hash table with chains, 20 bytes a record and
// 4 to 8 more for the heads. A key is the name of a bucket: most hold one record,
// two keys that share a place in the field, or two records signed with one
// version, make one of several.
type index struct {
	heads   []uint32 // 1 + the first entry of a chain, 0 for none; a power of two of them
	entries []entry
	free    uint32 // 1 + the first entry given back, chained by next
	count   int
	touched uint32 // keeps the loads of fetch from being left out
}

type entry struct {
	short      [2]uint32 // of the record, low half first: so that entries need no padding
	key, value uint32
	next       uint32
}

func (e *entry) name() uint64 { return uint64(e.short[1])<<32 | uint64(e.short[0]) }

// head returns the chain of a key. Keys come from a keyed hash and are spread
// evenly, whoever can aim at one bucket can as well aim at one chain.
func (x *index) head(key uint32) *uint32 {
	return &x.heads[uint64(key)*uint64(len(x.heads))>>31]
}

func (x *index) add(key, value uint32, short uint64) {
	if x.count >= len(x.heads) {
		x.rehash(max(16, 2*len(x.heads)))
	}
	head := x.head(key)
	e := entry{[2]uint32{uint32(short), uint32(short >> 32)}, key, value, *head}
	at := x.free
	if at == 0 {
		x.entries = append(x.entries, e)
		at = uint32(len(x.entries))
	} else {
		x.free = x.entries[at-1].next
		x.entries[at-1] = e
	}
	*head = at
	x.count++
}

func (x *index) rehash(size int) {
	old := x.heads
	x.heads = make([]uint32, size)
	for _, at := range old {
		for at != 0 {
			e := &x.entries[at-1]
			next, head := e.next, x.head(e.key)
			e.next, *head = *head, at
			at = next
		}
	}
}

// remove takes one record out and reports whether it was there.
func (x *index) remove(key, value uint32, short uint64) bool {
	if x.count == 0 {
		return false
	}
	for link := x.head(key); *link != 0; link = &x.entries[*link-1].next {
		at := *link
		if e := &x.entries[at-1]; e.key == key && e.value == value && e.name() == short {
			*link, e.next, e.key = e.next, x.free, 0
			x.free = at
			x.count--
			return true
		}
	}
	return false
}

// bucket calls fn for the records of a key, in no order that means anything.
func (x *index) bucket(key uint32, fn func(e *entry)) {
	if x.count == 0 {
		return
	}
	for at := *x.head(key); at != 0; at = x.entries[at-1].next {
		if e := &x.entries[at-1]; e.key == key {
			fn(e)
		}
	}
}

// fetch brings the buckets of keys into the processor's cache: look-ups one by one
// would wait for memory three times each, these loads wait together.
func (x *index) fetch(keys []unknown) {
	if x.count == 0 {
		return
	}
	for _, u := range keys {
		x.touched += *x.head(u.key)
	}
	for _, u := range keys {
		if at := *x.head(u.key); at != 0 {
			x.touched += x.entries[at-1].key
		}
	}
	for _, u := range keys {
		if at := *x.head(u.key); at != 0 {
			if next := x.entries[at-1].next; next != 0 {
				x.touched += x.entries[next-1].key
			}
		}
	}
}

// each calls fn for all records, in no order that means anything.
func (x *index) each(fn func(e *entry)) {
	for i := range x.entries {
		if e := &x.entries[i]; e.key != 0 {
			fn(e)
		}
	}
}
