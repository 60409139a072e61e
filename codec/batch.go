package codec

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// A batch is many records of one space on the wire: groups by author, versions
// and times as differences, and nothing that the receiver can recompute (value
// length and hash, format, space). Each record is a list of
//
//	kind, version − previous, time − previous, key, codec,
//	value | null | [length, hash], signature (, grant | null, refs, supersedes)
//
// where the last three are left out when all are empty.

// AppendBatch appends records, in order, as one batch. Records of one author
// that stand next to each other share a group; sort by author for the fewest
// bytes.
func AppendBatch(dst []byte, records []*Record) []byte {
	w := writer{b: dst}
	groups := 0
	for i := range records {
		if i == 0 || records[i].Author != records[i-1].Author {
			groups++
		}
	}
	w.array(groups)
	for i := 0; i < len(records); {
		j := i + 1
		for j < len(records) && records[j].Author == records[i].Author {
			j++
		}
		w.group(records[i:j])
		i = j
	}
	return w.b
}

func (w *writer) group(records []*Record) {
	w.array(2)
	w.bytes(records[0].Author[:])
	w.array(len(records))
	var version, clock uint64
	for _, r := range records {
		w.batched(r, version, clock)
		version, clock = r.Version, uint64(r.Time)
	}
}

func (w *writer) batched(r *Record, version, clock uint64) {
	long := !r.Grant.IsZero() || len(r.Refs) > 0 || len(r.Supersedes) > 0
	if long {
		w.array(10)
	} else {
		w.array(7)
	}
	w.uint(uint64(r.Kind))
	w.int(int64(r.Version - version))
	w.int(int64(uint64(r.Time) - clock))
	w.b = append(w.b, r.Key...)
	w.uint(r.Codec)
	switch {
	case r.Codec == CodecNone:
		w.null()
	case r.IsBlob():
		w.array(2)
		w.uint(r.ValueLen)
		w.bytes(r.ValueHash[:])
	default:
		w.bytes(r.Value)
	}
	w.bytes(r.Sig[:])
	if long {
		w.optionalID(r.Grant, !r.Grant.IsZero())
		w.ids(r.Refs)
		w.supersedes(r.Supersedes)
	}
}

// BatchedSize is an upper bound, in bytes, of what a record adds to a batch,
// its author's group included.
func BatchedSize(r *Record) int { return len(r.Raw) + len(r.Value) + 64 + 16 }

// A BatchReader reads a batch record by record.
//
//	b := NewBatchReader(space, data)
//	for b.Next(&record) { … }
//	return b.Err()
type BatchReader struct {
	c       cursor
	space   ID
	groups  int
	left    int // records left in the group
	count   int
	author  PeerID
	any     bool // a group came before
	version uint64
	clock   uint64
	done    bool
	scratch Record
}

// NewBatchReader reads the batch of one space in data, which must hold nothing
// else.
func NewBatchReader(space ID, data []byte) *BatchReader {
	b := &BatchReader{c: newCursor("record batch", data), space: space}
	b.groups = b.c.array("groups", BatchRecordsMax)
	return b
}

// Next reads the next record, rebuilds its header and computes its id. It
// checks everything but the signature. All fields are filled, and none of them
// aliases the batch.
func (b *BatchReader) Next(r *Record) bool {
	start, ok := b.fields(r)
	if ok {
		b.complete(r, start)
	}
	return ok && b.c.err == nil
}

// Share is Next for readers that have met most records before. known returns
// the checked record that has a signature, nil if there is none; where it says
// the same as the batch, byte for byte, it is the answer, and nothing is
// computed. Share returns nil where Next returns false.
func (b *BatchReader) Share(known func(*Signature) *Record) *Record {
	start, ok := b.fields(&b.scratch)
	if !ok {
		return nil
	}
	if old := known(&b.scratch.Sig); old != nil && b.scratch.saysSame(old) {
		return old
	}
	r := new(Record)
	*r = b.scratch
	if b.complete(r, start); b.c.err != nil {
		return nil
	}
	return r
}

// saysSame reports whether a record just read, which has no value hash yet, is
// a complete one. It may miss that of records with long lists, never more.
func (r *Record) saysSame(old *Record) bool {
	return r.Sig == old.Sig && r.Version == old.Version && r.Time == old.Time && r.Kind == old.Kind &&
		r.Codec == old.Codec && r.ValueLen == old.ValueLen && (r.Value != nil || r.ValueHash == old.ValueHash) &&
		bytes.Equal(r.Value, old.Value) && bytes.Equal(r.Key, old.Key) &&
		r.Author == old.Author && r.Space == old.Space && r.Grant == old.Grant &&
		slices.Equal(r.Refs, old.Refs) && len(r.Supersedes)+len(old.Supersedes) == 0
}

// fields reads what the batch says of the next record, from byte start on.
func (b *BatchReader) fields(r *Record) (start int, ok bool) {
	for b.left == 0 {
		if b.c.err != nil || b.groups == 0 {
			b.finish()
			return 0, false
		}
		b.groups--
		b.group()
	}
	b.left--
	if b.count++; b.count > BatchRecordsMax {
		b.c.refuse("records", b.c.pos, "more than %d in one batch", BatchRecordsMax)
		return 0, false
	}
	start = b.c.pos
	b.record(r)
	return start, b.c.err == nil
}

func (b *BatchReader) finish() {
	if !b.done {
		b.done = true
		_ = b.c.end() // kept in c.err
	}
}

// Err is the first error, nil after a whole batch.
func (b *BatchReader) Err() error { return b.c.failure() }

func (b *BatchReader) group() {
	c := &b.c
	at := c.pos
	c.exactArray("group", 2)
	previous := b.author
	c.fixed("author", b.author[:])
	if b.any && previous == b.author {
		c.refuse("author", at, "the same as in the group before")
	}
	b.any = true
	b.left = c.array("group", BatchRecordsMax)
	if c.err == nil && b.left == 0 {
		c.refuse("group", at, "an empty group")
	}
	b.version, b.clock = 0, 0
}

func (b *BatchReader) record(r *Record) {
	c := &b.c
	start := c.pos
	n := c.array("record", 10)
	if c.err == nil && n != 7 && n != 10 {
		c.refuse("record", start, "%d fields, want 7 or 10", n)
	}
	r.Kind = RecordKind(c.uint("kind", 1<<32))
	r.Space, r.Author = b.space, b.author
	b.version += uint64(c.int("version"))
	b.clock += uint64(c.int("time"))
	r.Version, r.Time = b.version, HLC(b.clock)
	r.Key = c.key("key")
	r.Codec = c.uint("value codec", 1<<32)
	b.value(r)
	c.fixed("signature", r.Sig[:])
	r.Grant, r.Refs, r.Supersedes = ID{}, nil, nil
	if n == 10 {
		r.Grant = c.optionalID("grant")
		r.Refs = c.ids("refs")
		r.Supersedes = c.supersedes()
		if r.Grant.IsZero() && len(r.Refs) == 0 && len(r.Supersedes) == 0 {
			c.refuse("record", start, "10 fields where 7 say the same")
		}
	}
}

func (b *BatchReader) value(r *Record) {
	c := &b.c
	r.Value, r.ValueLen, r.ValueHash = nil, 0, ID{}
	at := c.pos
	switch {
	case c.isNull():
		if r.Codec != CodecNone {
			c.refuse("value", at, "null for a record with a value")
		}
	case c.nextIs(majorArray):
		c.exactArray("value", 2)
		r.ValueLen = c.uint("value length", BlobMax)
		c.fixed("value hash", r.ValueHash[:])
		if c.err == nil && !r.IsBlob() {
			c.refuse("value length", at, "%d bytes belong inline", r.ValueLen)
		}
	default:
		r.Value = c.bytes("value", ValueInlineMax)
		r.ValueLen = uint64(len(r.Value))
	}
}

// complete rebuilds the header that the author signed. Header and value get
// memory of their own: the frame belongs to somebody else.
func (b *BatchReader) complete(r *Record, start int) {
	if r.Version > VersionMax {
		b.c.refuse("version", start, "out of range")
		return
	}
	if r.Value != nil {
		r.ValueHash = sha256.Sum256(r.Value)
	}
	key := r.Key
	raw := AppendHeader(make([]byte, 0, 160+len(key)+len(r.Refs)*34+len(r.Value)), &r.Header)
	if len(raw) > HeaderMax {
		b.c.refuse("record", start, "header of %d bytes", len(raw))
		return
	}
	if field, detail := r.Header.check(); field != "" {
		b.c.refuse(field, start, "%s", detail)
		return
	}
	if err := r.checkValueCodec(); err != nil {
		b.c.refuse("value", start, "%v", err)
		return
	}
	r.Raw = raw[:len(raw):len(raw)]
	if r.Value != nil {
		r.Value = append(raw, r.Value...)[len(raw):]
	}
	at := r.keyOffset()
	r.Key = Key(r.Raw[at : at+len(key) : at+len(key)])
	if len(r.Supersedes) > 0 { // prefixes are slices too
		r.Header, _ = ParseHeader(r.Raw) // cannot fail: just written and checked
	}
	r.ID = sha256.Sum256(r.Raw)
}
