package pebble

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/intersubjective/rapprochement/codec"
)

// Check reads everything and returns an error if indexes, counts or the log of
// changes disagree with the records, or a record with its id. It is for tests
// and for a look at a suspicious directory: the work is that of reading and
// hashing all records.
func (s *Store) Check() error {
	numbers := map[uint32]*space{}
	for _, sp := range s.spaces { // in any order
		if numbers[sp.number] != nil || sp.number > s.numbers {
			return fmt.Errorf("check: space %s has number %d, given to another or to none", sp.id.Short(), sp.number)
		}
		numbers[sp.number] = sp
	}
	rows := map[string]uint64{} // by class and number
	var bad error
	for _, class := range []byte(spaceClasses) {
		s.each(s.batch, []byte{class}, nil, func(key, row []byte) bool {
			sp := numbers[binary.BigEndian.Uint32(key[1:])]
			switch {
			case sp == nil:
				bad = fmt.Errorf("check: row %x of no space", key)
			case class == classRecord:
				bad = s.checkRecord(sp, keySeq(key), row)
			case class == classLog:
				bad = s.checkRemoval(sp, keySeq(key), row)
			}
			rows[string(key[:prefixLen])]++
			return bad == nil
		})
	}
	if bad != nil {
		return bad
	}
	for _, sp := range s.spaces { // in any order
		for _, class := range []byte{classRecord, classShort, classRegister, classDot} {
			if n := rows[string(appendPrefix(nil, class, sp.number))]; n != sp.count {
				return fmt.Errorf("check: space %s has %d rows of class %c, its count is %d", sp.id.Short(), n, class, sp.count)
			}
		}
	}
	return s.failure.get()
}

func (s *Store) checkRecord(sp *space, seq uint64, row []byte) error {
	h, err := parseRow(bytes.Clone(row))
	switch {
	case err != nil:
		return fmt.Errorf("check: record %d: %w", seq, err)
	case codec.ID(sha256.Sum256(h.rec.Raw)) != h.rec.ID || h.rec.Space != sp.id:
		return fmt.Errorf("check: record %d has id %s, not its own, or is of another space", seq, h.rec.ID.Short())
	case seq > sp.seq:
		return fmt.Errorf("check: record %d, but the space has seq %d", seq, sp.seq)
	}
	if err := h.rec.CheckValue(); err != nil {
		return fmt.Errorf("check: record %d: %w", seq, err)
	}
	eachIndexKey(nil, sp.number, seq, &h, func(key []byte) {
		if s.get(s.batch, key) == nil {
			err = fmt.Errorf("check: record %d lacks its row of class %c", seq, key[0])
		}
	})
	return err
}

func (s *Store) checkRemoval(sp *space, seq uint64, row []byte) error {
	if len(row) != 48 || seq <= sp.floor || seq > sp.seq {
		return fmt.Errorf("check: removal %d of %d bytes, the log goes from %d to %d", seq, len(row), sp.floor, sp.seq)
	}
	inserted := binary.BigEndian.Uint64(row)
	if _, closer, err := s.batch.Get(appendRecordKey(nil, sp.number, inserted)); err != lsm.ErrNotFound {
		if err == nil {
			err = closer.Close()
		}
		return fmt.Errorf("check: record %d is there (%v), its removal %d too", inserted, err, seq)
	}
	return nil
}
