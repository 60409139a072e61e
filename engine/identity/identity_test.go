package identity

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden vectors")

const vectorFile = "../../tests/vectors/identity.json"

type vector struct {
	Seed       string `json:"seed"`
	Passphrase string `json:"passphrase"`
	MemoryKiB  uint32 `json:"memory_kib"`
	Passes     uint16 `json:"passes"`
	Lanes      uint8  `json:"lanes"`
	Entropy    string `json:"entropy"`
	File       string `json:"file"`
}

// tiny keeps the tests quick.
var tiny = Params{MemoryKiB: 8, Passes: 1, Lanes: 1}

func sequence(n int, from byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func sealed(t testing.TB, p Params) (seed [SeedSize]byte, file []byte) {
	seed = [SeedSize]byte(sequence(SeedSize, 1))
	file, err := Seal(&seed, []byte("passphrase"), p, sequence(EntropySize, 100))
	if err != nil {
		t.Fatal(err)
	}
	return seed, file
}

func TestRoundTrip(t *testing.T) {
	for _, p := range []Params{tiny, {8 * 16, 1, 16}, {64, 16, 2}, DefaultParams()} {
		seed, file := sealed(t, p)
		if len(file) != FileSize {
			t.Fatalf("file of %d bytes", len(file))
		}
		if got, err := Open(file, []byte("passphrase")); err != nil || got != seed {
			t.Errorf("%+v: opened %x, %v", p, got, err)
		}
		if got, err := ReadParams(file); err != nil || got != p {
			t.Errorf("%+v: read %+v, %v", p, got, err)
		}
		if got, err := Open(file, []byte("Passphrase")); err != ErrPassphrase || got != ([SeedSize]byte{}) {
			t.Errorf("%+v: wrong passphrase gave %x, %v", p, got, err)
		}
	}
}

func TestLayout(t *testing.T) {
	_, file := sealed(t, Params{MemoryKiB: 0x20, Passes: 3, Lanes: 2})
	want := slices.Concat([]byte("rap-seed"), []byte{1, 2, 3, 0, 0x20, 0, 0, 0}, sequence(EntropySize, 100))
	if !bytes.HasPrefix(file, want) {
		t.Fatalf("header %x, want %x", file[:len(want)], want)
	}
}

func TestPassphrases(t *testing.T) {
	seed := [SeedSize]byte{7}
	for _, pass := range [][]byte{nil, {0}, []byte("pässword"), bytes.Repeat([]byte("x"), 10000)} {
		file, err := Seal(&seed, pass, tiny, make([]byte, EntropySize))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Open(file, pass); err != nil || got != seed {
			t.Errorf("%d bytes: %v", len(pass), err)
		}
		if _, err := Open(file, append(slices.Clone(pass), 'y')); err != ErrPassphrase {
			t.Errorf("%d bytes: a longer passphrase gave %v", len(pass), err)
		}
	}
}

// Every bit is authenticated: flipping any is noticed, in the header by its
// bounds or by the tag.
func TestEveryBitCounts(t *testing.T) {
	_, file := sealed(t, tiny)
	for bit := range 8 * len(file) {
		altered := slices.Clone(file)
		altered[bit/8] ^= 1 << (bit % 8)
		if p, err := ReadParams(altered); err == nil && p.MemoryKiB > 1<<12 {
			continue // would only be slow
		}
		_, err := Open(altered, []byte("passphrase"))
		if !errors.Is(err, ErrFormat) && err != ErrPassphrase {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
}

// A header with fields that take no part in the key must not open either: the
// associated data is the only thing that covers them.
func TestNonceAndHeaderAreBound(t *testing.T) {
	seed, file := sealed(t, tiny)
	header := file[:nonceEnd]
	bare := tiny.cipher([]byte("passphrase"), header).Seal(slices.Clone(header), header[saltEnd:], seed[:], nil)
	if _, err := Open(bare, []byte("passphrase")); err != ErrPassphrase {
		t.Fatalf("a seal without associated data opened: %v", err)
	}
}

func TestFormatErrors(t *testing.T) {
	_, file := sealed(t, tiny)
	with := func(at int, b ...byte) []byte {
		f := slices.Clone(file)
		copy(f[at:], b)
		return f
	}
	memory := func(kib uint32) []byte { return with(memoryAt, binary.LittleEndian.AppendUint32(nil, kib)...) }
	for what, c := range map[string]struct {
		file   []byte
		offset int
		field  string
	}{
		"nothing":         {nil, 0, "magic"},
		"part of magic":   {file[:7], 0, "magic"},
		"other magic":     {with(0, 'R'), 0, "magic"},
		"magic only":      {file[:8], 8, "length"},
		"version 0":       {with(8, 0), 8, "version"},
		"version 2":       {append(with(8, 2), 0), 8, "version"},
		"truncated":       {file[:FileSize-1], FileSize - 1, "length"},
		"trailing byte":   {append(slices.Clone(file), 0), FileSize, "length"},
		"no lanes":        {with(9, 0), 9, "lanes"},
		"17 lanes":        {with(9, 17), 9, "lanes"},
		"no passes":       {with(10, 0), 10, "passes"},
		"17 passes":       {with(10, 17), 10, "passes"},
		"256 passes":      {with(10, 0, 1), 10, "passes"},
		"7 KiB":           {memory(7), 12, "memory"},
		"8 KiB, 2 lanes":  {with(9, 2), 12, "memory"},
		"1 GiB and 1 KiB": {memory(MaxMemoryKiB + 1), 12, "memory"},
		"4 TiB":           {memory(1<<32 - 1), 12, "memory"},
	} {
		_, err := Open(c.file, []byte("passphrase"))
		var fe *FormatError
		if !errors.As(err, &fe) || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if fe.Offset != c.offset || !strings.HasPrefix(fe.Field, c.field) || !strings.Contains(err.Error(), fe.Reason) {
			t.Errorf("%s: %v at %d, want %s at %d", what, fe, fe.Offset, c.field, c.offset)
		}
	}
}

func TestSealRefusesBadArguments(t *testing.T) {
	seed, good := [SeedSize]byte{}, make([]byte, EntropySize)
	for what, c := range map[string]struct {
		p       Params
		entropy []byte
	}{
		"short entropy": {tiny, good[1:]},
		"long entropy":  {tiny, append(good, 0)},
		"zero params":   {Params{}, good},
		"passes":        {Params{8, MaxPasses + 1, 1}, good},
		"lanes":         {Params{1 << 10, 1, MaxLanes + 1}, good},
		"memory":        {Params{MaxMemoryKiB + 1, 1, 1}, good},
	} {
		if file, err := Seal(&seed, nil, c.p, c.entropy); !errors.Is(err, ErrArgument) || file != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(raw, &vs); err != nil || len(vs) == 0 {
		t.Fatalf("%d vectors, %v", len(vs), err)
	}
	for i, v := range vs {
		if got := v.seal(t); got != v.File {
			t.Errorf("vector %d: sealed as %s", i, got)
		}
		if seed, err := Open(unhex(t, v.File), []byte(v.Passphrase)); err != nil || hex.EncodeToString(seed[:]) != v.Seed {
			t.Errorf("vector %d: opened as %x, %v", i, seed, err)
		}
	}
}

func (v vector) seal(t *testing.T) string {
	seed := [SeedSize]byte(unhex(t, v.Seed))
	file, err := Seal(&seed, []byte(v.Passphrase), Params{v.MemoryKiB, v.Passes, v.Lanes}, unhex(t, v.Entropy))
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(file)
}

func writeVectors(t *testing.T) {
	seed, entropy := hex.EncodeToString(sequence(SeedSize, 0)), hex.EncodeToString(sequence(EntropySize, 32))
	vs := []vector{
		{Seed: seed, Passphrase: "correct horse battery staple", MemoryKiB: 8, Passes: 1, Lanes: 1, Entropy: entropy},
		{Seed: seed, Passphrase: "", MemoryKiB: 64, Passes: 3, Lanes: 1, Entropy: entropy},
		{Seed: seed, Passphrase: "żółw", MemoryKiB: 75, Passes: 2, Lanes: 4, Entropy: entropy},
	}
	for i := range vs {
		vs[i].File = vs[i].seal(t)
	}
	raw, err := json.MarshalIndent(vs, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzOpen(f *testing.F) {
	_, file := sealed(f, tiny)
	f.Add(file, []byte("passphrase"))
	f.Add(file[:60], []byte(""))
	f.Fuzz(func(t *testing.T, file, passphrase []byte) {
		p, err := ReadParams(file)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%v is no ErrFormat", err)
			}
			if _, openErr := Open(file, passphrase); openErr == nil || openErr.Error() != err.Error() {
				t.Fatalf("Open says %v, ReadParams %v", openErr, err)
			}
			return
		}
		if p.MemoryKiB > 256 || p.Passes > 2 {
			return // within bounds, but too slow for fuzzing
		}
		seed, err := Open(file, passphrase)
		if err != nil && err != ErrPassphrase {
			t.Fatal(err)
		}
		if err == nil { // what opens is exactly what Seal makes
			again, err := Seal(&seed, passphrase, p, file[saltStart:nonceEnd])
			if err != nil || !bytes.Equal(again, file) {
				t.Fatalf("sealed again: %x, %v", again, err)
			}
		}
	})
}

func BenchmarkOpenDefault(b *testing.B) {
	_, file := sealed(b, DefaultParams())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(file, []byte("passphrase")); err != nil {
			b.Fatal(err)
		}
	}
}
