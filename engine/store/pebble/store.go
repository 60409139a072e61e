package pebble

import (
	"errors"
	"fmt"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

var (
	_ store.Store     = (*Store)(nil)
	_ store.ChangeLog = (*Store)(nil)
)

// A Store keeps records in a directory.
type Store struct {
	db      *lsm.DB
	batch   *lsm.Batch // the staged changes
	gate    *gate
	failure *failure
	cache   cache

	// point serves lookups by prefix. It sees the last commit and, unless it
	// is stale, everything staged.
	point *lsm.Iterator
	stale bool

	spaces  map[codec.ID]*space
	dirty   []*space // with staged changes
	numbers uint32   // the last space number given out
	base    uint64   // the seq that a new space starts with
	pins    map[*pin]struct{}

	unsynced bool // the last commit was
	closed   bool
	buf      []byte // for one key
}

// A space's place in the files, staged changes included.
type space struct {
	id     codec.ID
	number uint32
	count  uint64
	seq    uint64
	floor  uint64
	dirty  bool
	staged []change
}

// A change is a staged insertion or removal, for pins taken before Commit.
type change struct {
	seq uint64 // of the insertion
	held
	added bool
}

func (s *Store) keep(err error) {
	if err != nil {
		s.failure.set(err)
	}
}

// stage and unstage write a row into the batch. A batch in memory cannot fail,
// but what pebble reports must not get lost.
func (s *Store) stage(key, value []byte) {
	s.keep(s.batch.Set(key, value, nil))
	s.stale = true
}

func (s *Store) unstage(key []byte) {
	s.keep(s.batch.Delete(key, nil))
	s.stale = true
}

// space returns a space, making it when it is new.
func (s *Store) space(id codec.ID) *space {
	sp := s.spaces[id]
	if sp == nil {
		s.numbers++
		sp = &space{id: id, number: s.numbers, seq: s.base, floor: s.base}
		s.spaces[id] = sp
		s.stageFormat()
	}
	return sp
}

func (s *Store) touch(sp *space) {
	if !sp.dirty {
		sp.dirty = true
		s.dirty = append(s.dirty, sp)
	}
}

// Insert implements store.Store.
func (s *Store) Insert(rec *codec.Record, short uint64) store.Ref {
	sp := s.space(rec.Space)
	s.touch(sp)
	sp.seq++
	sp.count++
	h := held{rec, short}
	s.buf = appendRecordKey(s.buf[:0], sp.number, sp.seq)
	row := s.batch.SetDeferred(len(s.buf), rowLen(rec))
	copy(row.Key, s.buf)
	putRow(row.Value, &h)
	s.keep(row.Finish())
	s.buf = eachIndexKey(s.buf, sp.number, sp.seq, &h, func(key []byte) { s.stage(key, nil) })
	sp.staged = append(sp.staged, change{sp.seq, h, true})
	s.cache.put(name{sp.number, sp.seq}, h)
	return store.Ref(sp.seq)
}

// Remove implements store.Store.
func (s *Store) Remove(id codec.ID, ref store.Ref) {
	seq := uint64(ref)
	sp, h, ok := s.load1(id, seq)
	if !ok {
		return
	}
	s.touch(sp)
	sp.seq++
	sp.count--
	s.buf = appendRecordKey(s.buf[:0], sp.number, seq)
	s.unstage(s.buf)
	s.buf = eachIndexKey(s.buf, sp.number, seq, &h, s.unstage)
	s.buf = appendLogKey(s.buf[:0], sp.number, sp.seq)
	s.stage(s.buf, appendRemoval(nil, seq, &h))
	sp.staged = append(sp.staged, change{seq, h, false})
}

// DropSpace implements store.Store.
func (s *Store) DropSpace(id codec.ID) {
	sp := s.spaces[id]
	if sp == nil {
		return
	}
	delete(s.spaces, id)
	s.unstage(spaceKey(id))
	for _, class := range []byte(spaceClasses) {
		prefix := appendPrefix(nil, class, sp.number)
		s.keep(s.batch.DeleteRange(prefix, after(prefix), nil))
	}
	s.base = max(s.base, sp.seq+1)
	s.stageFormat()
}

// SetMeta implements store.Store.
func (s *Store) SetMeta(key string, value []byte) {
	row := append([]byte{classMeta}, key...)
	if value == nil {
		s.unstage(row)
	} else {
		s.stage(row, value)
	}
}

// Commit implements store.Store.
func (s *Store) Commit(sync bool) error {
	if err := s.failure.get(); err != nil {
		return err
	}
	for _, sp := range s.dirty {
		sp.dirty = false
		clear(sp.staged)
		sp.staged = sp.staged[:0]
		if s.spaces[sp.id] == sp { // not dropped
			s.stageSpace(sp)
		}
	}
	s.dirty = s.dirty[:0]
	if s.batch.Empty() {
		if !sync || !s.unsynced {
			return nil
		}
		// Pebble does not sync for an empty batch.
		s.keep(s.batch.LogData(nil, nil))
	}
	s.forgetPoint()
	return s.apply(sync)
}

// apply gives the batch to pebble, in a goroutine of its own: pebble makes
// writers wait until compactions catch up, which after a failure they may never
// do.
func (s *Store) apply(sync bool) error {
	opts := lsm.NoSync
	if sync {
		opts = lsm.Sync
	}
	batch, done := s.batch, make(chan error, 1)
	s.batch = s.db.NewIndexedBatch()
	go func() { done <- guarded(func() error { return s.db.Apply(batch, opts) }) }()
	select {
	case err := <-done:
		s.keep(err)
	case <-s.failure.done:
	}
	if err := s.failure.get(); err != nil {
		return err
	}
	s.unsynced = !sync
	s.keep(batch.Close())
	return nil
}

// load1 returns a record that a space holds. That it does not is a failure: of
// the files, or of a caller that no store can serve.
func (s *Store) load1(id codec.ID, seq uint64) (*space, held, bool) {
	sp := s.spaces[id]
	if sp == nil {
		s.keep(errUnknown(seq))
		return nil, held{}, false
	}
	h, ok := s.record(s.batch, sp.number, seq)
	return sp, h, ok
}

func errUnknown(seq uint64) error {
	return fmt.Errorf("pebble store: there is no record %d", seq)
}

// record reads a record through the cache.
func (s *Store) record(from lsm.Reader, number uint32, seq uint64) (held, bool) {
	n := name{number, seq}
	if h, ok := s.cache.get(n); ok {
		return h, true
	}
	row := s.get(from, appendRecordKey(nil, number, seq))
	if row == nil {
		s.keep(errUnknown(seq))
		return held{}, false
	}
	h, err := parseRow(row)
	if err != nil {
		s.keep(fmt.Errorf("record %d: %w", seq, err))
		return held{}, false
	}
	s.cache.put(n, h)
	return h, true
}

// get returns a copy of a row, nil when there is none or the store failed.
func (s *Store) get(from lsm.Reader, key []byte) []byte {
	if s.failure.get() != nil {
		return nil
	}
	row, closer, err := from.Get(key)
	if err != nil {
		if !errors.Is(err, lsm.ErrNotFound) {
			s.failure.set(err)
		}
		return nil
	}
	copied := append(make([]byte, 0, len(row)), row...)
	s.keep(closer.Close())
	return copied
}
