package pebble_test

import (
	"bytes"
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/intersubjective/rapprochement/engine/store/pebble"
)

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// However the directory is called.
	for _, name := range []string{dir, filepath.Join(dir, "..", filepath.Base(dir))} {
		if _, err := pebble.Open(name, pebble.Options{}); !errors.Is(err, pebble.ErrInUse) {
			t.Fatalf("opening %s twice: %v", name, err)
		}
	}
	t.Chdir(dir)
	if _, err := pebble.Open(".", pebble.Options{}); !errors.Is(err, pebble.ErrInUse) {
		t.Fatalf("opening . twice: %v", err)
	}
	closing(t, s)
	s, err = pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
}

func TestNewerFormat(t *testing.T) {
	fs := vfs.NewMem()
	closing(t, open(t, fs))
	pebble.SetFormat(t, fs, "db", 2)
	_, err := pebble.Open("db", pebble.Options{FS: fs})
	if !errors.Is(err, pebble.ErrFormat) || !strings.Contains(err.Error(), "format 2") {
		t.Fatalf("got %v", err)
	}
}

func TestNotADirectoryOfOurs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pebble.Open(file, pebble.Options{}); err == nil {
		t.Fatal("a file was opened")
	}
	if _, err := pebble.Open(filepath.Dir(file), pebble.Options{}); !errors.Is(err, pebble.ErrNoStore) {
		t.Fatalf("opening a directory with other files: %v", err)
	}
	fs := vfs.NewMem()
	other, err := lsm.Open("db", &lsm.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pebble.Open("db", pebble.Options{FS: fs}); err == nil || !strings.Contains(err.Error(), "comparer") {
		t.Fatalf("somebody else's database: %v", err)
	}
}

func TestSilent(t *testing.T) {
	// Pebble's own logger writes there.
	var out bytes.Buffer
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	closing(t, open(t, vfs.NewMem()))
	if out.Len() > 0 {
		t.Fatalf("the standard log got %q", out.String())
	}
	lines := 0
	s, err := pebble.Open("db", pebble.Options{FS: vfs.NewMem(), Log: func(string) { lines++ }})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	if lines == 0 {
		t.Fatal("the log got nothing")
	}
}
