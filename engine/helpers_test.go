package engine

import (
	"fmt"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

// An author signs whatever a test wants signed, honest or not.
type author struct {
	key  *sign.PrivateKey
	peer codec.PeerID
}

func newAuthor(i byte) author {
	seed := [32]byte{i, 1} // the key that net.add gives node i
	key := sign.KeyFromSeed(&seed)
	return author{key, key.Public()}
}

func (a author) sign(h codec.Header, value []byte) *codec.Record {
	h.Author = a.peer
	if h.Kind == 0 {
		h.Kind = codec.KindPut
	}
	if h.Codec == 0 && h.Kind != codec.KindDelete {
		h.Codec = codec.CodecRaw
	}
	rec, err := codec.NewRecord(h, value)
	if err != nil {
		panic(err)
	}
	msg := rec.SigningMessage()
	rec.Sig = a.key.Sign(msg[:])
	return rec
}

func (a author) put(space codec.ID, version uint64, key, value string, grant codec.ID) *codec.Record {
	return a.sign(codec.Header{Space: space, Version: version, Key: codec.MustKey(key), Grant: grant}, []byte(value))
}

func (a author) grant(space codec.ID, version uint64, member codec.PeerID) *codec.Record {
	h := codec.Header{Kind: codec.KindGrant, Space: space, Version: version, Codec: codec.CodecDagCBOR, Key: controlKey('g', member, version)}
	return a.sign(h, codec.GrantValue{Member: member}.Encode())
}

func (a author) cut(space codec.ID, version uint64, member codec.PeerID, last uint64) *codec.Record {
	h := codec.Header{Kind: codec.KindCut, Space: space, Version: version, Codec: codec.CodecDagCBOR, Key: controlKey('c', member, version)}
	v := codec.CutValue{Member: member, Last: last}
	if last > 0 {
		v.ID = codec.ID{1}
	}
	return a.sign(h, v.Encode())
}

func openNode(t testing.TB, i byte, cfg Config, st store.Store) *Node {
	t.Helper()
	cfg.Key = [32]byte{i, 1}
	if cfg.Seed == [32]byte{} {
		cfg.Seed = [32]byte{i, 2, byte(cfg.Boot)}
	}
	n, err := Open(cfg, st, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func newStore() *memory.Store { return memory.New(memory.NewArena()) }

// do steps a node at the instant of its last step and fails the test on an error.
func do(t testing.TB, n *Node, events ...codec.Event) []codec.Effect {
	t.Helper()
	effects, err := n.Step(after(n, 0), events...)
	if err != nil {
		t.Fatal(err)
	}
	return append([]codec.Effect(nil), effects...)
}

func after(n *Node, ns int64) codec.Now {
	return codec.Now{Mono: n.now.Mono + ns, Wall: 1_700_000_000e9 + n.now.Mono + ns}
}

// refuse steps a node with an event that it must refuse.
func refuse(t testing.TB, n *Node, ev codec.Event) error {
	t.Helper()
	_, err := n.Step(after(n, 0), ev)
	if err == nil {
		t.Fatalf("%s was not refused", codec.Describe(ev))
	}
	return err
}

func join(t testing.TB, n *Node, g *codec.Genesis) codec.ID {
	t.Helper()
	do(t, n, &codec.JoinSpace{Genesis: g.Encode()})
	return g.ID()
}

func genesis(owner author) *codec.Genesis {
	return &codec.Genesis{Owner: owner.peer, ValueMax: codec.ValueInlineMax, Salt: codec.Salt{1, 2, 3}}
}

// bring delivers records as a peer on a link would.
func bring(n *Node, space codec.ID, records ...*codec.Record) (got struct {
	New int
	Err error
}) {
	a := n.Admit(7, codec.PeerID{7}, space, codec.AppendBatch(nil, records))
	got.New, got.Err = a.New, a.Err
	return got
}

// all is a space's set, by id.
func (n *Node) all(space codec.ID) (set map[codec.ID]*codec.Record) {
	set = map[codec.ID]*codec.Record{}
	n.store.Scan(space, nil, nil, func(_ store.Ref, rec *codec.Record) bool {
		set[rec.ID] = rec
		return true
	})
	return set
}

// summaryOf is the fingerprint kept beside the set, checked against the set.
func summaryOf(t testing.TB, n *Node, space codec.ID) string {
	t.Helper()
	sp := n.spaces[space]
	kept, count := n.fingerprint(sp)
	sp.summary = summary{}
	fresh, _ := n.fingerprint(sp)
	if kept != fresh {
		t.Fatal("the summary disagrees with the set")
	}
	return fmt.Sprint(count, kept)
}

func find[T codec.Effect](effects []codec.Effect) (list []T) {
	for _, ef := range effects {
		if e, ok := ef.(T); ok {
			list = append(list, e)
		}
	}
	return list
}
