package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"slices"
	"strings"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// ErrInUse means that another store, here or in another process, has the
// directory open.
var ErrInUse = errors.New("pebble store: the directory is in use")

// ErrFormat means that a newer version of this program wrote the directory.
var ErrFormat = errors.New("pebble store: the format is newer than this program")

// ErrNoStore means that the directory holds files but no store.
var ErrNoStore = errors.New("pebble store: the directory holds no store but is not empty")

var errShortRow = errors.New("pebble store: a row is cut off")

// format is the version of the layout. A store opens its own and older ones.
const format = 1

// Options of a store. The zero value is good for a node with some million
// records.
type Options struct {
	// FS holds the files; nil is the operating system's file system.
	FS vfs.FS
	// BlockCache bounds the cache of blocks, in bytes: 64 MiB when zero, which
	// holds the index blocks, filters and recent keys of some million records.
	BlockCache int64
	// RecordCache bounds the cache of records, in bytes: 16 MiB when zero. New
	// records are soon asked for by several peers.
	RecordCache int
	// MemTable is how much is gathered in memory before it is written as a
	// sorted file, in bytes: 32 MiB when zero. Less saves memory and makes
	// opening after a crash faster, more makes writing cheaper.
	MemTable uint64
	// Log takes pebble's messages; nil drops them.
	Log func(line string)
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.BlockCache == 0 {
		o.BlockCache = 64 << 20
	}
	if o.RecordCache == 0 {
		o.RecordCache = 16 << 20
	}
	if o.MemTable == 0 {
		o.MemTable = 32 << 20
	}
	return o
}

func (o *Options) lsm(fs vfs.FS, f *failure) *lsm.Options {
	l := &logger{failure: f, log: o.Log}
	opts := &lsm.Options{
		FS: fs,
		// Pebble takes the tables in memory, the recycled one too, out of the cache.
		CacheSize:          o.BlockCache + 3*int64(o.MemTable),
		Comparer:           comparer,
		FormatMajorVersion: lsm.FormatTableFormatV6,
		Logger:             l,
		EventListener:      l.listener(),
		MemTableSize:       o.MemTable,
		// A burst may fill several tables while one is being written.
		MemTableStopWritesThreshold: 4,
		// Write what is not synced yet now and then, so that a sync after many
		// unsynced commits finds little to do.
		WALBytesPerSync: 1 << 20,
		// Tables of the youngest level cost every read something, but stopping
		// a node's writes costs more.
		L0StopWritesThreshold: 24,
		// A second compaction may run when they fall behind.
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // 1 % false positives
	}
	return opts
}

// Open opens the store in a directory, which it makes when there is none.
func Open(dir string, o Options) (*Store, error) {
	if o.FS == nil {
		// The lock is by path, and two paths must not lead to one directory.
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("pebble store: %w", err)
		}
		dir = abs
	}
	o = o.withDefaults()
	f := newFailure()
	g := &gate{FS: o.FS, failure: f}
	s := &Store{
		gate: g, failure: f, cache: newCache(o.RecordCache),
		spaces: map[codec.ID]*space{}, pins: map[*pin]struct{}{},
	}
	err := guarded(func() (err error) {
		if err = checkNew(g, dir); err != nil {
			return err
		}
		if s.db, err = lsm.Open(dir, o.lsm(g, f)); err != nil {
			return err
		}
		return s.load()
	})
	if err = errors.Join(err, f.get()); err != nil {
		f.set(err)
		_ = s.Close()
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	return s, nil
}

// newNames start the names of what may be in a directory without a database:
// what is left when making one ends early, and what new volumes hold.
var newNames = []string{"LOCK", "MANIFEST-", "OPTIONS-", "marker.", "lost+found"}

// checkNew refuses to make a database where there are other files: it is the
// wrong directory, or a database that lost the file that says so, which pebble
// would take for a new one.
func checkNew(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if found, err := lsm.Peek(dir, fs); err != nil || found.Exists {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(newNames, func(start string) bool { return strings.HasPrefix(name, start) }) {
			return fmt.Errorf("%w: it holds %s", ErrNoStore, name)
		}
	}
	return nil
}

// load reads what the store keeps in memory: the format and the spaces.
func (s *Store) load() error {
	s.batch = s.db.NewIndexedBatch()
	row := s.get(s.batch, []byte{classFormat})
	if row == nil {
		s.stageFormat()
		return errors.Join(s.failure.get(), s.apply(true))
	}
	if len(row) < 4 {
		return errShortRow
	}
	if v := binary.BigEndian.Uint32(row); v != format {
		return fmt.Errorf("%w: format %d, this program knows up to %d", ErrFormat, v, format)
	}
	if len(row) != 16 {
		return errShortRow
	}
	s.numbers = binary.BigEndian.Uint32(row[4:])
	s.base = binary.BigEndian.Uint64(row[8:])
	s.each(s.batch, []byte{classSpace}, nil, func(key, row []byte) bool {
		if len(key) != 33 || len(row) != 28 {
			s.failure.set(errShortRow)
			return false
		}
		sp := &space{
			id:     codec.ID(key[1:]),
			number: binary.BigEndian.Uint32(row),
			count:  binary.BigEndian.Uint64(row[4:]),
			seq:    binary.BigEndian.Uint64(row[12:]),
			floor:  binary.BigEndian.Uint64(row[20:]),
		}
		s.spaces[sp.id] = sp
		return true
	})
	return s.failure.get()
}

func (s *Store) stageFormat() {
	row := binary.BigEndian.AppendUint32(nil, format)
	row = binary.BigEndian.AppendUint32(row, s.numbers)
	s.stage([]byte{classFormat}, binary.BigEndian.AppendUint64(row, s.base))
}

func (s *Store) stageSpace(sp *space) {
	row := binary.BigEndian.AppendUint32(nil, sp.number)
	for _, v := range []uint64{sp.count, sp.seq, sp.floor} {
		row = binary.BigEndian.AppendUint64(row, v)
	}
	s.stage(spaceKey(sp.id), row)
}

func spaceKey(id codec.ID) []byte { return append([]byte{classSpace}, id[:]...) }

// Close implements store.Store. Pins that are still open are closed with it.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.failure.get() != nil {
		// Pebble may wait for ever for what cannot happen any more.
		s.gate.unlock()
		if s.db != nil {
			go func() { _ = guarded(s.db.Close) }()
		}
		return nil
	}
	s.forgetPoint()
	for p := range s.pins { // in any order
		s.keep(p.snapshot.Close())
	}
	s.keep(guarded(s.db.Close))
	err := s.failure.get()
	s.failure.set(store.ErrClosed)
	return err
}
