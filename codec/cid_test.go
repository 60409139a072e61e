package codec

import (
	"crypto/sha256"
	"strings"
	"testing"
)

// The CIDs of these blocks are known from elsewhere: the empty block, and
// "hello world" as raw; the empty map and list as dag-cbor (IPLD's fixtures).
var knownCIDs = []struct {
	block string
	codec byte
	cid   string
}{
	{"", CodecRaw, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
	{"hello world", CodecRaw, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"},
	{"\xa0", CodecDagCBOR, "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"},
}

func TestKnownCIDs(t *testing.T) {
	for _, c := range knownCIDs {
		id := ID(sha256.Sum256([]byte(c.block)))
		if got := id.CID(c.codec); got != c.cid {
			t.Errorf("%q: %s, want %s", c.block, got, c.cid)
		}
		if got, err := ParseID(c.cid); err != nil || got != id {
			t.Errorf("ParseID(%s) = %x, %v", c.cid, got, err)
		}
	}
}

func TestParseID(t *testing.T) {
	id := ID(sha256.Sum256([]byte("x")))
	hexa := strings.Repeat("ab", 32)
	for _, text := range []string{id.String(), id.CID(CodecRaw), hexa, strings.ToUpper(hexa)} {
		if _, err := ParseID(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	text := id.String()
	last := text[58]
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "59 characters"},
		"short":         {text[:58], "got 58 characters"},
		"long":          {text + "a", "got 60 characters"},
		"upper case":    {strings.ToUpper(text), "base32 CIDv1"},
		"upper inside":  {"b" + strings.ToUpper(text[1:]), "not canonical"},
		"other base":    {"z" + text[1:], "base32 CIDv1"},
		"no alphabet":   {text[:20] + "1" + text[21:], "not canonical"},
		"newline":       {text[:20] + "\n" + text[21:], "not canonical"},
		"spare bits":    {text[:58] + string(last+1), "not canonical"},
		"codec":         {cidText(0x70, 0x12, 32, id), "CIDv1, dag-cbor or raw, sha2-256"},
		"hash":          {cidText(0x71, 0x13, 32, id), "sha2-256"},
		"digest length": {cidText(0x71, 0x12, 31, id), "sha2-256"},
		"hex":           {strings.Repeat("g", 64), "invalid byte"},
	} {
		got, err := ParseID(c.text)
		if wantError(t, err, c.want); !got.IsZero() {
			t.Errorf("%s: an id beside the error", name)
		}
	}
}

func cidText(codec, hash, length byte, id ID) string {
	return "b" + base32Lower.EncodeToString(append([]byte{1, codec, hash, length}, id[:]...))
}

func TestFixedBytesRefuseOtherLengths(t *testing.T) {
	var id ID
	wantError(t, id.UnmarshalCBOR(unhex("581f"+strings.Repeat("00", 31))), "codec: id: bytes", "31 bytes, want 32")
	wantError(t, id.UnmarshalCBOR(unhex("5821"+strings.Repeat("00", 33))), "33 bytes, at most 32")
	wantError(t, id.UnmarshalCBOR(unhex("f6")), "want byte string")
	var s Signature
	wantError(t, s.UnmarshalCBOR(unhex("40")), "signature", "0 bytes, want 64")
	var p PeerID
	wantError(t, p.UnmarshalCBOR(unhex("40")), "peer id")
	var b Blind
	wantError(t, b.UnmarshalCBOR(unhex("40")), "blind name")
	var salt Salt
	wantError(t, salt.UnmarshalCBOR(unhex("40")), "salt")
}

// What configurations hold goes through the CBOR library and back.
func TestMarshalKeepsIdsAndKeys(t *testing.T) {
	type config struct {
		ID     ID
		Peer   PeerID
		Sig    Signature
		Salt   Salt
		Blind  Blind
		Key    Key
		Prefix Key
	}
	in := config{ID{1}, PeerID{2}, Signature{3}, Salt{4}, Blind{5}, MustKey("a", "b"), nil}
	data, err := Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out config
	if err := Unmarshal("config", data, &out); err != nil {
		t.Fatal(err)
	}
	if string(out.Key) != string(in.Key) || out.Prefix != nil || out.ID != in.ID || out.Peer != in.Peer || out.Sig != in.Sig || out.Salt != in.Salt || out.Blind != in.Blind {
		t.Errorf("%+v became %+v", in, out)
	}
	wantError(t, Unmarshal("config", unhex("a1624944f5"), &out), "codec: config: ID at byte 4: ", "codec: id: ")
	wantError(t, Unmarshal("config", unhex("1801"), &out), "codec: config: length at byte 0")
}

// What a host gets wrong in a configuration is named as the host knows it.
func TestConfigErrorsNameTheField(t *testing.T) {
	type inner struct {
		Ns    int64    `cbor:"interval_ns"`
		Boot  uint64   `cbor:"boot,omitempty"`
		Names []string `cbor:"names"`
		Seed  []byte   `cbor:"seed"`
		On    bool     `cbor:"on"`
	}
	type config struct {
		Inner inner  `cbor:"settings"`
		Store string `cbor:"store"`
	}
	type dict = map[string]any
	for _, c := range []struct {
		config any
		want   string
	}{
		{dict{"settings": dict{"interval_ns": "1"}}, "codec: config: settings.interval_ns at byte 23: want integer of 64 bits, got text"},
		{dict{"settings": dict{"interval_ns": uint64(1 << 63)}}, "settings.interval_ns at byte 23: want integer of 64 bits"},
		{dict{"settings": dict{"boot": -1}}, "settings.boot at byte 16: want unsigned integer, got negative integer"},
		{dict{"settings": dict{"names": "riblt"}}, "settings.names at byte 17: want array of text, got text"},
		{dict{"settings": dict{"names": []any{1}}}, "settings.names at byte 17: want array of text, got array"},
		{dict{"settings": dict{"seed": "abc"}}, "settings.seed at byte 16: want byte string, got text"},
		{dict{"settings": dict{"on": 1}}, "settings.on at byte 14: want true or false, got unsigned integer"},
		{dict{"settings": dict{"onn": true}}, "settings.onn at byte 11: there is no such field"},
		{dict{"settings": []any{}}, "settings at byte 10: want map, got array"},
		{dict{"store": 1.5}, "store at byte 7: want text, got simple value"},
		{dict{"stores": "x"}, "stores at byte 1: there is no such field"},
		{[]any{}, "codec: config at byte 0: want map, got array"},
		{5, "codec: config at byte 0: want map, got unsigned integer"},
	} {
		data, err := Marshal(c.config)
		if err != nil {
			t.Fatal(err)
		}
		var out config
		wantError(t, Unmarshal("config", data, &out), c.want)
	}
}
