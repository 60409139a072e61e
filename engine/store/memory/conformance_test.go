package memory_test

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
	"github.com/intersubjective/rapprochement/engine/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		s := memory.New(memory.NewArena())
		return s, func() store.Store {
			s = s.Crash(s.Unsynced())
			return s
		}
	})
}
