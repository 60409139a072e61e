package codec

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A sample is a value of the vocabulary with its encoding, and how to read one
// and write it again.
type sample struct {
	part   string // "event", …: how errors begin
	name   string // part and type, as in errors
	before int    // items before the fields
	value  any    // pointer to a struct
	data   []byte
	again  func(data []byte) (value any, encoded []byte, err error)
}

// samples draws one value of every kind of event, effect and message.
func samples(n uint64) []sample {
	var all []sample
	add := func(part string, before int, v any, encode func(r *rand.Rand) ([]byte, error), again func([]byte) (any, []byte, error)) {
		name := part + " " + typeName(v)
		r := newRand(name, n)
		fill(r, reflect.ValueOf(v).Elem())
		data, err := encode(r)
		if err != nil {
			panic(err)
		}
		all = append(all, sample{part, name, before, v, data, again})
	}
	for _, ev := range allEvents() {
		add("event", 3, ev, func(r *rand.Rand) ([]byte, error) {
			return AppendEvent(nil, Now{Mono: int64(r.Uint64()) >> r.IntN(64), Wall: int64(r.Uint64())}, ev)
		}, eventAgain)
	}
	for _, ef := range allEffects() {
		add("effect", 1, ef, func(*rand.Rand) ([]byte, error) { return AppendEffect(nil, ef) }, effectAgain)
	}
	for i, m := range allMessages() {
		add("message", 1, m, func(*rand.Rand) ([]byte, error) { return AppendMessage(nil, MessageKind(i+1), m), nil }, messageAgain)
	}
	for _, cmd := range allWorldCommands() {
		add("world command", 3, cmd, func(*rand.Rand) ([]byte, error) { return AppendWorldCommand(nil, cmd) }, worldCommandAgain)
	}
	for _, a := range allWorldAnswers() {
		add("world answer", 1, a, func(*rand.Rand) ([]byte, error) { return AppendWorldAnswer(nil, a) }, worldAnswerAgain)
	}
	for _, cmd := range allRankCommands() {
		add("rank command", 3, cmd, func(*rand.Rand) ([]byte, error) { return AppendRankCommand(nil, cmd) }, rankCommandAgain)
	}
	for _, a := range allRankAnswers() {
		add("rank answer", 1, a, func(*rand.Rand) ([]byte, error) { return AppendRankAnswer(nil, a) }, rankAnswerAgain)
	}
	return all
}

func eventAgain(data []byte) (any, []byte, error) {
	now, ev, rest, err := NextEvent(data)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := AppendEvent(nil, now, ev)
	return ev, append(encoded, rest...), err
}

func effectAgain(data []byte) (any, []byte, error) {
	ef, rest, err := NextEffect(data)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := AppendEffect(nil, ef)
	return ef, append(encoded, rest...), err
}

// rankCommandAgain is like worldCommandAgain.
func rankCommandAgain(data []byte) (any, []byte, error) {
	cmd, rest, err := NextRankCommand(data)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := AppendRankCommand(nil, cmd)
	return cmd, append(encoded, rest...), err
}

func rankAnswerAgain(data []byte) (any, []byte, error) {
	a, rest, err := NextRankAnswer(data)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := AppendRankAnswer(nil, a)
	return a, append(encoded, rest...), err
}

// worldCommandAgain gives back the times of the envelope as zero, which is what
// drivers write.
func worldCommandAgain(data []byte) (any, []byte, error) {
	cmd, rest, err := NextWorldCommand(data)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := AppendWorldCommand(nil, cmd)
	return cmd, append(encoded, rest...), err
}

func worldAnswerAgain(data []byte) (any, []byte, error) {
	a, rest, err := NextWorldAnswer(data)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := AppendWorldAnswer(nil, a)
	return a, append(encoded, rest...), err
}

// messageAgain reads a message as the only one of a frame.
func messageAgain(data []byte) (any, []byte, error) {
	_, messages, err := ParseFrame(AppendFrame(nil, FrameHead{}, 1, data), nil)
	if err != nil {
		return nil, nil, err
	}
	m := NewMessage(messages[0].Kind)
	if m == nil {
		return nil, data, nil
	}
	if err := messages[0].Decode(m); err != nil {
		return nil, nil, err
	}
	return m, AppendMessage(nil, messages[0].Kind, m), nil
}

func TestKindsAreTheirPlaces(t *testing.T) {
	for i, ev := range allEvents() {
		if ev.EventKind() != EventKind(i+1) {
			t.Errorf("%T says kind %d at place %d", ev, ev.EventKind(), i+1)
		}
	}
	for i, ef := range allEffects() {
		if ef.EffectKind() != EffectKind(i+1) {
			t.Errorf("%T says kind %d at place %d", ef, ef.EffectKind(), i+1)
		}
	}
	for i, m := range allMessages() {
		if name := strings.ReplaceAll(SnakeName(typeName(m)), "_", "-"); name != MessageKind(i+1).String() {
			t.Errorf("message %s at the place of %s", name, MessageKind(i+1))
		}
	}
	for i, cmd := range allWorldCommands() {
		if cmd.WorldCommandKind() != WorldCommandKind(i+1) {
			t.Errorf("%T says kind %d at place %d", cmd, cmd.WorldCommandKind(), i+1)
		}
	}
	for i, a := range allWorldAnswers() {
		if a.WorldAnswerKind() != WorldAnswerKind(i+1) {
			t.Errorf("%T says kind %d at place %d", a, a.WorldAnswerKind(), i+1)
		}
	}
	for i, cmd := range allRankCommands() {
		if cmd.RankCommandKind() != RankCommandKind(i+1) {
			t.Errorf("%T says kind %d at place %d", cmd, cmd.RankCommandKind(), i+1)
		}
	}
	for i, a := range allRankAnswers() {
		if a.RankAnswerKind() != RankAnswerKind(i+1) {
			t.Errorf("%T says kind %d at place %d", a, a.RankAnswerKind(), i+1)
		}
	}
	if NewRankCommand(0) != nil || NewRankAnswer(0) != nil || NewRankCommand(1<<32) != nil || NewRankAnswer(1<<32) != nil {
		t.Error("an unknown kind has a type")
	}
	if NewWorldCommand(0) != nil || NewWorldAnswer(0) != nil || NewWorldCommand(1<<32) != nil || NewWorldAnswer(1<<32) != nil {
		t.Error("an unknown kind has a type")
	}
	if NewEvent(0) != nil || NewEffect(0) != nil || NewMessage(0) != nil || NewEvent(1<<32) != nil || NewEffect(1<<32) != nil || NewMessage(math.MaxUint64) != nil {
		t.Error("an unknown kind has a type")
	}
}

func TestEveryKindRoundTrips(t *testing.T) {
	for n := range uint64(200) {
		for _, s := range samples(n) {
			got, encoded, err := s.again(s.data)
			if err != nil {
				t.Fatalf("%s: %v\n%x", s.name, err, s.data)
			}
			if !reflect.DeepEqual(got, s.value) {
				t.Fatalf("%+v\nbecame %+v", s.value, got)
			}
			if !bytes.Equal(encoded, s.data) {
				t.Fatalf("%s: %x\nbecame %x", s.name, s.data, encoded)
			}
			if err := ScanOne(s.data); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
	}
}

// The CBOR library, which reads the same struct tags, agrees about every byte.
func TestEncodingAgreesWithTheLibrary(t *testing.T) {
	for n := range uint64(50) {
		for _, s := range samples(n) {
			body, err := encMode.Marshal(s.value)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasSuffix(s.data, body) {
				t.Fatalf("%s is %x, the library says … %x", s.name, s.data, body)
			}
		}
	}
}

// One byte changed is an error or another value, never a second spelling.
func TestChangedBytesAreNoticed(t *testing.T) {
	for n := range uint64(3) {
		for _, s := range samples(n) {
			for at := range min(len(s.data), 400) {
				if (s.part == "world command" || s.part == "rank command") && (at == 2 || at == 3) {
					continue // its times mean nothing and are not kept
				}
				for _, b := range []byte{0x00, 0x18, 0x1b, 0x40, 0x5f, 0x60, 0x80, 0x9f, 0xa0, 0xf6, 0xff, s.data[at] ^ 1, s.data[at] ^ 0x20} {
					data := bytes.Clone(s.data)
					data[at] = b
					if _, encoded, err := s.again(data); err == nil && !bytes.Equal(encoded, data) {
						t.Fatalf("%s: %x\nreads as %x", s.name, data, encoded)
					}
				}
			}
		}
	}
}

func TestCutsAreNoticed(t *testing.T) {
	for _, s := range samples(7) {
		for n := range s.data {
			if _, _, err := s.again(s.data[:n]); err == nil {
				t.Fatalf("%s cut to %d of %d bytes is accepted", s.name, n, len(s.data))
			}
		}
	}
}

// body splits an encoded sample into what stands before its fields, and them.
func body(t *testing.T, s sample) (before []byte, fields [][]byte) {
	t.Helper()
	sc := scanner{data: s.data, pos: 1}
	for range s.before {
		if err := sc.item(0); err != nil {
			t.Fatal(err)
		}
	}
	before = s.data[:sc.pos:sc.pos]
	_, count, _ := sc.head()
	for range count {
		start := sc.pos
		if err := sc.item(0); err != nil {
			t.Fatal(err)
		}
		fields = append(fields, s.data[start:sc.pos])
	}
	return before, fields
}

func join(before []byte, fields [][]byte) []byte {
	w := writer{b: slices.Clip(before)}
	w.array(len(fields))
	return append(w.b, bytes.Join(fields, nil)...)
}

// The errors name the event and what is wrong with it.
func TestWrongArityIsRefused(t *testing.T) {
	for _, s := range samples(1) {
		before, fields := body(t, s)
		_, _, err := s.again(join(before, append(slices.Clip(fields), []byte{simpleNull})))
		wantError(t, err, s.name+" at byte", fmt.Sprintf("%d elements, want %d", len(fields)+1, len(fields)))
		if len(fields) > 0 {
			_, _, err = s.again(join(before, fields[1:]))
			wantError(t, err, s.name+" at byte", fmt.Sprintf("%d elements, want %d", len(fields)-1, len(fields)))
		}
		for _, not := range []string{"f6", "00", "40", "60", "a0", "f5"} {
			_, _, err = s.again(slices.Concat(before, unhex(not)))
			wantError(t, err, s.name+" at byte", "want array")
		}
	}
}

// Of all the major types, a field takes its own.
func TestWrongTypesAreRefused(t *testing.T) {
	others := map[string]byte{
		"00": majorUint, "20": majorNeg, "43010203": majorBytes, "626162": majorText, "8101": majorArray,
		"a1616101": majorMap, "d82a450001550000": majorTag, "f5": majorOther, "f6": majorOther, "fb3ff0000000000000": majorOther,
	}
	for _, s := range samples(2) {
		before, fields := body(t, s)
		typ := reflect.TypeOf(s.value).Elem()
		for i := range fields {
			field := typ.Field(i + firstField(reflect.ValueOf(s.value).Elem()))
			own := fields[i][0] >> 5
			isInt := field.Type.Kind() == reflect.Int64
			for hex, major := range others {
				if major == own && (own != majorOther || hex == "f5") || isInt && major <= majorNeg {
					continue
				}
				changed := slices.Clone(fields)
				changed[i] = unhex(hex)
				_, _, err := s.again(join(before, changed))
				if wantError(t, err, s.name+": "+field.Name+" at byte"); t.Failed() {
					t.Fatalf("%s.%s = %s", s.name, field.Name, hex)
				}
			}
		}
	}
}

// Spellings that are valid CBOR but not the shortest are refused.
func TestOtherSpellingsAreRefused(t *testing.T) {
	longer := map[byte]string{majorUint: "1801", majorNeg: "3800", majorBytes: "580161", majorText: "780161", majorArray: "980100"}
	for _, s := range samples(3) {
		before, fields := body(t, s)
		for i := range fields {
			hex, ok := longer[fields[i][0]>>5]
			if !ok {
				continue
			}
			changed := slices.Clone(fields)
			changed[i] = unhex(hex)
			_, _, err := s.again(join(before, changed))
			name := reflect.TypeOf(s.value).Elem().Field(i + 1).Name
			if s.part == "message" {
				wantError(t, err, "shortest") // the frame's scanner is there first
			} else {
				wantError(t, err, s.name+": "+name+" at byte", "shortest")
			}
		}
	}
}

// eventsRefused and effectsRefused are golden vectors too.
var eventsRefused = []struct{ hex, want string }{
	{"", "event: list at byte 0: input ends here"},
	{"f6", "event: list"}, {"00", "event: list"}, {"83010000", "event: list at byte 0: 3 elements, want 4"},
	{"9f01000080ff", "event: list"}, {"9804 01000080", "event: list"},
	{"8400000080", "event: kind at byte 1: kind 0 is unknown"},
	{"841903e7000080", "event: kind at byte 1: kind 999 is unknown"},
	{"841b0000000100000001000080", "event: kind at byte 1: 4294967297 is over"},
	{"8420000080", "event: kind"}, {"8461 61000080", "event: kind"}, {"841801000080", "event: kind at byte 1: 1 is not in its shortest"},
	{"8401f60080", "event Wake: mono at byte 2"}, {"840100f680", "event Wake: wall at byte 3"},
	{"84011b80000000000000000080", "event Wake: mono"}, {"84013b80000000000000000080", "event Wake: mono at byte 2: below the 64-bit range"},
	{"840100008100", "event Wake at byte 4: 1 elements, want 0"},
	{"84040000820500", "event Frame: Bytes at byte 6: want byte string, got unsigned integer"},
	{"8404000082055affffffff", "event Frame: Bytes at byte 6: 4294967295 bytes announced"},
	{"84040000820583010203", "event Frame: Bytes at byte 6: want byte string, got array"},
	{"840800008401" + "5820" + strings.Repeat("00", 32) + "82858000408080 83000000000000" + "00", "event Put: Entries[1] at byte 47: 3 elements, want 5"},
	{"840800008401" + "5820" + strings.Repeat("00", 32) + "81858100 00408080" + "00", "event Put: Entries[0].Key at byte 43: want byte string"},
	{"840800008401" + "5820" + strings.Repeat("00", 32) + "8185800040 81 581f" + strings.Repeat("00", 31) + "80" + "00", "event Put: Entries[0].Refs[0] at byte 46: 31 bytes, want 32"},
	{"840800008401" + "5820" + strings.Repeat("00", 32) + "9a00ffffff" + "00", "event Put: Entries at byte 40: 16777215 elements announced"},
	{"840800008401" + "581f" + strings.Repeat("00", 31) + "8000", "event Put: Space at byte 6: 31 bytes, want 32"},
	{"84030000820062c328", "event LinkDown: Reason at byte 7: invalid UTF-8"},
}

var effectsRefused = []struct{ hex, want string }{
	{"", "effect: list"}, {"f6", "effect: list"}, {"8101", "effect: list at byte 0: 1 elements, want 2"},
	{"820080", "effect: kind at byte 1: kind 0 is unknown"}, {"821903e780", "effect: kind at byte 1: kind 999 is unknown"},
	{"82058100ff"[:6], "effect Done: Req"},
	{"82058181 00", "effect Done: Req at byte 3: want unsigned integer, got array"},
	{"820580", "effect Done at byte 2: 0 elements, want 1"}, {"8205820000", "effect Done at byte 2: 2 elements, want 1"},
	{"820581f5", "effect Done: Req"}, {"82058120", "effect Done: Req"},
	{"820881f6", "effect Entries"}, {"82088300 80 00", "effect Entries: More at byte 5: want true or false"},
	{"8208830081 80" + strings.Repeat("00", 80), "effect Entries: Entries[0] at byte 5: 0 elements, want 7"},
	{"820783008140", "effect Stored"},
}

func TestEventsRefused(t *testing.T) {
	for _, c := range eventsRefused {
		_, _, rest, err := NextEvent(unhex(c.hex))
		wantError(t, err, "codec: "+c.want)
		if len(rest) != len(unhex(c.hex)) {
			t.Errorf("%s: bytes were consumed beside the error", c.hex)
		}
	}
}

func TestEffectsRefused(t *testing.T) {
	for _, c := range effectsRefused {
		_, _, err := NextEffect(unhex(c.hex))
		wantError(t, err, "codec: "+c.want)
	}
}

func TestSequences(t *testing.T) {
	var data []byte
	for i := range 5 {
		data, _ = AppendEvent(data, Now{Mono: int64(i)}, &GetStatus{Req: uint64(i)})
	}
	for i := range 5 {
		now, ev, rest, err := NextEvent(data)
		if err != nil || now.Mono != int64(i) || ev.(*GetStatus).Req != uint64(i) {
			t.Fatal(now, ev, err)
		}
		data = rest
	}
	if len(data) != 0 {
		t.Errorf("%d bytes are left", len(data))
	}
}

func TestOversizedEvents(t *testing.T) {
	large := &Frame{Bytes: make([]byte, EventBytesMax)}
	_, err := AppendEvent(nil, Now{}, large)
	wantError(t, err, "event Frame: length", "at most 4194304")
	w := writer{b: []byte{0x84, byte(EvFrame), 0, 0}}
	w.fields(large)
	_, _, _, err = NextEvent(w.b)
	wantError(t, err, "event Frame: length", "at most 4194304")
	large.Bytes = large.Bytes[:EventBytesMax-12]
	data, err := AppendEvent(nil, Now{}, large)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := NextEvent(data); err != nil {
		t.Error(err)
	}
}

// A text that is no UTF-8 does not make a whole step's effects unreadable.
func TestTextsAreMadeReadable(t *testing.T) {
	data, _ := AppendEffect(nil, &StoreFailed{Detail: "disk \xff\xfe gone"})
	ef, _, err := NextEffect(data)
	if err != nil || ef.(*StoreFailed).Detail != "disk \ufffd gone" {
		t.Error(ef, err)
	}
}

// Bytes that are read may be overwritten afterwards: hosts reuse their buffers.
func TestDecodedValuesDoNotAliasInput(t *testing.T) {
	for _, s := range samples(5) {
		data := bytes.Clone(s.data)
		if s.part == "message" {
			_, messages, err := ParseFrame(AppendFrame(nil, FrameHead{}, 1, data), nil)
			if err != nil {
				t.Fatal(err)
			}
			m := NewMessage(messages[0].Kind)
			if err := messages[0].Decode(m); err != nil {
				t.Fatal(err)
			}
			clear(messages[0].Body)
			if !reflect.DeepEqual(m, s.value) {
				t.Errorf("%s changed with its input", s.name)
			}
			continue
		}
		got, _, err := s.again(data)
		if err != nil {
			t.Fatal(err)
		}
		clear(data)
		if !reflect.DeepEqual(got, s.value) {
			t.Errorf("%s changed with its input", s.name)
		}
	}
}

// Whatever lists and strings announce, memory follows the input. The densest
// list is of keys and texts: 24 and 16 bytes in memory for one on the wire.
func TestVocabularyAllocation(t *testing.T) {
	const factor = 32
	for _, s := range samples(4) {
		before, fields := body(t, s)
		for i := range fields {
			for _, fill := range []byte{0x00, 0x40, 0x60, 0x80} {
				w := writer{b: slices.Clip(before)}
				w.array(len(fields))
				w.b = append(w.b, bytes.Join(fields[:i], nil)...)
				const n = 100_000
				w.array(n)
				data := append(w.b, bytes.Repeat([]byte{fill}, n)...)
				if got := allocated(func() { _, _, _ = s.again(data) }); got > factor*uint64(len(data)) {
					t.Errorf("%s: %d bytes for %d of input", s.name, got, len(data))
				}
			}
		}
	}
}

// Whatever is an integer of time says so in its name, so that every language
// shows it as such.
func TestNamesTellTimes(t *testing.T) {
	for _, s := range samples(0) {
		typ := reflect.TypeOf(s.value).Elem()
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Type.Kind() == reflect.Uint64 && IsNanoseconds(f.Name) {
				t.Errorf("%s.%s: nanoseconds are signed", typ.Name(), f.Name)
			}
		}
	}
}

func BenchmarkNextEvent(b *testing.B) {
	data, err := AppendEvent(nil, Now{Mono: 1e9, Wall: 1.7e18}, &Frame{Link: 7, Bytes: make([]byte, 190)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := NextEvent(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEffects(b *testing.B) {
	send, wake := &Send{Link: 7, Bytes: make([]byte, 190)}, &WakeAt{Mono: 1e9}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AppendEffect(dst[:0], send)
		dst, _ = AppendEffect(dst, wake)
	}
}
