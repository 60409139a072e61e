package pebble

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/storetest"
)

// A log that version 0.1.0 wrote does not say enough: summaries are made anew,
// and nothing else happens.
func TestOldLogIsTooShort(t *testing.T) {
	s, err := NewDisk().Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rec := storetest.Record(storetest.Space(1), storetest.Author(1), 1, "key")
	ref := s.Insert(rec, storetest.Short(rec))
	seq := s.Seq(rec.Space)
	s.Remove(rec.Space, ref)
	nothing := func(*store.Change) {}
	if !s.Changes(rec.Space, seq, nothing) {
		t.Fatal("the log does not reach back")
	}
	sp := s.spaces[rec.Space]
	s.stage(appendLogKey(nil, sp.number, sp.seq), make([]byte, removalOld))
	if s.Changes(rec.Space, seq, nothing) {
		t.Error("an old row is enough")
	}
	if err := s.Commit(true); err != nil {
		t.Errorf("the store failed: %v", err)
	}
	s.stage(appendLogKey(nil, sp.number, sp.seq), make([]byte, removalHead-1))
	if s.Changes(rec.Space, seq, nothing) || s.Commit(true) == nil {
		t.Error("a damaged row passes")
	}
}
