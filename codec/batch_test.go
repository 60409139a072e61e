package codec

import (
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// readBatch reads all records of a batch.
func readBatch(space ID, data []byte) ([]*Record, error) {
	var all []*Record
	b := NewBatchReader(space, data)
	for {
		r := &Record{}
		if !b.Next(r) {
			return all, b.Err()
		}
		all = append(all, r)
	}
}

func TestBatchRoundTrip(t *testing.T) {
	r := newRand("batches", 0)
	for range 500 {
		records := make([]*Record, r.IntN(20))
		bound := 8
		for i := range records {
			records[i] = randomRecord(r)
			bound += BatchedSize(records[i])
		}
		if r.IntN(2) == 0 {
			slices.SortStableFunc(records, func(a, b *Record) int { return a.Author.Compare(b.Author) })
		}
		data := AppendBatch([]byte("x"), records)[1:]
		if len(data) > bound {
			t.Fatalf("%d bytes, BatchedSize promises at most %d", len(data), bound)
		}
		got, err := readBatch(ID{7}, data)
		if err != nil || len(got) != len(records) {
			t.Fatalf("%d of %d records, %v", len(got), len(records), err)
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], records[i]) {
				t.Fatalf("%+v\nbecame %+v", records[i], got[i])
			}
		}
		if err := ScanOne(data); err != nil {
			t.Fatal(err)
		}
	}
}

// The worst case of BatchedSize: a single record, and a version and a time that
// are far below those before.
func TestBatchedSizeIsABound(t *testing.T) {
	high, _ := NewRecord(Header{Kind: KindPut, Version: VersionMax, Time: 1 << 63, Key: MustKey("k"), Codec: CodecRaw}, nil)
	low, _ := NewRecord(Header{Kind: KindDelete, Version: 1, Time: 1, Key: MustKey("k")}, nil)
	if n := len(AppendBatch(nil, []*Record{high, low})) - len(AppendBatch(nil, []*Record{high})); n > BatchedSize(low) {
		t.Errorf("%d bytes, promised %d", n, BatchedSize(low))
	}
	if n := len(AppendBatch(nil, []*Record{low})); n > BatchedSize(low) {
		t.Errorf("%d bytes alone, promised %d", n, BatchedSize(low))
	}
}

// What a reader hands out must not hold on to the frame.
func TestBatchDoesNotAliasInput(t *testing.T) {
	r := newRand("aliases", 0)
	for range 200 {
		rec := randomRecord(r)
		data := AppendBatch(nil, []*Record{rec})
		got, err := readBatch(rec.Space, data)
		if err != nil {
			t.Fatal(err)
		}
		clear(data)
		if !reflect.DeepEqual(got[0], rec) {
			t.Fatalf("%+v\nbecame %+v", rec, got[0])
		}
	}
}

// Share answers with the known record exactly when Next would read that one.
func TestBatchShare(t *testing.T) {
	r := newRand("shares", 0)
	shared := 0
	for range 500 {
		rec := randomRecord(r)
		data := AppendBatch(nil, []*Record{rec})
		// One flipped bit: mostly refused, else another record or signature.
		if r.IntN(2) == 0 {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		want, wantErr := readBatch(rec.Space, data)
		b := NewBatchReader(rec.Space, data)
		got := b.Share(func(*Signature) *Record { return rec })
		if got == nil {
			if len(want) != 0 || b.Err().Error() != wantErr.Error() {
				t.Fatalf("Share: %v, Next: %v", b.Err(), wantErr)
			}
			continue
		}
		if len(want) != 1 || !reflect.DeepEqual(got, want[0]) {
			t.Fatalf("Share: %+v, Next: %+v", got, want)
		}
		if got == rec {
			shared++
		}
	}
	if shared < 50 { // those with long lists are not
		t.Errorf("%d of 500 shared", shared)
	}
}

var (
	batchAuthor = "5820" + strings.Repeat("02", 32)
	batchSig    = "5840" + strings.Repeat("03", 64)
	batchGood   = "87 01 05 06 81416b 1855 4131" // without its signature
)

// oneRecord is a batch of one record.
func oneRecord(record string) string { return "81 82 " + batchAuthor + "81" + record }

// batchesRefused are golden vectors too.
var batchesRefused = []struct{ hex, want string }{
	{"", "groups"}, {"f6", "groups"}, {"a0", "groups"}, {"9801", "groups"}, {"9fff", "groups"},
	{"8000", "trailing bytes"},
	{"991001", "4097 elements, at most 4096"},
	{"9b7fffffffffffffff", "groups"},
	{"8180", "group at byte 1: 0 elements, want 2"}, {"8182 40", "author"},
	{"8182" + batchAuthor + "80", "an empty group"},
	{"8182" + batchAuthor + "991001", "group at byte 36: 4097 elements"},
	{"8182" + batchAuthor + "8186", "record at byte 37: 6 fields, want 7 or 10"},
	{"8182" + batchAuthor + "8188", "8 fields"}, {"8182" + batchAuthor + "818b", "at most 10"},
	{oneRecord("87 00 05 06 81416b 1855 4131" + batchSig), "kind 0 does not exist"},
	{oneRecord("87 01 00 06 81416b 1855 4131" + batchSig), "versions start at 1"},
	{oneRecord("87 01 20 06 81416b 1855 4131" + batchSig), "version at byte 37: out of range"},
	{oneRecord("87 01 3b7fffffffffffffff 06 81416b 1855 4131" + batchSig), "version"},
	{oneRecord("87 01 1bffffffffffffffff 06 81416b 1855 4131" + batchSig), "version"},
	{oneRecord("87 01 3b8000000000000000 06 81416b 1855 4131" + batchSig), "below the 64-bit range"},
	{oneRecord("87 01 05 f6 81416b 1855 4131" + batchSig), "time"},
	{oneRecord("87 01 05 06 80 1855 4131" + batchSig), "key"},
	{oneRecord("87 01 05 06 814100 1855 4131" + batchSig), "keys that start with byte 0"},
	{oneRecord("87 01 05 06 81416b 1855 f6" + batchSig), "null for a record with a value"},
	{oneRecord("87 01 05 06 81416b 00 f6" + batchSig), "this kind needs a value"},
	{oneRecord("87 02 05 06 81416b 00 4131" + batchSig), "codec 0 says there is no value"},
	{oneRecord("87 02 05 06 81416b 1855 4131" + batchSig), "a delete has no value"},
	{oneRecord("87 01 05 06 81416b 1871 4118" + batchSig), "record value"},
	{oneRecord("87 01 05 06 81416b 1855 6131" + batchSig), "value"},
	{oneRecord("87 01 05 06 81416b 1855 82 03 5820" + strings.Repeat("01", 32) + batchSig), "3 bytes belong inline"},
	{oneRecord("87 01 05 06 81416b 1855 82 1a00010001 5820" + strings.Repeat("00", 32) + batchSig), "value hash"},
	{oneRecord("87 01 05 06 81416b 1855 83 1a00010001" + batchSig), "value"},
	{oneRecord("87 01 05 06 81416b 1855 5a00010001" + batchSig), "65537 bytes, at most 65536"},
	{oneRecord("87 01 05 06 81416b 1855 4131 40"), "signature"},
	{oneRecord("8a 01 05 06 81416b 1855 4131" + batchSig + "f6 80 80"), "10 fields where 7 say the same"},
	{oneRecord("8a 01 05 06 81416b 1855 4131" + batchSig + "5820" + strings.Repeat("00", 32) + "80 80"), "grant"},
	{oneRecord("8a 01 05 06 81416b 1855 4131" + batchSig + "f6 9841"), "refs"},
	{oneRecord("8a 01 05 06 81416b 1855 4131" + batchSig + "f6 80 8140"), "supersedes"},
	{"82 82" + batchAuthor + "8187 01 05 06 81416b 1855 4131" + batchSig + "82" + batchAuthor + "8187 01 05 06 81416b 1855 4131" + batchSig, "the same as in the group before"},
}

func TestBatchRefuses(t *testing.T) {
	if _, err := readBatch(ID{}, unhex(oneRecord(batchGood+batchSig))); err != nil {
		t.Fatal(err)
	}
	for _, c := range batchesRefused {
		_, err := readBatch(ID{}, unhex(c.hex))
		if wantError(t, err, "codec: record batch: ", c.want); t.Failed() {
			t.Fatal(c.hex)
		}
	}
}

// After an error a reader stays where it is.
func TestBatchErrorSticks(t *testing.T) {
	b := NewBatchReader(ID{}, unhex(oneRecord("86")))
	var r Record
	for range 3 {
		if b.Next(&r) {
			t.Fatal("a record after an error")
		}
		wantError(t, b.Err(), "6 fields")
	}
}

// A header that is too long in all is refused, however it is spread out.
func TestBatchRefusesLongHeaders(t *testing.T) {
	vector := "8280 9840" // a vector of 64 dots
	for i := range 64 {
		vector += "82 5820" + strings.Repeat("01", 31) + hex.EncodeToString([]byte{byte(i)}) + "01"
	}
	record := "8a 01 05 06 81416b 1855 4131" + batchSig + "f6 80 88" + strings.Repeat(vector, 8)
	_, err := readBatch(ID{}, unhex(oneRecord(record)))
	wantError(t, err, "record at byte 37: header of")
}

func TestBatchOfTooManyRecords(t *testing.T) {
	record := "87 01 01 00 81416b 1855 40" + batchSig
	group := func(author string, n int) string {
		return "82 5820" + strings.Repeat(author, 32) + hex.EncodeToString([]byte{0x99, byte(n >> 8), byte(n)}) + strings.Repeat(record, n)
	}
	if all, err := readBatch(ID{}, unhex("82"+group("01", 2048)+group("02", 2048))); err != nil || len(all) != BatchRecordsMax {
		t.Fatal(len(all), err)
	}
	_, err := readBatch(ID{}, unhex("82"+group("01", 2048)+group("02", 2049)))
	wantError(t, err, "more than 4096 in one batch")
}

// Hostile lengths do not make the reader allocate ahead of the input.
func TestBatchAllocation(t *testing.T) {
	for _, data := range []string{
		"991000", "8182" + batchAuthor + "991000",
		oneRecord("8a 01 05 06 81416b 1855 4131" + batchSig + "f6 9840"),
		oneRecord("8a 01 05 06 81416b 1855 4131" + batchSig + "f6 80 9840 8280 9840"),
		oneRecord("87 01 05 06 81416b 1855 5a00010000"),
	} {
		raw := unhex(data)
		if n := allocated(func() { _, _ = readBatch(ID{}, raw) }); n > 16<<10 {
			t.Errorf("%d bytes for a batch of %d", n, len(raw))
		}
	}
}

func BenchmarkBatchOf8(b *testing.B) {
	var records []*Record
	for i := range 8 {
		h := Header{Kind: KindPut, Version: uint64(5 + i), Time: NewHLC(1000, 2), Key: MustKey("rtt", "x"), Codec: CodecRaw}
		r, err := NewRecord(h, make([]byte, 200))
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, r)
	}
	data := AppendBatch(nil, records)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		reader := NewBatchReader(ID{}, data)
		for r := (Record{}); reader.Next(&r); {
		}
		if err := reader.Err(); err != nil {
			b.Fatal(err)
		}
	}
}
