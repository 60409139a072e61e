package riblt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// Whatever Decode accepts is exactly what Append writes.
func FuzzCodingDecode(f *testing.F) {
	s := mustBuild(f, 20, symbols(100, 50))
	f.Add(Coding{Regular, 100, ShortCheck}.Append(nil, 0, s.Cells()), 0, 20, 100, false)
	f.Add(Coding{Regular, 100, WideCheck}.Append(nil, 5, s.Cells()[5:]), 5, 20, 100, true)
	f.Add([]byte{}, 0, 0, 0, false)
	f.Fuzz(func(t *testing.T, data []byte, lo, hi, items int, wide bool) {
		c := Coding{Regular, items, ShortCheck}
		if wide {
			c.CheckBytes = WideCheck
		}
		cells, err := c.Decode(nil, lo, hi, data)
		if err != nil {
			var format *FormatError
			if errors.As(err, &format) && (format.Offset < 0 || format.Offset > len(data)) {
				t.Errorf("%v, of %d bytes", err, len(data))
			}
			if cells != nil {
				t.Error("cells with an error")
			}
			return
		}
		if len(cells) != hi-lo || cap(cells) > len(data) {
			t.Errorf("%d cells, room for %d, from %d bytes", len(cells), cap(cells), len(data))
		}
		if again := c.Append(nil, lo, cells); !bytes.Equal(again, data) {
			t.Errorf("%x became %x", data, again)
		}
	})
}

// Whatever Unmarshal accepts is exactly what Append writes.
func FuzzUnmarshal(f *testing.F) {
	f.Add(mustBuild(f, 5, symbols(100, 51)).Append(nil), 5)
	f.Add(mustBuild(f, 1, nil).Append(nil), 1)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		s, err := Unmarshal(data, limit)
		if err != nil {
			var format *FormatError
			if !errors.As(err, &format) || format.Offset < 0 || format.Offset > len(data) {
				t.Errorf("%v, of %d bytes", err, len(data))
			}
			return
		}
		if len(s.Cells()) > limit || s.Len() > MaxItems {
			t.Errorf("%v, limit %d", s, limit)
		}
		if again := s.Append(nil); !bytes.Equal(again, data) {
			t.Errorf("%x became %x", data, again)
		}
		s.Add(1)
	})
}

// script makes cells of bytes: raw ones, ones of one or several of a few
// symbols, and pure ones against what the decoder foresees, cut into runs.
func script(d *Decoder, data []byte, receive func([]Cell)) {
	var run []Cell
	for len(data) >= 2 {
		op, arg := data[0], data[1]
		data = data[2:]
		c := Cell{}
		switch op % 8 {
		case 0:
			var raw [24]byte
			data = data[copy(raw[:], data):]
			c = Cell{binary.LittleEndian.Uint64(raw[:]), binary.LittleEndian.Uint64(raw[8:]), int64(int8(raw[16]))}
		case 1:
			c = pure(uint64(arg), 1)
		case 2:
			c = pure(uint64(arg), -1)
		case 3, 4:
			for i := range uint64(8) {
				if arg>>i&1 != 0 {
					c.toggle(i, Checksum(testSalt, i), int64(op%8)*2-7)
				}
			}
		case 5, 6:
			c = pure(uint64(arg), int64(op%8)*2-11)
			if at := d.received + len(run); at < len(d.cells) {
				c.Sum, c.Check, c.Count = c.Sum^d.cells[at].sum, c.Check^d.cells[at].check, c.Count-d.cells[at].count()
			}
		}
		run = append(run, c)
		if op&64 != 0 {
			receive(run)
			run = nil
		}
	}
	receive(run)
}

// No stream of cells makes the decoder panic, hang or lose its books.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{71, 0, 65, 3}, false)
	f.Add([]byte{65, 3, 66, 9}, false)
	f.Add([]byte{1, 1, 1, 2, 66, 3, 3, 200, 4, 7, 67, 255, 0, 0}, true)
	f.Add(bytes.Repeat([]byte{69, 7, 70, 9, 69, 33, 66, 8}, 30), false)
	f.Fuzz(func(t *testing.T, data []byte, wide bool) {
		width := ShortCheck
		if wide {
			width = WideCheck
		}
		d := mustDecoder(t, width, func(lo, hi int) ([]Cell, error) {
			cells := make([]Cell, hi-lo)
			for i := range cells {
				cells[i].Count = 1000 // leave room for negative residues
			}
			return cells, nil
		})
		script(d, data, func(run []Cell) {
			for i := range run {
				run[i].Count += 1000
			}
			if err := d.Receive(run); err != nil && !errors.Is(err, ErrCell) {
				t.Fatal(err)
			}
			audit(t, d)
		})
	})
}

// Any two sets of small symbols, in any runs, give their difference.
func FuzzReconcile(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{3, 4}, uint64(1), false)
	f.Fuzz(func(t *testing.T, remote, local []byte, spread uint64, wide bool) {
		a, b := mustBuild(t, 1500, nil), mustBuild(t, 1500, nil)
		var inRemote, inLocal [256]bool
		put := func(s *Sketch, in *[256]bool, items []byte) {
			for _, item := range items {
				if in[item] {
					s.Remove(uint64(item) * (spread | 1))
				} else {
					s.Add(uint64(item) * (spread | 1))
				}
				in[item] = !in[item]
			}
		}
		put(a, &inRemote, remote)
		put(b, &inLocal, local)
		d := mustDecoder(t, WideCheck, b.Source())
		for lo, size := 0, 1; !d.Done() && lo < 1500; lo, size = d.Received(), 1+size*3/2 {
			mustReceive(t, d, a.Cells()[lo:min(1500, lo+size)])
			audit(t, d)
		}
		var wantRemote, wantLocal []uint64
		for item := range 256 {
			switch symbol := uint64(item) * (spread | 1); {
			case inRemote[item] && !inLocal[item]:
				wantRemote = append(wantRemote, symbol)
			case inLocal[item] && !inRemote[item]:
				wantLocal = append(wantLocal, symbol)
			}
		}
		if !d.Done() || d.Inconsistent() || !sameSet(d.OnlyRemote(), wantRemote) || !sameSet(d.OnlyLocal(), wantLocal) {
			t.Errorf("%v, want +%d -%d", d, len(wantRemote), len(wantLocal))
		}
	})
}
