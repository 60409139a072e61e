package codec

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Every decoder answers any bytes without panicking, and what it accepts has no
// other spelling: encoding again gives the same bytes.

var libraryMode = must(cbor.DecOptions{MaxNestedLevels: 2 * NestingMax}.DecMode())

func FuzzScan(f *testing.F) {
	for _, s := range scanAccepted {
		f.Add(unhex(s))
	}
	for _, c := range scanRefused {
		f.Add(unhex(c.hex))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ScanItem(data)
		if err != nil {
			return
		}
		if err := ScanOne(data[:n]); err != nil {
			t.Fatal(err)
		}
		if err := libraryMode.Wellformed(data[:n]); err != nil {
			t.Fatalf("%x is no CBOR to the library: %v", data[:n], err)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(joinHeader(goodHeader()))
	for _, c := range headersRefused {
		f.Add(brokenHeader(c.field, c.hex))
	}
	r := newRand("fuzz", 0)
	for range 20 {
		f.Add(randomRecord(r).Raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHeader(data)
		if err != nil {
			return
		}
		if again := AppendHeader(nil, &h); !bytes.Equal(again, data) {
			t.Fatalf("%x\nbecame %x", data, again)
		}
		checkLine(t, Describe(h))
	})
}

func FuzzEnvelope(f *testing.F) {
	r := newRand("fuzz", 1)
	for range 20 {
		f.Add(randomRecord(r).AppendEnvelope(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseEnvelope(data)
		if err != nil {
			return
		}
		if again := r.AppendEnvelope(nil); !bytes.Equal(again, data) {
			t.Fatalf("%x\nbecame %x", data, again)
		}
		if !reflect.DeepEqual(r.Clone(), r) {
			t.Fatal("a clone differs")
		}
		checkLine(t, Describe(r))
	})
}

func FuzzBatch(f *testing.F) {
	for _, c := range batchesRefused {
		f.Add(unhex(c.hex))
	}
	r := newRand("fuzz", 2)
	for range 10 {
		f.Add(AppendBatch(nil, []*Record{randomRecord(r), randomRecord(r), randomRecord(r)}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := readBatch(ID{7}, data)
		if err != nil {
			return
		}
		if again := AppendBatch(nil, records); !bytes.Equal(again, data) {
			t.Fatalf("%x\nbecame %x", data, again)
		}
		for _, r := range records {
			if _, err := ParseEnvelope(r.AppendEnvelope(nil)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzGenesis(f *testing.F) {
	f.Add(goodGenesis().Encode())
	for _, c := range genesisRefused {
		f.Add(brokenGenesis(c.field, c.hex))
	}
	f.Add(GrantValue{Member: PeerID{5}}.Encode())
	f.Add(CutValue{Member: PeerID{5}, Last: 3, ID: ID{1}}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if g, err := ParseGenesis(data); err == nil && !bytes.Equal(g.Encode(), data) {
			t.Fatalf("genesis %x\nbecame %x", data, g.Encode())
		}
		if g, err := ParseGrantValue(data); err == nil && !bytes.Equal(g.Encode(), data) {
			t.Fatalf("grant %x\nbecame %x", data, g.Encode())
		}
		if v, err := ParseCutValue(data); err == nil && !bytes.Equal(v.Encode(), data) {
			t.Fatalf("cut %x\nbecame %x", data, v.Encode())
		}
	})
}

// fuzzSamples fuzzes the decoder of one part of the vocabulary.
func fuzzSamples(f *testing.F, part string, again func([]byte) (any, []byte, error), refused []struct{ hex, want string }) {
	for n := range uint64(3) {
		for _, s := range samples(n) {
			if s.part == part {
				f.Add(s.data)
			}
		}
	}
	for _, c := range refused {
		f.Add(unhex(c.hex))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, encoded, err := again(data)
		if err != nil {
			return
		}
		if !bytes.Equal(encoded, data) {
			t.Fatalf("%x\nbecame %x", data, encoded)
		}
		checkLine(t, Describe(v))
	})
}

func FuzzEvent(f *testing.F)  { fuzzSamples(f, "event", eventAgain, eventsRefused) }
func FuzzEffect(f *testing.F) { fuzzSamples(f, "effect", effectAgain, effectsRefused) }

// Configurations are maps, which hosts write with libraries of their own.
func FuzzConfig(f *testing.F) {
	type inner struct {
		Ns    int64    `cbor:"ns"`
		Names []string `cbor:"names"`
		ID    ID       `cbor:"id"`
	}
	type config struct {
		Inner inner             `cbor:"inner"`
		Files map[string][]byte `cbor:"files"`
	}
	f.Add(must(Marshal(config{inner{-1, []string{"a"}, ID{1}}, map[string][]byte{"f": {1}}})))
	for _, v := range []any{map[string]any{"inner": map[string]any{"ns": "1"}}, map[string]any{"x": 1}, []any{}} {
		f.Add(must(Marshal(v)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, again config
		if err := Unmarshal("config", data, &c); err != nil {
			checkLine(t, err.Error())
			return
		}
		if err := Unmarshal("config", must(Marshal(c)), &again); err != nil || !reflect.DeepEqual(normal(c.Files), normal(again.Files)) || c.Inner.ID != again.Inner.ID {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}

// normal is a map without the difference between nil and empty.
func normal(m map[string][]byte) map[string]string {
	texts := map[string]string{}
	for k, v := range m {
		texts[k] = string(v)
	}
	return texts
}

func FuzzWorldAnswer(f *testing.F) { fuzzSamples(f, "world answer", worldAnswerAgain, nil) }

func FuzzWorldCommand(f *testing.F) {
	fuzzSamples(f, "world command", timeless(worldCommandAgain), nil)
}

func FuzzRankAnswer(f *testing.F) { fuzzSamples(f, "rank answer", rankAnswerAgain, nil) }

func FuzzRankCommand(f *testing.F) {
	fuzzSamples(f, "rank command", timeless(rankCommandAgain), nil)
}

// timeless refuses times, which commands do not keep.
func timeless(again func([]byte) (any, []byte, error)) func([]byte) (any, []byte, error) {
	return func(data []byte) (any, []byte, error) {
		if len(data) > 3 && (data[2] != 0 || data[3] != 0) {
			return nil, nil, formatErr("test", "times", 2, "not zero")
		}
		return again(data)
	}
}

func FuzzFrame(f *testing.F) {
	for _, s := range samples(0) {
		if s.part == "message" {
			f.Add(AppendFrame(nil, FrameHead{Seq: 1, Ack: 2, Gaps: []byte{3}}, 1, s.data))
		}
	}
	for _, c := range framesRefused {
		f.Add(unhex(c.hex))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head, messages, err := ParseFrame(data, nil)
		if err != nil {
			return
		}
		if again := frameAgain(head, messages); !bytes.Equal(again, data) {
			t.Fatalf("%x\nbecame %x", data, again)
		}
		for _, m := range messages {
			checkLine(t, Describe(m))
			into := NewMessage(m.Kind)
			if into == nil || m.Decode(into) != nil {
				continue
			}
			if again := AppendMessage(nil, m.Kind, into); !bytes.HasSuffix(again, m.Body) || len(again) > len(m.Body)+10 {
				t.Fatalf("%x\nbecame %x", m.Body, again)
			}
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(MustKey("a", "bc", "")), []byte(MustKey("a")))
	for _, c := range keysRefused {
		f.Add(unhex(c.hex), []byte{0x81, 0x40})
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		k, err := ParseKey(a)
		if err != nil {
			return
		}
		again, err := NewKey(k.Parts()...)
		if err != nil || !bytes.Equal(again, a) {
			t.Fatalf("%x became %x, %v", a, again, err)
		}
		checkLine(t, k.String())
		l, err := ParseKey(b)
		if err != nil {
			return
		}
		want := compareParts(k.Parts(), l.Parts())
		if sign(k.Compare(l)) != want || bytes.Compare(k.Ordered(nil), l.Ordered(nil)) != want {
			t.Fatalf("order of %q and %q", k.Parts(), l.Parts())
		}
		if k.HasPrefix(l) != hasPrefixParts(k.Parts(), l.Parts()) {
			t.Fatalf("prefix of %q and %q", k.Parts(), l.Parts())
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, c := range knownCIDs {
		f.Add(c.cid)
	}
	f.Add(strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		switch {
		case err != nil:
			if !id.IsZero() {
				t.Fatal("an id beside the error")
			}
		case len(text) == 64:
			if hex.EncodeToString(id[:]) != strings.ToLower(text) {
				t.Fatalf("%s is %x", text, id)
			}
		case text != id.CID(CodecRaw) && text != id.CID(CodecDagCBOR):
			t.Fatalf("%s is %x", text, id)
		}
	})
}
