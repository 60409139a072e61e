package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The generated files are committed, and they are what the Go types say now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	root, v := readVocabulary(t)
	for _, file := range generated {
		kept, err := os.ReadFile(filepath.Join(root, file.path))
		if err != nil {
			t.Error(err)
			continue
		}
		if now := file.write(v); !bytes.Equal(kept, now) {
			t.Errorf("%s is stale: run go generate ./codec (%s)", file.path, firstDifference(kept, now))
		}
	}
}

func firstDifference(kept, now []byte) string {
	a, b := strings.Split(string(kept), "\n"), strings.Split(string(now), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "kept: " + a[i] + " now: " + b[i]
		}
	}
	return "one is longer"
}

func readVocabulary(t *testing.T) (string, *vocabulary) {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	v, err := read(filepath.Join(root, "codec"))
	if err != nil {
		t.Fatal(err)
	}
	return root, v
}

// Each kind has its constant, and each type a comment to hand on.
func TestSourcesAndTablesAgree(t *testing.T) {
	_, v := readVocabulary(t)
	for typeName, list := range map[string][]structure{"EventKind": v.events, "EffectKind": v.effects, "MessageKind": v.messages, "WorldCommandKind": v.commands, "WorldAnswerKind": v.answers, "RankCommandKind": v.orders, "RankAnswerKind": v.replies} {
		if len(list) == 0 {
			t.Errorf("no %s", typeName)
		}
		for _, e := range v.enums {
			if e.typeName == typeName && len(e.values) != len(list) {
				t.Errorf("%d constants of %s, %d types", len(e.values), typeName, len(list))
			}
		}
		for _, s := range list {
			if v.constantName(typeName, s.kind) == "" {
				t.Errorf("%s %d, %s, has no constant", typeName, s.kind, s.name)
			}
			if s.doc == "" {
				t.Errorf("%s has no comment", s.name)
			}
		}
	}
	for _, c := range v.limits {
		if c.doc == "" {
			t.Errorf("%s does not say why", c.name)
		}
	}
}

func TestConstantsAreRead(t *testing.T) {
	_, v := readVocabulary(t)
	want := map[string]uint64{"ValueInlineMax": 64 << 10, "BlobMax": 1<<53 - 1, "VersionMax": 1<<63 - 1}
	for _, c := range v.limits {
		if n, ok := want[c.name]; ok && n != c.uint() {
			t.Errorf("%s is read as %d", c.name, c.uint())
		}
		delete(want, c.name)
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(wrap("one two three\nfour", 8), "|")
	if got != "one two|three||four" {
		t.Error(got)
	}
}
