// Package disks gives the nodes of a world pebble stores on simulated disks, in
// place of memory: the same runs, byte for byte, through the store that real
// nodes use.
package disks

import (
	"github.com/intersubjective/rapprochement/engine/sim"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
)

// Stores implements sim.Stores, one disk per node. A crash that keeps
// everything syncs first; a torn one keeps a share of the unsynced writes, which
// need not be the share that a memory store keeps.
type Stores struct {
	disks map[uint32]*pebble.Disk
}

// New returns stores for any number of nodes.
func New() *Stores { return &Stores{disks: map[uint32]*pebble.Disk{}} }

// Open implements sim.Stores.
func (s *Stores) Open(node uint32) (store.Store, error) {
	d := pebble.NewDisk()
	s.disks[node] = d
	return d.Open()
}

// Crash implements sim.Stores.
func (s *Stores) Crash(node uint32, st store.Store, fate sim.StoreFate, x uint64) (store.Store, error) {
	d := s.disks[node]
	if fate == sim.StoreTorn {
		d.Crash(int(x%101), x)
	}
	// Closing writes what was committed; to a torn disk's old files, that is.
	if err := st.Close(); err != nil {
		return nil, err
	}
	if fate == sim.StoreLost {
		return s.Open(node)
	}
	return d.Open()
}
