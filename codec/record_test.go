package codec

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// randomRecord draws a valid record of any kind, unknown ones included. Its
// signature is random bytes.
func randomRecord(r *rand.Rand) *Record {
	h := Header{
		Kind:    RecordKind(1 + r.IntN(6)),
		Version: 1 + r.Uint64N(VersionMax)>>r.IntN(63),
		Time:    HLC(r.Uint64()),
		Codec:   CodecRaw,
	}
	if h.Kind > KindCut {
		h.Kind <<= r.IntN(29)
	}
	h.Space[0], h.Author[0] = 7, byte(r.IntN(3))
	if r.IntN(3) == 0 {
		h.Grant = randomID(r)
	}
	for range r.IntN(3) {
		h.Refs = append(h.Refs, randomID(r))
		h.Supersedes = append(h.Supersedes, randomSupersede(r))
	}
	isControl := h.Kind == KindGrant || h.Kind == KindCut
	for h.Key = randomKey(r); h.Kind <= KindCut && h.Key.IsControl() != isControl; {
		h.Key = randomKey(r)
	}
	value := randomBytes(r, r.IntN(100))
	switch {
	case h.Kind == KindDelete:
		h.Codec, value = CodecNone, nil
	case r.IntN(4) == 0:
		h.Codec, value = CodecDagCBOR, []byte{0x81, 0x41, byte(r.Uint32())}
	case r.IntN(4) == 0:
		return blobRecord(h, r)
	}
	rec, err := NewRecord(h, value)
	if err != nil {
		panic(err)
	}
	copy(rec.Sig[:], randomBytes(r, 64))
	return rec
}

func blobRecord(h Header, r *rand.Rand) *Record {
	h.ValueLen, h.ValueHash = ValueInlineMax+1+r.Uint64N(1<<20), randomID(r)
	raw := AppendHeader(nil, &h)
	parsed, err := ParseHeader(raw)
	if err != nil {
		panic(err)
	}
	return &Record{Header: parsed, Raw: raw, ID: sha256.Sum256(raw)}
}

func randomID(r *rand.Rand) (id ID) {
	copy(id[:], randomBytes(r, 32))
	id[0] |= 1
	return id
}

func randomSupersede(r *rand.Rand) Supersede {
	if r.IntN(2) == 0 {
		return Supersede{ID: randomID(r)}
	}
	s := Supersede{Prefix: randomKey(r)}
	if r.IntN(2) == 0 {
		s.Prefix = nil
	}
	for range 1 + r.IntN(3) {
		s.Vector = append(s.Vector, Dot{Author: PeerID(randomID(r)), Version: 1 + r.Uint64N(VersionMax)})
	}
	slices.SortFunc(s.Vector, func(a, b Dot) int { return a.Author.Compare(b.Author) })
	return s
}

func TestRecordRoundTrip(t *testing.T) {
	r := newRand("records", 0)
	for range 2000 {
		rec := randomRecord(r)
		if again := AppendHeader([]byte("x"), &rec.Header); string(again[1:]) != string(rec.Raw) {
			t.Fatalf("header of %+v is not stable", rec.Header)
		}
		got, err := ParseEnvelope(rec.AppendEnvelope(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, rec) {
			t.Fatalf("%+v\nbecame %+v", rec, got)
		}
		if clone := rec.Clone(); !reflect.DeepEqual(clone, rec) || &clone.Raw[0] == &rec.Raw[0] {
			t.Fatal("a clone differs or shares bytes")
		}
		if key := rec.Raw[rec.keyOffset():]; !bytes.HasPrefix(key, rec.Key) {
			t.Fatalf("the key is not at byte %d of %x", rec.keyOffset(), rec.Raw)
		}
	}
}

// goodHeader are the fields of a valid header, each as its own item.
func goodHeader() [][]byte {
	id := func(b byte) []byte { return append([]byte{0x58, 32}, bytes.Repeat([]byte{b}, 32)...) }
	return [][]byte{
		{1}, {1}, id(1), id(2), {5}, {6}, MustKey("k"), {0x18, CodecRaw}, {3}, id(3), id(4),
		append([]byte{0x81}, id(5)...), append([]byte{0x81}, id(6)...),
	}
}

func joinHeader(fields [][]byte) []byte { return append([]byte{0x80 | 13}, bytes.Join(fields, nil)...) }

// headersRefused lists changes of single fields of goodHeader. They are golden
// vectors too.
var headersRefused = []struct {
	field int
	hex   string
	want  string
}{
	{0, "00", "format at byte 1: format 0"}, {0, "02", "format 2, only 1"}, {0, "1801", "format at byte 1: 1 is not in its shortest"},
	{0, "20", "format at byte 1: want unsigned integer"}, {0, "f6", "format"}, {0, "6131", "format"},
	{1, "00", "kind at byte 2: kind 0 does not exist"}, {1, "1b0000000100000001", "kind at byte 2: 4294967297 is over"}, {1, "20", "kind"}, {1, "f4", "kind"},
	{1, "1901ff00", "space"},
	{2, "581f" + strings.Repeat("01", 31), "space at byte 3: 31 bytes, want 32"}, {2, "5821" + strings.Repeat("01", 33), "space"},
	{2, "7820" + strings.Repeat("61", 32), "space at byte 3: want byte string, got text"}, {2, "f6", "space"},
	{2, "5f5820" + strings.Repeat("01", 32) + "ff", "space"},
	{3, "41aa", "author"}, {3, "f6", "author"}, {3, "59002040", "author"},
	{4, "00", "version at byte 71: versions start at 1"}, {4, "1b8000000000000000", "version at byte 71: 9223372036854775808 is over"},
	{4, "20", "version"}, {4, "1b0000000000000005", "version at byte 71: 5 is not in its shortest"}, {4, "fb4014000000000000", "version"},
	{5, "20", "time"}, {5, "f6", "time"}, {5, "40", "time"}, {5, "c100", "time"},
	{6, "80", "key at byte 73: a key has at least one"}, {6, "416b", "key"}, {6, "81616b", "key"},
	{6, "91" + strings.Repeat("40", 17), "key at byte 73: 17 elements"},
	{6, "814100", "key at byte 73: keys that start with byte 0"}, {6, "8142006b", "keys that start with byte 0"},
	{6, "9801416b", "key"}, {6, "9fff", "key"}, {6, "a0", "key"},
	{7, "00", "value codec at byte 76: codec 0 says there is no value"}, {7, "1b0000000100000001", "value codec"}, {7, "f6", "value codec"},
	{7, "190055", "value codec at byte 76: 85 is not in its shortest"},
	{8, "1b0020000000000000", "value length at byte 78: 9007199254740992 is over"}, {8, "20", "value length"}, {8, "f6", "value length"},
	{9, "f6", "value hash at byte 79: missing"}, {9, "5820" + strings.Repeat("00", 32), "value hash at byte 79: an all-zero id"},
	{9, "40", "value hash"}, {9, "00", "value hash"}, {9, "80", "value hash"},
	{10, "5820" + strings.Repeat("00", 32), "grant at byte 113: an all-zero id"}, {10, "40", "grant"}, {10, "00", "grant"}, {10, "f5", "grant"},
	{11, "f6", "refs"}, {11, "8140", "refs"}, {11, "81f6", "refs"}, {11, "5820" + strings.Repeat("01", 32), "refs"},
	{11, "9841" + strings.Repeat("5820"+strings.Repeat("01", 32), 65), "refs at byte 147: 65 elements, at most 64"},
	{12, "f6", "supersedes"}, {12, "8100", "supersedes"}, {12, "8140", "supersedes"},
	{12, "815820" + strings.Repeat("00", 32), "supersedes at byte 183: an all-zero id"},
	{12, "9841" + strings.Repeat("5820"+strings.Repeat("01", 32), 65), "supersedes at byte 182: 65 elements"},
	{12, "818180", "supersedes at byte 183: 1 elements, want 2"}, {12, "81828080", "supersedes vector"},
	{12, "81826180", "supersedes prefix"}, {12, "8182814080", "an empty version vector"},
	{12, "818280 81 81 5820" + strings.Repeat("01", 32), "supersedes vector"},
	{12, "818280 81 82 4000", "supersedes vector author"},
	{12, "818280 81 82 5820" + strings.Repeat("01", 32) + "00", "versions start at 1"},
	{12, "818280 81 82 5820" + strings.Repeat("01", 32) + "1bffffffffffffffff", "supersedes vector version"},
	{12, "818280 82 82 5820" + strings.Repeat("01", 32) + "01 82 5820" + strings.Repeat("01", 32) + "02", "not sorted or repeat"},
	{12, "818280 82 82 5820" + strings.Repeat("02", 32) + "01 82 5820" + strings.Repeat("01", 32) + "02", "not sorted or repeat"},
	{12, "8000", "trailing bytes"},
}

func brokenHeader(field int, hex string) []byte {
	fields := goodHeader()
	fields[field] = unhex(hex)
	return joinHeader(fields)
}

func TestHeaderRefuses(t *testing.T) {
	if _, err := ParseHeader(joinHeader(goodHeader())); err != nil {
		t.Fatal(err)
	}
	for _, c := range headersRefused {
		_, err := ParseHeader(brokenHeader(c.field, c.hex))
		if wantError(t, err, "codec: record header: ", c.want); t.Failed() {
			t.Fatalf("field %d = %s", c.field, c.hex)
		}
	}
}

// Rules that need more than one field changed.
func TestHeaderRules(t *testing.T) {
	for _, c := range []struct {
		kind, codec, length, hash, key string
		want                           string
	}{
		{"02", "1855", "03", "", "8141 6b", "a delete has no value"},
		{"01", "00", "00", "f6", "8141 6b", "this kind needs a value"},
		{"03", "00", "00", "f6", "8141 00", "this kind needs a value"},
		{"02", "00", "03", "f6", "8141 6b", "codec 0 says there is no value"},
		{"02", "00", "00", "", "8141 6b", "codec 0 says there is no value"},
		{"03", "1855", "03", "", "8141 6b", "keys that start with byte 0"},
		{"04", "1855", "03", "", "8141 6b", "keys that start with byte 0"},
		{"02", "00", "00", "f6", "8141 00", "keys that start with byte 0"},
		{"02", "00", "00", "f6", "8141 6b", ""},
		{"03", "1871", "03", "", "8142 0001", ""},
		{"05", "1855", "03", "", "8141 00", ""},
		{"05", "00", "00", "f6", "8141 6b", ""},
		{"18ff", "1901f4", "00", "", "8140", ""},
	} {
		fields := goodHeader()
		fields[1], fields[7], fields[8], fields[6] = unhex(c.kind), unhex(c.codec), unhex(c.length), unhex(c.key)
		if c.hash != "" {
			fields[9] = unhex(c.hash)
		}
		_, err := ParseHeader(joinHeader(fields))
		if c.want == "" && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if c.want != "" {
			wantError(t, err, c.want)
		}
	}
}

func TestHeaderShape(t *testing.T) {
	good := joinHeader(goodHeader())
	for n := range good {
		if _, err := ParseHeader(good[:n]); err == nil {
			t.Errorf("a header cut to %d bytes is accepted", n)
		}
	}
	_, err := ParseHeader(append(good, 0))
	wantError(t, err, "trailing bytes")
	for _, head := range []string{"8c", "8e", "980d", "9f", "ad", "f6", "58ff"} {
		_, err := ParseHeader(append(unhex(head), good[1:]...))
		wantError(t, err, "record header: list at byte 0")
	}
	_, err = ParseHeader(make([]byte, HeaderMax+1))
	wantError(t, err, "length", "16385 bytes, at most 16384")
}

// Kinds of a later version are kept as they are, and their bytes with them.
func TestUnknownKindsAreKept(t *testing.T) {
	rec, err := NewRecord(Header{Kind: 900, Version: 1, Key: MustKey("\x00x"), Codec: 0x1234}, []byte("?"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseEnvelope(rec.AppendEnvelope(nil))
	if err != nil || got.Kind != 900 || got.ID != rec.ID || got.Kind.String() != "record-kind(900)" {
		t.Fatal(got, err)
	}
	b := NewBatchReader(rec.Space, AppendBatch(nil, []*Record{rec}))
	var q Record
	if !b.Next(&q) || q.ID != rec.ID {
		t.Fatal(b.Err())
	}
}

func TestNewRecordRefuses(t *testing.T) {
	ok := Header{Kind: KindPut, Version: 1, Key: MustKey("k"), Codec: CodecRaw}
	for _, c := range []struct {
		change func(h *Header) []byte
		want   string
	}{
		{func(h *Header) []byte { h.Key = nil; return nil }, "key"},
		{func(h *Header) []byte { h.Version = 0; return nil }, "version"},
		{func(h *Header) []byte { h.Version = 1 << 63; return nil }, "version"},
		{func(h *Header) []byte { h.Kind = KindDelete; return nil }, "a delete has no value"},
		{func(h *Header) []byte { h.Kind, h.Codec = KindDelete, CodecNone; return []byte("x") }, "a value where the header has none"},
		{func(h *Header) []byte { return make([]byte, ValueInlineMax+1) }, "at most 65536 travel inside"},
		{func(h *Header) []byte { h.Codec = CodecDagCBOR; return unhex("1801") }, "record value: length"},
		{func(h *Header) []byte { h.Codec = CodecDagCBOR; return nil }, "record value"},
		{func(h *Header) []byte { h.Refs = make([]ID, 65); return nil }, "refs"},
	} {
		h := ok
		value := c.change(&h)
		_, err := NewRecord(h, value)
		wantError(t, err, c.want)
	}
}

func TestEnvelopeRefuses(t *testing.T) {
	rec, _ := NewRecord(Header{Kind: KindPut, Version: 1, Key: MustKey("k"), Codec: CodecRaw}, []byte("value"))
	good := rec.AppendEnvelope(nil)
	replace := func(old, new string) []byte {
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	tomb, _ := NewRecord(Header{Kind: KindDelete, Version: 1, Key: MustKey("k")}, nil)
	tombWithValue := append(bytes.TrimSuffix(tomb.AppendEnvelope(nil), []byte{simpleNull}), 0x41, 'x')
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"other value":     {replace("\x45value", "\x45valuE"), "its hash is not the header's"},
		"shorter value":   {replace("\x45value", "\x44valu"), "4 bytes, the header says 5"},
		"no value":        {replace("\x45value", "\xf6"), "null exactly when"},
		"text value":      {replace("\x45value", "\x65value"), "value"},
		"tombstone":       {tombWithValue, "null exactly when"},
		"trailing":        {append(bytes.Clone(good), 0), "trailing bytes"},
		"two":             {append([]byte{0x82}, good[1:]...), "list"},
		"header":          {slices.Concat(good[:1], []byte{0x78}, good[2:]), "header"},
		"short signature": {replace("\x58\x40", "\x58\x3f"), "signature"},
	} {
		_, err := ParseEnvelope(c.data)
		if wantError(t, err, c.want); t.Failed() {
			t.Fatal(name)
		}
	}
	for n := range good {
		if _, err := ParseEnvelope(good[:n]); err == nil {
			t.Errorf("an envelope cut to %d bytes is accepted", n)
		}
	}
}

// The id covers the header; space and id are what is signed, each at its place.
func TestSigningMessage(t *testing.T) {
	rec := &Record{ID: ID{1}}
	rec.Space = ID{2}
	m := rec.SigningMessage()
	want := signContext + string(rec.Space[:]) + string(rec.ID[:])
	if string(m[:]) != want || !strings.HasSuffix(signContext, "\x00") {
		t.Errorf("%q", m)
	}
}

func TestHLC(t *testing.T) {
	for _, c := range []struct {
		ms    int64
		count uint16
		want  string
	}{
		{0, 0, "1970-01-01T00:00:00.000Z"},
		{1_700_000_000_123, 0, "2023-11-14T22:13:20.123Z"},
		{1_700_000_000_123, 65535, "2023-11-14T22:13:20.123Z+65535"},
		{1<<48 - 1, 7, "10889-08-02T05:31:50.655Z+7"},
	} {
		h := NewHLC(c.ms, c.count)
		if h.String() != c.want || h.Ms() != c.ms || uint16(h) != c.count {
			t.Errorf("%d.%d is %s, want %s", c.ms, c.count, h, c.want)
		}
	}
	if NewHLC(1, 65535) >= NewHLC(2, 0) {
		t.Error("the count outweighs the time")
	}
}

// What a header's lists announce does not decide what is allocated.
func TestHeaderAllocation(t *testing.T) {
	fields := goodHeader()
	fields[11], fields[12] = unhex("9840"), nil
	refs := joinHeader(fields[:12])
	fields[11], fields[12] = []byte{0x80}, unhex("9840")
	supersedes := joinHeader(fields)
	fields[12] = unhex("9840 8280 9840")
	vector := joinHeader(fields)
	for _, data := range [][]byte{refs, supersedes, vector} {
		if n := allocated(func() { _, _ = ParseHeader(data) }); n > 16<<10 {
			t.Errorf("%d bytes for a header of %d", n, len(data))
		}
	}
}
