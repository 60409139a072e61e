package pebble_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/intersubjective/rapprochement/engine/store/pebble"
	"github.com/intersubjective/rapprochement/engine/store/storetest"
)

// A history is a walk on one store, with what the store held after each commit.
// Files are looked at while it goes on, from pebble's goroutines too.
type history struct {
	*storetest.Walk
	states  []string // by commit; the first is the empty store
	started atomic.Int64
	synced  atomic.Int64 // both are indexes of states
}

func newHistory(t *testing.T, seed uint64) *history {
	empty := open(t, vfs.NewMem())
	defer closing(t, empty)
	h := &history{Walk: storetest.NewWalk(seed)}
	h.states = []string{h.Dump(empty)}
	return h
}

// run makes commits until the store fails.
func (h *history) run(s *pebble.Store, commits int) error {
	for range commits {
		for range h.Rand.IntN(8) {
			h.Change(s)
		}
		h.states = append(h.states, h.Dump(s))
		sync := h.Rand.IntN(4) == 0
		h.started.Add(1)
		if err := s.Commit(sync); err != nil {
			return err
		}
		if sync {
			h.synced.Store(h.started.Load())
		}
	}
	return nil
}

// wantCommit checks that files hold a commit between two, both included.
func (h *history) wantCommit(t *testing.T, fs vfs.FS, first, last int64) {
	t.Helper()
	s, err := pebble.Open("db", small(fs))
	if err != nil {
		t.Fatalf("opening after commit %d to %d: %v", first, last, err)
	}
	defer closing(t, s)
	check(t, s)
	if dump := h.Dump(s); !slices.Contains(h.states[first:last+1], dump) {
		i := slices.Index(h.states, dump)
		t.Fatalf("the files hold commit %d (-1: none), want one of %d to %d:\n%s", i, first, last, dump)
	}
}

// A power loss at any operation on the files keeps what was synced and whole
// commits after it.
func TestPowerLoss(t *testing.T) {
	for _, seed := range seeds(*roundsFlag) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testPowerLoss(t, seed) })
	}
}

func testPowerLoss(t *testing.T, seed uint64) {
	h := newHistory(t, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := vfs.NewCrashableMem()
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(5) * 25, RNG: rng}
	// The first operations make the directory; most are writes of the log.
	at := int64(rng.IntN(20 << rng.IntN(6)))
	var ops atomic.Int64
	var crashed *vfs.MemFS
	var first, last int64
	loss := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if ops.Add(1) == at {
			first = h.synced.Load()
			crashed = mem.CrashClone(cfg)
			last = h.started.Load()
		}
		return nil
	})
	s, err := pebble.Open("db", small(errorfs.Wrap(mem, loss)))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.run(s, 60); err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	if crashed == nil {
		first, last, crashed = h.synced.Load(), h.started.Load(), mem.CrashClone(cfg)
	}
	h.wantCommit(t, crashed, first, last)
}

// Making and opening a directory survives a power loss at any operation.
func TestPowerLossWhileOpening(t *testing.T) {
	for _, seed := range seeds(1) {
		t.Logf("seed %d", seed)
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 0))}
		for at := range int64(60) {
			for range 10 {
				mem := vfs.NewCrashableMem()
				crashed := openThrough(t, mem, at, cfg) // makes it
				closing(t, open(t, crashed))
				crashed = openThrough(t, mem, at, cfg)
				s := open(t, crashed)
				if got := s.Meta("k"); string(got) != "v" {
					t.Fatalf("loss at operation %d: got %q", at, got)
				}
				closing(t, s)
			}
		}
	}
}

// openThrough opens a directory, commits, closes it, and returns what a power
// loss at an operation left.
func openThrough(t *testing.T, mem *vfs.MemFS, at int64, cfg vfs.CrashCloneCfg) *vfs.MemFS {
	t.Helper()
	var ops atomic.Int64
	crashed := mem
	s := open(t, errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
		if ops.Add(1) == at {
			crashed = mem.CrashClone(cfg)
		}
		return nil
	})))
	s.SetMeta("k", []byte("v"))
	if err := s.Commit(true); err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	return crashed
}

// What is synced by an empty commit is everything before it.
func TestEmptyCommitSyncs(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := open(t, mem)
	defer closing(t, s)
	s.SetMeta("k", []byte("v"))
	if err := errors.Join(s.Commit(false), s.Commit(true)); err != nil {
		t.Fatal(err)
	}
	after := open(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	defer closing(t, after)
	if got := after.Meta("k"); string(got) != "v" {
		t.Fatalf("got %q", got)
	}
}

// An error of any operation on the files, once or from then on, sticks; opening
// again finds a commit no older than the last synced one.
func TestFileErrors(t *testing.T) {
	for _, seed := range seeds(*roundsFlag) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testFileErrors(t, seed) })
	}
}

var errDisk = errors.New("the disk is broken")

func testFileErrors(t *testing.T, seed uint64) {
	h := newHistory(t, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := vfs.NewMem()
	at, once := int64(rng.IntN(20<<rng.IntN(7))), rng.IntN(2) == 0
	var ops, writes atomic.Int64
	broken := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			writes.Add(1)
		}
		if n := ops.Add(1); n == at || n > at && !once {
			return errDisk
		}
		return nil
	})
	s, err := pebble.Open("db", small(errorfs.Wrap(mem, broken)))
	if err == nil {
		if err = h.run(s, 60); err != nil {
			before := writes.Load()
			wantStuck(t, s, err)
			// Pebble ends in the background.
			defer func() {
				if n := writes.Load(); n != before {
					t.Fatalf("%d writes after the failure", n-before)
				}
			}()
			closing(t, s)
		} else {
			err = s.Close() // an error may come that late
		}
	}
	if err != nil && !strings.Contains(err.Error(), errDisk.Error()) {
		t.Fatalf("the error is %v", err)
	}
	h.wantCommit(t, mem, h.synced.Load(), h.started.Load())
}

// wantStuck checks that a failed store goes on failing, and that nothing one
// does with it panics.
func wantStuck(t *testing.T, s *pebble.Store, err error) {
	t.Helper()
	r := storetest.Record(storetest.Space(0), storetest.Author(1), 1, "a")
	ref := s.Insert(r, 1)
	s.Load(r.Space, ref)
	s.Load(r.Space, ref+1000)
	s.Remove(r.Space, ref)
	s.DropSpace(r.Space)
	p := s.Pin(r.Space)
	p.Find(1, nil)
	p.Load(ref)
	p.Close()
	for _, sync := range []bool{true, false} {
		if again := s.Commit(sync); again != err {
			t.Fatalf("Commit returned %v after %v", again, err)
		}
	}
}

// Damaged files are an error, or something that was committed; never a panic.
func TestDamagedFiles(t *testing.T) {
	for _, seed := range seeds(*roundsFlag) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testDamagedFiles(t, seed) })
	}
}

func testDamagedFiles(t *testing.T, seed uint64) {
	h := newHistory(t, seed)
	mem := vfs.NewMem()
	s, err := pebble.Open("db", small(mem))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.run(s, 60); err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	name, how := damage(t, mem, h.Rand)
	if s, err = pebble.Open("db", small(mem)); err != nil {
		return
	}
	defer func() { _ = s.Close() }() // may have failed
	dump := h.Dump(s)
	if s.Check() == nil && s.Commit(true) == nil && !slices.Contains(h.states, dump) {
		t.Fatalf("%s of %s shows what never was:\n%s", how, name, dump)
	}
}

// damage does something bad to one file.
func damage(t *testing.T, fs vfs.FS, rng *rand.Rand) (name, how string) {
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	name = names[rng.IntN(len(names))]
	path := fs.PathJoin("db", name)
	file, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	switch rng.IntN(4) {
	case 0:
		how, data = "truncation", data[:rng.IntN(len(data)+1)]
	case 1:
		how = "a flipped bit"
		if len(data) > 0 {
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		}
	case 2:
		how = "garbage"
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
	default:
		how = "removal"
		if err := fs.Remove(path); err != nil {
			t.Fatal(err)
		}
		return name, how
	}
	file, err = fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return name, how
}
