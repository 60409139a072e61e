package pebble

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
)

// Seq implements store.ChangeLog.
func (s *Store) Seq(id codec.ID) uint64 {
	if sp := s.spaces[id]; sp != nil {
		return sp.seq
	}
	return s.base
}

// A removal is a row of the log.
type removal struct {
	inserted uint64
	short    uint64
	id       codec.ID
}

// Changes implements store.ChangeLog.
func (s *Store) Changes(id codec.ID, seq uint64, fn func(short uint64, id codec.ID, added bool)) bool {
	sp := s.spaces[id]
	if sp == nil {
		return seq == s.base
	}
	if seq < sp.floor || seq > sp.seq {
		return false
	}
	// A record that went and came back is no net change.
	gone := s.removals(sp, seq)
	at := make(map[codec.ID]int, len(gone))
	for i := range gone {
		at[gone[i].id] = i
	}
	back := make([]bool, len(gone))
	s.each(s.batch, appendPrefix(nil, classRecord, sp.number), appendRecordKey(nil, sp.number, seq+1),
		func(_, row []byte) bool {
			id := codec.ID(row[8:])
			if i, ok := at[id]; ok {
				back[i] = true
			} else {
				fn(binary.BigEndian.Uint64(row), id, true)
			}
			return true
		})
	for i := range gone {
		if !back[i] {
			fn(gone[i].short, gone[i].id, false)
		}
	}
	return s.failure.get() == nil
}

// removals returns the records that were there at seq and went since. A record
// can do that once: if it came back, its next removal is of a later insertion.
func (s *Store) removals(sp *space, seq uint64) (gone []removal) {
	s.each(s.batch, appendPrefix(nil, classLog, sp.number), appendLogKey(nil, sp.number, seq+1),
		func(_, row []byte) bool {
			if inserted := binary.BigEndian.Uint64(row); inserted <= seq {
				gone = append(gone, removal{inserted, binary.BigEndian.Uint64(row[8:]), codec.ID(row[16:])})
			}
			return true
		})
	return gone
}

// TrimChanges implements store.ChangeLog.
func (s *Store) TrimChanges(id codec.ID, seq uint64) {
	sp := s.spaces[id]
	if sp == nil || seq <= sp.floor {
		return
	}
	seq = min(seq, sp.seq)
	s.touch(sp)
	s.keep(s.batch.DeleteRange(appendLogKey(nil, sp.number, sp.floor), appendLogKey(nil, sp.number, seq+1), nil))
	s.stale = true
	sp.floor = seq
}
