package pebble

import (
	"bytes"
	"encoding/binary"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/intersubjective/rapprochement/codec"
)

// Classes of rows.
const (
	classDot      = 'd'
	classFormat   = 'f'
	classLog      = 'l'
	classMeta     = 'm'
	classRecord   = 'p'
	classRegister = 'r'
	classShort    = 's'
	classSpace    = 'z'
)

// spaceClasses are those whose rows start with a space's number.
const spaceClasses = "dlprs"

const (
	prefixLen   = 1 + 4             // class and space number
	idSeqLen    = 32 + 8            // what the rows of all indexes end with
	shortLen    = prefixLen + 8     // the rows of one short name share so much
	dotLen      = prefixLen + 32    // … of one author
	registerEnd = 32 + 8 + idSeqLen // author, version, id, seq
)

// keyEnd ends a key in a register row. It sorts below every component, so that
// a key comes before the keys it is a prefix of.
const keyEnd = "\x00\x00"

func appendPrefix(dst []byte, class byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, class), number)
}

func appendRecordKey(dst []byte, number uint32, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(appendPrefix(dst, classRecord, number), seq)
}

func appendLogKey(dst []byte, number uint32, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(appendPrefix(dst, classLog, number), seq)
}

func appendShort(dst []byte, number uint32, short uint64) []byte {
	return binary.BigEndian.AppendUint64(appendPrefix(dst, classShort, number), short)
}

func appendAuthor(dst []byte, number uint32, author *codec.PeerID) []byte {
	return append(appendPrefix(dst, classDot, number), author[:]...)
}

func appendRegister(dst []byte, number uint32, key codec.Key, author *codec.PeerID) []byte {
	dst = append(key.Ordered(appendPrefix(dst, classRegister, number)), keyEnd...)
	return append(dst, author[:]...)
}

func appendIDSeq(dst []byte, id *codec.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, id[:]...), seq)
}

func appendVersion(dst []byte, rec *codec.Record, seq uint64) []byte {
	return appendIDSeq(binary.BigEndian.AppendUint64(dst, rec.Version), &rec.ID, seq)
}

// eachIndexKey calls fn for the keys of a record's index rows, all in dst.
func eachIndexKey(dst []byte, number uint32, seq uint64, h *held, fn func(key []byte)) []byte {
	dst = appendIDSeq(appendShort(dst[:0], number, h.short), &h.rec.ID, seq)
	fn(dst)
	dst = appendVersion(appendAuthor(dst[:0], number, &h.rec.Author), h.rec, seq)
	fn(dst)
	dst = appendVersion(appendRegister(dst[:0], number, h.rec.Key, &h.rec.Author), h.rec, seq)
	fn(dst)
	return dst
}

// keySeq is the seq that an index or record row's key ends with.
func keySeq(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// keyID is the id of an index row.
func keyID(key []byte) *codec.ID { return (*codec.ID)(key[len(key)-idSeqLen:]) }

// after returns the first key above all keys with the prefix, which does not
// consist of 0xff alone.
func after(prefix []byte) []byte {
	n := len(prefix)
	for prefix[n-1] == 0xff {
		n--
	}
	end := bytes.Clone(prefix[:n])
	end[n-1]++
	return end
}

// comparer is the bytewise one with a split, which makes Bloom filters answer
// for short names and registers instead of whole keys. Where a row has the part
// to split at, that part tells its own length, so the order stays bytewise.
var comparer = func() *lsm.Comparer {
	c := *lsm.DefaultComparer
	c.Name = "rapprochement.1"
	c.Split = split
	return &c
}()

func split(key []byte) int {
	if len(key) < prefixLen {
		return len(key)
	}
	switch key[0] {
	case classShort:
		return min(len(key), shortLen)
	case classDot:
		return min(len(key), dotLen)
	case classRegister:
		// Within a key every 0x00 is followed by 0x01 or 0xff.
		if at := bytes.Index(key[prefixLen:], []byte(keyEnd)); at >= 0 {
			return min(len(key), prefixLen+at+len(keyEnd)+32)
		}
	}
	return len(key)
}

// A held record with its short name.
type held struct {
	rec   *codec.Record
	short uint64
}

const rowHead = 8 + 32 + 64 + 2 // short, id, signature, length of the header

func rowLen(rec *codec.Record) int { return rowHead + len(rec.Raw) + len(rec.Value) }

// putRow writes a record row into dst, which has rowLen bytes.
func putRow(dst []byte, h *held) {
	binary.BigEndian.PutUint64(dst, h.short)
	copy(dst[8:], h.rec.ID[:])
	copy(dst[40:], h.rec.Sig[:])
	binary.BigEndian.PutUint16(dst[104:], uint16(len(h.rec.Raw)))
	n := copy(dst[rowHead:], h.rec.Raw)
	copy(dst[rowHead+n:], h.rec.Value)
}

// parseRow reads a record row. The record's slices alias row.
func parseRow(row []byte) (held, error) {
	if len(row) < rowHead {
		return held{}, errShortRow
	}
	rec := &codec.Record{ID: codec.ID(row[8:]), Sig: codec.Signature(row[40:])}
	end := rowHead + int(binary.BigEndian.Uint16(row[104:]))
	if len(row) < end {
		return held{}, errShortRow
	}
	rec.Raw = row[rowHead:end:end]
	var err error
	if rec.Header, err = codec.ParseHeader(rec.Raw); err != nil {
		return held{}, err
	}
	if rec.Codec != codec.CodecNone && !rec.IsBlob() {
		rec.Value = row[end:]
	}
	return held{rec: rec, short: binary.BigEndian.Uint64(row)}, nil
}
