package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// scanAccepted and scanRefused are the strict cases of IPLD DAG-CBOR that
// decoders are known to disagree about. They are golden vectors too.
var scanAccepted = []string{
	"00", "17", "1818", "18ff", "190100", "1a00010000", "1b0000000100000000",
	"1bffffffffffffffff",
	"20", "3818", "3bffffffffffffffff", // -(2^64): below every int64
	"fb0000000000000001", // subnormal
	"fb0000000000000000", "fb7fefffffffffffff", "fbffefffffffffffff",
	"6365cc81", // text not in normal form
	"40", "60", "80", "a0", "f4", "f5", "f6",
	"a26161006162 01", "a2616200626161 01", // sorted by length, then bytes
	"d82a582500 01711220" + strings.Repeat("ab", 32), // CIDv1
	"d82a582300 1220" + strings.Repeat("ab", 32),     // CIDv0
	"d82a4500 01550000",                              // identity hash of nothing
	"d82a4600 017112 01ab",
	strings.Repeat("81", 63) + "80", // 64 levels
	strings.Repeat("81", 64) + "00",
}

var scanRefused = []struct{ hex, want string }{
	{"", "input ends here"},
	{"18", "input ends inside"}, {"19 00", "input ends inside"}, {"41", "1 bytes announced, 0 remain"},
	{"81", "1 elements announced, 0 bytes remain"}, {"a1 61 61", "input ends here"},
	{"a2616100", "2 pairs announced"},
	{"9bffffffffffffffff", "elements announced"}, {"bbffffffffffffffff", "pairs announced"},
	{"5bffffffffffffffff", "bytes announced"}, {"7bffffffffffffffff", "bytes announced"},
	// lengths and integers not in their shortest form
	{"1801", "shortest"}, {"1817", "shortest"}, {"190001", "shortest"}, {"1900ff", "shortest"},
	{"1a00000001", "shortest"}, {"1a0000ffff", "shortest"},
	{"1b0000000000000001", "shortest"}, {"1b00000000ffffffff", "shortest"},
	{"3800", "shortest"}, {"5800", "shortest"}, {"7800", "shortest"}, {"9800", "shortest"},
	{"b801616100", "shortest"}, {"b90001616100", "shortest"}, {"ba00000001616100", "shortest"},
	{"bb0000000000000001616100", "shortest"}, {"d9002a 4500 01550000", "shortest"},
	// indefinite and reserved lengths
	{"bfff", "indefinite"}, {"9fff", "indefinite"}, {"5fff", "indefinite"}, {"7fff", "indefinite"},
	{"1c", "reserved"}, {"3d", "reserved"}, {"5e", "reserved"}, {"ff", "indefinite"},
	// floats
	{"f93e00", "64-bit floats"}, {"fa3fc00000", "64-bit floats"},
	{"fb8000000000000000", "-0.0"},
	{"fb7ff8000000000000", "NaN"}, {"fb7ff0000000000001", "NaN"}, {"fbfff8000000000000", "NaN"},
	{"fb7ff0000000000000", "infinity"}, {"fbfff0000000000000", "infinity"},
	{"f97e00", "64-bit floats"}, {"f97c00", "64-bit floats"}, {"f9fc00", "64-bit floats"},
	{"fa7fc00000", "64-bit floats"}, {"fa7f800000", "64-bit floats"}, {"faff800000", "64-bit floats"},
	{"fb00", "input ends inside"},
	// simple values
	{"f7", "only false, true, null"}, {"e0", "only false, true, null"}, {"f3", "only false, true, null"},
	{"f8ff", "only false, true, null"}, {"f820", "only false, true, null"}, {"f8f4", "only false, true, null"},
	// maps
	{"a10000", "keys are texts"}, {"a1410000", "keys are texts"},
	{"a2616201616100", "not sorted"}, {"a2626161 00 6162 01", "not sorted"},
	{"a2616100616101", "repeat"}, {"a2 60 00 60 00", "repeat"},
	// text
	{"62c328", "UTF-8"}, {"63eda080", "UTF-8"}, {"a162c32800", "UTF-8"},
	// tags
	{"c0 60", "only 42"}, {"c2 41 01", "only 42"}, {"c3 41 01", "only 42"}, {"d820 60", "only 42"},
	{"d9d9f7 00", "only 42"},
	{"d82a 00", "holds a byte string"}, {"d82a 60", "holds a byte string"}, {"d82a", "input ends"},
	{"d82a 40", "starts with 0x00"}, {"d82a 41 01", "starts with 0x00"}, {"d82a 41 00", "varint"},
	{"d82a 4401550000", "starts with 0x00"},
	{"d82a 45 00 02550000", "CID version 2"}, {"d82a 45 00 00550000", "CID version 0"},
	{"d82a 46 00 0171 12 02 ab", "a digest of 2 bytes is announced, 1 are there"},
	{"d82a 46 00 0171 12 00 ab", "a digest of 0 bytes is announced, 1 are there"},
	{"d82a 46 00 8100 55 00 00", "not minimal"},
	// nesting
	{strings.Repeat("81", 64) + "80", "deeper than 64"},
	{strings.Repeat("81", 1000) + "80", "deeper than 64"},
	{strings.Repeat("a16161", 64) + "a0", "deeper than 64"},
	// more than one item
	{"0000", "trailing bytes"}, {"80f6", "trailing bytes"},
}

func TestScanAccepts(t *testing.T) {
	for _, s := range scanAccepted {
		if err := ScanOne(unhex(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestScanRefuses(t *testing.T) {
	for _, c := range scanRefused {
		t.Run(c.hex[:min(len(c.hex), 24)], func(t *testing.T) {
			wantError(t, ScanOne(unhex(c.hex)), c.want)
		})
	}
}

// Every width that is longer than needed is refused, for every major type that
// has an argument.
func TestScanRefusesEveryLongerHead(t *testing.T) {
	for major := byte(0); major < 7; major++ {
		for arg := range uint64(24) {
			for width, info := 1, byte(24); width <= 8; width, info = width*2, info+1 {
				head := append([]byte{major<<5 | info}, make([]byte, width)...)
				head[width] = byte(arg)
				if _, err := ScanItem(append(head, bytes.Repeat([]byte{0x60}, 64)...)); err == nil || !strings.Contains(err.Error(), "shortest") {
					t.Fatalf("% x: %v", head, err)
				}
			}
		}
	}
}

// A cut or an extra byte is noticed at every place.
func TestScanNoticesCuts(t *testing.T) {
	for _, s := range scanAccepted {
		data := unhex(s)
		for n := range data {
			if ScanOne(data[:n]) == nil {
				t.Errorf("%s cut to %d bytes is accepted", s, n)
			}
		}
		wantError(t, ScanOne(append(data, 0)), "trailing bytes")
		if n, err := ScanItem(append(data, 0xff)); n != len(data) || err != nil {
			t.Errorf("%s: ScanItem says %d, %v", s, n, err)
		}
	}
}

// The scanner's work and memory follow the input, whatever lengths it announces.
func TestScanOfHostileLengths(t *testing.T) {
	for _, head := range []string{"9b", "bb", "5b", "7b"} {
		for _, length := range []string{"7fffffffffffffff", "ffffffffffffffff", "0000000100000000"} {
			data := append(unhex(head+length), make([]byte, 100)...)
			if n := allocated(func() { _ = ScanOne(data) }); n > 4096 {
				t.Errorf("%s%s: %d bytes allocated", head, length, n)
			}
		}
	}
}

func ExampleScanItem() {
	n, err := ScanItem([]byte{0x82, 0x01, 0x02, 0xff})
	fmt.Println(n, err)
	fmt.Println(ScanOne([]byte{0x18, 0x01}))
	// Output:
	// 3 <nil>
	// codec: cbor: length at byte 0: 1 is not in its shortest form
}
