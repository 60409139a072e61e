package memory

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// A Store is one node's view of an arena: a bit per record and a table of
// metadata.
type Store struct {
	arena  *Arena
	sets   map[codec.ID]*set
	latest *set // the one last looked for: most nodes have one space
	meta   map[string][]byte
	keys   []string // of meta, sorted
	undo   []change // since the last synced commit
	marks  []int    // ends of the commits within undo
	closed bool
}

// New returns an empty store on an arena.
func New(arena *Arena) *Store {
	return &Store{arena: arena, sets: map[codec.ID]*set{}, meta: map[string][]byte{}}
}

// A set is the records of one space: bit h says whether the store holds handle h.
type set struct {
	space   codec.ID
	content *content
	bits    []uint64
	count   uint64
	shared  bool // bits also belong to a pin: copy before writing
	// Handles of removed records would be used again under an open pin, so
	// their release waits in late until the last pin closes.
	pins int
	late []uint32
}

func (s *set) release(h uint32) {
	if s.pins > 0 {
		s.late = append(s.late, h)
		return
	}
	s.content.release(h)
}

func (s *set) has(h uint32) bool {
	w := int(h >> 6)
	return w < len(s.bits) && s.bits[w]>>(h&63)&1 == 1
}

func (s *set) flip(h uint32) {
	w := int(h >> 6)
	if w >= len(s.bits) {
		// In place if there is room: pins see no further than their own length.
		s.bits = append(s.bits, make([]uint64, w+1-len(s.bits))...)
	} else if s.shared {
		s.bits, s.shared = slices.Clone(s.bits), false
	}
	s.bits[w] ^= 1 << (h & 63)
}

// A change can be undone: a record that came or went, or a metadata value that
// was something else before.
type change struct {
	set    *set // nil for metadata
	meta   *metaChange
	handle uint32
	added  bool
}

type metaChange struct {
	key    string
	before []byte
}

// find returns a space's set, nil while there is none.
func (s *Store) find(space codec.ID) *set {
	if s.latest != nil && s.latest.space == space {
		return s.latest
	}
	t := s.sets[space]
	if t != nil {
		s.latest = t
	}
	return t
}

func (s *Store) set(space codec.ID) *set {
	t := s.find(space)
	if t == nil {
		t = &set{space: space, content: s.arena.content(space)}
		s.sets[space] = t
	}
	return t
}

// Insert implements store.Store.
func (s *Store) Insert(rec *codec.Record, short uint64) store.Ref {
	t := s.set(rec.Space)
	h := t.content.intern(rec, short)
	t.content.entries[h].holders++
	t.flip(h)
	t.count++
	s.undo = append(s.undo, change{set: t, handle: h, added: true})
	return store.Ref(h)
}

// Remove implements store.Store. The entry stays in the arena until a synced
// commit makes the removal permanent.
func (s *Store) Remove(space codec.ID, ref store.Ref) {
	t := s.set(space)
	h := uint32(ref)
	t.flip(h)
	t.count--
	s.undo = append(s.undo, change{set: t, handle: h})
}

// DropSpace implements store.Store.
func (s *Store) DropSpace(space codec.ID) {
	t := s.set(space)
	for w := range t.bits {
		for word := t.bits[w]; word != 0; word &= word - 1 {
			s.Remove(space, store.Ref(w*64+bits.TrailingZeros64(word)))
		}
	}
}

// SetMeta implements store.Store.
func (s *Store) SetMeta(key string, value []byte) {
	s.undo = append(s.undo, change{meta: &metaChange{key, s.meta[key]}})
	s.setMeta(key, bytes.Clone(value))
}

func (s *Store) setMeta(key string, value []byte) {
	at, found := slices.BinarySearch(s.keys, key)
	switch {
	case value == nil && found:
		s.keys = slices.Delete(s.keys, at, at+1)
	case value != nil && !found:
		s.keys = slices.Insert(s.keys, at, key)
	}
	if value == nil {
		delete(s.meta, key)
	} else {
		s.meta[key] = value
	}
}

// Commit implements store.Store.
func (s *Store) Commit(sync bool) error {
	if s.closed {
		return store.ErrClosed
	}
	if !sync {
		s.marks = append(s.marks, len(s.undo))
		return nil
	}
	for i := range s.undo {
		if c := &s.undo[i]; c.set != nil && !c.added {
			c.set.release(c.handle)
		}
	}
	clear(s.undo)
	s.undo, s.marks = s.undo[:0], s.marks[:0]
	return nil
}

// Unsynced is the number of commits that a crash could lose.
func (s *Store) Unsynced() int { return len(s.marks) }

// Crash ends the store as a power loss would and returns what a new process
// finds: everything synced and the first keep commits after that.
func (s *Store) Crash(keep int) *Store {
	from := 0
	if keep = min(keep, len(s.marks)); keep > 0 {
		from = s.marks[keep-1]
	}
	for i := len(s.undo) - 1; i >= from; i-- {
		s.revert(&s.undo[i])
	}
	s.undo = s.undo[:from]
	next := &Store{arena: s.arena, sets: s.sets, meta: s.meta, keys: s.keys, undo: s.undo}
	s.closed = true
	_ = next.Commit(true)
	return next
}

func (s *Store) revert(c *change) {
	switch {
	case c.set == nil:
		s.setMeta(c.meta.key, c.meta.before)
	case c.added:
		c.set.flip(c.handle)
		c.set.count--
		c.set.release(c.handle)
	default:
		c.set.flip(c.handle)
		c.set.count++
	}
}

// Destroy ends the store and gives everything it holds back to the arena: the
// disk is gone.
func (s *Store) Destroy() {
	_ = s.Crash(0).Close()
}

// Meta implements store.Store.
func (s *Store) Meta(key string) []byte { return s.meta[key] }

// EachMeta implements store.Store.
func (s *Store) EachMeta(prefix string, fn func(key string, value []byte) bool) {
	at, _ := slices.BinarySearch(s.keys, prefix)
	for _, key := range slices.Clone(s.keys[at:]) {
		if !strings.HasPrefix(key, prefix) || !fn(key, s.meta[key]) {
			return
		}
	}
}

// Count implements store.Store.
func (s *Store) Count(space codec.ID) uint64 {
	if t := s.find(space); t != nil {
		return t.count
	}
	return 0
}

// Load implements store.Store.
func (s *Store) Load(space codec.ID, ref store.Ref) *codec.Record {
	return s.find(space).content.entries[ref].rec
}

// Find implements store.Store.
func (s *Store) Find(space codec.ID, short uint64, dst []store.Ref) []store.Ref {
	t := s.find(space)
	if t == nil {
		return dst
	}
	return t.find(short, dst)
}

func (s *set) find(short uint64, dst []store.Ref) []store.Ref {
	first := len(dst)
	p := s.content.byShort.probe(short)
	for h := p.next(); h != none; h = p.next() {
		if s.content.entries[h].short == short && s.has(h) {
			dst = append(dst, store.Ref(h))
		}
	}
	s.sort(dst[first:], func(a, b *codec.Record) int { return a.ID.Compare(b.ID) })
	return dst
}

func (s *set) sort(refs []store.Ref, compare func(a, b *codec.Record) int) {
	if len(refs) > 1 {
		slices.SortFunc(refs, func(a, b store.Ref) int {
			return compare(s.content.entries[a].rec, s.content.entries[b].rec)
		})
	}
}

// Register implements store.Store.
func (s *Store) Register(space codec.ID, author codec.PeerID, key codec.Key, dst []store.Ref) []store.Ref {
	t := s.find(space)
	if t == nil {
		return dst
	}
	first := len(dst)
	p := t.content.byRegister.probe(registerHash(&author, key))
	for h := p.next(); h != none; h = p.next() {
		if rec := t.content.entries[h].rec; t.has(h) && rec.Author == author && bytes.Equal(rec.Key, key) {
			dst = append(dst, store.Ref(h))
		}
	}
	t.sort(dst[first:], compareDots)
	return dst
}

// Dots implements store.Store.
func (s *Store) Dots(space codec.ID, author codec.PeerID, above uint64, fn func(store.Ref, *codec.Record) bool) {
	t := s.find(space)
	if t == nil {
		return
	}
	a := t.content.known(author)
	if a == nil {
		return
	}
	for _, d := range a.dots[a.above(above):] {
		if t.has(d.handle) && !fn(store.Ref(d.handle), t.content.entries[d.handle].rec) {
			return
		}
	}
}

// Authors implements store.Store.
func (s *Store) Authors(space codec.ID, fn func(author codec.PeerID, highest uint64) bool) {
	t := s.find(space)
	if t == nil {
		return
	}
	for _, a := range t.content.authors {
		for i := len(a.dots) - 1; i >= 0; i-- {
			if d := a.dots[i]; t.has(d.handle) {
				if !fn(a.key, d.version) {
					return
				}
				break
			}
		}
	}
}

// Scan implements store.Store.
func (s *Store) Scan(space codec.ID, prefix, after codec.Key, fn func(store.Ref, *codec.Record) bool) {
	t := s.find(space)
	if t == nil {
		return
	}
	from := prefix
	if after != nil && (from == nil || after.Compare(from) > 0) {
		from = after
	}
	t.content.scan(from, func(h uint32, rec *codec.Record) bool {
		if !rec.Key.HasPrefix(prefix) {
			return false // keys with a prefix stand together
		}
		if !t.has(h) || (after != nil && rec.Key.Compare(after) <= 0) {
			return true
		}
		return fn(store.Ref(h), rec)
	})
}

// Pin implements store.Store. The bits are copied when the set changes next.
func (s *Store) Pin(space codec.ID) store.Pin {
	t := s.set(space)
	t.shared = true
	t.pins++
	return &pin{set: set{space: space, content: t.content, bits: t.bits, count: t.count}, of: t}
}

// Close implements store.Store.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	for _, t := range s.sets { // unordered: releasing is commutative
		p := pin{set: *t}
		p.each(func(h uint32) bool { t.release(h); return true })
	}
	for i := range s.undo {
		if c := &s.undo[i]; c.set != nil && !c.added {
			c.set.release(c.handle)
		}
	}
	return nil
}

type pin struct {
	set
	of *set
}

func (p *pin) each(fn func(h uint32) bool) {
	for w, word := range p.bits {
		for ; word != 0; word &= word - 1 {
			if !fn(uint32(w*64 + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

func (p *pin) Len() uint64 { return p.count }

func (p *pin) Each(fn func(ref store.Ref, short uint64, id *codec.ID) bool) {
	p.each(func(h uint32) bool {
		e := &p.content.entries[h]
		return fn(store.Ref(h), e.short, &e.rec.ID)
	})
}

func (p *pin) Find(short uint64, dst []store.Ref) []store.Ref { return p.find(short, dst) }

func (p *pin) Load(ref store.Ref) *codec.Record { return p.content.entries[ref].rec }

func (p *pin) Close() {
	if p.of.pins--; p.of.pins == 0 {
		for _, h := range p.of.late {
			p.of.content.release(h)
		}
		p.of.late = nil
	}
}
