package pebble

import (
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// SetFormat makes a directory look as if another version had written it.
func SetFormat(t *testing.T, fs vfs.FS, dir string, format byte) {
	o := Options{}.withDefaults()
	db, err := lsm.Open(dir, o.lsm(fs, newFailure()))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Set([]byte{classFormat}, []byte{0, 0, 0, format, 1, 2, 3}, lsm.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
