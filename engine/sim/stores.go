package sim

import (
	"errors"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

// memoryStores keep the records of all nodes in one arena.
type memoryStores struct{ arena *memory.Arena }

func newMemoryStores() *memoryStores { return &memoryStores{memory.NewArena()} }

func (m *memoryStores) Open(uint32) (store.Store, error) { return memory.New(m.arena), nil }

func (m *memoryStores) Crash(_ uint32, st store.Store, fate StoreFate, x uint64) (store.Store, error) {
	s := st.(*memory.Store)
	switch fate {
	case StoreLost:
		s.Destroy()
		return memory.New(m.arena), nil
	case StoreTorn:
		return s.Crash(int(x % uint64(s.Unsynced()+1))), nil
	}
	return s.Crash(s.Unsynced()), nil
}

var errStoreFault = errors.New("sim: the store fails here")
