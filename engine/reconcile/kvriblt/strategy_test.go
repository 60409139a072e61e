package kvriblt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func TestConformance(t *testing.T) { reconciletest.Run(t, Strategy{}, full.Strategy{}) }

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, Strategy{}) }

var (
	_ reconcile.Loader = Strategy{}
	_ reconcile.Saver  = (*kept)(nil)
)

// register is a version of a register, numbered as nodes number them: a count over
// a tag.
func register(key, count uint64) reconciletest.Record {
	r := reconciletest.NewRecord(count*1_000_003 + key)
	r.Key = reconciletest.NewRecord(key).Key
	r.Version = count<<tagBits | 0x1234
	return r
}

// Each newer record moves once, in the right direction, and no older one moves.
func TestNewerMovesOnce(t *testing.T) {
	for _, shape := range []struct{ n, d int }{{300, 3}, {2000, 30}, {2000, 200}, {5000, 1200}, {100, 90}} {
		rng := rand.New(rand.NewPCG(uint64(shape.n), uint64(shape.d)))
		st := Strategy{}
		left, right := reconciletest.NewRegisters(st), reconciletest.NewRegisters(st)
		var toLeft, toRight []reconciletest.Record
		for key := range uint64(shape.n) {
			base := register(key, 1+key)
			if key >= uint64(shape.d) {
				left.Add(base)
				right.Add(base)
				continue
			}
			older, newer := left, right
			if rng.IntN(2) == 0 {
				older, newer = right, left
			}
			if rng.IntN(5) > 0 {
				older.Add(base)
			}
			next := register(key, 2+key+rng.Uint64N(1<<(countBits-1)-1))
			newer.Add(next)
			if newer == left {
				toRight = append(toRight, next)
			} else {
				toLeft = append(toLeft, next)
			}
		}
		cost, err := reconciletest.Session(st, left, right, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if !left.Equal(right) || cost.Given != len(toLeft)+len(toRight) || cost.Wanted != 0 {
			t.Errorf("%+v: %d records moved for %d, equal: %t", shape, cost.Given, len(toLeft)+len(toRight), left.Equal(right))
		}
		t.Logf("%+v: %d bytes, %.1f each, %d rounds", shape, cost.Bytes, float64(cost.Bytes)/float64(shape.d), cost.Rounds)
	}
}

// sessions runs sessions until the sets are equal and returns how many it took.
func sessions(t *testing.T, left, right *reconciletest.Set, most int) int {
	t.Helper()
	for n := 1; n <= most; n++ {
		cost, err := reconciletest.Session(Strategy{}, left, right, func() {})
		if err != nil || cost.Fallback {
			t.Fatalf("session %d: %v, fallback: %t", n, err, cost.Fallback)
		}
		if left.Equal(right) {
			return n
		}
	}
	t.Fatalf("not equal after %d sessions", most)
	return 0
}

// Counts that lie so far apart that their low bits mislead cost sessions, not
// convergence, in either role.
func TestCountsFarApart(t *testing.T) {
	for _, swap := range []bool{false, true} {
		for _, apart := range []uint64{1 << 19, 1<<19 + 1, 1<<20 - 1, 1 << 20, 1<<40 + 1<<19 + 5} {
			left, right := reconciletest.NewRegisters(Strategy{}), reconciletest.NewRegisters(Strategy{})
			for key := range uint64(50) {
				left.Add(register(key, 7))
				right.Add(register(key, 7))
			}
			left.Add(register(3, 7+apart))
			right.Add(register(4, 7+apart))
			if swap {
				left, right = right, left
			}
			n := sessions(t, left, right, repeatsMax+2)
			if !left.Holds(register(3, 7+apart)) || !left.Holds(register(4, 7+apart)) {
				t.Fatalf("counts %d apart: an older version has won", apart)
			}
			t.Logf("counts %d apart: %d sessions", apart, n)
		}
	}
}

// Two keys in one place act as one unknown: the sets become equal all the same,
// whoever holds which of them in whichever version.
func TestCollidingKeys(t *testing.T) {
	a := register(1, 5)
	b := register(2, 5)
	b.Key = a.Key + 1 // the field has 2^31 places for 2^64 hashes
	if keyID(a.Key) != keyID(b.Key) {
		t.Fatal("keys that do not collide")
	}
	a2, b2 := register(1, 6), register(2, 9)
	b2.Key = b.Key
	all := []reconciletest.Record{a, a2, b, b2}
	for bits := range 1 << 8 {
		left, right := reconciletest.NewRegisters(Strategy{}), reconciletest.NewRegisters(Strategy{})
		for key := range uint64(40) {
			left.Add(register(100+key, 7))
			right.Add(register(100+key, 7))
		}
		for i, r := range all {
			if bits>>i&1 == 1 {
				left.Add(r)
			}
			if bits>>(4+i)&1 == 1 {
				right.Add(r)
			}
		}
		sessions(t, left, right, repeatsMax+2)
	}
}

// Twins, one version signed twice, are a bucket of two.
func TestTwins(t *testing.T) {
	first, second := register(1, 5), register(1, 5)
	second.ID[0]++
	second.Short = ^first.Short
	for bits := range 16 {
		// Sets that keep all they are given, as nodes keep twins.
		left, right := reconciletest.NewSet(Strategy{}), reconciletest.NewSet(Strategy{})
		for key := range uint64(40) {
			left.Add(register(100+key, 7))
			right.Add(register(100+key, 7))
		}
		for i, r := range []reconciletest.Record{first, second} {
			if bits>>i&1 == 1 {
				left.Add(r)
			}
			if bits>>(2+i)&1 == 1 {
				right.Add(r)
			}
		}
		sessions(t, left, right, repeatsMax+2)
	}
}

// A view that keeps every version and does not say so has buckets of several, and
// converges.
func TestManyVersionsOfAKey(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		left, right := reconciletest.NewSet(Strategy{}), reconciletest.NewSet(Strategy{})
		for range 1 + rng.IntN(300) {
			r := register(rng.Uint64N(20), 1+rng.Uint64N(30))
			if rng.IntN(4) > 0 {
				left.Add(r)
			}
			if rng.IntN(4) > 0 {
				right.Add(r)
			}
		}
		for try := 0; !left.Equal(right); try++ {
			cost, err := reconciletest.Session(Strategy{}, left, right, func() {})
			if err != nil || try > 2*repeatsMax {
				t.Fatalf("seed %d, session %d: %v", seed, try, err)
			}
			if cost.Fallback || cost.Given+cost.Wanted == 0 {
				if _, err := reconciletest.Session(full.Strategy{}, left, right, func() {}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// allView says that its space keeps every version.
type allView struct{ *reconciletest.View }

func (allView) KeepsAll() bool { return true }

func TestEveryRecordIsAKeyWhereAllAreKept(t *testing.T) {
	var records []reconciletest.Record
	for count := range uint64(50) {
		records = append(records, register(1, 1+count))
	}
	k := Strategy{}.NewKept(allView{reconciletest.NewSet(full.Strategy{}, records...).Pin()}).(*kept)
	if p := k.Pin().(*pinned); len(p.values()) != len(records) {
		t.Errorf("%d keys of %d records", len(p.values()), len(records))
	}
}

func TestNewer(t *testing.T) {
	value := func(count uint64) uint32 { return pack(count<<tagBits, 0xfeedface_00000000) }
	const half = 1 << (countBits - 1)
	for _, v := range []struct {
		a, b uint64
		want int
	}{
		{1, 0, 1}, {0, 1, -1}, {5, 5, 0}, {half - 1, 0, 1}, {half, 0, 0}, {half + 1, 0, -1},
		{1<<countBits + 1, 1<<countBits - 1, 1}, {1 << countBits, 0, 0}, {1 << 46, 1<<46 + 3, -1},
	} {
		if got := newer(value(v.a), value(v.b)); got != v.want {
			t.Errorf("count %d against %d: %d, want %d", v.a, v.b, got, v.want)
		}
	}
	for _, version := range []uint64{0, 1, 1<<63 - 1, 1<<64 - 1} {
		for _, short := range []uint64{0, 1<<64 - 1} {
			if x := pack(version, short); x == 0 || x >= prime {
				t.Errorf("version %x of %x is %x", version, short, x)
			}
		}
	}
	for _, hash := range []uint64{0, 1<<64 - 1} {
		if k := keyID(hash); k == 0 || k >= prime {
			t.Errorf("hash %x has place %x", hash, k)
		}
	}
}

// open starts a session between two sets of n and m registers.
func open(n, m int) (left, right reconcile.Session, toRight, toLeft *reconcile.Out) {
	sets := [2]*reconciletest.Set{reconciletest.NewSet(Strategy{}), reconciletest.NewSet(Strategy{})}
	for key := range max(n, m) {
		if key < n {
			sets[0].Add(register(uint64(key), 3))
		}
		if key < m {
			sets[1].Add(register(uint64(key), 3))
		}
	}
	a, b := sets[0].Pin(), sets[1].Pin()
	toRight, toLeft = new(reconcile.Out), new(reconcile.Out)
	return Strategy{}.Open(a, reconcile.Peer{Count: b.Count()}, toRight), Strategy{}.Accept(b, reconcile.Peer{Count: a.Count()}, toLeft), toRight, toLeft
}

// What is out of turn or out of range is refused.
func TestOutOfTurn(t *testing.T) {
	more := func(n uint64) []byte { return binary.AppendUvarint([]byte{msgMore}, n) }
	left, right, toRight, toLeft := open(500, 520)
	wrong := func(s reconcile.Session, payloads ...[]byte) {
		t.Helper()
		for _, p := range payloads {
			if err := s.Receive(p, new(reconcile.Out)); !errors.Is(err, reconcile.ErrPayload) {
				t.Errorf("payload %x: %v", p[:min(len(p), 9)], err)
			}
		}
	}
	hello := toRight.Payloads[0]
	wrong(right, nil, []byte{}, more(1), []byte{msgWant, 0}, hello[:50], []byte{99})
	if err := right.Receive(hello, toLeft); err != nil || len(toLeft.Payloads) < 2 {
		t.Fatal(err, len(toLeft.Payloads))
	}
	wrong(right, hello, more(0), more(cellsMaxOf(520)), more(1<<62), append(more(1), 0), []byte{msgWant, 1, 31, 0})
	sums, cells := toLeft.Payloads[0], toLeft.Payloads[1]
	wrong(left, cells, sums[:9], []byte{msgSums}, append([]byte{msgSums, 1, 0}, sums[4:]...), []byte{msgList}, []byte{msgList, 2, 0})
	if err := left.Receive(sums, new(reconcile.Out)); err != nil {
		t.Fatal(err)
	}
	wrong(left, sums, cells[:2], cells[:12], append(cells[:1:1], append([]byte{2}, cells[2:]...)...), append(cells[:len(cells):len(cells)], make([]byte, 900)...), []byte{msgList, 0, 0})
}

func cellsMaxOf(count uint64) uint64 { return uint64(cellsMax(count)) }

// Endless cells that never add up end in a fallback, after work that the cells
// received bound.
func TestEndlessCells(t *testing.T) {
	left, _, _, _ := open(1000, 1000)
	rng := rand.New(rand.NewPCG(1, 1))
	noise := func(n int) []Cell {
		cells := make([]Cell, n)
		for i := range cells {
			cells[i] = newCell(rng.Uint32N(prime), rng.Uint32N(prime), rng.Uint32N(1<<checkBits))
		}
		return cells
	}
	var out reconcile.Out
	p := binary.AppendUvarint(binary.AppendUvarint([]byte{msgSums}, 1000), 2)
	if err := left.Receive(appendSums(p, &PowerSums{1, 2, 3}), &out); err != nil {
		t.Fatal(err)
	}
	for n, at, ask := 0, 1, uint64(1); !out.Fallback; n++ {
		if n > 200 || out.Done {
			t.Fatalf("no end after %d payloads, done: %t", n, out.Done)
		}
		out = reconcile.Out{}
		if err := left.Receive(appendCells(binary.AppendUvarint([]byte{msgCells}, uint64(at)), noise(int(ask))), &out); err != nil {
			t.Fatal(err)
		}
		at += int(ask)
		if len(out.Payloads) == 1 {
			ask, _ = binary.Uvarint(out.Payloads[0][1:])
		}
	}
}

// Nothing is given twice, and nothing for keys that there are not.
func TestWants(t *testing.T) {
	_, right, toRight, toLeft := open(10, 1000)
	if err := right.Receive(toRight.Payloads[0], toLeft); err != nil {
		t.Fatal(err)
	}
	var keys []unknown
	for key := uint32(1); key < 900; key++ {
		keys = append(keys, unknown{key: key})
	}
	out := new(reconcile.Out)
	if err := right.Receive(appendKeys([]byte{msgWant}, 0, keys, false), out); err != nil || len(out.Give) > 0 {
		t.Fatalf("%v: %d gives", err, len(out.Give))
	}
	// Once more, as far as keys are higher than those asked for.
	mine := []unknown{{key: keyID(register(7, 3).Key)}}
	ask := appendKeys([]byte{msgWant}, keys[len(keys)-1].key, mine, false)
	again := appendKeys([]byte{msgWant}, 0, mine, false)
	for i, p := range [][]byte{ask, again} {
		out := new(reconcile.Out)
		if err := right.Receive(p, out); i == 0 && (err != nil || len(out.Give) != 1) || i == 1 && len(out.Give) > 0 {
			t.Fatalf("request %d: %v, %d gives", i, err, len(out.Give))
		}
	}
	for i := range 200 {
		next := appendKeys([]byte{msgWant}, 0, []unknown{{key: 1}}, false) // the next place, wherever that is
		if err := right.Receive(next, new(reconcile.Out)); err != nil {
			if !errors.Is(err, reconcile.ErrPayload) || i < 90 {
				t.Errorf("request %d: %v", i, err)
			}
			return
		}
	}
	t.Error("more keys are wanted than there are records")
}

func Example() {
	left, right := reconciletest.NewRegisters(Strategy{}), reconciletest.NewRegisters(Strategy{})
	for key := range uint64(1000) {
		left.Add(register(key, 1))
		right.Add(register(key, 1))
	}
	left.Add(register(1, 2))  // newer here
	right.Add(register(2, 9)) // newer there
	cost, err := reconciletest.Session(Strategy{}, left, right, func() {})
	fmt.Println(left.Equal(right), cost.Given, cost.Rounds, err)
	// Output: true 2 1 <nil>
}

// Registers whose keys were chosen to share their first cells stall a session, which
// gives up within its bound; the salted sketch that follows places records.
func TestGroundKeys(t *testing.T) {
	const pairs, shared = 40, 900
	places := func(rec *reconciletest.Record) (h uint64) {
		r := routeOf(keyID(rec.Key))
		for s := 1; r.cell(s) < shared; s++ {
			h = mix64(h + uint64(r.cell(s)))
		}
		return h
	}
	ground, hashed := reconciletest.Ground(&reconciletest.Salt, pairs, places)
	left, right := reconciletest.NewSet(Strategy{}), reconciletest.NewSet(Strategy{})
	for n := range uint64(3000) {
		left.Add(reconciletest.NewRecord(n))
		right.Add(reconciletest.NewRecord(n))
	}
	for _, r := range ground {
		right.Add(r)
	}
	cost, err := reconciletest.Session(Strategy{}, left, right, func() {})
	if err != nil || !cost.Fallback || cost.Bytes < 5000 || cost.Bytes > 20_000 {
		t.Errorf("%d hashes: %+v, %v", hashed, cost, err)
	}
	t.Logf("%d hashes: %+v", hashed, cost)
}

// What a changed register costs that shares its place with another one: records that
// move in vain, until both sides are equal. docs/kvriblt.md reckons with the mean.
func TestSharedPlacesCost(t *testing.T) {
	const trials = 200
	rng := rand.New(rand.NewPCG(61, 31))
	total := 0
	for _, update := range []bool{true, true, true, true, false} {
		for trial := range trials {
			left, right := reconciletest.NewRegisters(Strategy{}), reconciletest.NewRegisters(Strategy{})
			for key := range uint64(100) {
				left.Add(register(key, 1+key))
				right.Add(register(key, 1+key))
			}
			other, changed := register(500, 1+rng.Uint64N(1000)), register(501, 1+rng.Uint64N(1000))
			changed.Key = other.Key ^ 1 // the places are wider than that
			left.Add(other)
			right.Add(other)
			newer := reconciletest.Update(changed, 1+rng.Uint64N(100))
			if update {
				left.Add(changed)
				right.Add(changed)
			}
			[]*reconciletest.Set{left, right}[trial%2].Add(newer)
			moved := 0
			for sessions := 0; !left.Equal(right); sessions++ {
				cost, err := reconciletest.Session(Strategy{}, left, right, func() {})
				if err != nil || cost.Fallback || sessions == 5 {
					t.Fatalf("%v after %d sessions: %+v", err, sessions, cost)
				}
				moved += cost.Given
			}
			total += moved - 1
		}
	}
	mean := float64(total) / (5 * trials)
	t.Logf("%.2f records in vain for each changed register that shares its place", mean)
	if mean < 2.4 || mean > 2.6 {
		t.Errorf("%.2f records in vain", mean)
	}
}
