package rbsr

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

var testSalt = codec.Salt{7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func randomID(rng *rand.Rand) (id codec.ID) {
	for i := 0; i < 32; i += 8 {
		binary.LittleEndian.PutUint64(id[i:], rng.Uint64())
	}
	return id
}

// randomEntries draws entries; few times mean many entries at one time.
func randomEntries(rng *rand.Rand, n, times int) []Entry {
	list := make([]Entry, n)
	for i := range list {
		list[i] = Entry{1_700_000_000 + uint64(rng.IntN(times)), randomID(rng)}
		if rng.IntN(8) == 0 && i > 0 { // neighbours that differ late
			list[i].ID = list[rng.IntN(i)].ID
			list[i].ID[20+rng.IntN(12)] ^= byte(1 + rng.IntN(255))
		}
	}
	return list
}

func sorted(entries []Entry) []Entry {
	list := slices.Clone(entries)
	slices.SortFunc(list, func(a, b Entry) int { return a.compare(&b) })
	return slices.Compact(list)
}

func built(entries []Entry) *Tree { return Build(&testSalt, slices.Clone(entries)) }

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
