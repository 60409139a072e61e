package codec

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// newRand is a source that gives the same numbers for the same name, so that a
// value drawn for one type does not change when another type changes.
func newRand(name string, n uint64) *rand.Rand {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[24:], n)
	copy(seed[:24], name)
	return rand.New(rand.NewChaCha8(seed))
}

// fill sets every field of a struct of the vocabulary to something random.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.String:
		v.SetString(randomText(r))
	case reflect.Array:
		v.Set(reflect.New(v.Type()).Elem())
		copy(v.Bytes(), randomBytes(r, v.Len()))
	case reflect.Slice:
		fillSlice(r, v)
	case reflect.Struct:
		for i := firstField(v); i < v.NumField(); i++ {
			fill(r, v.Field(i))
		}
	default:
		panic("no random " + v.Type().String())
	}
}

func fillSlice(r *rand.Rand, v reflect.Value) {
	switch n := r.IntN(7); {
	case n == 0:
		v.SetZero()
	case v.Type() == keyType:
		v.SetBytes(randomKey(r))
	case v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes(randomBytes(r, n*n))
	default:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(r, v.Index(i))
		}
	}
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if r.IntN(2) == 0 { // often text
		for i := range b {
			b[i] = 'a' + b[i]%26
		}
	}
	return b
}

func randomText(r *rand.Rand) string {
	runes := []rune("abc XYZ\"\\/=é日本🙂\n\x00\u200e\ufeff")
	var sb strings.Builder
	for range r.IntN(100) {
		sb.WriteRune(runes[r.IntN(len(runes))])
	}
	return sb.String()
}

// randomParts has few letters, so that keys often agree in their beginnings.
func randomParts(r *rand.Rand) [][]byte {
	parts := make([][]byte, 1+r.IntN(3))
	for i := range parts {
		parts[i] = make([]byte, r.IntN(4))
		for j := range parts[i] {
			parts[i][j] = []byte{0, 1, 2, 'a', 0xff}[r.IntN(5)]
		}
	}
	return parts
}

func randomKey(r *rand.Rand) Key {
	key, err := NewKey(randomParts(r)...)
	if err != nil {
		panic(err)
	}
	return key
}

// unhex reads hex digits of the tests, with spaces where they help the eye.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// wantError checks that an error is a FormatError that says all of want.
func wantError(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted, want an error about %q", want)
		return
	}
	if _, ok := err.(*FormatError); !ok {
		t.Errorf("%T is no FormatError: %v", err, err)
	}
	for _, s := range want {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

// allocated is how many bytes f takes from the heap.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// allEvents and its like are one empty value of each kind.
func allEvents() (all []Event) {
	for kind := EventKind(1); NewEvent(kind) != nil; kind++ {
		all = append(all, NewEvent(kind))
	}
	return all
}

func allEffects() (all []Effect) {
	for kind := EffectKind(1); NewEffect(kind) != nil; kind++ {
		all = append(all, NewEffect(kind))
	}
	return all
}

func allMessages() (all []any) {
	for kind := MessageKind(1); NewMessage(kind) != nil; kind++ {
		all = append(all, NewMessage(kind))
	}
	return all
}

func allWorldCommands() (all []WorldCommand) {
	for kind := WorldCommandKind(1); NewWorldCommand(kind) != nil; kind++ {
		all = append(all, NewWorldCommand(kind))
	}
	return all
}

func allRankCommands() (all []RankCommand) {
	for kind := RankCommandKind(1); NewRankCommand(kind) != nil; kind++ {
		all = append(all, NewRankCommand(kind))
	}
	return all
}

func allRankAnswers() (all []RankAnswer) {
	for kind := RankAnswerKind(1); NewRankAnswer(kind) != nil; kind++ {
		all = append(all, NewRankAnswer(kind))
	}
	return all
}

func allWorldAnswers() (all []WorldAnswer) {
	for kind := WorldAnswerKind(1); NewWorldAnswer(kind) != nil; kind++ {
		all = append(all, NewWorldAnswer(kind))
	}
	return all
}
