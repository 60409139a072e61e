package riblt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func wantFormat(t *testing.T, err error, offset int, reason error) {
	t.Helper()
	var f *FormatError
	if !errors.As(err, &f) || !errors.Is(err, reason) || f.Offset != offset {
		t.Errorf("got %v, want %v at byte %d", err, reason, offset)
	}
}

// Frozen: these bytes are the format. Both vectors are from a separate
// implementation in Python.
func TestWireVector(t *testing.T) {
	s := mustBuild(t, 4, []uint64{0, 1, 0x0123456789abcdef})
	for _, v := range []struct {
		width int
		want  string
	}{
		{ShortCheck, "eecdab89674523014e1921e8000100000000000000ccc949ca010000000000000000f12184a601eecdab89674523014e1921e804"},
		{WideCheck, "eecdab89674523014e1921e85bb1fff0000100000000000000ccc949ca1d80485d010000000000000000f12184a68fa0123001eecdab89674523014e1921e85bb1fff004"},
	} {
		got := hex.EncodeToString(Coding{Regular, 3, v.width}.Append(nil, 0, s.Cells()))
		if got != v.want {
			t.Errorf("width %d: got %s, want %s", v.width, got, v.want)
		}
	}
}

func TestPersistVector(t *testing.T) {
	s := mustBuild(t, 2, []uint64{0, 1, 0x0123456789abcdef})
	const want = "0200175aed5e0000000002000000eecdab89674523014e1921e85bb1fff003000000000000000100000000000000ccc949ca1d80485d0100000000000000"
	if got := hex.EncodeToString(s.Append(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWireRoundTrip(t *testing.T) {
	const n, m = 3000, 4000
	cells := mustBuild(t, m, symbols(n, 20)).Cells()
	for _, width := range []int{ShortCheck, WideCheck} {
		c := Coding{Regular, n, width}
		var got []Cell
		for lo := 0; lo < m; {
			hi := min(m, lo+1+lo/3)
			data := c.Append([]byte("before"), lo, cells[lo:hi])
			var err error
			if got, err = c.Decode(got, lo, hi, data[6:]); err != nil {
				t.Fatal(err)
			}
			lo = hi
		}
		for i, cell := range cells {
			cell.Check &= checkMask(width)
			if got[i] != cell {
				t.Fatalf("width %d, cell %d: %v became %v", width, i, cell, got[i])
			}
		}
	}
}

func TestWireRefuses(t *testing.T) {
	const n = 1000
	cells := mustBuild(t, 30, symbols(n, 21)).Cells()
	c := Coding{Regular, n, ShortCheck}
	good := c.Append(nil, 0, cells)
	held := []Cell{{1, 2, 3}}
	refused := func(lo, hi int, data []byte, offset int, reason error) {
		t.Helper()
		out, err := c.Decode(held, lo, hi, data)
		wantFormat(t, err, offset, reason)
		if !slices.Equal(out, held) {
			t.Error("dst changed")
		}
	}
	for cut := range good {
		refused(0, 30, good[:cut], cut, ErrTruncated)
	}
	refused(0, 30, append(slices.Clone(good), 0), len(good), ErrTrailing)
	refused(0, 0, []byte{0}, 0, ErrTrailing)
	refused(0, MaxCells, good, len(good), ErrTruncated)

	cell := func(count ...byte) []byte { return append(bytes.Repeat([]byte{1}, 12), count...) }
	refused(5, 6, cell(0x80, 0x00), 12, ErrVarint)
	refused(5, 6, cell(bytes.Repeat([]byte{0xff}, 11)...), 12, ErrVarint)
	refused(5, 6, cell(0x80), 13, ErrTruncated)
	refused(0, 1, cell(2), 0, ErrCell)            // cell 0 counts n+1
	refused(0, 1, cell(1), 0, ErrCell)            // cell 0 counts n-1
	refused(998, 999, cell(3), 0, ErrCell)        // nothing, yet not zero
	refused(998, 999, cell(5), 0, ErrCell)        // counts -1
	refused(998, 999, cell(0xce, 15), 0, ErrCell) // counts n+1
	refused(5, 6, cell(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), 0, ErrCell)
	refused(5, 6, cell(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), 0, ErrCell)
	refused(0, 2, append(cell(0), cell(0x80, 0)...), 25, ErrVarint)
	if _, err := c.Decode(nil, 998, 999, cell(0xcc, 15)); err != nil {
		t.Errorf("a full cell is refused: %v", err)
	}
}

func TestWireMisuse(t *testing.T) {
	for _, c := range []Coding{{0, -1, 4}, {0, MaxItems + 1, 4}, {0, 1, 0}, {1, 1, 5}, {0, 1, 16}, {2, 1, 4}} {
		if _, err := c.Decode(nil, 0, 0, nil); !errors.Is(err, ErrParam) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	c := Coding{Regular, 1, 4}
	for _, r := range [][2]int{{-1, 0}, {1, 0}} {
		if _, err := c.Decode(nil, r[0], r[1], nil); !errors.Is(err, ErrParam) {
			t.Errorf("%v: got %v", r, err)
		}
	}
	if _, err := c.Decode(nil, MaxCells, MaxCells+1, make([]byte, 13)); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
}

// A claim of many cells costs nothing unless the bytes are there.
func TestWireAllocatesByInput(t *testing.T) {
	c, data := Coding{Regular, 1000, ShortCheck}, make([]byte, 1000)
	if n := testing.AllocsPerRun(10, func() { c.Decode(nil, 0, MaxCells, data) }); n > 1 {
		t.Errorf("%v allocations", n) // the error alone
	}
}

// The count costs little more than a byte.
func TestWireSize(t *testing.T) {
	const n, m = 1_000_000, 10_000
	cells := mustBuild(t, m, symbols(n, 22)).Cells()
	bytes := len(Coding{Regular, n, ShortCheck}.Append(nil, 0, cells)) - 12*m
	t.Logf("%.3f bytes per count", float64(bytes)/m)
	if bytes > m*107/100 {
		t.Errorf("%d bytes for %d counts", bytes, m)
	}
}

func TestPersist(t *testing.T) {
	items := symbols(500, 23)
	s := mustBuild(t, 100, items)
	data := s.Append([]byte("before"))[6:]
	back, err := Unmarshal(data, 100)
	if err != nil {
		t.Fatal(err)
	}
	if back.Salt() != testSalt || !slices.Equal(back.Cells(), s.Cells()) {
		t.Error("came back different")
	}
	if err := back.Grow(200, slices.Values(items)); err != nil {
		t.Error(err)
	}
}

func TestPersistRefuses(t *testing.T) {
	s := mustBuild(t, 10, symbols(50, 24))
	good := s.Append(nil)
	refused := func(data []byte, limit, offset int, reason error) {
		t.Helper()
		_, err := Unmarshal(data, limit)
		wantFormat(t, err, offset, reason)
	}
	for cut := range good {
		refused(good[:cut], 10, cut, ErrTruncated)
	}
	refused(append(slices.Clone(good), 0), 10, len(good), ErrTrailing)
	refused(good, 9, 10, ErrLimit)
	refused(good, -1, 10, ErrLimit)
	with := func(at int, b ...byte) []byte {
		data := slices.Clone(good)
		copy(data[at:], b)
		return data
	}
	refused(with(0, 1), 10, 0, ErrVersion)
	refused(with(1, 2), 10, 1, ErrVersion)
	refused(with(10, 0, 0, 0, 0), 10, 10, ErrLimit)
	refused(with(10, 0xff, 0xff, 0xff, 0xff), MaxCells, 10, ErrLimit)
	refused(with(persistHeader+23, 0x80), 10, persistHeader, ErrCell)             // cell 0 below zero
	refused(with(persistHeader+16+4, 1), 10, persistHeader, ErrCell)              // cell 0 beyond MaxItems
	refused(with(persistHeader+24+16, 51), 10, persistHeader+24, ErrCell)         // cell 1 beyond cell 0
	refused(with(persistHeader+24+16, 0, 0, 0, 0), 10, persistHeader+24, ErrCell) // empty yet not zero
	refused(with(persistHeader+24+23, 0xff), 10, persistHeader+24, ErrCell)       // below zero
}
