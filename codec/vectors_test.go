package codec

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The golden vectors are what other languages check themselves against. Change
// them only on purpose: peers that are out there speak the old ones.
var update = flag.Bool("update", false, "write the golden vectors anew")

const vectorsDir = "../tests/vectors/"

// An item is a value, its bytes, and how to say it.
type item struct {
	Name       string `json:"name"`
	Kind       uint64 `json:"kind,omitempty"`
	Hex        string `json:"hex"`
	Diagnostic string `json:"diagnostic"`
	Describe   string `json:"describe"`
}

// A refused is bytes that a decoder refuses and what its error says.
type refused struct {
	Of    string `json:"of"`
	Hex   string `json:"hex"`
	Error string `json:"error"`
}

type vocabularyVectors struct {
	About    string    `json:"about"`
	Events   []item    `json:"events"`
	Effects  []item    `json:"effects"`
	Messages []item    `json:"messages"`
	Commands []item    `json:"world_commands"`
	Answers  []item    `json:"world_answers"`
	Orders   []item    `json:"rank_commands"`
	Replies  []item    `json:"rank_answers"`
	Frames   []item    `json:"frames"`
	Invalid  []refused `json:"invalid"`
}

func diagnostic(data []byte) string {
	s, err := cbor.Diagnose(data)
	if err != nil {
		panic(err)
	}
	return s
}

// threeOf encodes a struct with all fields zero, and twice at random.
func threeOf(v any, kind uint64, encode func(now Now) ([]byte, error)) []item {
	var all []item
	for n := range uint64(3) {
		var now Now
		if n > 0 {
			fill(newRand("vector "+typeName(v), n), reflect.ValueOf(v).Elem())
			now = Now{Mono: int64(n) * 1_500_000_000, Wall: 1_700_000_000_000_000_000 + int64(n)}
		}
		data, err := encode(now)
		if err != nil {
			panic(err)
		}
		all = append(all, item{Name: typeName(v), Kind: kind, Hex: hex.EncodeToString(data), Diagnostic: diagnostic(data), Describe: Describe(v)})
	}
	return all
}

func makeVocabulary() vocabularyVectors {
	v := vocabularyVectors{About: "Events, world and rank commands are [kind, mono, wall, [fields]], effects, messages, world and rank answers [kind, [fields]], frames [seq, ack, gaps, [message, ...]]."}
	for _, ev := range allEvents() {
		v.Events = append(v.Events, threeOf(ev, uint64(ev.EventKind()), func(now Now) ([]byte, error) { return AppendEvent(nil, now, ev) })...)
	}
	for _, ef := range allEffects() {
		v.Effects = append(v.Effects, threeOf(ef, uint64(ef.EffectKind()), func(Now) ([]byte, error) { return AppendEffect(nil, ef) })...)
	}
	for _, cmd := range allWorldCommands() {
		v.Commands = append(v.Commands, threeOf(cmd, uint64(cmd.WorldCommandKind()), func(Now) ([]byte, error) { return AppendWorldCommand(nil, cmd) })...)
	}
	for _, a := range allWorldAnswers() {
		v.Answers = append(v.Answers, threeOf(a, uint64(a.WorldAnswerKind()), func(Now) ([]byte, error) { return AppendWorldAnswer(nil, a) })...)
	}
	for _, cmd := range allRankCommands() {
		v.Orders = append(v.Orders, threeOf(cmd, uint64(cmd.RankCommandKind()), func(Now) ([]byte, error) { return AppendRankCommand(nil, cmd) })...)
	}
	for _, a := range allRankAnswers() {
		v.Replies = append(v.Replies, threeOf(a, uint64(a.RankAnswerKind()), func(Now) ([]byte, error) { return AppendRankAnswer(nil, a) })...)
	}
	for i, m := range allMessages() {
		v.addMessage(MessageKind(i+1), m)
	}
	for of, cases := range map[string][]struct{ hex, want string }{"event": eventsRefused, "effect": effectsRefused, "frame": framesRefused} {
		for _, c := range cases {
			v.Invalid = append(v.Invalid, refused{of, strings.ReplaceAll(c.hex, " ", ""), c.want})
		}
	}
	slices.SortStableFunc(v.Invalid, func(a, b refused) int { return strings.Compare(a.Of, b.Of) })
	return v
}

// addMessage has the values of one message, and a frame with all of them.
func (v *vocabularyVectors) addMessage(kind MessageKind, m any) {
	var all []byte
	v.Messages = append(v.Messages, threeOf(m, uint64(kind), func(Now) ([]byte, error) {
		data := AppendMessage(nil, kind, m)
		all = append(all, data...)
		return data, nil
	})...)
	head := FrameHead{Seq: uint64(kind) * 100, Ack: uint64(kind), Gaps: bytes.Repeat([]byte{byte(kind)}, int(kind))}
	data := AppendFrame(nil, head, 3, all)
	v.Frames = append(v.Frames, item{Name: typeName(m), Hex: hex.EncodeToString(data), Diagnostic: diagnostic(data), Describe: Describe(head)})
}

type recordVectors struct {
	About   string       `json:"about"`
	Genesis []spaceItem  `json:"genesis"`
	Records []recordItem `json:"records"`
	Values  []item       `json:"values"`
	Batches []batchItem  `json:"batches"`
	CIDs    []cidItem    `json:"cids"`
	Scan    []string     `json:"scan"`
	Invalid []refused    `json:"invalid"`
}

type spaceItem struct {
	item
	ID  string `json:"id"`
	CID string `json:"cid"`
}

type recordItem struct {
	Name     string  `json:"name"`
	Seed     string  `json:"seed"` // of the author's Ed25519 key
	Author   string  `json:"author"`
	Header   string  `json:"header"`
	ID       string  `json:"id"`
	CID      string  `json:"cid"`
	Salt     string  `json:"salt"`
	ShortID  string  `json:"short_id"` // with that salt, eight bytes little-endian
	Register string  `json:"register_id"`
	Message  string  `json:"signing_message"`
	Sig      string  `json:"signature"`
	Value    *string `json:"value"`
	Envelope string  `json:"envelope"`
	Describe string  `json:"describe"`
}

type batchItem struct {
	Name  string   `json:"name"`
	Space string   `json:"space"`
	Hex   string   `json:"hex"`
	IDs   []string `json:"ids"`
}

type cidItem struct {
	Block string `json:"block"`
	Codec uint64 `json:"codec"`
	ID    string `json:"id"`
	CID   string `json:"cid"`
}

// author is the key whose seed is one byte, 32 times.
func author(seed byte) (ed25519.PrivateKey, PeerID) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return private, PeerID(private.Public().(ed25519.PublicKey))
}

func signed(seed byte, h Header, value []byte) *Record {
	private, public := author(seed)
	h.Author = public
	r, err := NewRecord(h, value)
	if err != nil {
		panic(err)
	}
	return sign64(private, r)
}

func sign64(private ed25519.PrivateKey, r *Record) *Record {
	m := r.SigningMessage()
	copy(r.Sig[:], ed25519.Sign(private, m[:]))
	return r
}

type namedRecord struct {
	name string
	seed byte
	*Record
}

// vectorRecords has one of each kind and each shape.
func vectorRecords(space ID) []namedRecord {
	_, member := author(2)
	t := NewHLC(1_700_000_000_123, 7)
	grant := signed(1, Header{Kind: KindGrant, Space: space, Version: 1, Time: t, Key: MustKey("\x00grant", string(member[:])), Codec: CodecDagCBOR}, GrantValue{Member: member}.Encode())
	put := signed(2, Header{Kind: KindPut, Space: space, Version: 5, Time: t, Key: MustKey("rtt", "x"), Codec: CodecRaw, Grant: grant.ID}, []byte("hello"))
	cut := signed(1, Header{Kind: KindCut, Space: space, Version: 900, Time: t + 1, Key: MustKey("\x00cut", string(member[:])), Codec: CodecDagCBOR},
		CutValue{Member: member, Last: 5, ID: put.ID}.Encode())
	vector := []Dot{{Author: PeerID{1}, Version: 7}, {Author: PeerID{2}, Version: VersionMax}}
	blob := Header{Kind: KindPut, Space: space, Version: 65536, Time: 0, Key: MustKey(""), Codec: CodecRaw, ValueLen: 65537, ValueHash: ID{9}}
	private, public := author(3)
	blob.Author = public
	blobRecord := &Record{Header: blob, Raw: AppendHeader(nil, &blob)}
	blobRecord.ID = sha256.Sum256(blobRecord.Raw)
	return []namedRecord{
		{"grant", 1, grant}, {"put with grant", 2, put}, {"cut", 1, cut},
		{"delete", 2, signed(2, Header{Kind: KindDelete, Space: space, Version: 300, Time: t, Key: MustKey("rtt", "x")}, nil)},
		{"empty value", 3, signed(3, Header{Kind: KindPut, Space: space, Version: VersionMax, Time: 1<<64 - 1, Key: MustKey("a", "", "\xff\x00"), Codec: CodecRaw}, []byte{})},
		{"dag-cbor with refs", 3, signed(3, Header{Kind: KindPut, Space: space, Version: 24, Time: t, Key: MustKey("doc"), Codec: CodecDagCBOR, Refs: []ID{put.ID, grant.ID}}, []byte{0xa1, 0x61, 'k', 0x81, 0xf6})},
		{"supersedes", 3, signed(3, Header{Kind: KindPut, Space: space, Version: 25, Time: t, Key: MustKey("doc"), Codec: CodecRaw,
			Supersedes: []Supersede{{ID: put.ID}, {Prefix: MustKey("rtt"), Vector: vector}, {Vector: vector[:1]}}}, []byte("x"))},
		{"blob", 3, sign64(private, blobRecord)},
		{"unknown kind", 3, signed(3, Header{Kind: 999, Space: space, Version: 26, Time: t, Key: MustKey("\x00later"), Codec: 0x200}, []byte("?"))},
	}
}

func makeRecords() recordVectors {
	v := recordVectors{About: "Ids are SHA-256 of the block; a signature covers \"rapprochement/1 record\\0\", the space and the id."}
	_, owner := author(1)
	spaces := []*Genesis{
		{Owner: owner, Write: WriteMembers, Read: ReadMembers, History: HistoryAll, Salt: Salt{1, 2, 3}, ValueMax: 1000, Name: "räume"},
		{Owner: owner, ValueMax: ValueInlineMax},
	}
	for _, g := range spaces {
		data := g.Encode()
		v.Genesis = append(v.Genesis, spaceItem{item{Name: g.Name, Hex: hex.EncodeToString(data), Diagnostic: diagnostic(data), Describe: Describe(g)},
			hex.EncodeToString(idBytes(g.ID())), g.ID().String()})
	}
	records := vectorRecords(spaces[0].ID())
	for _, r := range records {
		v.Records = append(v.Records, vectorOf(r, spaces[0].Salt))
	}
	for _, value := range []any{GrantValue{Member: owner}, CutValue{Member: owner, Last: 5, ID: ID{1}}, CutValue{Member: owner}} {
		data := value.(interface{ Encode() []byte }).Encode()
		v.Values = append(v.Values, item{Name: reflect.TypeOf(value).Name(), Hex: hex.EncodeToString(data), Diagnostic: diagnostic(data), Describe: Describe(value)})
	}
	v.addBatches(spaces[0].ID(), records)
	for _, c := range knownCIDs {
		v.CIDs = append(v.CIDs, cidItem{hex.EncodeToString([]byte(c.block)), uint64(c.codec), hex.EncodeToString(idBytes(sha256.Sum256([]byte(c.block)))), c.cid})
	}
	for _, s := range scanAccepted {
		v.Scan = append(v.Scan, strings.ReplaceAll(s, " ", ""))
	}
	v.addInvalid()
	return v
}

func idBytes(id ID) []byte { return id[:] }

func vectorOf(r namedRecord, salt Salt) recordItem {
	m := r.SigningMessage()
	little := func(n uint64) string { return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, n)) }
	item := recordItem{
		Name: r.name, Seed: strings.Repeat(hex.EncodeToString([]byte{r.seed}), 32), Author: r.Author.String(),
		Header: hex.EncodeToString(r.Raw), ID: hex.EncodeToString(r.ID[:]), CID: r.ID.String(),
		Salt: hex.EncodeToString(salt[:]), ShortID: little(ShortID(&salt, &r.ID)),
		Register: little(RegisterID(&salt, &r.Author, r.Key)),
		Message:  hex.EncodeToString(m[:]), Sig: hex.EncodeToString(r.Sig[:]),
		Envelope: hex.EncodeToString(r.AppendEnvelope(nil)), Describe: Describe(r.Record),
	}
	if r.Codec != CodecNone && !r.IsBlob() {
		value := hex.EncodeToString(r.Value)
		item.Value = &value
	}
	return item
}

func (v *recordVectors) addBatches(space ID, named []namedRecord) {
	add := func(name string, records ...*Record) {
		ids := []string{}
		for _, r := range records {
			ids = append(ids, hex.EncodeToString(r.ID[:]))
		}
		v.Batches = append(v.Batches, batchItem{name, hex.EncodeToString(space[:]), hex.EncodeToString(AppendBatch(nil, records)), ids})
	}
	var all []*Record
	for _, r := range named {
		all = append(all, r.Record)
	}
	add("empty")
	add("one", all[1])
	add("one author", all[4], all[5], all[6], all[7], all[8])
	add("all", all...)
}

func (v *recordVectors) addInvalid() {
	add := func(of, hex, want string) {
		v.Invalid = append(v.Invalid, refused{of, strings.ReplaceAll(hex, " ", ""), want})
	}
	for _, c := range scanRefused {
		add("scan", c.hex, c.want)
	}
	for _, c := range keysRefused {
		add("key", c.hex, c.want)
	}
	for _, c := range headersRefused {
		add("header", hex.EncodeToString(brokenHeader(c.field, c.hex)), c.want)
	}
	for _, c := range genesisRefused {
		add("genesis", hex.EncodeToString(brokenGenesis(c.field, c.hex)), c.want)
	}
	for _, c := range batchesRefused {
		add("batch", c.hex, c.want)
	}
}

func TestVocabularyVectors(t *testing.T) { checkFile(t, "vocabulary.json", makeVocabulary()) }
func TestRecordVectors(t *testing.T)     { checkFile(t, "records.json", makeRecords()) }

// checkFile compares a file with what the code makes today, line by line.
func checkFile(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsDir+name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(vectorsDir + name)
	if err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(string(kept), "\n"), strings.Split(b.String(), "\n")
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			t.Fatalf("%s:%d:\nkept %s\nnow  %s\nIf the format is meant to change: go test ./codec -run Vectors -update", name, i+1, want[i], got[i])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%s: %d lines, now %d", name, len(want), len(got))
	}
}

// The kept files say what the decoders do, read independently of the code that
// made them.
func TestVectorsDecode(t *testing.T) {
	var v vocabularyVectors
	readVectors(t, "vocabulary.json", &v)
	for of, items := range map[string][]item{"event": v.Events, "effect": v.Effects, "message": v.Messages, "world command": v.Commands, "world answer": v.Answers} {
		for _, it := range items {
			got, encoded, err := decoders[of](unhex(it.Hex))
			if err != nil || Describe(got) != it.Describe || hex.EncodeToString(encoded) != it.Hex {
				t.Errorf("%s: %s\nnow %s, %v", it.Name, it.Describe, Describe(got), err)
			}
		}
	}
	var r recordVectors
	readVectors(t, "records.json", &r)
	for _, it := range r.Records {
		rec, err := ParseEnvelope(unhex(it.Envelope))
		if err != nil {
			t.Fatal(err)
		}
		m := rec.SigningMessage()
		if hex.EncodeToString(rec.ID[:]) != it.ID || !ed25519.Verify(rec.Author[:], m[:], rec.Sig[:]) {
			t.Errorf("%s: id %x, want %s; or its signature does not verify", it.Name, rec.ID, it.ID)
		}
	}
	for _, c := range append(v.Invalid, r.Invalid...) {
		_, _, err := decoders[c.Of](unhex(c.Hex))
		wantError(t, err, c.Error)
	}
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(vectorsDir + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// decoders are named as in the vectors.
var decoders = map[string]func([]byte) (any, []byte, error){
	"event": eventAgain, "effect": effectAgain, "message": messageAgain,
	"world command": worldCommandAgain, "world answer": worldAnswerAgain,
	"rank command": rankCommandAgain, "rank answer": rankAnswerAgain,
	"frame":   func(b []byte) (any, []byte, error) { head, _, err := ParseFrame(b, nil); return head, nil, err },
	"scan":    func(b []byte) (any, []byte, error) { return nil, nil, ScanOne(b) },
	"key":     func(b []byte) (any, []byte, error) { k, err := ParseKey(b); return k, nil, err },
	"header":  func(b []byte) (any, []byte, error) { h, err := ParseHeader(b); return h, nil, err },
	"genesis": func(b []byte) (any, []byte, error) { g, err := ParseGenesis(b); return g, nil, err },
	"batch":   func(b []byte) (any, []byte, error) { all, err := readBatch(ID{}, b); return all, nil, err },
}
