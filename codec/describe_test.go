package codec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDescribe(t *testing.T) {
	id, peer := ID{0x1f, 0x2e, 0x3d, 0x4c, 5}, PeerID{0xaa, 0xbb, 0xcc, 0xdd, 5}
	rec, _ := NewRecord(Header{
		Kind: KindPut, Space: id, Author: peer, Version: 7, Time: NewHLC(1_700_000_000_123, 2),
		Key: MustKey("rtt", "x"), Codec: CodecRaw, Grant: ID{0x99},
	}, []byte("hello"))
	tomb, _ := NewRecord(Header{Kind: KindDelete, Version: 1, Key: MustKey("k")}, nil)
	blob := Header{Kind: KindPut, Key: MustKey("k"), Codec: CodecDagCBOR, ValueLen: 1 << 20, ValueHash: ID{7}}
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "nil"},
		{&Wake{}, "Wake"},
		{&Done{Req: 7}, "Done req=7"},
		{Done{Req: 7}, "Done req=7"},
		{&WakeAt{Mono: 1_500_000_000}, "WakeAt mono=1.5s"},
		{&Put{Req: 7, Space: id, Entries: []PutEntry{{Key: MustKey("rtt", "x"), Codec: CodecRaw, Value: []byte("hello")}}},
			`Put req=7 space=1f2e3d4c entries=[{key=rtt/x codec=raw value=5B:"hello"}]`},
		{&Put{Entries: []PutEntry{{}}}, `Put entries=[{}]`},
		{&Send{Link: 3, Bytes: []byte{0x83, 1, 2, 3, 4, 5, 6, 7, 8}}, "Send link=3 bytes=9B:0x8301020304050607…"},
		{&Frame{Bytes: []byte(strings.Repeat("ä", 20))}, `Frame bytes=40B:"ääääääääääää"…`},
		{&Frame{Bytes: []byte("x" + strings.Repeat("ä", 20))}, `Frame bytes=41B:"xäääääääääää"…`},
		{&Frame{Bytes: []byte("a\x00b")}, `Frame bytes=3B:0x610062`},
		{&AddPeer{Peer: peer, Address: "1.2.3.4:5", IntervalNs: 90_000_000_000}, `AddPeer peer=aabbccdd address="1.2.3.4:5" interval=1m30s`},
		{&AddPeer{IntervalNs: -1}, `AddPeer interval=-1ns`},
		{&SetInterval{IntervalNs: 3_661_000_000_001}, `SetInterval interval=1h1m1.000000001s`},
		{&SetInterval{IntervalNs: 1_500}, `SetInterval interval=1.5µs`},
		{&PausePeer{Req: 1, Paused: true}, "PausePeer req=1 paused"},
		{&Stored{IDs: []ID{{1}, {2}, {3}, {4}, {5}, {6}}}, "Stored ids=[01000000 02000000 03000000 04000000 …+2]"},
		{&Delete{Keys: []Key{MustKey("a"), MustKey("b", "c")}}, "Delete keys=[a b/c]"},
		{&LinkDown{Reason: "he said \"\\no\"\n\u202e"}, `LinkDown reason="he said \"\\no\"\u{a}\u{202e}"`},
		{&LinkDown{Reason: strings.Repeat("é", 65)}, `LinkDown reason="` + strings.Repeat("é", 64) + `"…`},
		{&LinkDown{Reason: "\xff"}, "LinkDown reason=\"\\u{fffd}\""},
		{&CreateSpace{Write: WriteMembers, History: HistoryAll, Salt: Salt{1}}, "CreateSpace write=members history=all salt=01000000"},
		{&SyncEnded{Outcome: OutcomeTimedOut, BytesOut: 5, ElapsedNs: 20_000_000}, "SyncEnded outcome=timed-out bytes_out=5 elapsed=20ms"},
		{&SyncEnded{Outcome: 999}, "SyncEnded outcome=outcome(999)"},
		{&PeerFault{Fault: FaultSignature}, "PeerFault fault=signature"},
		{&Entries{Entries: []Entry{{Time: NewHLC(1000, 1), Codec: 0x1234}}, More: true},
			"Entries entries=[{time=1970-01-01T00:00:01.000Z+1 codec=0x1234}] more"},
		{&Status{Counters: Counters{FramesIn: 3}}, "Status counters={frames_in=3}"},
		{&Status{Peers: []PeerStatus{{RTTNs: 7, LinkUp: true, ComparedAt: 1}}}, "Status peers=[{link_up compared_at=1ns rtt=7ns}]"},
		{Message{MsgEager, []byte{0x82, 3, simpleTrue}}, "Eager index=3 eager"},
		{&Message{MsgRefuse, []byte{0x81, 5}}, "Refuse kind=want"},
		{Message{MsgEager, []byte{0x82, 3, 3}}, "Message kind=eager body=3B:0x820303"},
		{Message{999, nil}, "Message kind=message-kind(999) body=0B"},
		{&Open{Session: -3, Strategy: "full"}, `Open session=-3 strategy="full"`},
		{FrameHead{Seq: 1, Ack: 2}, "FrameHead seq=1 ack=2"},
		{goodGenesis(), `Genesis owner=01000000 write=members read=members history=all salt=02000000 value_max=1000 name="räume"`},
		{GrantValue{Member: peer}, "GrantValue member=aabbccdd"},
		{CutValue{Member: peer, Last: 3, ID: id}, "CutValue member=aabbccdd last=3 id=1f2e3d4c"},
		{rec, "Record id=" + rec.ID.Short() + ` kind=put space=1f2e3d4c author=aabbccdd version=7 time=2023-11-14T22:13:20.123Z+2 key=rtt/x codec=raw grant=99000000 value=5B:"hello"`},
		{*tomb, "Record id=" + tomb.ID.Short() + ` kind=delete version=1 key=k`},
		{&blob, "Header kind=put key=k codec=dag-cbor value_len=1048576 value_hash=07000000"},
		{Supersede{Prefix: MustKey("p"), Vector: []Dot{{Author: peer, Version: 3}}}, "Supersede prefix=p vector=[{author=aabbccdd version=3}]"},
		{Now{Mono: 5, Wall: 1_700_000_000_000_000_123}, "Now mono=5ns wall=2023-11-14T22:13:20.000000123Z"},
		{id, "1f2e3d4c"}, {peer, "aabbccdd"}, {MustKey("a", "b"), "a/b"}, {OutcomeBusy, "busy"}, {[]byte("x"), `1B:"x"`}, {uint64(5), "5"},
	} {
		if got := Describe(c.v); got != c.want {
			t.Errorf("%T:\n got %s\nwant %s", c.v, got, c.want)
		}
	}
}

// One line, readable, and not longer than a screen is wide many times over,
// whatever is inside.
func TestDescribeEverything(t *testing.T) {
	for n := range uint64(50) {
		for _, s := range samples(n) {
			checkLine(t, Describe(s.value))
		}
	}
	r := newRand("describe", 0)
	for range 500 {
		checkLine(t, Describe(randomRecord(r)))
	}
}

func checkLine(t testing.TB, line string) {
	t.Helper()
	if !utf8.ValidString(line) || !isPlain(line) {
		t.Fatalf("not plain: %q", line)
	}
	if len(line) > 8000 {
		t.Fatalf("%d bytes: %s", len(line), line)
	}
}

func TestSnakeName(t *testing.T) {
	for name, want := range map[string]string{
		"Req": "req", "BytesOut": "bytes_out", "IDs": "ids", "ID": "id", "RTTNs": "rtt_ns", "DagCBOR": "dag_cbor", "EqualAt": "equal_at",
	} {
		if got := SnakeName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func ExampleDescribe() {
	fmt.Println(Describe(&Get{Req: 4, Space: ID{0xab, 0xcd}, Key: MustKey("rtt", "peer one")}))
	// Output: Get req=4 space=abcd0000 key=rtt/0x70656572206f6e65
}

func TestEveryEnumerationIsNamed(t *testing.T) {
	for _, v := range []fmt.Stringer{EvWake, EfSend, MsgHello, KindPut, WriteOpen, ReadAnyone, HistoryCurrent, ScopeWhole, OutcomeEqual, FaultFrame, StandingUnknown} {
		if strings.Contains(v.String(), "(") {
			t.Errorf("%T has no name: %s", v, v)
		}
		big := reflect.New(reflect.TypeOf(v)).Elem()
		big.SetUint(1 << 40)
		if s := big.Interface().(fmt.Stringer).String(); !strings.HasSuffix(s, "(1099511627776)") {
			t.Errorf("unknown %T is %s", v, s)
		}
	}
}
