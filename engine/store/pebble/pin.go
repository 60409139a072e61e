package pebble

import (
	"cmp"
	"encoding/binary"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// A pin is a snapshot of the last commit and what was staged on top of it.
type pin struct {
	store    *Store
	number   uint32
	count    uint64
	snapshot *lsm.Snapshot
	added    []change                    // by (short, id)
	byRef    map[store.Ref]*codec.Record // of added
	removed  map[uint64]bool             // seqs that the snapshot still has
}

// Pin implements store.Store.
func (s *Store) Pin(id codec.ID) store.Pin {
	p := &pin{store: s}
	sp := s.spaces[id]
	if sp == nil || s.failure.get() != nil {
		return p
	}
	p.number, p.count, p.snapshot = sp.number, sp.count, s.db.NewSnapshot()
	p.overlay(sp.staged)
	s.pins[p] = struct{}{}
	return p
}

// overlay takes over the changes that are staged now.
func (p *pin) overlay(staged []change) {
	if len(staged) == 0 {
		return
	}
	p.byRef, p.removed = map[store.Ref]*codec.Record{}, map[uint64]bool{}
	for _, c := range staged {
		if !c.added {
			p.removed[c.seq] = true
		}
	}
	for _, c := range staged {
		if c.added && !p.removed[c.seq] {
			p.added = append(p.added, c)
			p.byRef[store.Ref(c.seq)] = c.rec
		}
	}
	slices.SortFunc(p.added, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.short, b.short), a.rec.ID.Compare(b.rec.ID))
	})
}

// Len implements store.Pin.
func (p *pin) Len() uint64 { return p.count }

// Each implements store.Pin.
func (p *pin) Each(fn func(ref store.Ref, short uint64, id *codec.ID) bool) {
	more := true
	p.rows(appendPrefix(nil, classShort, p.number), func(key []byte) bool {
		more = fn(store.Ref(keySeq(key)), binary.BigEndian.Uint64(key[prefixLen:]), keyID(key))
		return more
	})
	for i := range p.added {
		if c := &p.added[i]; !more || !fn(store.Ref(c.seq), c.short, &c.rec.ID) {
			return
		}
	}
}

// rows calls fn for the keys of the snapshot's pinned rows in the short index.
func (p *pin) rows(prefix []byte, fn func(key []byte) bool) {
	if p.snapshot == nil {
		return
	}
	p.store.each(p.snapshot, prefix, nil, func(key, _ []byte) bool {
		return p.removed[keySeq(key)] || fn(key)
	})
}

// Find implements store.Pin.
func (p *pin) Find(short uint64, dst []store.Ref) []store.Ref {
	at, _ := slices.BinarySearchFunc(p.added, short, func(c change, short uint64) int {
		return cmp.Compare(c.short, short)
	})
	// Both sources are in the order of ids: merge them.
	added := p.added[at:]
	take := func(below *codec.ID) {
		for len(added) > 0 && added[0].short == short && (below == nil || added[0].rec.ID.Compare(*below) < 0) {
			dst, added = append(dst, store.Ref(added[0].seq)), added[1:]
		}
	}
	p.rows(appendShort(nil, p.number, short), func(key []byte) bool {
		take(keyID(key))
		dst = append(dst, store.Ref(keySeq(key)))
		return true
	})
	take(nil)
	return dst
}

// Load implements store.Pin.
func (p *pin) Load(ref store.Ref) *codec.Record {
	if rec := p.byRef[ref]; rec != nil {
		return rec
	}
	if p.snapshot == nil {
		p.store.keep(errUnknown(uint64(ref)))
		return &codec.Record{}
	}
	if h, ok := p.store.record(p.snapshot, p.number, uint64(ref)); ok {
		return h.rec
	}
	return &codec.Record{}
}

// Close implements store.Pin.
func (p *pin) Close() {
	if _, open := p.store.pins[p]; !open || p.store.closed {
		return
	}
	delete(p.store.pins, p)
	p.store.keep(p.snapshot.Close())
}
