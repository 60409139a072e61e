package kernel

// entry is what moves through the buckets. The payload stays in the slot, so that an entry is 16 bytes.
type entry struct {
	at           int64
	slot, serial uint32
}

// slot holds an event in one place while its entry moves. An entry whose serial is not that of its slot is a tombstone;
// the slot is not reused before the tombstone is swept up, so a tombstone can never come back to life.
type slot struct {
	payload uint64 // while free: the next free slot
	at      int64
	serial  uint32 // 0: free or dropped
}

// chunkLen makes a chunk 512 bytes, a size class of the allocator: long enough to be read in a stream, short enough
// that the nearly empty chunks of hundreds of buckets do not count.
const chunkLen = 31

// chunk is a piece of a bucket. Buckets share chunks through a free list, so none keeps slack of its own.
type chunk struct {
	next       *chunk
	read, fill uint32
	entries    [chunkLen]entry
}

type chain struct{ first, final *chunk }

// spareChunks is how many free chunks are kept whatever the load; beyond that one is kept per four in use and the rest
// goes back to the garbage collector.
const spareChunks = 64

type events struct {
	radix
	live        int // not dropped
	held        int // entries, tombstones included
	chains      [buckets]chain
	free        *chunk
	freeCount   int
	chunkCount  int // in use
	slots       []slot
	freeSlot    uint32 // 1 + its index; 0: none
	countSerial uint32
}

func (q *events) push(at int64, payload uint64) Ticket {
	if q.countSerial++; q.countSerial == 0 {
		q.countSerial = 1
	}
	index := q.takeSlot()
	q.slots[index] = slot{payload: payload, at: at, serial: q.countSerial}
	q.place(entry{at: at, slot: index, serial: q.countSerial})
	q.live++
	q.held++
	return Ticket{slot: index, serial: q.countSerial}
}

func (q *events) drop(t Ticket) bool {
	if int(t.slot) >= len(q.slots) || t.serial == 0 {
		return false
	}
	s := &q.slots[t.slot]
	if s.serial != t.serial {
		return false
	}
	s.serial = 0
	q.live--
	q.removed(q.bucketOf(s.at), s.at)
	return true
}

// advance yields the earliest event, or false after it has swept up tombstones or spread a bucket.
func (q *events) advance() (Event, bool) {
	b := q.lowest()
	c := q.chains[b].first
	if b >= radixBase && (c.next != nil || c.fill-c.read > 1) {
		q.base = q.from[b]
		q.spread(b)
		return Event{}, false
	}
	e := c.entries[c.read]
	q.base = e.at
	if c.read++; c.read == c.fill {
		q.shift(b, c)
	}
	payload := q.slots[e.slot].payload
	if !q.release(e) {
		return Event{}, false
	}
	q.live--
	return Event{At: e.at, Payload: payload}, true
}

// spread sweeps up the tombstones of bucket b and places its other entries anew, in their order: into the same bucket, or
// into lower ones if the base was moved to its start. Looking at every slot here costs less than it seems: the processor
// fetches many at once, and the next ones to be popped are in the cache by then.
func (q *events) spread(b int) {
	c := q.chains[b].first
	q.chains[b] = chain{}
	q.leave(b)
	for c != nil {
		for _, e := range c.entries[c.read:c.fill] {
			if q.slots[e.slot].serial == e.serial {
				q.place(e)
			} else {
				q.release(e)
			}
		}
		c = q.retire(c)
	}
}

// peek is the time of the earliest live event, or Never.
func (q *events) peek() int64 {
	for q.levels != 0 {
		b := q.lowest()
		if q.exact(b) {
			return q.from[b]
		}
		q.spread(b)
	}
	return Never
}

func (q *events) appendPending(dst []Pending) []Pending {
	for b := range q.chains {
		for c := q.chains[b].first; c != nil; c = c.next {
			for _, e := range c.entries[c.read:c.fill] {
				if s := &q.slots[e.slot]; s.serial == e.serial {
					dst = append(dst, Pending{Event{At: e.at, Payload: s.payload}, Ticket{e.slot, e.serial}})
				}
			}
		}
	}
	return dst
}

// place appends the entry to its bucket.
func (q *events) place(e entry) {
	b := q.bucketOf(e.at)
	q.enter(b, e.at)
	t := &q.chains[b]
	c := t.final
	if c == nil || c.fill == chunkLen {
		c = q.extend(t)
	}
	c.entries[c.fill] = e
	c.fill++
}

// extend adds an empty chunk to the chain.
func (q *events) extend(t *chain) *chunk {
	c := q.free
	if c != nil {
		q.free = c.next
		q.freeCount--
		c.next, c.read, c.fill = nil, 0, 0
	} else {
		c = new(chunk)
	}
	q.chunkCount++
	if t.final == nil {
		t.first = c
	} else {
		t.final.next = c
	}
	t.final = c
	return c
}

// shift removes the first chunk of bucket b, which has been read to its end.
func (q *events) shift(b int, c *chunk) {
	next := q.retire(c)
	if q.chains[b].first = next; next == nil {
		q.chains[b].final = nil
		q.leave(b)
	}
}

// retire gives a chunk back and returns the one that followed it.
func (q *events) retire(c *chunk) (next *chunk) {
	next = c.next
	q.chunkCount--
	if q.freeCount < q.chunkCount/4+spareChunks {
		c.next, q.free = q.free, c
		q.freeCount++
	}
	return next
}

func (q *events) takeSlot() uint32 {
	if q.freeSlot == 0 {
		q.slots = append(q.slots, slot{})
		return uint32(len(q.slots) - 1)
	}
	index := q.freeSlot - 1
	q.freeSlot = uint32(q.slots[index].payload)
	return index
}

// release frees the slot of an entry that has left its bucket and tells whether the event was live.
// When nothing is held any more, a table of slots that has grown large is let go as a whole.
func (q *events) release(e entry) (live bool) {
	s := &q.slots[e.slot]
	live = s.serial == e.serial
	*s = slot{payload: uint64(q.freeSlot)}
	q.freeSlot = e.slot + 1
	if q.held--; q.held == 0 && len(q.slots) > 1024 {
		q.slots, q.freeSlot = nil, 0
	}
	return live
}
