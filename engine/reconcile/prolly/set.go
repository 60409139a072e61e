package prolly

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

const (
	// fanOut is the mean number of nodes in a page. A page that holds some key
	// has 2·fanOut-1 on average, and a difference costs one on each level.
	fanOut     = 1 << fanOutBits
	fanOutBits = 4
	// pageMost is the largest number of nodes in a page: 6 KiB of keys, or
	// 2 KiB on the wire. One page of 15 million reaches it by chance.
	pageMost = 256
	// sumBytes of a page's hash go into the page above.
	sumBytes = 16
)

// keySize is the size of a Key in bytes.
const keySize = 24

// A Key places a record in the order of times, then of ids: its time (8 bytes,
// big endian), the first 8 bytes of its id, and its short id (8, big endian).
// Two records of one key are as hard to find as a collision of 128 bits.
type Key [keySize]byte

// KeyOf returns the key of an item.
func KeyOf(item *reconcile.Item) (k Key) {
	binary.BigEndian.PutUint64(k[:], uint64(item.Time))
	copy(k[8:], item.ID[:8])
	binary.BigEndian.PutUint64(k[16:], item.Short)
	return k
}

// Short returns the short id in a key.
func (k *Key) Short() uint64 { return short(k[:]) }

func short(raw []byte) uint64 { return binary.BigEndian.Uint64(raw[16:]) }

// A Set is the tree of a set of keys in the own mode: a page's hash covers its
// level and the space's salt, whether a node begins a run depends on its key and
// level alone, and no page has more than 256 nodes whoever chose the keys.
type Set struct{ tree }

// setRules write an entry as its key.
type setRules struct {
	salt [2]uint64
	buf  []byte
}

// NewSet returns the tree of some keys, which it sorts.
func NewSet(salt *codec.Salt, keys []Key) *Set {
	slices.SortFunc(keys, func(a, b Key) int {
		if x, y := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:]); x != y {
			return cmp.Compare(x, y)
		}
		return bytes.Compare(a[8:], b[8:])
	})
	return newSet(salt, func(yield func([]byte) bool) {
		for i := range keys {
			yield(keys[i][:])
		}
	})
}

// newSet makes a tree of keys in order, which stay as they are meanwhile.
func newSet(salt *codec.Salt, keys iter.Seq[[]byte]) *Set {
	s := &Set{tree{rules: &setRules{
		salt: [2]uint64{binary.LittleEndian.Uint64(salt[:]), binary.LittleEndian.Uint64(salt[8:])},
	}}}
	s.fill(keys)
	return s
}

// Add inserts a key, and reports whether it was missing.
func (s *Set) Add(k Key) bool { return !s.put(k[:]) }

// Remove takes a key out, and reports whether it was there.
func (s *Set) Remove(k Key) bool { return s.remove(k[:]) }

// Has reports whether the set holds a key.
func (s *Set) Has(k Key) bool { return s.seek(k[:]) }

// Len is the number of keys.
func (s *Set) Len() int { return s.entries }

// Levels is how many levels of pages there are: a session has no more rounds, and
// one.
func (s *Set) Levels() int { return int(s.root.level) + 1 }

// Keys calls fn for every key in order.
func (s *Set) Keys(fn func(k *Key) bool) {
	leaves(s.rules, s.root, func(raw []byte) bool { return fn((*Key)(raw)) })
}

// Root returns the hash of the whole set.
func (s *Set) Root() [sumBytes]byte {
	sum := hash(s.rules, s.root)
	return [sumBytes]byte(sum[:])
}

func (r *setRules) next(data []byte) (raw, rest []byte) {
	return data[:keySize:keySize], data[keySize:]
}

func (r *setRules) key(raw []byte) []byte { return raw }

func (r *setRules) sumSize() int { return sumBytes }

func (r *setRules) most() int { return pageMost }

// mark is a salted hash of the key's last word, which is a hash itself.
func (r *setRules) mark(raw []byte) uint64 {
	x := short(raw) ^ r.salt[0]
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}

// begins takes other bits of the mark on each level, so that shape needs no
// hashing of contents.
func (r *setRules) begins(level int, it *item) bool {
	var mark uint64
	if it.kid != nil {
		mark = it.kid.mark
	} else {
		mark = r.mark(it.raw)
	}
	return bits.RotateLeft64(mark, -level*fanOutBits)&(fanOut-1) == 0
}

// domain keeps these hashes apart from any other.
const domain = "rap/prolly/v1"

// hash is BLAKE3 of the domain, the level, the salt, and the keys or the first
// sumBytes of the kids' hashes.
func (r *setRules) hash(p *page) [32]byte {
	b := append(append(r.buf[:0], domain...), p.level)
	b = binary.LittleEndian.AppendUint64(b, r.salt[0])
	b = binary.LittleEndian.AppendUint64(b, r.salt[1])
	if p.branch != nil {
		b = append(b, p.branch.sums...)
	}
	r.buf = append(b, p.data...)
	return blake3.Sum256(r.buf)
}
