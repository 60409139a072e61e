package prolly

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/zeebo/blake3"
)

// ErrParam marks a parameter out of range.
var ErrParam = errors.New("prolly: parameter")

// An Okra is a tree whose roots and nodes are those of okra, version 3, in index
// mode: leaves keep the hashes of their values, not the values. A node's hash is
// BLAKE3 cut to K bytes, and it begins a run when the first 32 bits of it, big
// endian, are below 2^32/Q.
//
// Two things differ from the JavaScript package 0.4.7: a tree whose last entry was
// deleted is the empty one, where that keeps a level too many; and the empty key
// is one, where its stores take it for none.
type Okra struct {
	tree
	k, q int
}

// okraRules write an entry as the length of the key plus one, as a varint, key,
// and hash; 0 stands for the anchor, which has no key.
type okraRules struct {
	k     int
	limit uint32
	buf   []byte
}

// NewOkra returns the empty tree with hashes of k bytes, 4 to 32, and a mean
// fan-out of q, 2 to 2^31. okra's own defaults are 16 and 32.
func NewOkra(k, q int) (*Okra, error) {
	if k < 4 || k > 32 || q < 2 || uint64(q) > 1<<31 {
		return nil, fmt.Errorf("%w: K = %d, Q = %d", ErrParam, k, q)
	}
	r := &okraRules{k: k, limit: uint32(1 << 32 / uint64(q))}
	o := &Okra{tree: tree{rules: r}, k: k, q: q}
	return o, o.Fill(func(func(key, value []byte) bool) {})
}

// Fill makes the tree hold the given entries and nothing else. Keys must ascend
// bytewise; those that do not are left out, and ErrParam is returned.
func (o *Okra) Fill(entries iter.Seq2[[]byte, []byte]) error {
	return o.fillWith(entries, o.rules.(*okraRules).entry)
}

// FillHashes does the same with keys and hashes of K bytes, as Nodes and okra's
// stores have them on level 0.
func (o *Okra) FillHashes(entries iter.Seq2[[]byte, []byte]) error {
	return o.fillWith(entries, func(dst, key, hash []byte) []byte {
		if len(hash) != o.k {
			return dst
		}
		return o.rules.(*okraRules).encode(dst, key, hash)
	})
}

// fillWith fills the tree with what encode makes of keys and values.
func (o *Okra) fillWith(entries iter.Seq2[[]byte, []byte], encode func(dst, key, value []byte) []byte) (err error) {
	r := o.rules.(*okraRules)
	o.fill(func(yield func([]byte) bool) {
		last := r.anchor(nil)
		yield(last)
		// Runs refer to their entries, so space for entries is never used again.
		var space []byte
		for key, value := range entries {
			if cap(space)-len(space) < len(key)+binary.MaxVarintLen64+r.k {
				space = make([]byte, 0, 1<<16+len(key))
			}
			raw := encode(space[len(space):], key, value)
			if key == nil || len(raw) == 0 || compare(key, r.key(last)) <= 0 {
				err = fmt.Errorf("%w: entry %x after %x", ErrParam, key, r.key(last))
				continue
			}
			space, last = raw, raw
			yield(raw)
		}
	})
	return err
}

// Set inserts an entry or replaces its value. Key may be empty, but not nil.
func (o *Okra) Set(key, value []byte) {
	r := o.rules.(*okraRules)
	o.put(r.entry(make([]byte, 0, 96), key, value))
}

// Delete takes an entry out, and reports whether it was there.
func (o *Okra) Delete(key []byte) bool { return key != nil && o.remove(key) }

// Len is the number of entries.
func (o *Okra) Len() int { return o.entries - 1 }

// Hash returns the hash of an entry, nil if there is none of that key. It is the
// hash that the value has together with the key, so that it can be checked.
func (o *Okra) Hash(key []byte) []byte {
	if key == nil || !o.seek(key) {
		return nil
	}
	leaf := load(o.rules, nil, o.lo[0].p, o.lo[0].i, o.lo[0].i+1)
	return o.rules.(*okraRules).leafHash(leaf[0].raw)
}

// Snapshot returns the tree as it is now; changes to either do not touch the
// other.
func (o *Okra) Snapshot() *Okra {
	r := *o.rules.(*okraRules)
	r.buf = nil
	return &Okra{tree: tree{rules: &r, root: o.root, entries: o.entries}, k: o.k, q: o.q}
}

// A Node is one node of an okra tree. Key is nil for the first of each level. Key
// and Hash belong to the tree.
type Node struct {
	Level     int
	Key, Hash []byte
}

// Root returns the only node of the highest level.
func (o *Okra) Root() Node {
	if o.root.level == 0 && o.root.n == 1 {
		return Node{Hash: o.rules.(*okraRules).leafHash(o.root.data)}
	}
	return o.node(o.root)
}

func (o *Okra) node(p *page) Node {
	sum := hash(o.rules, p)
	return Node{Level: int(p.level) + 1, Key: low(o.rules, p), Hash: sum[:o.k]}
}

// Nodes calls fn for every node: by levels from 0 on, and by key.
func (o *Okra) Nodes(fn func(n Node) bool) {
	r := o.rules.(*okraRules)
	if !leaves(r, o.root, func(raw []byte) bool { return fn(Node{Key: r.key(raw), Hash: r.leafHash(raw)}) }) {
		return
	}
	for level := 1; level <= o.Root().Level; level++ {
		if !o.level(o.root, level, fn) {
			return
		}
	}
}

// level calls fn for the nodes of one level at or below p.
func (o *Okra) level(p *page, level int, fn func(n Node) bool) bool {
	if int(p.level)+1 == level {
		return fn(o.node(p))
	}
	for _, kid := range p.kids() {
		if !o.level(kid, level, fn) {
			return false
		}
	}
	return true
}

// AppendKey appends the key under which okra's stores keep a node.
func (n Node) AppendKey(dst []byte) []byte { return append(append(dst, byte(n.Level)), n.Key...) }

// Metadata is what okra's stores keep in index mode under the key ff.
func (o *Okra) Metadata() []byte {
	b := append([]byte("okra"), 3, byte(o.k))
	return append(binary.BigEndian.AppendUint32(b, uint32(o.q)), 0)
}

func (r *okraRules) next(data []byte) (raw, rest []byte) {
	n, size := uint64(data[0]), 1
	if n >= 0x80 {
		n, size = binary.Uvarint(data)
	}
	end := size + max(0, int(n)-1) + r.k
	return data[:end:end], data[end:]
}

func (r *okraRules) key(raw []byte) []byte {
	if raw[0] == 0 {
		return nil
	}
	_, size := binary.Uvarint(raw)
	return raw[size : len(raw)-r.k]
}

func (r *okraRules) leafHash(raw []byte) []byte { return raw[len(raw)-r.k:] }

func (r *okraRules) most() int { return 0 }

func (r *okraRules) mark([]byte) uint64 { return 0 }

func (r *okraRules) begins(level int, it *item) bool {
	if level > 0 && it.raw == nil {
		sum := hash(r, it.kid)
		it.raw = sum[:r.k]
	}
	return binary.BigEndian.Uint32(r.leafHash(it.raw)) < r.limit
}

func (r *okraRules) sumSize() int { return r.k }

func (r *okraRules) hash(p *page) [32]byte {
	if p.branch != nil {
		return blake3.Sum256(p.branch.sums)
	}
	b := r.buf[:0]
	for data := p.data; len(data) > 0; {
		var raw []byte
		raw, data = r.next(data)
		b = append(b, r.leafHash(raw)...)
	}
	r.buf = b
	return blake3.Sum256(b)
}

func (r *okraRules) anchor(dst []byte) []byte {
	h := blake3.Sum256(nil)
	return append(append(dst, 0), h[:r.k]...)
}

func (r *okraRules) entry(dst, key, value []byte) []byte {
	b := binary.BigEndian.AppendUint32(r.buf[:0], uint32(len(key)))
	b = binary.BigEndian.AppendUint32(append(b, key...), uint32(len(value)))
	r.buf = append(b, value...)
	h := blake3.Sum256(r.buf)
	return r.encode(dst, key, h[:r.k])
}

func (r *okraRules) encode(dst, key, hash []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key))+1)
	return append(append(dst, key...), hash...)
}
