package sign

import (
	"crypto/ed25519"
	"fmt"
	"testing"
)

// signed makes n signatures of 64-byte messages by the given number of authors.
func signed(n, authors int) (pubs, msgs, sigs [][]byte) {
	for i := range n {
		seed := [SeedSize]byte{byte(i % authors), byte(i % authors >> 8), 'b'}
		key := KeyFromSeed(&seed)
		pub, msg := key.Public(), make([]byte, 64)
		copy(msg, fmt.Sprint(i))
		sig := key.Sign(msg)
		pubs, msgs, sigs = append(pubs, pub[:]), append(msgs, msg), append(sigs, sig[:])
	}
	return pubs, msgs, sigs
}

func BenchmarkSign(b *testing.B) {
	key, msg := KeyFromSeed(&[SeedSize]byte{1}), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		key.Sign(msg)
	}
}

func BenchmarkVerify(b *testing.B) {
	pubs, msgs, sigs := signed(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		if !Verify(pubs[0], msgs[0], sigs[0]) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkVerifyStdlib(b *testing.B) {
	pubs, msgs, sigs := signed(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		if !ed25519.Verify(pubs[0], msgs[0], sigs[0]) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkKeyCacheVerify(b *testing.B) {
	for _, c := range []struct {
		name           string
		authors, limit int
	}{{"all-known", 64, 64}, {"none-known", 64, 1}} {
		b.Run(c.name, func(b *testing.B) {
			pubs, msgs, sigs := signed(64, c.authors)
			cache := NewKeyCache(c.limit)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !cache.Verify(pubs[i%64], msgs[i%64], sigs[i%64]) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkCheckKey(b *testing.B) {
	pubs, _, _ := signed(1, 1)
	for b.Loop() {
		CheckKey(pubs[0])
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 2, 3, 8, 64, 256, 1024} {
		for _, c := range []struct {
			name           string
			authors, limit int
		}{
			{"unknown-authors", n, 1},
			{"known-authors", n, n},
			{"16-per-author", (n + 15) / 16, n},
			{"one-author", 1, n},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, c.name), func(b *testing.B) {
				pubs, msgs, sigs := signed(n, c.authors)
				batch := NewBatch(new([32]byte), NewKeyCache(c.limit))
				b.ReportAllocs()
				for b.Loop() {
					for i := range pubs {
						batch.Add(pubs[i], msgs[i], sigs[i])
					}
					if ok, _ := batch.Verify(); !ok {
						b.Fatal("refused")
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/sig")
			})
		}
	}
}

func BenchmarkBatchOneBad(b *testing.B) {
	pubs, msgs, sigs := signed(256, 256)
	sigs[100][0] ^= 1
	batch := NewBatch(new([32]byte), NewKeyCache(256))
	for b.Loop() {
		for i := range pubs {
			batch.Add(pubs[i], msgs[i], sigs[i])
		}
		if ok, _ := batch.Verify(); ok {
			b.Fatal("accepted")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*256), "ns/sig")
}
