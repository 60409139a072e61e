package pebble

import (
	"bytes"
	"encoding/binary"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// iterator returns an iterator over the rows from lower up to before upper, nil
// after a failure.
func (s *Store) iterator(from lsm.Reader, lower, upper []byte) *lsm.Iterator {
	if s.failure.get() != nil {
		return nil
	}
	it, err := from.NewIter(&lsm.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		s.failure.set(err)
		return nil
	}
	return it
}

// each calls fn for the rows with a prefix, from a key within it if that is not
// nil, until fn returns false. Key and value are valid until fn returns.
func (s *Store) each(from lsm.Reader, prefix, start []byte, fn func(key, value []byte) bool) {
	if start == nil {
		start = prefix
	}
	it := s.iterator(from, start, after(prefix))
	if it == nil {
		return
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if s.keep(err); err != nil || !fn(it.Key(), value) {
			break
		}
	}
	s.keep(it.Close())
}

// appendRefs appends the refs of the rows of an index that share the prefix at
// which the comparer splits.
func (s *Store) appendRefs(prefix []byte, dst []store.Ref) []store.Ref {
	if s.failure.get() != nil {
		return dst
	}
	if s.point == nil {
		s.point = s.iterator(s.batch, nil, nil)
	} else if s.stale {
		s.point.SetOptions(&lsm.IterOptions{})
	}
	s.stale = false
	if s.point == nil {
		return dst
	}
	for ok := s.point.SeekPrefixGE(prefix); ok; ok = s.point.Next() {
		dst = append(dst, store.Ref(keySeq(s.point.Key())))
	}
	s.keep(s.point.Error())
	return dst
}

func (s *Store) forgetPoint() {
	if s.point != nil {
		s.keep(s.point.Close())
		s.point = nil
	}
}

// Meta implements store.Store.
func (s *Store) Meta(key string) []byte {
	return s.get(s.batch, append([]byte{classMeta}, key...))
}

// EachMeta implements store.Store.
func (s *Store) EachMeta(prefix string, fn func(key string, value []byte) bool) {
	s.each(s.batch, append([]byte{classMeta}, prefix...), nil, func(key, value []byte) bool {
		return fn(string(key[1:]), append([]byte{}, value...))
	})
}

// Count implements store.Store.
func (s *Store) Count(id codec.ID) uint64 {
	if sp := s.spaces[id]; sp != nil {
		return sp.count
	}
	return 0
}

// Load implements store.Store.
func (s *Store) Load(id codec.ID, ref store.Ref) *codec.Record {
	if _, h, ok := s.load1(id, uint64(ref)); ok {
		return h.rec
	}
	return &codec.Record{}
}

// Find implements store.Store.
func (s *Store) Find(id codec.ID, short uint64, dst []store.Ref) []store.Ref {
	sp := s.spaces[id]
	if sp == nil {
		return dst
	}
	s.buf = appendShort(s.buf[:0], sp.number, short)
	return s.appendRefs(s.buf, dst)
}

// Register implements store.Store.
func (s *Store) Register(id codec.ID, author codec.PeerID, key codec.Key, dst []store.Ref) []store.Ref {
	sp := s.spaces[id]
	if sp == nil {
		return dst
	}
	s.buf = appendRegister(s.buf[:0], sp.number, key, &author)
	return s.appendRefs(s.buf, dst)
}

// eachRecord calls fn for the records of an index's rows.
func (s *Store) eachRecord(sp *space, prefix, start []byte, fn func(store.Ref, *codec.Record) bool) {
	s.each(s.batch, prefix, start, func(key, _ []byte) bool {
		seq := keySeq(key)
		h, ok := s.record(s.batch, sp.number, seq)
		return ok && fn(store.Ref(seq), h.rec)
	})
}

// Dots implements store.Store.
func (s *Store) Dots(id codec.ID, author codec.PeerID, above uint64, fn func(store.Ref, *codec.Record) bool) {
	sp := s.spaces[id]
	if sp == nil || above >= codec.VersionMax {
		return
	}
	prefix := appendAuthor(nil, sp.number, &author)
	start := binary.BigEndian.AppendUint64(bytes.Clone(prefix), above+1)
	s.eachRecord(sp, prefix, start, fn)
}

// Authors implements store.Store.
func (s *Store) Authors(id codec.ID, fn func(author codec.PeerID, highest uint64) bool) {
	sp := s.spaces[id]
	if sp == nil {
		return
	}
	prefix := appendPrefix(nil, classDot, sp.number)
	it := s.iterator(s.batch, prefix, after(prefix))
	if it == nil {
		return
	}
	for ok := it.First(); ok; {
		author := codec.PeerID(it.Key()[prefixLen:])
		next := after(appendAuthor(nil, sp.number, &author))
		if !it.SeekLT(next) || !fn(author, binary.BigEndian.Uint64(it.Key()[dotLen:])) {
			break
		}
		ok = it.SeekGE(next)
	}
	s.keep(it.Error())
	s.keep(it.Close())
}

// Scan implements store.Store.
func (s *Store) Scan(id codec.ID, prefix, above codec.Key, fn func(store.Ref, *codec.Record) bool) {
	sp := s.spaces[id]
	if sp == nil {
		return
	}
	rows := prefix.Ordered(appendPrefix(nil, classRegister, sp.number))
	start := rows
	if above != nil {
		// The first key above may be one that it is a prefix of.
		next := append(above.Ordered(appendPrefix(nil, classRegister, sp.number)), 0, 1)
		if bytes.Compare(next, start) > 0 {
			start = next
		}
	}
	s.eachRecord(sp, rows, start, fn)
}
