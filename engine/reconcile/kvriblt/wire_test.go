package kvriblt

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
)

// Frozen: these bytes are the format. The vectors are from a separate implementation
// in Python.
func TestWireVectors(t *testing.T) {
	s := NewSketch(8)
	s.Add(1, 2)
	s.Add(0x12345678, 0x7ffffffe)
	s.Add(prime-1, 12345)
	for _, v := range []struct {
		name string
		got  []byte
		want string
	}{
		{"cells", appendCells(nil, s.cells[1:]), "000000000000000004000000125397db0800000000000000c00e0c0000f9f9ffbf00000000000000000800000004000000020000000000000000"},
		{"sums", appendSums(nil, &s.sums), "3a300000a8bce5b69022dd572ff838354a020dd5cf9cf1c592006c6427d2379e8274a37d45ad7481a4a31d45802f51eb905c99e431c6ab51118f7e8975a9"},
		{"keys", appendKeys(nil, 0, []unknown{{key: 5}, {key: 6}, {key: 1000}}, false), "030808005c38"},
		{"pairs", appendKeys(nil, 4, []unknown{{5, 1}, {6, prime - 1}, {1 << 30, 77}}, true), "031c0000002000000000000000fcffffff97ffffff4d000000"},
	} {
		if got := hex.EncodeToString(v.got); got != v.want {
			t.Errorf("%s: %s, want %s", v.name, got, v.want)
		}
	}
}

func TestWireRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		cells := make([]Cell, rng.IntN(50))
		for i := range cells {
			cells[i] = newCell(rng.Uint32N(prime), rng.Uint32N(prime), rng.Uint32N(1<<checkBits))
		}
		if got, err := parseCells(nil, appendCells(nil, cells)); err != nil || !slices.Equal(got, cells) {
			t.Fatalf("%v, %v", got, err)
		}
		var sums PowerSums
		for j := range sums {
			sums[j] = rng.Uint32N(prime)
		}
		if got, err := parseSums(appendSums(nil, &sums)); err != nil || got != sums {
			t.Fatalf("%v, %v", got, err)
		}
		list := randomKeys(rng, rng.IntN(300), rng.Uint32N(prime-1))
		after := uint32(0)
		if len(list) > 0 {
			after = rng.Uint32N(list[0].key)
		}
		if got, err := parseKeys(nil, after, appendKeys(nil, after, list, true), true); err != nil || !slices.Equal(got, list) {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

// randomKeys are ascending, and lie anywhere or close together.
func randomKeys(rng *rand.Rand, n int, span uint32) (list []unknown) {
	for key := uint64(0); len(list) < n; {
		if key += 1 + rng.Uint64N(1+2*uint64(span)/uint64(n)); key >= prime {
			return list
		}
		list = append(list, unknown{uint32(key), 1 + rng.Uint32N(prime-1)})
	}
	return list
}

// The payloads of the longest runs stay below the limit, whatever the keys are.
func TestPayloadsFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct {
		n      int
		values bool
	}{{keysPerPayload, false}, {pairsPerPayload, true}} {
		lists := [][]unknown{randomKeys(rng, c.n, prime-1), randomKeys(rng, c.n, uint32(c.n))}
		far := randomKeys(rng, c.n, uint32(c.n))
		far[len(far)-1].key = prime - 1
		lists = append(lists, far)
		for _, list := range lists {
			if p := appendKeys(nil, 0, list, c.values); len(p) > (1<<15)-16 {
				t.Errorf("%d keys take %d bytes", len(list), len(p))
			}
		}
	}
	if len(appendCells(nil, make([]Cell, cellsPerPayload))) > 1<<15-16 {
		t.Error("cells do not fit")
	}
}

func TestHostileBytes(t *testing.T) {
	sums := appendSums(nil, &PowerSums{})
	illegal := bytes.Repeat([]byte{0xff}, SumsBytes)
	for name, err := range map[string]error{ // unordered: each stands alone
		"short sums":    second(parseSums(sums[1:])),
		"long sums":     second(parseSums(append(sums, 0))),
		"illegal sum":   second(parseSums(illegal)),
		"odd cells":     second(parseCells(nil, make([]byte, 18))),
		"illegal cell":  second(parseCells(nil, illegal[:17])),
		"no keys":       second(parseKeys(nil, 0, nil, false)),
		"endless count": second(parseKeys(nil, 0, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}, false)),
		"wide":          second(parseKeys(nil, 0, []byte{1, 31, 0, 0, 0, 0, 0}, false)),
		"endless unary": second(parseKeys(nil, 0, append([]byte{1, 30}, illegal...), false)),
		"beyond prime":  second(parseKeys(nil, prime-1, []byte{1, 0, 0}, false)),
		"no value":      second(parseKeys(nil, 0, []byte{1, 0, 0, 0, 0, 0, 0}, true)),
		"bits left":     second(parseKeys(nil, 0, []byte{1, 0, 2}, false)),
		"bytes left":    second(parseKeys(nil, 0, []byte{1, 0, 0, 0}, false)),
		"after nothing": second(parseKeys(nil, 0, []byte{0, 0}, false)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What is parsed is what would be written, but for a width of another choice.
func FuzzKeys(f *testing.F) {
	f.Add(uint32(0), appendKeys(nil, 0, []unknown{{5, 1}, {6, 2}, {1000, 3}}, true), true)
	f.Add(uint32(4), appendKeys(nil, 4, []unknown{{key: 5}, {key: 60000}}, false), false)
	f.Fuzz(func(t *testing.T, after uint32, data []byte, values bool) {
		after %= prime
		list, err := parseKeys(nil, after, data, values)
		if err != nil {
			return
		}
		for i, u := range list {
			if u.key <= after || u.key >= prime || values && (u.delta == 0 || u.delta >= prime) {
				t.Fatalf("entry %d is %v after %d", i, u, after)
			}
			after = u.key
		}
		if len(list) > 8*len(data) {
			t.Fatal("more keys than bits")
		}
	})
}

func FuzzCells(f *testing.F) {
	f.Add(appendCells(nil, []Cell{newCell(1, 2, 3), newCell(prime-1, 0, 15)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if cells, err := parseCells(nil, data); err == nil && !bytes.Equal(appendCells(nil, cells), data) {
			t.Fatal("cells have two forms")
		}
		if sums, err := parseSums(data); err == nil && !bytes.Equal(appendSums(nil, &sums), data) {
			t.Fatal("sums have two forms")
		}
	})
}
