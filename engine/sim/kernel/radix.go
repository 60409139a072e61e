package kernel

import "math/bits"

// A time goes to the bucket named by its highest digit that differs from the current base, and by that digit: the radix
// heap with digits of six bits instead of one. An item moves down at most once per digit, where with one bit it would
// move about twice as often as there are digits, and one machine word tells which buckets of a level are in use.
const (
	digitBits  = 6
	radixBase  = 1 << digitBits
	levelCount = (63 + digitBits - 1) / digitBits
	buckets    = levelCount * radixBase
)

// radix tells which buckets are in use and from what time on. It knows nothing of what they hold.
//
// Invariant: everything held has time >= base and lies in bucketOf(time). It survives raising base to a time that is in
// the lowest bucket in use and not after anything held, once that bucket's content has been placed anew.
type radix struct {
	base   int64
	levels uint32             // bit l: level l has a bucket in use
	used   [levelCount]uint64 // bit d: the bucket of digit d is in use
	from   [buckets]int64     // for buckets in use: nothing in it is earlier
	stale  [levelCount]uint64 // bit d: from may be too early, as the item it came from is gone
}

// bucketOf puts equal times into one bucket, whatever the base: this is what keeps them first in, first out.
// A bucket of level 0 holds a single time.
func (r *radix) bucketOf(at int64) int {
	level := (bits.Len64(uint64(at^r.base)|1) - 1) / digitBits
	return level<<digitBits | int(at>>(level*digitBits&63))&(radixBase-1)
}

// enter notes an item of that time in bucket b.
func (r *radix) enter(b int, at int64) {
	level, bit := b>>digitBits, uint64(1)<<(b&(radixBase-1))
	if r.used[level]&bit == 0 {
		r.used[level] |= bit
		r.levels |= 1 << level
		r.from[b] = at
	} else if at <= r.from[b] {
		r.from[b] = at
		r.stale[level] &^= bit
	}
}

// leave notes that bucket b is empty.
func (r *radix) leave(b int) {
	level, bit := b>>digitBits, uint64(1)<<(b&(radixBase-1))
	r.stale[level] &^= bit
	if r.used[level] &^= bit; r.used[level] == 0 {
		r.levels &^= 1 << level
	}
}

// removed notes that an item of that time is no longer to be counted in bucket b, which others still use.
func (r *radix) removed(b int, at int64) {
	if at == r.from[b] {
		r.stale[b>>digitBits] |= 1 << (b & (radixBase - 1))
	}
}

// lowest is the bucket of the earliest items. Some bucket must be in use.
func (r *radix) lowest() int {
	level := bits.TrailingZeros32(r.levels)
	return level<<digitBits | bits.TrailingZeros64(r.used[level])
}

// exact tells whether the bucket's bound is the time of an item that counts.
func (r *radix) exact(b int) bool { return r.stale[b>>digitBits]>>(b&(radixBase-1))&1 == 0 }

// bound is a time before which nothing is held, Never if nothing is held at all.
func (r *radix) bound() int64 {
	if r.levels == 0 {
		return Never
	}
	return r.from[r.lowest()]
}
