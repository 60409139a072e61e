package prolly

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
)

func mustOkra(t testing.TB, k, q int) *Okra {
	t.Helper()
	o, err := NewOkra(k, q)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// iota yields n entries BE32(i) → ffffffff, as okra's own tests do.
func iotas(n int) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i := range n {
			if !yield(binary.BigEndian.AppendUint32(nil, uint32(i)), []byte{255, 255, 255, 255}) {
				return
			}
		}
	}
}

func mustFill(t testing.TB, o *Okra, entries iter.Seq2[[]byte, []byte]) *Okra {
	t.Helper()
	if err := o.Fill(entries); err != nil {
		t.Fatal(err)
	}
	return o
}

// Roots that okra 0.4.7 computed; those of a million entries are our own.
var okraRoots = []struct {
	k, q, n, level int
	root           string
}{
	{16, 4, 0, 0, "af1349b9f5f9a1a6a0404dea36dcc949"},
	{16, 4, 1, 1, "19412d526a57a096e95f737e24142f95"},
	{16, 4, 2, 1, "61136f6d51fca4d6a2f631c1b940944e"},
	{16, 4, 10, 4, "29f0468d278dc7fc9813a8e4c3613b89"},
	{16, 4, 100, 4, "b389c726f0afd280f986a11e7f4431c8"},
	{16, 4, 1000, 7, "42f378b631fcf79634a119887352ef34"},
	{16, 4, 10_000, 9, "f3f553986a83194abca40f120bb7b293"},
	{16, 4, 100_000, 8, "f7fe5a93e1bf0a6a8e93b89cf1fb1e96"},
	{16, 4, 1_000_000, 11, "09917f3385f7b3677429e3218092f84d"},
	{16, 32, 10, 1, "b8fc861410bf3fd5ba1c2ead13116d42"},
	{16, 32, 100, 2, "a4cb8c3eac0f3fb80f10d01e63995cc4"},
	{16, 32, 1000, 3, "c8736edf66ea93186f046717aed603ef"},
	{16, 32, 10_000, 3, "034e893071b441b5e7973d0758d69efe"},
	{16, 32, 1_000_000, 5, "0a5d7e79e56d779ebab88adc4b031dad"},
	{32, 4, 1, 1, "a72da1a6eacf34f9357eed91e6d24489e284173b2bf796b22e9a35cd9fef6920"},
	{32, 4, 10, 2, "267db3c26ea291dffe6b0a5006bd511df6cfff50f4a832280613ab2b2978cc98"},
	{32, 4, 100, 4, "19f57eafc740a42be6dda8acd952bfdcfa8d2e0496da3d9b0f71312d0fb759ed"},
	{32, 4, 1000, 6, "06a3ae7f529dab33d49a6c8975dd851ba7586fe978b40cf4fd4b685caffbc765"},
	{32, 4, 10_000, 6, "4b2439f0dd0d3445e3dc44ceb9237f20b9542a00746b186633652c338aa8b6ec"},
	{32, 32, 10, 1, "bcc0ee491c0add2c2a5c964fbc21bd2708ab1ffbdac6ab4b568be4b3adf26c30"},
	{32, 32, 100, 2, "36a09ff613add84d00ad5673fa31e415abecc45b9f6146cd6c20a05887acaf81"},
	{32, 32, 1000, 2, "7e313d654037030961f65f7c3d80fe585b41dab6567b0ce39166cfffd82f13c2"},
	{32, 32, 10_000, 3, "acb51298594c9ff4fce4c812e4d834444620c2458cba53468aa30cee4becf9cd"},
}

func TestOkraRoots(t *testing.T) {
	for _, f := range okraRoots {
		if testing.Short() && f.n > 100_000 {
			continue
		}
		root := mustFill(t, mustOkra(t, f.k, f.q), iotas(f.n)).Root()
		if got := hex.EncodeToString(root.Hash); root.Level != f.level || got != f.root || root.Key != nil {
			t.Errorf("K=%d Q=%d, %d entries: level %d, root %s, want %d, %s", f.k, f.q, f.n, root.Level, got, f.level, f.root)
		}
		if f.n > 1000 {
			continue
		}
		one := mustOkra(t, f.k, f.q)
		for i, at := range rand.New(rand.NewPCG(1, 2)).Perm(f.n) {
			one.Set(binary.BigEndian.AppendUint32(nil, uint32(at)), []byte{255, 255, 255, 255})
			if i%500 == 0 {
				one.Root()
			}
		}
		if got := hex.EncodeToString(one.Root().Hash); got != f.root {
			t.Errorf("K=%d Q=%d, %d entries one by one: root %s, want %s", f.k, f.q, f.n, got, f.root)
		}
	}
}

func letters(n int) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i := range n {
			yield([]byte{'a' + byte(i)}, []byte{byte(i)})
		}
	}
}

func TestOkraNodes(t *testing.T) {
	o := mustFill(t, mustOkra(t, 32, 4), letters(3))
	var got []string
	o.Nodes(func(n Node) bool {
		got = append(got, fmt.Sprintf("%x %x", n.AppendKey(nil), n.Hash))
		return true
	})
	want := []string{
		"00 af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
		"0061 a0568b6bb51648ab5b2df66ca897ffa4c58ed956cdbcf846d914b269ff182e02",
		"0062 d21fa5d709077fd5594f180a8825852aae07c2f32ab269cfece930978f72c7f9",
		"0063 690b688439b13abeb843a1d7a24d0ea7f40ee1cb038a26bcf16acdab50de9192",
		"01 70ff616136e6ca5726aa564f5db211806ee00a5beb72bbe8d5ce29e95351e092",
	}
	if !slices.Equal(got, want) {
		t.Errorf("nodes %q, want %q", got, want)
	}
	ten := mustFill(t, mustOkra(t, 32, 4), letters(10)).Root()
	if got := hex.EncodeToString(ten.Hash); ten.Level != 2 || got != "2e5d52802433b30f1bf5ed26d55c4b2cf2df1ac40db1639a44c213e612878cff" {
		t.Errorf("ten letters: level %d, %s", ten.Level, got)
	}
	if h := o.Hash([]byte("b")); hex.EncodeToString(h)[:8] != "d21fa5d7" || o.Hash([]byte("d")) != nil || o.Hash(nil) != nil {
		t.Errorf("hash of b: %x", h)
	}
	if meta := hex.EncodeToString(o.Metadata()); meta != "6f6b726103200000000400" {
		t.Errorf("metadata %s", meta)
	}
}

func TestOkraParameters(t *testing.T) {
	for _, p := range [][2]int{{3, 4}, {33, 4}, {16, 1}, {16, 0}, {16, -4}} {
		if o, err := NewOkra(p[0], p[1]); err == nil || o != nil {
			t.Errorf("K=%d, Q=%d: %v", p[0], p[1], err)
		}
	}
	for _, keys := range [][][]byte{{[]byte("b"), []byte("a")}, {[]byte("a"), []byte("a")}, {nil}} {
		err := mustOkra(t, 16, 4).Fill(func(yield func(k, v []byte) bool) {
			for _, k := range keys {
				yield(k, nil)
			}
		})
		if err == nil {
			t.Errorf("%q: no error", keys)
		}
	}
}

// What a store has on level 0 is enough to have the tree back.
func TestOkraFillHashes(t *testing.T) {
	o := mustFill(t, mustOkra(t, 16, 4), iotas(500))
	back := mustOkra(t, 16, 4)
	if err := back.FillHashes(func(yield func(key, hash []byte) bool) {
		o.Nodes(func(n Node) bool { return n.Level > 0 || n.Key == nil || yield(n.Key, n.Hash) })
	}); err != nil || !bytes.Equal(allNodes(o), allNodes(back)) {
		t.Error("another tree", err)
	}
	if err := back.FillHashes(iotas(2)); !errors.Is(err, ErrParam) || back.Len() != 0 {
		t.Error("hashes of 4 bytes:", err)
	}
}

// A pair of an okra tree and what it should hold.
type model struct {
	*Okra
	held map[string]string
}

func (m model) rebuilt(t testing.TB) *Okra {
	keys := make([]string, 0, len(m.held))
	for k := range m.held {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return mustFill(t, mustOkra(t, m.k, m.q), func(yield func(k, v []byte) bool) {
		for _, k := range keys {
			yield([]byte(k), []byte(m.held[k]))
		}
	})
}

func allNodes(o *Okra) []byte {
	var b bytes.Buffer
	o.Nodes(func(n Node) bool {
		fmt.Fprintf(&b, "%x=%x\n", n.AppendKey(nil), n.Hash)
		return true
	})
	return b.Bytes()
}

// Whatever was set and deleted before, the nodes are those of the entries that
// are left; and a snapshot stays as it was.
func TestOkraHistoryIndependence(t *testing.T) {
	steps := 25_000
	if testing.Short() {
		steps = 5000
	}
	for seed, p := range [][2]int{{16, 2}, {16, 4}, {32, 4}, {16, 32}} {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		m := model{mustOkra(t, p[0], p[1]), map[string]string{}}
		for i := range steps {
			key := make([]byte, rng.IntN(3))
			for j := range key {
				key[j] = byte(rng.IntN(40))
			}
			if i/3000%2 == 1 && rng.IntN(4) > 0 || rng.IntN(5) == 0 {
				_, held := m.held[string(key)]
				if m.Delete(key) != held {
					t.Fatalf("delete %x: held %t", key, held)
				}
				delete(m.held, string(key))
			} else {
				value := []byte{byte(rng.IntN(3))}
				m.Set(key, value)
				m.held[string(key)] = string(value)
			}
			if m.Len() != len(m.held) {
				t.Fatalf("%d entries, want %d", m.Len(), len(m.held))
			}
			if i%997 == 0 || i < 50 {
				if got, want := allNodes(m.Okra), allNodes(m.rebuilt(t)); !bytes.Equal(got, want) {
					t.Fatalf("K=%d Q=%d after %d steps, %d entries: nodes\n%swant\n%s", p[0], p[1], i, m.Len(), got, want)
				}
			}
			if i%4001 == 0 {
				snap, before := m.Snapshot(), allNodes(m.Okra)
				m.Set([]byte{1, 2, 3, 4}, nil)
				m.Delete([]byte{1, 2, 3, 4})
				m.Delete(key)
				delete(m.held, string(key))
				if !bytes.Equal(before, allNodes(snap)) {
					t.Fatal("a snapshot changed")
				}
			}
		}
	}
}
