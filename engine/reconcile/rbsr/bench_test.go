package rbsr

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// twoSets returns two sets of n records that differ in d, the newest or any, half
// of them on each side.
func twoSets(n, d int, recent bool) (left, right []Entry) {
	all := make([]Entry, n)
	for i := range all {
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], uint64(i))
		all[i] = Entry{1_700_000_000 + uint64(i), sha256.Sum256(number[:])}
	}
	return split2(rand.New(rand.NewPCG(uint64(d), 7)), all, d, recent)
}

func BenchmarkNegentropy(b *testing.B) {
	for _, c := range []struct {
		d      int
		recent bool
	}{{0, false}, {10, false}, {10, true}, {100, false}, {100, true}, {1000, false}, {1000, true}, {10_000, false}, {10_000, true}} {
		b.Run(fmt.Sprintf("d=%d/recent=%t", c.d, c.recent), func(b *testing.B) {
			left, right := twoSets(1_000_000, c.d, c.recent)
			l, r := built(left).Pin(), built(right).Pin()
			bytes, rounds := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				client, _ := NewNegentropy(l, 0)
				server, _ := NewNegentropy(r, 0)
				bytes, rounds = 0, 0
				for m := initiate(b, client); m != nil; rounds++ {
					reply := answer(b, server, m)
					bytes += len(m) + len(reply)
					m = answer(b, client, reply)
				}
				if len(client.Have())+len(client.Need()) != c.d {
					b.Fatal("another difference")
				}
			}
			b.ReportMetric(float64(bytes), "bytes")
			b.ReportMetric(float64(rounds), "rounds")
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	left, _ := twoSets(1_000_000, 0, false)
	for b.Loop() {
		Build(&testSalt, left)
	}
}

func BenchmarkInsert(b *testing.B) {
	left, _ := twoSets(1_000_000, 0, false)
	tree := built(left)
	i := uint64(0)
	for b.Loop() {
		i++
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], i)
		tree.Insert(Entry{1_700_000_000 + (i*0x9e3779b97f4a7c15)%1_000_000, sha256.Sum256(number[:])})
	}
}

// A session pins, a record comes, the session ends.
func BenchmarkInsertPinned(b *testing.B) {
	left, _ := twoSets(1_000_000, 0, false)
	tree := built(left)
	i := uint64(0)
	for b.Loop() {
		i++
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], i)
		pin := tree.Pin()
		tree.Insert(Entry{1_700_000_000 + (i*0x9e3779b97f4a7c15)%1_000_000, sha256.Sum256(number[:])})
		pin.Close()
	}
}
