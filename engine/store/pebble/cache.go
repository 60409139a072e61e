package pebble

// A cache holds the records used last, in two generations: the young one takes
// what is used, and replaces the old one when it fills half of the budget.
// That is nearly as good as exact order of use and needs no list. Records never
// change and their names are never used again, so nothing goes stale.
type cache struct {
	young, old map[name]held
	size       int // of the young generation, in bytes
	half       int
}

// A name is a record's within the store.
type name struct {
	number uint32
	seq    uint64
}

// heldBytes is roughly what a cached record takes beside its bytes: the struct
// and its place in the map.
const heldBytes = 512

func newCache(bytes int) cache { return cache{young: map[name]held{}, half: bytes / 2} }

func (c *cache) get(n name) (held, bool) {
	h, ok := c.young[n]
	if ok {
		return h, true
	}
	if h, ok = c.old[n]; ok {
		c.put(n, h)
	}
	return h, ok
}

func (c *cache) put(n name, h held) {
	if c.size += h.rec.Size() + heldBytes; c.size > c.half {
		c.young, c.old = make(map[name]held, len(c.young)), c.young
		c.size = h.rec.Size() + heldBytes
	}
	c.young[n] = h
}
