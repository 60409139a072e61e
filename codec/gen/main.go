// Command gen writes what other languages know of the vocabulary from the Go
// structs in codec: docs/schema.cddl, python/rapprochement/_wire.py,
// capi/rapprochement_kinds.h and codec/names.go.
//
//	go run ./codec/gen
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// generated holds every file by its path in the repository.
var generated = []struct {
	path  string
	write func(*vocabulary) []byte
}{
	{"codec/names.go", goNames},
	{"docs/schema.cddl", cddl},
	{"python/rapprochement/_wire.py", python},
	{"capi/rapprochement_kinds.h", cHeader},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := repository()
	if err != nil {
		return err
	}
	v, err := read(filepath.Join(root, "codec"))
	if err != nil {
		return err
	}
	for _, file := range generated {
		if err := os.WriteFile(filepath.Join(root, file.path), file.write(v), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// repository is the folder above that holds go.mod.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
		dir = parent
	}
}
