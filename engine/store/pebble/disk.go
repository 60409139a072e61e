package pebble

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A Disk holds the files of one store in memory and can lose power: what was
// not synced is then gone, or a part of it.
type Disk struct {
	fs *vfs.MemFS
}

// NewDisk returns an empty disk.
func NewDisk() *Disk { return &Disk{fs: vfs.NewCrashableMem()} }

// Open opens the store on the disk, with buffers of a size that lets many of
// them fit into one process.
func (d *Disk) Open() (*Store, error) {
	return Open("store", Options{FS: d.fs, MemTable: 1 << 20, BlockCache: 1 << 20, RecordCache: 1 << 20})
}

// Crash is a power loss: every write that was not synced survives with that
// percentage, drawn from the seed. The store that is open must not be used but
// closed. Open finds what is left.
func (d *Disk) Crash(percent int, seed uint64) {
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: percent}
	if percent > 0 {
		cfg.RNG = rand.New(rand.NewPCG(seed, 0))
	}
	d.fs = d.fs.CrashClone(cfg)
}
