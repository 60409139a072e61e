package codec

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

func goodGenesis() *Genesis {
	return &Genesis{
		Owner: PeerID{1}, Write: WriteMembers, Read: ReadMembers, History: HistoryAll,
		Scope: ScopeWhole, Salt: Salt{2}, ValueMax: 1000, Name: "räume",
	}
}

func TestGenesisRoundTrip(t *testing.T) {
	for _, change := range []func(*Genesis){
		func(*Genesis) {},
		func(g *Genesis) { g.Write, g.Read, g.History = WriteOpen, ReadAnyone, HistoryCurrent },
		func(g *Genesis) { g.ValueMax, g.Name = 1, "" },
		func(g *Genesis) { g.ValueMax, g.Name = ValueInlineMax, strings.Repeat("x", TextMax) },
	} {
		g := goodGenesis()
		change(g)
		got, err := ParseGenesis(g.Encode())
		if err != nil || *got != *g || got.ID() != g.ID() {
			t.Errorf("%+v became %+v, %v", g, got, err)
		}
	}
}

// genesisRefused lists changes of single fields; they are golden vectors too.
var genesisRefused = []struct {
	field int
	hex   string
	want  string
}{
	{0, "02", "format 2, only 1"}, {0, "1801", "format"},
	{1, "41aa", "owner"}, {1, "f6", "owner"},
	{2, "02", "write policy at byte 36: 2 is over the limit 1"}, {2, "f6", "write policy"}, {2, "20", "write policy"},
	{3, "02", "read rule at byte 37: 2 is over"},
	{4, "02", "history at byte 38: 2 is over"},
	{5, "01", "scope rule at byte 39: 1 is over"},
	{6, "40", "salt"}, {6, "51" + strings.Repeat("01", 17), "salt"},
	{7, "00", "value limit at byte 57: must be at least 1"}, {7, "1a00010001", "value limit at byte 57: 65537 is over"},
	{8, "40", "name at byte 60: want text"}, {8, "62c328", "name at byte 61: invalid UTF-8"}, {8, "6261", "name"},
	{8, "790401" + strings.Repeat("61", 1025), "name at byte 60: 1025 bytes, at most 1024"},
	{8, "60f6", "trailing bytes"},
}

func brokenGenesis(field int, hex string) []byte {
	good := goodGenesis().Encode()
	s := scanner{data: good, pos: 1}
	for range field {
		_ = s.item(0)
	}
	start := s.pos
	_ = s.item(0)
	return slices.Concat(good[:start], unhex(hex), good[s.pos:])
}

func TestGenesisRefuses(t *testing.T) {
	for _, c := range genesisRefused {
		_, err := ParseGenesis(brokenGenesis(c.field, c.hex))
		wantError(t, err, "codec: genesis: ", c.want)
	}
	good := goodGenesis().Encode()
	for n := range good {
		if _, err := ParseGenesis(good[:n]); err == nil {
			t.Errorf("a genesis cut to %d bytes is accepted", n)
		}
	}
	_, err := ParseGenesis(append([]byte{0x88}, good[1:]...))
	wantError(t, err, "list at byte 0: 8 elements, want 9")
}

// The rules are part of the id: no two spaces differ only in their rules.
func TestGenesisIDCoversEverything(t *testing.T) {
	seen := map[ID]bool{goodGenesis().ID(): true}
	for _, change := range []func(*Genesis){
		func(g *Genesis) { g.Owner[31]++ }, func(g *Genesis) { g.Write = 0 }, func(g *Genesis) { g.Read = 0 },
		func(g *Genesis) { g.History = 0 }, func(g *Genesis) { g.Scope = 1 }, func(g *Genesis) { g.Salt[15]++ },
		func(g *Genesis) { g.ValueMax++ }, func(g *Genesis) { g.Name += "!" },
	} {
		g := goodGenesis()
		change(g)
		if seen[g.ID()] {
			t.Errorf("%+v has another genesis's id", g)
		}
		seen[g.ID()] = true
	}
}

func TestGrantAndCutValues(t *testing.T) {
	grant := GrantValue{Member: PeerID{5}}
	if got, err := ParseGrantValue(grant.Encode()); err != nil || got != grant {
		t.Error(got, err)
	}
	for _, cut := range []CutValue{{Member: PeerID{5}, Last: 7, ID: ID{8}}, {Member: PeerID{5}}, {Last: VersionMax, ID: ID{1}}} {
		if got, err := ParseCutValue(cut.Encode()); err != nil || got != cut {
			t.Error(got, err)
		}
		if err := ScanOne(cut.Encode()); err != nil {
			t.Error(err)
		}
	}
	for hex, want := range map[string]string{
		"":     "list",
		"80":   "list at byte 0: 0 elements, want 1",
		"8140": "member", "81f6": "member",
		"815820" + strings.Repeat("01", 32) + "00": "trailing bytes",
		"82": "list",
	} {
		_, err := ParseGrantValue(unhex(hex))
		wantError(t, err, "codec: grant: ", want)
	}
	member := "5820" + strings.Repeat("01", 32)
	for hex, want := range map[string]string{
		"83" + member + "20f6":                                   "last version",
		"83" + member + "1b8000000000000000f6":                   "last version",
		"83" + member + "00" + "40":                              "last id",
		"83" + member + "00" + "5820" + strings.Repeat("00", 32): "all-zero",
		"83" + member + "00f600":                                 "trailing bytes",
		"82" + member + "00":                                     "list",
	} {
		_, err := ParseCutValue(unhex(hex))
		wantError(t, err, "codec: cut: ", want)
	}
}

// Short ids spread over 64 bits and depend on salt and on every byte of the id.
func TestShortID(t *testing.T) {
	salt, id := Salt{1}, ID{2}
	first := ShortID(&salt, &id)
	for i := range id {
		other := id
		other[i] ^= 1
		if ShortID(&salt, &other) == first {
			t.Errorf("byte %d of the id does not count", i)
		}
	}
	for i := range salt {
		other := salt
		other[i] ^= 1
		if ShortID(&other, &id) == first {
			t.Errorf("byte %d of the salt does not count", i)
		}
	}
	r := newRand("short", 0)
	var ones float64
	const draws = 10_000
	for range draws {
		id := randomID(r)
		for v := ShortID(&salt, &id); v != 0; v &= v - 1 {
			ones++
		}
	}
	if mean := ones / draws; math.Abs(mean-32) > 0.2 {
		t.Errorf("%.2f bits of 64 are set on average", mean)
	}
	if bytes.Equal(salt[:], make([]byte, 16)) {
		t.Error("the salt was changed")
	}
}
