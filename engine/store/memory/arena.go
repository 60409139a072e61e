// Package memory keeps records in memory. An [Arena] holds each distinct record
// once; any number of stores share it and hold one bit per record, so that a
// world of thousands of nodes with the same records fits into memory. A store
// of its own arena is an ordinary in-memory store.
package memory

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/btree"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// An Arena holds the records of any number of stores, each once, with the
// indexes that all of them use. It must not be used by two goroutines at once.
type Arena struct {
	spaces map[codec.ID]*content
}

// NewArena returns an empty arena.
func NewArena() *Arena { return &Arena{spaces: map[codec.ID]*content{}} }

// none marks the end of a chain and an absent handle.
const none = ^uint32(0)

// An entry is one record with its place in the indexes.
type entry struct {
	rec     *codec.Record
	short   uint64
	author  *author
	holders uint32 // stores and journals that hold the entry
}

// An author's records, by (version, id).
type author struct {
	key  codec.PeerID
	dots []dot
}

// A dot holds the version beside the handle: a search need not visit the
// entries, which lie all over the memory.
type dot struct {
	version uint64
	handle  uint32
}

// content is everything the arena knows of one space.
type content struct {
	entries    []entry
	free       []uint32
	byShort    index
	byRegister index // by registerHash
	byKey      map[codec.PeerID]*author
	latest     *author   // the one last looked for: records of one author come together
	authors    []*author // by key
	// ordered serves scans. It is made by the first one: most simulated nodes
	// never scan.
	ordered *btree.BTreeG[uint32]
}

func (a *Arena) content(space codec.ID) *content {
	c := a.spaces[space]
	if c == nil {
		c = &content{
			byShort: newIndex(), byRegister: newIndex(), byKey: map[codec.PeerID]*author{},
		}
		a.spaces[space] = c
	}
	return c
}

// Records is the number of distinct records of a space that anybody holds.
func (a *Arena) Records(space codec.ID) int {
	c := a.spaces[space]
	if c == nil {
		return 0
	}
	return len(c.entries) - len(c.free)
}

// registerHash leaves equal hashes to who compares; keys of peers are random.
func registerHash(author *codec.PeerID, key codec.Key) uint64 {
	return xxhash.Sum64(key) ^ binary.LittleEndian.Uint64(author[:])
}

// lookup returns the handle of a record, none when the arena lacks it.
func (c *content) lookup(short uint64, id *codec.ID) uint32 {
	p := c.byShort.probe(short)
	h := p.next()
	for h != none && c.entries[h].rec.ID != *id {
		h = p.next()
	}
	return h
}

// intern returns the handle of a record, adding it when it is new.
func (c *content) intern(rec *codec.Record, short uint64) uint32 {
	if h := c.lookup(short, &rec.ID); h != none {
		return h
	}
	var h uint32
	if n := len(c.free); n > 0 {
		h, c.free = c.free[n-1], c.free[:n-1]
	} else {
		h = uint32(len(c.entries))
		c.entries = append(c.entries, entry{})
	}
	e := &c.entries[h]
	*e = entry{rec: rec, short: short, author: c.author(rec.Author)}
	c.byShort.add(short, h)
	c.byRegister.add(registerHash(&rec.Author, rec.Key), h)
	at := c.dotIndex(e.author, rec)
	e.author.dots = slices.Insert(e.author.dots, at, dot{rec.Version, h})
	if c.ordered != nil {
		c.ordered.Set(h)
	}
	return h
}

// known returns the author of that key, nil while there is none.
func (c *content) known(key codec.PeerID) *author {
	if c.latest != nil && c.latest.key == key {
		return c.latest
	}
	a := c.byKey[key]
	if a != nil {
		c.latest = a
	}
	return a
}

func (c *content) author(key codec.PeerID) *author {
	a := c.known(key)
	if a == nil {
		a = &author{key: key}
		c.byKey[key] = a
		at, _ := slices.BinarySearchFunc(c.authors, a, func(x, y *author) int { return x.key.Compare(y.key) })
		c.authors = slices.Insert(c.authors, at, a)
	}
	return a
}

func compareDots(a, b *codec.Record) int {
	switch {
	case a.Version < b.Version:
		return -1
	case a.Version > b.Version:
		return 1
	}
	return a.ID.Compare(b.ID)
}

// dotIndex is where a record stands, or belongs, among its author's.
func (c *content) dotIndex(a *author, rec *codec.Record) int {
	at := a.above(rec.Version - 1)
	for at < len(a.dots) && a.dots[at].version == rec.Version && c.entries[a.dots[at].handle].rec.ID.Compare(rec.ID) < 0 {
		at++ // hardly ever: one version signed twice
	}
	return at
}

// above is the place of the first dot above a version.
func (a *author) above(version uint64) int {
	n := len(a.dots)
	if n == 0 || a.dots[n-1].version <= version {
		return n // authors mostly append
	}
	at, _ := slices.BinarySearchFunc(a.dots, version, func(d dot, version uint64) int {
		if d.version <= version {
			return -1
		}
		return 1
	})
	return at
}

func (c *content) release(h uint32) {
	e := &c.entries[h]
	if e.holders--; e.holders > 0 {
		return
	}
	if c.ordered != nil {
		c.ordered.Delete(h)
	}
	at := c.dotIndex(e.author, e.rec)
	e.author.dots = slices.Delete(e.author.dots, at, at+1)
	c.byShort.remove(e.short, h)
	c.byRegister.remove(registerHash(&e.rec.Author, e.rec.Key), h)
	*e = entry{}
	c.free = append(c.free, h)
}

// order returns the index by (key, author, version, id), made at first use.
func (c *content) order() *btree.BTreeG[uint32] {
	if c.ordered != nil {
		return c.ordered
	}
	c.ordered = btree.NewBTreeGOptions(func(a, b uint32) bool {
		return compareKeys(c.entries[a].rec, c.entries[b].rec) < 0
	}, btree.Options{NoLocks: true})
	for _, a := range c.authors {
		for _, d := range a.dots {
			c.ordered.Set(d.handle)
		}
	}
	return c.ordered
}

func compareKeys(a, b *codec.Record) int {
	if n := a.Key.Compare(b.Key); n != 0 {
		return n
	}
	if n := a.Author.Compare(b.Author); n != 0 {
		return n
	}
	return compareDots(a, b)
}

// scan visits all entries of the space from the first key at or above from.
func (c *content) scan(from codec.Key, fn func(h uint32, rec *codec.Record) bool) {
	visit := func(h uint32) bool { return fn(h, c.entries[h].rec) }
	if from == nil {
		c.order().Scan(visit)
		return
	}
	// The pivot is an entry that exists only for the comparison.
	pivot := uint32(len(c.entries))
	c.entries = append(c.entries, entry{rec: &codec.Record{Header: codec.Header{Key: from}}})
	iter := c.order().Iter()
	ok := iter.Seek(pivot)
	c.entries = c.entries[:pivot]
	for ; ok && visit(iter.Item()); ok = iter.Next() {
	}
	iter.Release()
}

var _ store.Store = (*Store)(nil)
