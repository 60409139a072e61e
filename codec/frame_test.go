package codec

import (
	"bytes"
	"strings"
	"testing"
)

func TestFrameRoundTrip(t *testing.T) {
	r := newRand("frames", 0)
	for n := range uint64(100) {
		head := FrameHead{Seq: r.Uint64() >> 2, Ack: r.Uint64() >> 2, Gaps: randomBytes(r, r.IntN(GapsMax+1))}
		var bodies []byte
		count := 0
		for _, s := range samples(n) {
			if s.part == "message" {
				bodies = append(bodies, s.data...)
				count++
			}
		}
		data := AppendFrame([]byte("x"), head, count, bodies)[1:]
		got, messages, err := ParseFrame(data, nil)
		if err != nil || got.Seq != head.Seq || got.Ack != head.Ack || !bytes.Equal(got.Gaps, head.Gaps) || len(messages) != count {
			t.Fatalf("%+v became %+v with %d of %d messages, %v", head, got, len(messages), count, err)
		}
		if again := frameAgain(got, messages); !bytes.Equal(again, data) {
			t.Fatalf("%x\nbecame %x", data, again)
		}
	}
}

func frameAgain(head FrameHead, messages []Message) []byte {
	var w writer
	for _, m := range messages {
		w.array(2)
		w.uint(uint64(m.Kind))
		w.b = append(w.b, m.Body...)
	}
	return AppendFrame(nil, head, len(messages), w.b)
}

// framesRefused are golden vectors too.
var framesRefused = []struct{ hex, want string }{
	{"", "list"}, {"f6", "list"}, {"83000040", "list at byte 0: 3 elements, want 4"}, {"9f00004080ff", "list"},
	{"84f6004080", "seq at byte 1"}, {"8420004080", "seq"}, {"841b4000000000000001004080", "seq at byte 1: 4611686018427387905 is over"},
	{"841801004080", "seq at byte 1: 1 is not in its shortest"},
	{"8400f64080", "ack at byte 2"}, {"840000f680", "gaps at byte 3"}, {"8400006080", "gaps"},
	{"8400005841" + strings.Repeat("00", 65) + "80", "gaps at byte 3: 65 bytes, at most 64"},
	{"84000040f6", "messages"}, {"84000040a0", "messages"}, {"84000040190401", "messages"},
	{"84000040990401", "messages at byte 4: 1025 elements, at most 1024"},
	{"840000408100", "message at byte 5: want array"}, {"84000040818101", "message at byte 5: 1 elements, want 2"},
	{"84000040818220 80", "message kind at byte 6"}, {"8400004081820118ff"[:16], "message"},
	{"84000040818201 1801", "message at byte 7: 1 is not in its shortest"},
	{"84000040818201 9fff", "message at byte 7: indefinite"},
	{"84000040818201 c000", "message at byte 8: tag 0"},
	{"84000040818201 " + strings.Repeat("81", 65) + "00", "message at byte 71: deeper than 64"},
	{"8400004080 00", "trailing bytes at byte 5"},
}

func TestFramesRefused(t *testing.T) {
	kept := []Message{{Kind: 77}}
	for _, c := range framesRefused {
		_, messages, err := ParseFrame(unhex(c.hex), kept)
		wantError(t, err, "codec: frame: ", c.want)
		if len(messages) != 1 {
			t.Errorf("%s: messages beside the error", c.hex)
		}
	}
	_, _, err := ParseFrame(make([]byte, FrameMax+1), nil)
	wantError(t, err, "frame: length", "at most 262144")
}

// A kind of a later version is there to be answered; its neighbours are read.
func TestUnknownMessagesAreHandedOver(t *testing.T) {
	messages := AppendMessage(nil, MsgEager, &Eager{Index: 3, Eager: true})
	messages = append(messages, unhex("821903e7a1617801")...)
	_, got, err := ParseFrame(AppendFrame(nil, FrameHead{Seq: 1}, 2, messages), nil)
	if err != nil || len(got) != 2 || got[1].Kind != 999 || NewMessage(got[1].Kind) != nil {
		t.Fatal(got, err)
	}
	var eager Eager
	if err := got[0].Decode(&eager); err != nil || eager.Index != 3 || !eager.Eager {
		t.Error(eager, err)
	}
}

// A message is read as what it is, not as another with the same number of fields.
func TestDecodeIntoAnother(t *testing.T) {
	_, got, _ := ParseFrame(AppendFrame(nil, FrameHead{}, 1, AppendMessage(nil, MsgEager, &Eager{})), nil)
	wantError(t, got[0].Decode(&Have{}), "message Have: Short at byte 2: want byte string, got simple value")
}

func TestAppendMessageByValue(t *testing.T) {
	if a, b := AppendMessage(nil, MsgOpen, &Open{Session: 5}), AppendMessage(nil, MsgOpen, Open{Session: 5}); !bytes.Equal(a, b) {
		t.Errorf("%x by pointer, %x by value", a, b)
	}
}

func BenchmarkFrameOfOneMessage(b *testing.B) {
	message := AppendMessage(nil, MsgRecords, &Records{Batch: make([]byte, 2000)})
	data := AppendFrame(nil, FrameHead{Seq: 1}, 1, message)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	var messages []Message
	for b.Loop() {
		var err error
		if _, messages, err = ParseFrame(data, messages[:0]); err != nil {
			b.Fatal(err)
		}
		var r Records
		if err := messages[0].Decode(&r); err != nil {
			b.Fatal(err)
		}
	}
}
