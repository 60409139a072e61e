package storetest

import (
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// awkwardKeys are sorted. They hold what trips encodings of order: components
// that are empty, that hold zeros or 0xff, and keys that others start with.
var awkwardKeys = func() []codec.Key {
	var keys []codec.Key
	for _, parts := range [][]string{
		{""}, {"", ""}, {"", "a"}, {"\x00\x00"},
		{"\x01"}, {"a"}, {"a", ""}, {"a", "", "b"}, {"a", "\x00\xff"}, {"a", "\x01"}, {"a", "b"}, {"a", "b", "c"},
		{"a", "\xff\xff"}, {"a\x00"}, {"a\x00\x00"}, {"a\x00\x01"}, {"a\x01"}, {"ab"}, {"ab", "a"}, {"b"},
		{"\xff"}, {"\xff", "\xff"}, {"\xff\xff"},
	} {
		if len(parts[0]) > 0 && parts[0][0] == codec.ControlPrefix {
			continue // for control records only
		}
		keys = append(keys, codec.MustKey(parts...))
	}
	return keys
}()

// testScan compares every scan by prefix and after with the definition.
func testScan(t *testing.T, s store.Store) {
	space := Space(1)
	var recs []*codec.Record
	for i, key := range awkwardKeys {
		recs = append(recs, newRecord(codec.Header{
			Kind: codec.KindPut, Space: space, Author: Author(byte(i % 3)), Version: uint64(i + 1),
			Key: key, Codec: codec.CodecRaw,
		}, []byte("v")))
	}
	for i := range recs {
		insert(s, recs[(i*5)%len(recs)])
		if i%7 == 0 {
			must(t, s.Commit(false))
		}
	}
	bounds := append([]codec.Key{nil, codec.MustKey("a", "b", "c", "d"), codec.MustKey("zz")}, awkwardKeys...)
	for _, prefix := range bounds {
		for _, after := range bounds {
			var expected []*codec.Record
			for _, r := range recs {
				if r.Key.HasPrefix(prefix) && (after == nil || r.Key.Compare(after) > 0) {
					expected = append(expected, r)
				}
			}
			slices.SortFunc(expected, func(a, b *codec.Record) int { return a.Key.Compare(b.Key) })
			wantRecords(t, "scan "+prefix.String()+" after "+after.String(), scan(s, space, prefix, after), expected...)
		}
	}
}

// testScanOrder checks the order among records of one key.
func testScanOrder(t *testing.T, s store.Store) {
	space := Space(1)
	twins := byID(RecordOf(space, Author(2), 7, []byte("x"), "k"), RecordOf(space, Author(2), 7, []byte("y"), "k"))
	expected := []*codec.Record{
		Record(space, Author(0xf0), 9, "j"),
		Record(space, Author(1), 300, "k"),
		Record(space, Author(2), 2, "k"), twins[0], twins[1], Record(space, Author(2), 256, "k"),
		Record(space, Author(0xf0), 1, "k"),
		Record(space, Author(1), 4, "k", "a"),
	}
	for _, i := range []int{3, 7, 0, 4, 6, 1, 5, 2} {
		insert(s, expected[i])
		must(t, s.Commit(false))
	}
	wantRecords(t, "scan", scan(s, space, nil, nil), expected...)
	wantRecords(t, "after k", scan(s, space, nil, codec.MustKey("k")), expected[7])
	wantRecords(t, "after j", scan(s, space, codec.MustKey("k"), codec.MustKey("j")), expected[1:]...)
}
