package prolly

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

var testSalt = codec.Salt{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func key(time, id, short uint64) (k Key) {
	binary.BigEndian.PutUint64(k[:], time)
	binary.BigEndian.PutUint64(k[8:], id)
	binary.BigEndian.PutUint64(k[16:], short)
	return k
}

func randomKeys(seed uint64, n int) []Key {
	rng := rand.New(rand.NewPCG(seed, 3))
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = key(1_700_000_000_000<<16+rng.Uint64N(1<<40), rng.Uint64(), rng.Uint64())
	}
	return keys
}

// same compares two trees page by page.
func same(a, b *page) bool {
	if a.level != b.level || a.n != b.n || a.mark != b.mark || !bytes.Equal(a.data, b.data) {
		return false
	}
	for i := range a.kids() {
		if !same(a.kids()[i], b.kids()[i]) {
			return false
		}
	}
	return true
}

// check compares a tree with one that is built of its keys, page by page, and
// looks at what every page has to be.
func check(t testing.TB, s *Set, held map[Key]bool) {
	t.Helper()
	keys := make([]Key, 0, len(held))
	for k := range held {
		keys = append(keys, k)
	}
	fresh := NewSet(&testSalt, keys)
	if s.Len() != len(held) || s.Root() != fresh.Root() || !same(s.root, fresh.root) {
		t.Fatalf("%d keys of %d: root %x, level %d; built %x, level %d", s.Len(), len(held), s.Root(), s.root.level, fresh.Root(), fresh.root.level)
	}
	audit(t, s.rules, s.root)
}

func audit(t testing.TB, r rules, p *page) {
	if int(p.n) > pageMost || len(p.kids()) > 0 != (p.level > 0) || p.level == 0 && len(p.data) != int(p.n)*keySize {
		t.Fatalf("a page of %d nodes, level %d, %d bytes", p.n, p.level, len(p.data))
	}
	for i, kid := range p.kids() {
		if kid.level+1 != p.level || kid.n == 0 || i > 0 && compare(low(r, p.kids()[i-1]), low(r, kid)) >= 0 {
			t.Fatalf("kid %d of level %d in a page of level %d", i, kid.level, p.level)
		}
		audit(t, r, kid)
	}
}

// churn changes a set at random, among keys that pick makes.
func churn(t testing.TB, rng *rand.Rand, steps int, pick func() Key) {
	s, held := NewSet(&testSalt, nil), map[Key]bool{}
	pinned, was := *s, map[Key]bool{}
	var list []Key // the keys of held, and some that are gone
	for i := range steps {
		k := pick()
		if i/(steps/4)%2 == 1 && rng.IntN(4) > 0 || rng.IntN(4) == 0 { // grow, shrink, grow, shrink
			if n := len(list); n > 0 && rng.IntN(8) > 0 {
				at := rng.IntN(n)
				k, list[at], list = list[at], list[n-1], list[:n-1]
			}
			if s.Remove(k) != held[k] {
				t.Fatal("removed what was not there, or not what was")
			}
			delete(held, k)
		} else {
			if s.Add(k) == held[k] {
				t.Fatal("added twice, or not at all")
			}
			if !held[k] {
				held[k], list = true, append(list, k)
			}
		}
		if i < 40 || i%(steps/20) == 0 || len(held) > 200 && len(held) < 300 && i%10 == 0 {
			check(t, s, held)
		}
		if i == steps/3 {
			pinned = Set{tree{rules: s.rules, root: s.root, entries: s.entries}}
			for k := range held {
				was[k] = true
			}
		}
	}
	check(t, s, held)
	check(t, &pinned, was)
	for _, k := range list {
		if s.Remove(k); held[k] {
			delete(held, k)
		}
		if len(held) < 60 {
			check(t, s, held)
		}
	}
	check(t, s, nil)
}

func TestSetHistoryIndependence(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	churn(t, rng, 20_000, func() Key { return key(rng.Uint64N(3000), rng.Uint64N(3), rng.Uint64N(4)) })
	churn(t, rng, 2000, func() Key { return key(rng.Uint64N(30), 0, rng.Uint64N(4)) })
}

// Every change of every small set of keys that begin runs up to some level.
func TestSetSmall(t *testing.T) {
	var kinds [3]uint64 // short ids that begin runs on 0, 1, 2 levels
	begins := func(level int, short uint64) bool {
		k := key(0, 0, short)
		return beginsAt(level, &k)
	}
	for i := range kinds {
		for short := uint64(1); ; short++ {
			if begins(0, short) == (i > 0) && begins(1, short) == (i > 1) && !begins(2, short) {
				kinds[i] = short
				break
			}
		}
	}
	subset := func(set, order int) (keys []Key) {
		for i := range 8 {
			if set>>i&1 != 0 {
				keys = append(keys, key(uint64(i), 0, kinds[(order>>i)%3]))
			}
		}
		return keys
	}
	for order := range 30 {
		all := subset(255, order*37)
		for set := range 256 {
			for i, k := range all {
				s := NewSet(&testSalt, subset(set, order*37))
				if !s.Remove(k) {
					s.Add(k)
				}
				want := NewSet(&testSalt, subset(set^1<<i, order*37))
				if s.Root() != want.Root() || !same(s.root, want.root) {
					t.Fatalf("order %d, set %b, key %d changed", order, set, i)
				}
			}
		}
	}
}

// beginsAt reports whether a node of that key begins a run.
func beginsAt(level int, k *Key) bool {
	r := NewSet(&testSalt, nil).rules
	return r.begins(level, &item{kid: &page{mark: r.mark(k[:])}})
}

// ground makes a short id that begins no run on the first levels, which is what
// somebody grinds who knows the salt; one of rate is left as it is.
func ground(rng *rand.Rand, rate, levels int) uint64 {
	plain := rate > 0 && rng.IntN(rate) == 0
	for {
		short := rng.Uint64()
		k := key(0, 0, short)
		ok := true
		for level := range levels {
			ok = ok && !beginsAt(level, &k)
		}
		if ok || plain {
			return short
		}
	}
}

// times make runs of every kind: dense, sparse, in heaps, doubling in both
// directions, which cuts them unevenly, and all alike.
var times = []func(*rand.Rand) uint64{
	func(rng *rand.Rand) uint64 { return rng.Uint64N(5000) },
	func(rng *rand.Rand) uint64 { return rng.Uint64() },
	func(rng *rand.Rand) uint64 { return rng.Uint64N(64) << 20 },
	func(rng *rand.Rand) uint64 { return 1<<rng.Uint64N(60) + rng.Uint64N(9) },
	func(rng *rand.Rand) uint64 { return -(1<<rng.Uint64N(60) + rng.Uint64N(9)) },
	func(*rand.Rand) uint64 { return 7 },
}

// With keys that never begin a run no page is larger than it may be, and the
// shape is still that of the set.
func TestSetAgainstGrinding(t *testing.T) {
	for i, at := range times {
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		for _, rate := range []int{0, 60} {
			churn(t, rng, 3000, func() Key { return key(at(rng), rng.Uint64N(3), ground(rng, rate, 3)) })
		}
	}
}

// Keys that begin a run, put into the middle of very long ones and taken out
// again, join and part what lies far away.
func TestSetLongRuns(t *testing.T) {
	for i, at := range times {
		rng := rand.New(rand.NewPCG(uint64(i), 4))
		var keys, extra []Key
		for range 1500 {
			keys = append(keys, key(at(rng), rng.Uint64N(1<<40), ground(rng, 0, 3)))
		}
		for i := range 160 { // in heaps: between close ones there are short runs
			near := binary.BigEndian.Uint64(keys[i%8*180][:])
			extra = append(extra, key(near+rng.Uint64N(8), rng.Uint64N(1<<40), ground(rng, 2, 2)))
		}
		held := map[Key]bool{}
		for _, k := range keys {
			held[k] = true
		}
		s := NewSet(&testSalt, keys)
		for range 300 {
			k := extra[rng.IntN(len(extra))]
			if rng.IntN(3) == 0 {
				k = keys[rng.IntN(len(keys))]
			}
			if s.Remove(k) {
				delete(held, k)
			} else {
				s.Add(k)
				held[k] = true
			}
			check(t, s, held)
		}
	}
}

// An update touches a bounded number of pages, also in a run that somebody has
// made as long as he could.
func TestSetUpdateIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	var keys []Key
	for i := range uint64(20_000) {
		keys = append(keys, key(i, 0, ground(rng, 0, 3)))
	}
	s := NewSet(&testSalt, keys)
	for range 200 {
		k := key(rng.Uint64N(20_000), 1, ground(rng, 0, 3))
		before := map[*page]bool{}
		pages(s.root, func(p *page) { before[p] = true })
		s.Add(k)
		changed, size := 0, 0
		pages(s.root, func(p *page) {
			if !before[p] {
				changed, size = changed+1, size+int(p.n)
			}
		})
		if size > 3*4*pageMost || changed > 3*20 {
			t.Fatalf("one key made %d pages with %d nodes", changed, size)
		}
	}
}

func pages(p *page, fn func(*page)) {
	fn(p)
	for _, kid := range p.kids() {
		pages(kid, fn)
	}
}

// The hashes are a format.
func TestSetGolden(t *testing.T) {
	for n, want := range map[int]string{
		0:    "6fda739faa17e238a1a153862ddbaee1",
		1:    "9dea2137757356ace3dc8229af43267b",
		1000: "bb57b9087b2377a56169985848416458",
	} {
		s := NewSet(&testSalt, randomKeys(1, n))
		if root := s.Root(); hex.EncodeToString(root[:]) != want {
			t.Errorf("%d keys: %x, level %d", n, root, s.root.level)
		}
	}
}
