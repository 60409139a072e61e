package rbsr

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

func newNeg(t testing.TB, entries []Entry, limit int) *Negentropy {
	t.Helper()
	n, err := NewNegentropy(built(entries).Pin(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func initiate(t testing.TB, n *Negentropy) []byte {
	t.Helper()
	m, err := n.Initiate()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func answer(t testing.TB, n *Negentropy, message []byte) []byte {
	t.Helper()
	m, err := n.Reconcile(message)
	if err != nil {
		t.Fatalf("%v, on %x", err, message[:min(len(message), 200)])
	}
	return m
}

// The example that was made with the C++ reference.
func TestGoldenExample(t *testing.T) {
	if got := initiate(t, newNeg(t, nil, 0)); !bytes.Equal(got, unhex(t, "6100000200")) {
		t.Errorf("an empty client says %x", got)
	}
	if got := answer(t, newNeg(t, nil, 0), unhex(t, "6100000200")); !bytes.Equal(got, unhex(t, "6100000200")) {
		t.Errorf("an empty server says %x", got)
	}
	var one Entry
	one.Time = 1_700_000_000
	for i := range one.ID {
		one.ID[i] = byte(i)
	}
	if got := initiate(t, newNeg(t, []Entry{one}, 0)); !bytes.Equal(got, append(unhex(t, "6100000201"), one.ID[:]...)) {
		t.Errorf("a client of one says %x", got)
	}
	if got := answer(t, newNeg(t, nil, 0), []byte{0x62, 9, 9}); !bytes.Equal(got, []byte{0x61}) {
		t.Errorf("on another version: %x", got)
	}

	var clients, servers []Entry
	for k := range 40 {
		e := Entry{Time: 1000 + uint64(k/4), ID: codec.ID(bytes.Repeat([]byte{byte(k)}, 32))}
		clients = append(clients, e)
		if k != 21 {
			servers = append(servers, e)
		}
	}
	extra := codec.ID{0x0e, 0xff}
	servers = append(servers, Entry{1003, extra})
	client, server := newNeg(t, clients, 0), newNeg(t, servers, 0)
	ask := initiate(t, client)
	if want := unhex(t, goldenAsk); !bytes.Equal(ask, want) {
		t.Fatalf("the client says\n%x, not\n%x", ask, want)
	}
	reply := answer(t, server, ask)
	id := func(b byte) string { return string(bytes.Repeat([]byte{b}, 32)) }
	want := "\x61\x87\x6c\x00\x00\x01\x01\x0f\x02\x04" + id(0x0c) + id(0x0d) + id(0x0e) + string(extra[:]) +
		"\x03\x01\x15\x00\x02\x00\x02\x02" + id(0x16) + id(0x17)
	if string(reply) != want {
		t.Fatalf("the server says\n%x, not\n%x", reply, want)
	}
	if last := answer(t, client, reply); last != nil {
		t.Errorf("the client goes on: %x", last)
	}
	if have := client.Have(); len(have) != 1 || have[0] != codec.ID([]byte(id(0x15))) {
		t.Errorf("have %v", have)
	}
	if need := client.Need(); len(need) != 1 || need[0] != extra {
		t.Errorf("need %v", need)
	}
}

const goldenAsk = "618769010301c2055e4b533b897450a2f7abc14a368802010601686aedff2f9c4403c95df663a2e7f94d020109017851008de1c1111147a0cffd5542d5ee02000121c47e3389dd7e42ed5f9990ec98789701010f01be94a05e5a683c00bbb00ac3bb4435dc020112014b715d057b6f72486a252102172853b1020115011bc69c0b9fe040f11e814ecf7dded6d40200017c8f9535a9d6cd73ebc6ccc0bb2a05d401011a01ea0b199ccb75b2bf4ad341fb9fc51123020001a1f81d851b2aeb0e73172e413a6ab57401011e01b3e3858268b6e16cf19cad87464bb7950200011fcfbdb995ca766a5be2bbd528e9ee3d01012201e6b58a8f002f65b65fd1d4bcb4c0fefa0200011241fc13047494506c3fe92e987bb00f0101260116d326ae01c53db89e5ecd79d96aa0420000013ce0890e0e3b24cb6629495268f05299"

func TestGoldenFingerprintsAndVarints(t *testing.T) {
	one, ones := codec.ID{1}, codec.ID(bytes.Repeat([]byte{0xff}, 32))
	for want, ids := range map[string][]codec.ID{
		"7f9c9e31ac8256ca2f258583df262dbc": nil,
		"2e255099d6d6bee307c8e7075acc78f9": {one},
		"58cc2f44d3a27866874701fbad573da9": {one, ones},
	} {
		var entries []Entry
		for _, id := range ids {
			entries = append(entries, Entry{1, id})
		}
		n := newNeg(t, entries, 0)
		a, b := n.set.start(), n.set.seek(n.set.hi)
		if fp := n.fingerprint(&a, &b); !bytes.Equal(fp[:], unhex(t, want)) {
			t.Errorf("%d ids: %x, want %s", len(ids), fp, want)
		}
	}
	for want, v := range map[string]uint64{
		"00": 0, "7f": 127, "8100": 128, "822c": 300, "818000": 16384, "81ffffffffffffffff7f": 1<<64 - 1,
	} {
		got := appendVarint(nil, v)
		r := v1Reader{reader: reader{data: got}}
		if back := r.varint(); !bytes.Equal(got, unhex(t, want)) || back != v || r.err != nil {
			t.Errorf("%d is %x and back %d, %v", v, got, back, r.err)
		}
	}
}

// split2 deals entries to two sides that differ in d of them, the newest or any.
func split2(rng *rand.Rand, all []Entry, d int, recent bool) (left, right []Entry) {
	all = sorted(all)
	only := map[int]bool{}
	for len(only) < min(d, len(all)) {
		at := rng.IntN(len(all))
		if recent {
			at = len(all) - 1 - len(only)
		}
		only[at] = true
	}
	for i, e := range all {
		switch {
		case !only[i]:
			left, right = append(left, e), append(right, e)
		case rng.IntN(2) == 0:
			left = append(left, e)
		default:
			right = append(right, e)
		}
	}
	return left, right
}

// Every message equals that of the straightforward model, on both sides, with and
// without frame limits, and the difference is the difference.
func TestTranscriptsEqualTheModels(t *testing.T) {
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 2))
		all := randomEntries(rng, []int{0, 1, 31, 40, 500, 3000}[rng.IntN(6)], []int{1, 30, 100_000}[rng.IntN(3)])
		left, right := split2(rng, all, rng.IntN(len(all)+1)>>rng.IntN(8), rng.IntN(2) == 0)
		limit := []int{0, 0, 4096, 5000, 60_000}[rng.IntN(5)]
		client, server := newNeg(t, left, limit), newNeg(t, right, limit)
		if rng.IntN(2) == 0 { // trees that grew
			client.set, server.set = inserted(left).Pin(), inserted(right).Pin()
		}
		mc, ms := newModel(left, limit), newModel(right, limit)
		message, expected := initiate(t, client), mc.initiate()
		rounds := 0
		for ; message != nil; rounds++ {
			if !bytes.Equal(message, expected) {
				t.Fatalf("seed %d, limit %d, round %d: the client says\n%x, not\n%x", seed, limit, rounds, message, expected)
			}
			reply, want := answer(t, server, message), ms.reconcile(expected)
			if !bytes.Equal(reply, want) {
				t.Fatalf("seed %d, limit %d, round %d: the server says\n%x, not\n%x", seed, limit, rounds, reply, want)
			}
			if limit > 0 && len(reply) > limit {
				t.Fatalf("seed %d: a message of %d bytes, limit %d", seed, len(reply), limit)
			}
			message, expected = answer(t, client, reply), mc.reconcile(want)
			if rounds > 500 {
				t.Fatalf("seed %d: endless", seed)
			}
		}
		if expected != nil {
			t.Fatalf("seed %d: the client stops, the model goes on", seed)
		}
		checkIDs(t, fmt.Sprintf("seed %d: have", seed), client.Have(), mc.have, left, right)
		checkIDs(t, fmt.Sprintf("seed %d: need", seed), client.Need(), mc.need, right, left)
	}
}

func checkIDs(t *testing.T, what string, got []codec.ID, model map[codec.ID]bool, in, notIn []Entry) {
	t.Helper()
	var want []codec.ID
	other := map[Entry]bool{}
	for _, e := range notIn {
		other[e] = true
	}
	for _, e := range in {
		if !other[e] {
			want = append(want, e.ID)
		}
	}
	got = slices.Clone(got)
	slices.SortFunc(got, codec.ID.Compare)
	sortIDs(&want)
	if !slices.Equal(got, want) || len(model) != len(got) {
		t.Fatalf("%s: %d, the model %d, in truth %d", what, len(got), len(model), len(want))
	}
}

func TestNegentropyErrors(t *testing.T) {
	if _, err := NewNegentropy(NewTree(&testSalt).Pin(), 4095); !errors.Is(err, ErrFrameLimit) {
		t.Errorf("a limit of 4095: %v", err)
	}
	twice := newNeg(t, nil, 0)
	initiate(t, twice)
	if _, err := twice.Initiate(); !errors.Is(err, ErrRole) {
		t.Errorf("initiated twice: %v", err)
	}
	for _, c := range []struct {
		message string
		client  bool
		want    error
	}{
		{"", false, ErrTruncated},
		{"5f", false, ErrVersion},
		{"70", true, ErrVersion},
		{"62", true, ErrVersion},
		{"6101", false, ErrTruncated},
		{"61010003", false, ErrMode},
		{"61012100", false, ErrBound},
		{"61010102", false, ErrTruncated},
		{"61000001" + "7f9c9e31ac8256ca2f258583df262d", false, ErrTruncated},
		{"6100000281ffffffffffffffff7f", false, ErrTruncated},
		{"6100000283ffffffffffffffff7f", true, ErrVarint},
		{"61ffffffffffffffffffffffffffffffffffff", true, ErrVarint},
		{"6100000201" + "0102", true, ErrTruncated},
	} {
		n := newNeg(t, []Entry{{Time: 5}}, 0)
		if c.client {
			initiate(t, n)
		}
		if out, err := n.Reconcile(unhex(t, c.message)); !errors.Is(err, c.want) || !errors.Is(err, reconcile.ErrPayload) || out != nil {
			t.Errorf("%s: %x, %v, want %v", c.message, out, err, c.want)
		}
	}
}

// Lists of any length and order are told apart, repetitions or not.
func TestTellAnyLists(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		all := randomEntries(rng, 1+rng.IntN([]int{8, 60, 70, 300}[rng.IntN(4)]), 1+rng.IntN(500))
		left, right := split2(rng, all, rng.IntN(len(all)+1), false)
		n := newNeg(t, left, 0)
		initiate(t, n)
		rng.Shuffle(len(right), func(i, j int) { right[i], right[j] = right[j], right[i] })
		message := append([]byte{0x61, 0, 0}, modelList(right)...)
		if out := answer(t, n, message); out != nil {
			t.Fatalf("seed %d: %x", seed, out)
		}
		m := newModel(left, 0)
		m.client = true
		m.reconcile(message)
		checkIDs(t, fmt.Sprintf("seed %d: have", seed), n.Have(), m.have, left, right)
		checkIDs(t, fmt.Sprintf("seed %d: need", seed), n.Need(), m.need, right, left)
	}
}

// What a message costs and says is bounded by what it is long, the set and the
// frame limit, whoever sends it.
func FuzzNegentropy(f *testing.F) {
	f.Add(unhex(f, goldenAsk), true, false)
	f.Add(unhex(f, "6100000200"), true, true)
	f.Add(unhex(f, "61818000000187000002000000020000"), false, true)
	rng := rand.New(rand.NewPCG(9, 9))
	entries := randomEntries(rng, 700, 40)
	snap := built(entries).Pin()
	f.Fuzz(func(t *testing.T, message []byte, client, limited bool) {
		limit := 0
		if limited {
			limit = FrameLimitMin
		}
		n, err := NewNegentropy(snap, limit)
		if err != nil {
			t.Fatal(err)
		}
		if client {
			initiate(t, n)
		}
		out, err := n.Reconcile(message)
		if err != nil && (!errors.Is(err, reconcile.ErrPayload) || out != nil) {
			t.Fatalf("%x and %v", out, err)
		}
		if most := 33*len(message)*v1Buckets + 32*len(entries) + 64; len(out) > most || limited && len(out) > limit {
			t.Fatalf("%d bytes make %d", len(message), len(out))
		}
		if len(n.Have()) > len(entries) || len(n.Need()) > len(message)/32 {
			t.Fatalf("%d bytes: %d to have, %d to need", len(message), len(n.Have()), len(n.Need()))
		}
	})
}
