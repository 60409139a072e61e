package compare

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sign"
)

// A Workload says how two sets come to differ.
type Workload struct {
	Name  string
	About string
	// differ appends d records to the two sides.
	differ func(m *maker, d int)
}

// Workloads are those that a case can name. "records" is for the user's own.
var Workloads = []Workload{
	{"uniform", "new records of any age, half of them on each side", func(m *maker, d int) {
		for i := range d {
			m.add(i%2, m.fresh("", m.rng.Int64N(span)))
		}
	}},
	{"recent", "the newest records, half of them on each side", func(m *maker, d int) {
		for i := range d {
			m.add(i%2, m.fresh("", span+int64(i)*1000))
		}
	}},
	{"updates", "80 % new versions of records both hold, 20 % new records, half on each side", func(m *maker, d int) {
		old := m.rng.Perm(len(m.old))
		for i := range d {
			if at := span + int64(i)*1000; i%5 < 4 && i < len(old) {
				m.add(i%2, m.update(old[i], at))
			} else {
				m.add(i%2, m.fresh("", at))
			}
		}
	}},
	{"clustered", "new records of any age under one key prefix, half of them on each side", func(m *maker, d int) {
		for i := range d {
			m.add(i%2, m.fresh("cluster", m.rng.Int64N(span)))
		}
	}},
	{"empty", "one side holds nothing; which one depends on the seed", nil},
	{"equal", "no difference", func(*maker, int) {}},
}

// ownWorkload reconciles records that the caller brings.
const ownWorkload = "records"

func workload(name string) (*Workload, error) {
	var names []string
	for i := range Workloads {
		if Workloads[i].Name == name {
			return &Workloads[i], nil
		}
		names = append(names, Workloads[i].Name)
	}
	return nil, &CaseError{"workload", fmt.Sprintf("%q is unknown, have %s", name, strings.Join(names, ", "))}
}

const (
	authors   = 64
	valueSize = 200
	span      = int64(30 * 24 * 3600 * 1000) // ms over which the records are spread
	start     = int64(1_700_000_000_000)     // ms since 1970
)

// A maker makes records of one space. Its output depends on its seed alone.
type maker struct {
	rng     *rand.Rand
	genesis []byte
	space   codec.ID
	keys    []*sign.PrivateKey
	counts  []uint64        // of each author's records
	value   []byte          // of all records that do not move
	old     []*codec.Record // of the base
	parts   [2][]*codec.Record
}

func newMaker(seed uint64) *maker {
	m := &maker{rng: rand.New(rand.NewPCG(seed, 0x636f6d70617265)), counts: make([]uint64, authors)}
	for range authors {
		var k [32]byte
		m.fill(k[:])
		m.keys = append(m.keys, sign.KeyFromSeed(&k))
	}
	g := codec.Genesis{Owner: m.keys[0].Public(), ValueMax: codec.ValueInlineMax, Name: "compare"}
	m.fill(g.Salt[:])
	m.genesis, m.space = g.Encode(), g.ID()
	m.value = make([]byte, valueSize)
	return m
}

func (m *maker) fill(b []byte) {
	for i := range b {
		b[i] = byte(m.rng.Uint32())
	}
}

// resume lets the maker of a difference write on where that of the base stopped.
func (m *maker) resume(base *maker, seed uint64) {
	*m = *base
	m.rng = rand.New(rand.NewPCG(seed, 0x646966666572))
	m.counts = slices.Clone(base.counts)
	m.parts = [2][]*codec.Record{}
}

// key is that of the base's record number i; its author is i % authors.
func key(prefix string, i uint64) codec.Key {
	k, err := codec.NewKey([]byte(prefix), binary.BigEndian.AppendUint64(nil, i))
	if err != nil {
		panic(err) // unreachable: two short components
	}
	return k
}

// record makes an author's next record.
func (m *maker) record(author int, k codec.Key, atMs int64, value []byte) *codec.Record {
	m.counts[author]++
	rec, err := codec.NewRecord(codec.Header{
		Kind: codec.KindPut, Space: m.space, Author: m.keys[author].Public(),
		Version: m.counts[author]<<16 | uint64(author), Time: codec.NewHLC(start+atMs, 0),
		Key: k, Codec: codec.CodecRaw,
	}, value)
	if err != nil {
		panic(err) // unreachable: every field is in range
	}
	return rec
}

// common makes the n records that both sides hold, in the order of time. They
// are not signed.
func (m *maker) common(n int, each func(*codec.Record)) {
	for i := range n {
		each(m.record(i%authors, key("k", uint64(i)), span/int64(n)*int64(i), m.value))
	}
}

// signed makes a record that somebody will verify.
func (m *maker) signed(author int, k codec.Key, atMs int64) *codec.Record {
	value := make([]byte, valueSize)
	m.fill(value)
	rec := m.record(author, k, atMs, value)
	m.sign(author, rec)
	return rec
}

func (m *maker) sign(author int, rec *codec.Record) {
	msg := rec.SigningMessage()
	rec.Sig = m.keys[author].Sign(msg[:])
}

// fresh makes a record of a register that nobody has.
func (m *maker) fresh(prefix string, atMs int64) *codec.Record {
	if prefix == "" {
		prefix = "new"
	}
	return m.signed(m.rng.IntN(authors), key(prefix, m.rng.Uint64()), atMs)
}

// update makes a new version of the base's record number i. Whoever still has the
// old one may send it: it has to verify.
func (m *maker) update(i int, atMs int64) *codec.Record {
	m.sign(i%authors, m.old[i])
	return m.signed(i%authors, key("k", uint64(i)), atMs)
}

func (m *maker) add(side int, rec *codec.Record) { m.parts[side] = append(m.parts[side], rec) }
