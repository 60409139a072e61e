package pebble

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// Seq implements store.ChangeLog.
func (s *Store) Seq(id codec.ID) uint64 {
	if sp := s.spaces[id]; sp != nil {
		return sp.seq
	}
	return s.base
}

// A removal is a row of the log: when the record came, and what it was, as
// far as summaries need it.
type removal struct {
	inserted uint64
	store.Change
}

const (
	removalHead = 8 + 8 + 32 + 32 + 8 + 8 // all but the key
	removalOld  = 8 + 8 + 32              // what rows of version 0.1.0 hold: too little
)

func appendRemoval(dst []byte, inserted uint64, h *held) []byte {
	dst = binary.BigEndian.AppendUint64(dst, inserted)
	dst = binary.BigEndian.AppendUint64(dst, h.short)
	dst = append(append(dst, h.rec.ID[:]...), h.rec.Author[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.rec.Version)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.rec.Time))
	return append(dst, h.rec.Key...)
}

func parseRemoval(row []byte) (removal, error) {
	if len(row) < removalHead {
		return removal{}, errShortRow
	}
	return removal{binary.BigEndian.Uint64(row), store.Change{
		Short: binary.BigEndian.Uint64(row[8:]), ID: codec.ID(row[16:]), Author: codec.PeerID(row[48:]),
		Version: binary.BigEndian.Uint64(row[80:]), Time: codec.HLC(binary.BigEndian.Uint64(row[88:])),
		Key: append(codec.Key(nil), row[removalHead:]...),
	}}, nil
}

// Changes implements store.ChangeLog.
func (s *Store) Changes(id codec.ID, seq uint64, fn func(c *store.Change)) bool {
	sp := s.spaces[id]
	if sp == nil {
		return seq == s.base
	}
	if seq < sp.floor || seq > sp.seq {
		return false
	}
	// A record that went and came back is no net change.
	gone, ok := s.removals(sp, seq)
	if !ok {
		return false
	}
	at := make(map[codec.ID]int, len(gone))
	for i := range gone {
		at[gone[i].ID] = i
	}
	back := make([]bool, len(gone))
	s.each(s.batch, appendPrefix(nil, classRecord, sp.number), appendRecordKey(nil, sp.number, seq+1),
		func(_, row []byte) bool {
			h, err := parseRow(row)
			if err != nil {
				s.failure.set(err)
				return false
			}
			if i, ok := at[h.rec.ID]; ok {
				back[i] = true
				return true
			}
			fn(&store.Change{
				Added: true, Short: h.short, ID: h.rec.ID, Author: h.rec.Author,
				Key: h.rec.Key, Version: h.rec.Version, Time: h.rec.Time,
			})
			return true
		})
	for i := range gone {
		if !back[i] {
			fn(&gone[i].Change)
		}
	}
	return s.failure.get() == nil
}

// removals returns the records that were there at seq and went since. A record
// can do that once: if it came back, its next removal is of a later insertion.
// It returns false if a row does not say enough.
func (s *Store) removals(sp *space, seq uint64) (gone []removal, ok bool) {
	ok = true
	s.each(s.batch, appendPrefix(nil, classLog, sp.number), appendLogKey(nil, sp.number, seq+1),
		func(_, row []byte) bool {
			if len(row) == removalOld {
				ok = false
				return false
			}
			r, err := parseRemoval(row)
			if err != nil {
				s.failure.set(err)
				return false
			}
			if r.inserted <= seq {
				gone = append(gone, r)
			}
			return true
		})
	return gone, ok
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
