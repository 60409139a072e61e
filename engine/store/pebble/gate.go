package pebble

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A gate stands between pebble and the files. The first write that fails shuts
// it: the store has failed, and this write and all later ones seem to succeed
// but go nowhere. Pebble answers failed writes by ending the process, by
// panicking with its locks half undone or by retrying for ever; and files that
// another store may have opened in the meantime must stay as they are. Reads
// pass: their errors come back to who asked.
type gate struct {
	vfs.FS
	failure *failure
	lock    *onceCloser
}

// do makes a change to the files unless the gate is shut. That something is not
// there is an answer, not a failure.
func (g *gate) do(change func() error) error {
	if g.failure.get() != nil {
		return nil
	}
	err := change()
	if err == nil || errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	g.failure.set(fmt.Errorf("pebble store: %w", err))
	return nil
}

// file returns the file that open makes, or one that is nowhere.
func (g *gate) file(open func() (vfs.File, error)) (vfs.File, error) {
	f := &gateFile{File: vfs.NewMemFile(nil), gate: g}
	err := g.do(func() error {
		real, err := open()
		if err == nil {
			f.File = real
		}
		return err
	})
	return f, err
}

// Create syncs the directory before it makes a marker. Markers name the file
// that counts, and pebble syncs the directory only after both: on a file system
// that keeps no order among its entries, a power loss between could leave a
// marker of a file that is not there.
func (g *gate) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") {
		dir, err := g.OpenDir(g.PathDir(name))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return nil, err
		}
	}
	return g.file(func() (vfs.File, error) { return g.FS.Create(name, c) })
}

func (g *gate) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return g.file(func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, o...) })
}

func (g *gate) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(func() (vfs.File, error) { return g.FS.ReuseForWrite(from, to, c) })
}

// OpenDir opens a directory to sync it.
func (g *gate) OpenDir(name string) (vfs.File, error) {
	return g.file(func() (vfs.File, error) { return g.FS.OpenDir(name) })
}

func (g *gate) Link(from, to string) error {
	return g.do(func() error { return g.FS.Link(from, to) })
}

func (g *gate) Remove(name string) error {
	return g.do(func() error { return g.FS.Remove(name) })
}

func (g *gate) RemoveAll(name string) error {
	return g.do(func() error { return g.FS.RemoveAll(name) })
}

func (g *gate) Rename(from, to string) error {
	return g.do(func() error { return g.FS.Rename(from, to) })
}

func (g *gate) MkdirAll(dir string, perm os.FileMode) error {
	return g.do(func() error { return g.FS.MkdirAll(dir, perm) })
}

func (g *gate) Unwrap() vfs.FS { return g.FS }

// Lock remembers the lock, so that a failed store can give its directory back
// without waiting for pebble.
func (g *gate) Lock(name string) (io.Closer, error) {
	lock, err := g.FS.Lock(name)
	switch {
	case errors.Is(err, iofs.ErrPermission) || errors.Is(err, iofs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (%w)", ErrInUse, err)
	}
	g.lock = &onceCloser{c: lock}
	return g.lock, nil
}

func (g *gate) unlock() {
	if g.lock != nil {
		_ = g.lock.Close()
	}
}

type onceCloser struct {
	once sync.Once
	c    io.Closer
	err  error
}

func (o *onceCloser) Close() error {
	o.once.Do(func() { o.err = o.c.Close() })
	return o.err
}

type gateFile struct {
	vfs.File
	gate *gate
}

func (f *gateFile) Write(p []byte) (int, error) {
	return len(p), f.gate.do(func() error { _, err := f.File.Write(p); return err })
}

func (f *gateFile) WriteAt(p []byte, at int64) (int, error) {
	return len(p), f.gate.do(func() error { _, err := f.File.WriteAt(p, at); return err })
}

func (f *gateFile) Preallocate(at, n int64) error {
	return f.gate.do(func() error { return f.File.Preallocate(at, n) })
}

func (f *gateFile) Sync() error     { return f.gate.do(f.File.Sync) }
func (f *gateFile) SyncData() error { return f.gate.do(f.File.SyncData) }

func (f *gateFile) SyncTo(n int64) (full bool, err error) {
	err = f.gate.do(func() error { full, err = f.File.SyncTo(n); return err })
	return full, err
}
