package lthash

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/crypto/blake2b"
)

var update = flag.Bool("update", false, "rewrite the golden vectors")

const vectorFile = "../../tests/vectors/lthash.json"

// vectors is the golden file: whole expansions, and digests of sets.
type vectors struct {
	Expansions []expansionVector `json:"expansions"`
	Sets       []setVector       `json:"sets"`
}

type expansionVector struct {
	Space string `json:"space"`
	ID    string `json:"id"`
	State string `json:"state"`
}

type setVector struct {
	Space  string   `json:"space"`
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
	Digest string   `json:"digest"`
}

// naiveAdd and naiveSub are the definition, lane by lane.
func naiveAdd(s, o *State) {
	for i := 0; i < Size; i += 2 {
		le := binary.LittleEndian
		le.PutUint16(s[i:], le.Uint16(s[i:])+le.Uint16(o[i:]))
	}
}

func naiveSub(s, o *State) {
	for i := 0; i < Size; i += 2 {
		le := binary.LittleEndian
		le.PutUint16(s[i:], le.Uint16(s[i:])-le.Uint16(o[i:]))
	}
}

func random(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func randomIDs(r *rand.ChaCha8, n int) [][32]byte {
	ids := make([][32]byte, n)
	for i := range ids {
		r.Read(ids[i][:])
	}
	return ids
}

func TestLanesMatchNaive(t *testing.T) {
	r := random(1)
	edges := []uint16{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff}
	for round := range 2000 {
		var a, b State
		r.Read(a[:])
		r.Read(b[:])
		if round%2 == 0 { // carries and borrows live at the edges
			for i := 0; i < Size; i += 2 {
				binary.LittleEndian.PutUint16(a[i:], edges[r.Uint64()%6])
				binary.LittleEndian.PutUint16(b[i:], edges[r.Uint64()%6])
			}
		}
		sum, want := a, a
		sum.AddState(&b)
		naiveAdd(&want, &b)
		if sum != want {
			t.Fatalf("round %d: AddState differs from the definition", round)
		}
		diff, want := a, a
		diff.SubState(&b)
		naiveSub(&want, &b)
		if diff != want {
			t.Fatalf("round %d: SubState differs from the definition", round)
		}
	}
}

func TestStateWithItself(t *testing.T) {
	var s, want State
	random(2).Read(s[:])
	want = s
	copied := s
	naiveAdd(&want, &copied)
	s.AddState(&s)
	if s != want {
		t.Fatal("s.AddState(s) is not twice s")
	}
	s.SubState(&s)
	if s != (State{}) {
		t.Fatal("s.SubState(s) is not empty")
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	r := random(3)
	x := NewExpander(&[32]byte{1})
	ids := randomIDs(r, 200)
	var want State
	for i := range ids {
		want.Add(x, &ids[i])
	}
	for range 10 {
		var got State
		for _, i := range rand.New(r).Perm(len(ids)) {
			got.Add(x, &ids[i])
		}
		if got != want {
			t.Fatal("the order of additions changed the state")
		}
	}
}

func TestAddRemoveInverse(t *testing.T) {
	r := random(4)
	x := NewExpander(&[32]byte{2})
	ids := randomIDs(r, 100)
	var s State
	for i := range ids {
		s.Add(x, &ids[i])
	}
	before := s
	extra := randomIDs(r, 50)
	for i := range extra { // removed before it is added: still the inverse
		s.Remove(x, &extra[i])
	}
	for i := range extra {
		s.Add(x, &extra[len(extra)-1-i])
	}
	if s != before {
		t.Fatal("remove then add is not the identity")
	}
	for i := range ids {
		s.Remove(x, &ids[i])
	}
	if s != (State{}) {
		t.Fatal("removing every member does not leave the empty set")
	}
}

func TestHalvesCombine(t *testing.T) {
	x := NewExpander(&[32]byte{3})
	ids := randomIDs(random(5), 64)
	var all, left, right State
	for i := range ids {
		all.Add(x, &ids[i])
		if i%3 == 0 {
			left.Add(x, &ids[i])
		} else {
			right.Add(x, &ids[i])
		}
	}
	merged := left
	merged.AddState(&right)
	if merged != all || merged.Digest() != all.Digest() {
		t.Fatal("the sum of two halves is not the whole")
	}
	merged.SubState(&left)
	if merged != right {
		t.Fatal("the whole less one half is not the other")
	}
}

func TestDistinctInputsDistinctDigests(t *testing.T) {
	seen := map[[32]byte]string{}
	note := func(s *State, what string) {
		if other, dup := seen[s.Digest()]; dup {
			t.Fatalf("%s and %s have one digest", what, other)
		}
		seen[s.Digest()] = what
	}
	note(new(State), "empty set")
	for space := range byte(4) {
		x := NewExpander(&[32]byte{space})
		for _, id := range randomIDs(random(6), 100) {
			note(x.Expand(&id), hex.EncodeToString(id[:])+" in space "+string('0'+rune(space)))
		}
	}
}

// TestExpansionIsBlake2Xb rebuilds one expansion from the XOF's definition of
// a fresh instance, so that reuse of the scratch XOF is known to leave nothing
// behind.
func TestExpansionIsBlake2Xb(t *testing.T) {
	space := [32]byte{7}
	x := NewExpander(&space)
	for _, id := range randomIDs(random(7), 20) {
		xof, err := blake2b.NewXOF(Size, nil)
		if err != nil {
			t.Fatal(err)
		}
		xof.Write([]byte("rap/lthash16/v1\x00"))
		xof.Write(space[:])
		xof.Write(id[:])
		want := make([]byte, Size)
		xof.Read(want)
		if !bytes.Equal(x.Expand(&id)[:], want) {
			t.Fatal("expansion differs from a fresh BLAKE2Xb")
		}
	}
}

func TestMarshal(t *testing.T) {
	var s, back State
	random(8).Read(s[:])
	b, err := s.AppendBinary([]byte{9})
	if err != nil || len(b) != 1+Size || b[0] != 9 {
		t.Fatalf("AppendBinary: %d bytes, %v", len(b), err)
	}
	if err := back.UnmarshalBinary(b[1:]); err != nil || back != s {
		t.Fatalf("round trip: %v", err)
	}
	for _, n := range []int{0, Size - 1, Size + 1} {
		if back.UnmarshalBinary(make([]byte, n)) == nil || back != s {
			t.Fatalf("%d bytes accepted, or state changed by a refusal", n)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	x, id, s := NewExpander(new([32]byte)), new([32]byte), new(State)
	if n := testing.AllocsPerRun(100, func() {
		id[0]++
		s.Add(x, id)
		s.Remove(x, id)
		s.Digest()
	}); n != 0 {
		t.Fatalf("%v allocations in the steady state", n)
	}
}

func TestString(t *testing.T) {
	// The head of BLAKE2b-256 of 2,048 zero bytes, from another implementation.
	if got, want := new(State).String(), "lthash:200823e5158b3774c11b5c61850ada76"; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(make([]byte, Size))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s State
		if s.UnmarshalBinary(b) != nil {
			if len(b) == Size {
				t.Fatal("a state of the right length refused")
			}
			return
		}
		if back, _ := s.AppendBinary(nil); !bytes.Equal(back, b) {
			t.Fatal("round trip changed the bytes")
		}
	})
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Expansions) == 0 || len(v.Sets) == 0 {
		t.Fatal("no vectors")
	}
	for i, e := range v.Expansions {
		id := bytes32(t, e.ID)
		if got := NewExpander(bytes32(t, e.Space)).Expand(id); hex.EncodeToString(got[:]) != e.State {
			t.Errorf("expansion %d differs", i)
		}
	}
	for i, set := range v.Sets {
		if got := digestOf(t, set); got != set.Digest {
			t.Errorf("set %d: digest %s, want %s", i, got, set.Digest)
		}
	}
}

func writeVectors(t *testing.T) {
	r := random(9)
	hexed := func(ids [][32]byte) []string {
		out := make([]string, 0, len(ids))
		for _, id := range ids {
			out = append(out, hex.EncodeToString(id[:]))
		}
		return out
	}
	spaces, ids := hexed(append(randomIDs(r, 1), [32]byte{})), hexed(randomIDs(r, 20))
	var v vectors
	for _, space := range spaces {
		got := NewExpander(bytes32(t, space)).Expand(bytes32(t, ids[0]))
		v.Expansions = append(v.Expansions, expansionVector{space, ids[0], hex.EncodeToString(got[:])})
		v.Sets = append(v.Sets,
			setVector{Space: space, Add: []string{}, Remove: []string{}},
			setVector{Space: space, Add: ids[:1], Remove: []string{}},
			setVector{Space: space, Add: ids, Remove: ids[5:9]},
			setVector{Space: space, Add: []string{}, Remove: ids[:3]})
	}
	for i := range v.Sets {
		v.Sets[i].Digest = digestOf(t, v.Sets[i])
	}
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func digestOf(t *testing.T, set setVector) string {
	x := NewExpander(bytes32(t, set.Space))
	var s State
	for _, id := range set.Add {
		s.Add(x, bytes32(t, id))
	}
	for _, id := range set.Remove {
		s.Remove(x, bytes32(t, id))
	}
	d := s.Digest()
	return hex.EncodeToString(d[:])
}

func bytes32(t *testing.T, s string) *[32]byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		t.Fatalf("not 32 bytes of hex: %q", s)
	}
	return (*[32]byte)(b)
}
