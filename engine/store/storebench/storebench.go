// Package storebench measures stores. It is for benchmarks only: it looks at
// the clock and writes files.
package storebench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
)

const (
	// BatchRecords are inserted per commit: what a few frames bring.
	BatchRecords = 64
	// SyncEvery is how many commits go between synced ones in [PebbleIngest]:
	// a node that is not told to be durable at every step syncs now and then,
	// and loses what came since in a power loss, to fetch it again.
	SyncEvery = 64
	authors   = 100
	valueSize = 200
)

// Records calls fn for n different unsigned records with values of 200 bytes,
// by 100 authors, in batches of [BatchRecords]. Signatures are random bytes:
// stores take records that were verified before.
func Records(n int, fn func(batch []*codec.Record, shorts []uint64)) error {
	rng := rand.NewChaCha8([32]byte{1})
	var salt codec.Salt
	h := codec.Header{Kind: codec.KindPut, Space: codec.ID{1}, Codec: codec.CodecRaw}
	batch, shorts := make([]*codec.Record, 0, BatchRecords), make([]uint64, 0, BatchRecords)
	for i := range n {
		value := make([]byte, valueSize)
		_, _ = rng.Read(value)
		// One frame brings many records of one author.
		binary.BigEndian.PutUint32(h.Author[:], uint32(i/BatchRecords%authors)*0x9e3779b1)
		h.Version = uint64(i + 1)
		h.Key = codec.MustKey("bench", fmt.Sprintf("%016x", rng.Uint64()))
		r, err := codec.NewRecord(h, value)
		if err != nil {
			return err
		}
		_, _ = rng.Read(r.Sig[:])
		batch, shorts = append(batch, r), append(shorts, codec.ShortID(&salt, &r.ID))
		if len(batch) == BatchRecords || i == n-1 {
			fn(batch, shorts)
			batch, shorts = batch[:0], shorts[:0]
		}
	}
	return nil
}

// An Ingest is how to fill a store.
type Ingest struct {
	Records   int
	SyncEvery int // commits per synced commit, 1 for every one
	// Look makes each record be looked up by short name and register first, as
	// a node does.
	Look bool
}

// Run fills a store and returns the records per second. Making the records is
// not counted; the last commit is synced.
func (in Ingest) Run(s store.Store) (recordsPerSecond float64, err error) {
	var spent time.Duration
	commits := 0
	var refs []store.Ref
	err2 := Records(in.Records, func(batch []*codec.Record, shorts []uint64) {
		start := time.Now()
		for i, r := range batch {
			if in.Look {
				refs = s.Find(r.Space, shorts[i], refs[:0])
				refs = s.Register(r.Space, r.Author, r.Key, refs[:0])
			}
			s.Insert(r, shorts[i])
		}
		commits++
		if e := s.Commit(commits%in.SyncEvery == 0); err == nil {
			err = e
		}
		spent += time.Since(start)
	})
	if err == nil {
		err = err2
	}
	start := time.Now()
	if e := s.Commit(true); err == nil {
		err = e
	}
	return float64(in.Records) / (spent + time.Since(start)).Seconds(), err
}

// PebbleIngest fills a pebble store in an empty directory with n records, in
// commits of [BatchRecords] of which every [SyncEvery]th is synced, closes it
// and opens it again.
func PebbleIngest(dir string, n int) (recordsPerSecond, reopenSeconds float64, err error) {
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		return 0, 0, err
	}
	recordsPerSecond, err = Ingest{Records: n, SyncEvery: SyncEvery}.Run(s)
	if e := s.Close(); err == nil {
		err = e
	}
	if err != nil {
		return recordsPerSecond, 0, err
	}
	reopenSeconds, err = Reopen(dir, n)
	return recordsPerSecond, reopenSeconds, err
}

// Reopen opens a store that [PebbleIngest] left, loads a record, and returns
// how long that took.
func Reopen(dir string, n int) (seconds float64, err error) {
	start := time.Now()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		return 0, err
	}
	space := codec.ID{1}
	if got := s.Count(space); got != uint64(n) {
		err = fmt.Errorf("storebench: %d records of %d are there", got, n)
	}
	found := false
	s.Scan(space, nil, nil, func(store.Ref, *codec.Record) bool { found = true; return false })
	if err == nil && !found {
		err = fmt.Errorf("storebench: nothing to scan")
	}
	seconds = time.Since(start).Seconds()
	if e := s.Close(); err == nil {
		err = e
	}
	return seconds, err
}
