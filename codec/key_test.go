package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The model of a key is the slice of its components.
func compareParts(a, b [][]byte) int { return slices.CompareFunc(a, b, bytes.Compare) }

func hasPrefixParts(key, prefix [][]byte) bool {
	return len(key) >= len(prefix) && slices.EqualFunc(key[:len(prefix)], prefix, bytes.Equal)
}

func sign(n int) int { return min(1, max(-1, n)) }

func TestKeysBehaveLikeLists(t *testing.T) {
	r := newRand("keys", 0)
	for range 50_000 {
		a, b := randomParts(r), randomParts(r)
		k, l := mustKey(t, a), mustKey(t, b)
		if !slices.EqualFunc(k.Parts(), a, bytes.Equal) {
			t.Fatalf("%q reads as %q", a, k.Parts())
		}
		want := compareParts(a, b)
		if got := sign(k.Compare(l)); got != want {
			t.Fatalf("Compare(%q, %q) = %d, want %d", a, b, got, want)
		}
		if got := bytes.Compare(k.Ordered(nil), l.Ordered(nil)); got != want {
			t.Fatalf("Ordered %q and %q compare as %d, want %d", a, b, got, want)
		}
		if got := k.HasPrefix(l); got != hasPrefixParts(a, b) {
			t.Fatalf("%q has prefix %q: %v", a, b, got)
		}
		if got, want := k.IsControl(), len(a[0]) > 0 && a[0][0] == ControlPrefix; got != want {
			t.Fatalf("%q is control: %v", a, got)
		}
		if again, err := ParseKey(k); err != nil || !bytes.Equal(again, k) {
			t.Fatalf("ParseKey(%q) = %x, %v", a, again, err)
		}
	}
}

func mustKey(t *testing.T, parts [][]byte) Key {
	t.Helper()
	k, err := NewKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The keys under a prefix are exactly those whose ordered form starts with the
// prefix's: stores scan that way.
func TestOrderedKeepsPrefixes(t *testing.T) {
	r := newRand("prefixes", 0)
	for range 20_000 {
		k, p := randomKey(r), randomKey(r)
		if k.HasPrefix(p) != bytes.HasPrefix(k.Ordered(nil), p.Ordered(nil)) {
			t.Fatalf("%q, prefix %q", k.Parts(), p.Parts())
		}
	}
	if dst := MustKey("a").Ordered([]byte("x")); string(dst) != "xa\x00\x01" {
		t.Errorf("Ordered does not append: %q", dst)
	}
}

func TestEmptyPrefix(t *testing.T) {
	k := MustKey("a")
	if !k.HasPrefix(nil) || Key(nil).HasPrefix(k) || Key(nil).IsControl() || Key(nil).Compare(k) >= 0 || Key(nil).Parts() != nil {
		t.Error("nil is not the prefix of every key")
	}
}

// keysRefused are golden vectors too.
var keysRefused = []struct{ hex, want string }{
	{"", "input ends here"},
	{"80", "at least one component"},
	{"91" + strings.Repeat("40", 17), "17 elements, at most 16"},
	{"8160", "want byte string, got text"}, {"8100", "want byte string"}, {"40", "want array"},
	{"81f6", "want byte string, got simple value"},
	{"8140 00", "trailing bytes"},
	{"8141", "1 bytes announced, 0 remain"},
	{"815801 61", "shortest"}, {"980140", "shortest"},
	{"9fff", "indefinite"}, {"815f ff", "indefinite"},
	{"81590401" + strings.Repeat("61", 1025), "1025 bytes, at most 1024"},
	{"82590200" + strings.Repeat("61", 512) + "590201" + strings.Repeat("61", 513), "1025 bytes, at most 1024"},
}

func TestKeysRefused(t *testing.T) {
	for _, c := range keysRefused {
		_, err := ParseKey(unhex(c.hex))
		wantError(t, err, "codec: key", c.want)
	}
	_, err := NewKey()
	wantError(t, err, "at least one component")
	_, err = NewKey(make([]byte, KeyBytesMax+1))
	wantError(t, err, "at most 1024")
}

func TestLargestKeys(t *testing.T) {
	mustKey(t, [][]byte{make([]byte, KeyBytesMax)})
	mustKey(t, slices.Repeat([][]byte{make([]byte, KeyBytesMax/KeyPartsMax)}, KeyPartsMax))
}

func ExampleKey_String() {
	fmt.Println(MustKey("rtt", "ab12"), MustKey("", "a b", "\x00\x01"), MustKey("длинный ключ"), MustKey("ключ"))
	// Output:
	// rtt/ab12 ""/0x612062/0x0001 0xd0b4d0bbd0b8d0bd… ключ
}
