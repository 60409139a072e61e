package sign

import "github.com/oasisprotocol/curve25519-voi/curve"

// KeyCache remembers good keys decoded and checked, and with their multiples
// worked out once single verification meets them again. It holds at most a
// fixed number of keys, 0.3 KiB each, 1.8 KiB with multiples, and forgets the
// least recently used. It is a fast path only: every answer is that of the
// package's functions. Not safe for concurrent use.
type KeyCache struct {
	slots []cacheSlot
	index map[[KeySize]byte]int32 // looked up, never iterated
	limit int
}

// cacheSlot is a node of a ring in order of use. Slot 0 is the ring's head and
// holds no key: after it comes the newest, before it the oldest.
type cacheSlot struct {
	key        [KeySize]byte
	negA       curve.EdwardsPoint
	multiples  *curve.ExpandedEdwardsPoint // of negA, or nil
	prev, next int32
}

// NewKeyCache returns an empty cache of up to limit keys; a limit below 1
// counts as 1. Memory is taken as keys arrive.
func NewKeyCache(limit int) *KeyCache {
	return &KeyCache{
		slots: make([]cacheSlot, 1),
		index: map[[KeySize]byte]int32{},
		limit: max(limit, 1),
	}
}

// Verify is the package's Verify, quicker for a key met before.
func (c *KeyCache) Verify(pub, msg, sig []byte) bool {
	slot, met, err := c.get(pub)
	if err != nil {
		return false
	}
	var cl claim
	if !cl.decode(pub, msg, sig) {
		return false
	}
	if !met { // multiples only pay from the second signature on
		return cl.holds(&slot.negA)
	}
	if slot.multiples == nil {
		slot.multiples = curve.NewExpandedEdwardsPoint(&slot.negA)
	}
	return cl.holdsExpanded(slot.multiples)
}

// CheckKey is the package's CheckKey, quicker for a key met before.
func (c *KeyCache) CheckKey(pub []byte) error {
	_, _, err := c.get(pub)
	return err
}

// Len is the number of keys held.
func (c *KeyCache) Len() int { return len(c.index) }

// get returns the slot of a good key, valid until the next get, and whether it
// was there before. A refused key is not remembered: it would push out a good
// one.
func (c *KeyCache) get(pub []byte) (slot *cacheSlot, met bool, err error) {
	if len(pub) != KeySize {
		return nil, false, ErrKeyLength
	}
	key := [KeySize]byte(pub)
	i, met := c.index[key]
	if met {
		c.unlink(i)
	} else {
		var negA curve.EdwardsPoint
		if err := decodeKey(&negA, pub); err != nil {
			return nil, false, err
		}
		i = c.freeSlot()
		c.slots[i] = cacheSlot{key: key, negA: negA}
		c.index[key] = i
	}
	c.pushNewest(i)
	return &c.slots[i], met, nil
}

// freeSlot returns a slot that is in neither ring nor index, evicting the
// oldest key when the cache is full.
func (c *KeyCache) freeSlot() int32 {
	if len(c.index) < c.limit {
		c.slots = append(c.slots, cacheSlot{})
		return int32(len(c.slots) - 1)
	}
	oldest := c.slots[0].prev
	c.unlink(oldest)
	delete(c.index, c.slots[oldest].key)
	return oldest
}

func (c *KeyCache) unlink(i int32) {
	s := &c.slots[i]
	c.slots[s.prev].next, c.slots[s.next].prev = s.next, s.prev
}

func (c *KeyCache) pushNewest(i int32) {
	second := c.slots[0].next
	c.slots[i].prev, c.slots[i].next = 0, second
	c.slots[second].prev, c.slots[0].next = i, i
}
