package storetest

import (
	"crypto/sha256"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
)

// Space is a space's id, different for every n.
func Space(n byte) codec.ID { return sha256.Sum256([]byte{'s', n}) }

// Author is a peer's id, different for every n and in the order of n. Nobody
// has its key.
func Author(n byte) codec.PeerID {
	p := codec.PeerID(sha256.Sum256([]byte{'a', n}))
	p[0] = n
	return p
}

// Record is an unsigned put with a short value.
func Record(space codec.ID, author codec.PeerID, version uint64, key ...string) *codec.Record {
	return RecordOf(space, author, version, []byte("value"), key...)
}

// RecordOf is an unsigned put. Its signature is made up, and different for
// every record.
func RecordOf(space codec.ID, author codec.PeerID, version uint64, value []byte, key ...string) *codec.Record {
	return newRecord(codec.Header{
		Kind: codec.KindPut, Space: space, Author: author, Version: version,
		Key: codec.MustKey(key...), Codec: codec.CodecRaw,
	}, value)
}

func newRecord(h codec.Header, value []byte) *codec.Record {
	r, err := codec.NewRecord(h, value)
	if err != nil {
		panic(err) // unreachable for the headers in the tests
	}
	copy(r.Sig[:], r.ID[:])
	copy(r.Sig[32:], r.ID[:])
	return r
}

func idOf(raw []byte) codec.ID { return sha256.Sum256(raw) }

var salt codec.Salt

// Short is the record's short name in the suite.
func Short(r *codec.Record) uint64 { return codec.ShortID(&salt, &r.ID) }

// name is a record's form in messages.
func name(r *codec.Record) string {
	return fmt.Sprintf("%s/%s@%d#%s", r.Author.Short(), r.Key, r.Version, r.ID.Short())
}
