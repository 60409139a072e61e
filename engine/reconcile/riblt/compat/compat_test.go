package compat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var key = [2]uint64{123, 456}

func indices(hash uint64, n int) (out []uint64) {
	index, state := uint64(0), hash
	for len(out) < n {
		out = append(out, index)
		index, state = next(index, state)
	}
	return out
}

// The values are those of the reference's Sketch.
func TestIndexVectors(t *testing.T) {
	for hash, want := range map[uint64][]uint64{
		0x0000000000000001: {0, 1, 2, 3, 6, 11, 19, 44, 116, 122, 341, 972, 3263, 8777},
		0x0123456789abcdef: {0, 1, 2, 4, 6, 8, 20, 24, 34, 36, 126, 153, 155, 1225},
		0xdeadbeefcafebabe: {0, 1, 2, 4, 7, 21, 40, 62, 117, 143, 258, 265, 298, 787},
		0x8000000000000000: {0, 1, 3, 5, 8, 12, 18, 27, 39, 56, 80, 114, 162, 230},
		0x0000000000000000: {0, 6442450943},
		0x747c72fcab152a63: {0, 0}, // state+1 rounds to 2^64: gap 0
	} {
		if got := indices(hash, len(want)); !slices.Equal(got, want) {
			t.Errorf("%#x: got %v, want %v", hash, got, want)
		}
	}
}

// The rounding of a state, without branches, is Go's own.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2_000_000 {
		x := r.Uint64() >> r.IntN(64)
		switch r.IntN(3) {
		case 0: // a tie, or next to one
			x = x&^0x7ff | 0x3ff + r.Uint64N(3)
		case 1:
			x |= ^uint64(0) << r.IntN(64)
		}
		if got := nearest(x); got != float64(x) {
			t.Fatalf("nearest(%#x) = %v, want %v", x, got, float64(x))
		}
	}
	if nearest(math.MaxUint64) != 1<<64 || nearest(math.MaxUint64-1024) == 1<<64 {
		t.Error("rounding at the top")
	}
}

func word(x uint64) []byte { return binary.LittleEndian.AppendUint64(nil, x) }

// The defects below are known by these hashes.
func TestHash(t *testing.T) {
	f := Format{8, key}
	if got := f.Hash(word(1)); got != 0x04a6d787ba66d8c3 {
		t.Errorf("hash of 1 is %#x", got)
	}
	if got := f.Hash(word(1001)); got != 0x966490207b08a2ac {
		t.Errorf("hash of 1001 is %#x", got)
	}
}

// An item in the same cell twice leaves a count of two and nothing else, also in
// the block encoder.
func TestGapZero(t *testing.T) {
	e := mustEncoder(t, 8)
	if err := e.AddHashed(word(5), 0x747c72fcab152a63); err != nil {
		t.Fatal(err)
	}
	if err := e.Extend(4); err != nil {
		t.Fatal(err)
	}
	if c := e.Cell(0); !bytes.Equal(c.Sum, make([]byte, 8)) || c.Hash != 0 || c.Count != 2 {
		t.Errorf("cell 0 is %+v", c)
	}
}

func mustEncoder(t testing.TB, width int, symbols ...[]byte) *Encoder {
	t.Helper()
	e, err := NewEncoder(Format{width, key})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if err := e.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func symbols(n, width int, seed uint64) (list [][]byte) {
	r := rand.New(rand.NewPCG(seed, 3))
	for range n {
		s := make([]byte, width)
		for i := range s {
			s[i] = byte(r.Uint32())
		}
		list = append(list, s)
	}
	return list
}

// fingerprint is a hash of the first cells.
func fingerprint(cell func(int) Cell, m int) string {
	h := sha256.New()
	for i := range m {
		c := cell(i)
		h.Write(c.Sum)
		binary.Write(h, binary.LittleEndian, c.Hash)
		binary.Write(h, binary.LittleEndian, c.Count)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Frozen: cells of the reference, made with it. Symbol k of width w is the first
// w bytes of SHA-256(k as 8 little-endian bytes) and its SHA-256 after it.
func TestReferenceCells(t *testing.T) {
	for width, want := range map[int]string{8: "d02e417fd2a05a75", 32: "28796bd4f78f14f9", 64: "b9497c9539e06e4d"} {
		e := mustEncoder(t, width)
		for k := range uint64(1000) {
			a := sha256.Sum256(word(k))
			b := sha256.Sum256(a[:])
			if err := e.Add(append(a[:], b[:]...)[:width]); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Extend(2000); err != nil {
			t.Fatal(err)
		}
		if got := fingerprint(e.Cell, 2000); got != want {
			t.Errorf("width %d: got %s, want %s", width, got, want)
		}
	}
}

// However cells and symbols come, they are those of a Sketch, which is the
// definition.
func TestEncoderIsSketch(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for trial := range 60 {
		width := []int{1, 7, 8, 9, 32, 64}[trial%6]
		n, m := r.IntN(700), 1+r.IntN(500)
		if width == 1 {
			n = min(n, 200)
		}
		s, err := NewSketch(Format{width, key}, m)
		if err != nil {
			t.Fatal(err)
		}
		e := mustEncoder(t, width)
		for _, x := range symbols(n, width, uint64(trial)) {
			if r.IntN(50) == 0 {
				if err := e.Extend(r.IntN(m + 1)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(e.Add(x), s.Add(x)); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Extend(m); err != nil {
			t.Fatal(err)
		}
		if e.Len() != n || s.Len() != m {
			t.Fatalf("%d symbols, %d cells", e.Len(), s.Len())
		}
		for i := range m {
			if a, b := e.Cell(i), s.Cell(i); !bytes.Equal(a.Sum, b.Sum) || a.Hash != b.Hash || a.Count != b.Count {
				t.Fatalf("trial %d, cell %d: %+v, want %+v", trial, i, a, b)
			}
		}
	}
}

func TestRemove(t *testing.T) {
	s, _ := NewSketch(Format{9, key}, 50)
	list := symbols(20, 9, 9)
	for _, x := range list {
		s.Add(x)
	}
	for _, x := range list {
		s.Remove(x)
	}
	for i := range 50 {
		if c := s.Cell(i); !bytes.Equal(c.Sum, make([]byte, 9)) || c.Hash != 0 || c.Count != 0 {
			t.Fatalf("cell %d is %+v", i, c)
		}
	}
}

func run(e *Encoder, lo, hi int) (cells []Cell) {
	e.Extend(hi)
	for i := lo; i < hi; i++ {
		cells = append(cells, e.Cell(i))
	}
	return cells
}

func sorted(list [][]byte) [][]byte {
	list = slices.Clone(list)
	slices.SortFunc(list, bytes.Compare)
	return list
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(sorted(a), sorted(b), bytes.Equal) }

func mustDecoder(t testing.TB, local *Encoder) *Decoder {
	t.Helper()
	d, err := NewDecoder(local, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDifference(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for trial := range 120 {
		width := []int{8, 32, 64}[trial%3]
		all := symbols(r.IntN(400)+3, width, uint64(trial))
		a, b := r.IntN(len(all)), r.IntN(len(all))
		lo, hi := min(a, b), max(a, b)
		remote, local := mustEncoder(t, width, all[:hi]...), mustEncoder(t, width, all[lo:]...)
		d := mustDecoder(t, local)
		if d.Done() {
			t.Fatal("done before the first cell")
		}
		for !d.Done() {
			at := d.Received()
			if at > 3000 {
				t.Fatal("never done")
			}
			if err := d.Receive(run(remote, at, at+1+r.IntN(1+at/2))); err != nil {
				t.Fatal(err)
			}
		}
		if !equal(d.OnlyRemote(), all[:lo]) || !equal(d.OnlyLocal(), all[hi:]) || d.Inconsistent() {
			t.Fatalf("trial %d: +%d -%d, want +%d -%d", trial, len(d.OnlyRemote()), len(d.OnlyLocal()), lo, len(all)-hi)
		}
	}
}

func pure(x uint64, count int64) Cell {
	return Cell{word(x), Format{8, key}.Hash(word(x)), count}
}

// Two cells that crash the reference: cell 0 has only x, cell 1 only y with the
// other sign, and x is in cell 1 as well.
func TestContradictingPair(t *testing.T) {
	d := mustDecoder(t, mustEncoder(t, 8))
	if err := d.Receive([]Cell{pure(1, 1), pure(1001, -1)}); err != nil {
		t.Fatal(err)
	}
	if d.Done() || len(d.list) > 2 {
		t.Errorf("done: %t, %d items", d.Done(), len(d.list))
	}
}

// Two cells that keep the reference busy for ever: peeling either fills the
// other.
func TestEndlessPair(t *testing.T) {
	d := mustDecoder(t, mustEncoder(t, 8))
	zero := Cell{Sum: make([]byte, 8)}
	if err := d.Receive([]Cell{zero, pure(1, 1)}); err != nil {
		t.Fatal(err)
	}
	if d.Done() || !d.Inconsistent() || len(d.OnlyRemote()) != 1 || len(d.OnlyLocal()) != 0 {
		t.Errorf("done: %t, +%d -%d", d.Done(), len(d.OnlyRemote()), len(d.OnlyLocal()))
	}
}

// A symbol alone in a cell that it does not belong in is not recovered, and a
// symbol added twice is not either.
func TestForeignAndTwice(t *testing.T) {
	x := uint64(1)
	for slices.Contains(indices(Format{8, key}.Hash(word(x)), 3), 1) {
		x++
	}
	d := mustDecoder(t, mustEncoder(t, 8))
	if err := d.Receive([]Cell{{word(1), 2, 3}, pure(x, 1)}); err != nil {
		t.Fatal(err)
	}
	if len(d.list) != 0 || d.Done() {
		t.Error("recovered a symbol in a foreign cell")
	}
	d = mustDecoder(t, mustEncoder(t, 8))
	if err := d.Receive(run(mustEncoder(t, 8, word(7), word(7), word(8)), 0, 50)); err != nil {
		t.Fatal(err)
	}
	if d.Done() || !equal(d.OnlyRemote(), [][]byte{word(8)}) {
		t.Errorf("recovered %x", d.OnlyRemote())
	}
}

func TestMisuse(t *testing.T) {
	for _, width := range []int{-1, 0, MaxWidth + 1} {
		if _, err := NewEncoder(Format{width, key}); !errors.Is(err, ErrParam) {
			t.Errorf("width %d: got %v", width, err)
		}
		if _, err := NewSketch(Format{width, key}, 1); !errors.Is(err, ErrParam) {
			t.Errorf("width %d: got %v", width, err)
		}
	}
	f := Format{8, key}
	for _, m := range []int{0, -1, MaxCells + 1} {
		if _, err := NewSketch(f, m); !errors.Is(err, ErrParam) {
			t.Errorf("%d cells: got %v", m, err)
		}
		if _, err := NewDecoder(mustEncoder(t, 8), m); !errors.Is(err, ErrParam) {
			t.Errorf("%d cells: got %v", m, err)
		}
	}
	e, s := mustEncoder(t, 8), &Sketch{format: f}
	for _, err := range []error{e.Add(nil), e.AddHashed(make([]byte, 9), 1), s.Add(nil), s.Remove(nil)} {
		if !errors.Is(err, ErrParam) {
			t.Errorf("got %v", err)
		}
	}
	if err := e.Extend(MaxCells + 1); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
	d, _ := NewDecoder(e, 2)
	for _, c := range []struct {
		run  []Cell
		want error
	}{
		{make([]Cell, 3), ErrLimit}, {make([]Cell, 1), ErrParam},
		{[]Cell{pure(1, 1), pure(2, countMax+1)}, ErrCell}, {[]Cell{pure(2, math.MinInt64)}, ErrCell},
	} {
		if err := d.Receive(c.run); !errors.Is(err, c.want) || d.Received() != 0 {
			t.Errorf("got %v after %d cells, want %v", err, d.Received(), c.want)
		}
	}
}

// No stream of cells makes the decoder panic, hang or lose its books.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{1, 0, 2, 3, 9, 9})
	f.Add([]byte{0, 0, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		local := mustEncoder(t, 8, word(1), word(2), word(3))
		d := mustDecoder(t, local)
		for ; len(data) >= 2 && d.Received() < 500; data = data[2:] {
			c := pure(uint64(data[0]%16), int64(int8(data[1])>>6))
			own := run(local, d.Received(), d.Received()+1)[0]
			if data[1]&1 != 0 { // against what the decoder holds
				c.Hash ^= own.Hash
				c.Count += own.Count
				for i := range c.Sum {
					c.Sum[i] ^= own.Sum[i]
				}
			}
			if err := d.Receive([]Cell{c}); err != nil {
				t.Fatal(err)
			}
			nonzero := 0
			for i := range d.Received() {
				nonzero += d.occupied(i)
			}
			if nonzero != d.nonzero || len(d.list) > d.Received() || len(d.known) != len(d.list) {
				t.Fatalf("%d of %d cells occupied, %d items", nonzero, d.nonzero, len(d.list))
			}
		}
	})
}

func BenchmarkExtend(b *testing.B) {
	for _, width := range []int{8, 32} {
		b.Run(map[int]string{8: "8", 32: "32"}[width], func(b *testing.B) {
			e := mustEncoder(b, width, symbols(100_000, width, 1)...)
			states, nexts := slices.Clone(e.states), slices.Clone(e.next)
			for b.Loop() {
				copy(e.states, states)
				copy(e.next, nexts)
				e.cells.data = e.cells.data[:0]
				e.Extend(1350)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/item")
		})
	}
}
