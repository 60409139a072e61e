package reconciletest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Run is the suite. fallback is a strategy that works on any two sets; the suite
// of it runs with itself.
func Run(t *testing.T, st, fallback reconcile.Strategy) {
	if name := st.Name(); len(name) == 0 || len(name) > 32 {
		t.Fatalf("a name of %d bytes", len(name))
	}
	t.Run("sets", func(t *testing.T) { sets(t, st) })
	t.Run("equal shorts", func(t *testing.T) { equalShorts(t, st, fallback) })
	t.Run("updates", func(t *testing.T) { updates(t, st, fallback) })
	t.Run("writers", func(t *testing.T) { writers(t, st, fallback) })
	t.Run("same bytes", func(t *testing.T) { sameBytes(t, st) })
	t.Run("hostile", func(t *testing.T) {
		for seed := range uint64(300) {
			Hostile(t, st, seed, nil)
		}
	})
}

// numbers returns the records from lo to hi.
func numbers(lo, hi int) (records []Record) {
	for n := lo; n < hi; n++ {
		records = append(records, NewRecord(uint64(n)))
	}
	return records
}

// A shape is two sets by the sizes of what only the initiator holds, both hold,
// and only the responder holds.
type shape struct{ left, both, right int }

var shapes = []shape{
	{0, 0, 1}, {1, 0, 0}, {1, 1, 0}, {0, 1, 1}, {1, 0, 1}, {0, 300, 0}, {0, 0, 300}, {300, 0, 0},
	{3, 1000, 4}, {100, 100, 100}, {500, 20, 1}, {1, 20, 500}, {200, 0, 200}, {0, 3000, 1}, {1, 3000, 0}, {900, 100, 1100}, {4000, 500, 4000},
}

func (s shape) make(st reconcile.Strategy) (left, right *Set) {
	n := s.left + s.both + s.right
	return NewSet(st, numbers(0, s.left+s.both)...), NewSet(st, numbers(s.left, n)...)
}

// sets: afterwards both sides hold the union, and nothing has moved in vain. A
// hint may leave differences, but moves nothing twice either.
func sets(t *testing.T, st reconcile.Strategy) {
	for _, s := range shapes {
		left, right := s.make(st)
		cost, err := Session(st, left, right, func() {})
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		switch {
		case cost.Fallback:
			t.Errorf("%+v: gave up on sets without equal shorts", s)
		case cost.Given+cost.Wanted > s.left+s.right:
			t.Errorf("%+v: %d given, %d wanted", s, cost.Given, cost.Wanted)
		case !reconcile.IsHint(st) && (!left.Equal(right) || cost.Given+cost.Wanted != s.left+s.right):
			t.Errorf("%+v: %d given, %d wanted, equal: %t", s, cost.Given, cost.Wanted, left.Equal(right))
		}
	}
}

// settle runs sessions as the syncer does until the sets are equal: another try,
// and the fallback after one that gave up or found nothing.
func settle(st, fallback reconcile.Strategy, left, right *Set, between func()) error {
	for range 4 {
		cost, err := Session(st, left, right, between)
		if err != nil {
			return err
		}
		between = func() {}
		if left.Equal(right) {
			return nil
		}
		if cost.Fallback || cost.Given+cost.Wanted == 0 || reconcile.IsHint(st) {
			if _, err := Session(fallback, left, right, between); err != nil {
				return fmt.Errorf("fallback: %w", err)
			}
		}
		if left.Equal(right) {
			return nil
		}
	}
	return errors.New("the sets stay different")
}

// equalShorts: records that share a short id, on one side or on both, cost a
// fallback at worst.
func equalShorts(t *testing.T, st, fallback reconcile.Strategy) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 5))
		left, right := NewSet(st), NewSet(st)
		records := numbers(0, 60)
		for i := range 1 + rng.IntN(6) { // twins of some of them
			of := records[rng.IntN(len(records))]
			twin := Twin(of, uint64(1000+i))
			if twin.Short != of.Short || twin.ID == of.ID {
				t.Fatal("a twin that is none")
			}
			records = append(records, twin)
		}
		for _, r := range records {
			where := rng.IntN(6)
			if where != 0 {
				left.Add(r)
			}
			if where != 1 {
				right.Add(r)
			}
		}
		if err := settle(st, fallback, left, right, func() {}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// updates: both sides hold other versions of some keys, and keys that the other
// lacks. Only the newest versions are left in the end, on both sides.
func updates(t *testing.T, st, fallback reconcile.Strategy) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 9))
		base, next := numbers(0, 1+rng.IntN(400)), uint64(20_000)
		left, right := NewRegisters(st, base...), NewRegisters(st, base...)
		newest := map[uint64]Record{}
		for range rng.IntN(2 * len(base)) {
			next++
			r := Update(base[rng.IntN(len(base))], next)
			if rng.IntN(5) == 0 {
				r = NewRecord(next)
			}
			[]*Set{left, right}[rng.IntN(2)].Add(r)
			newest[r.Key] = r
		}
		if err := settle(st, fallback, left, right, func() {}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, r := range newest { // unordered: every one is checked
			if !left.Holds(r) {
				t.Fatalf("seed %d: the newest version of %x is lost", seed, r.Key)
			}
		}
	}
}

// writers: both sides change while the session runs. It ends, on what it was
// pinned to, and a quiet one finds the rest.
func writers(t *testing.T, st, fallback reconcile.Strategy) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 6))
		s := shape{rng.IntN(200), rng.IntN(500), rng.IntN(200)}
		left, right := s.make(st)
		next := uint64(10_000)
		change := func() {
			for _, side := range []*Set{left, right} {
				next++
				side.Add(NewRecord(next))
			}
			if gone := NewRecord(uint64(rng.IntN(100))); rng.IntN(2) == 0 { // superseded on both sides
				left.Remove(gone)
				right.Remove(gone)
			}
		}
		if err := settle(st, fallback, left, right, change); err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, s, err)
		}
	}
}

// sameBytes: a session is a function of the sets.
func sameBytes(t *testing.T, st reconcile.Strategy) {
	transcript := func() (all []byte) {
		left, right := shape{50, 400, 60}.make(st)
		a, b := left.Pin(), right.Pin()
		defer a.Close()
		defer b.Close()
		var toB, toA reconcile.Out
		session := st.Open(a, reconcile.Peer{Count: b.Count()}, &toB)
		st.Accept(b, reconcile.Peer{Count: a.Count()}, &toA)
		for _, p := range toA.Payloads {
			all = append(all, p...)
			if err := session.Receive(p, &toB); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range toB.Payloads {
			all = append(all, p...)
		}
		return fmt.Append(all, toB.Give, toB.Want)
	}
	if first := transcript(); string(first) != string(transcript()) {
		t.Fatal("two runs differ")
	}
}

// Hostile feeds both sides of a session with payloads that are honest ones
// altered, repeated, left out or made up; data, if there is any, is one of them.
// Errors must be reconcile.ErrPayload, and nothing that a payload says may cost
// more than a bounded answer.
func Hostile(t testing.TB, st reconcile.Strategy, seed uint64, data []byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 8))
	s := shape{rng.IntN(60), rng.IntN(60), rng.IntN(60)}
	left, right := s.make(st)
	a, b := left.Pin(), right.Pin()
	defer a.Close()
	defer b.Close()
	lie := func(honest uint64) uint64 { return []uint64{honest, 0, 1, 1 << 20, 1 << 63, ^uint64(0)}[rng.IntN(6)] }
	var toB, toA reconcile.Out
	sides := []reconcile.Session{
		st.Open(a, reconcile.Peer{Count: lie(b.Count())}, &toB), st.Accept(b, reconcile.Peer{Count: lie(a.Count())}, &toA),
	}
	outs := []*reconcile.Out{&toB, &toA}
	honest := append(append([][]byte{data}, toA.Payloads...), toB.Payloads...)
	for range 20 {
		i := rng.IntN(2)
		payload := append([]byte(nil), honest[rng.IntN(len(honest))]...)
		alter(rng, &payload)
		size := 0
		out := outs[i]
		*out = reconcile.Out{}
		err := sides[i].Receive(payload, out)
		if err != nil && !errors.Is(err, reconcile.ErrPayload) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err != nil {
			return // the session is over
		}
		for _, p := range out.Payloads {
			size += len(p)
		}
		if len(honest) < 64 {
			honest = append(honest, out.Payloads...)
		}
		if size > 4<<20 || len(out.Give) > s.left+s.both+s.right || len(out.Want) > 100_000 {
			t.Fatalf("seed %d: a payload of %d bytes makes %d bytes, %d gives, %d wants", seed, len(payload), size, len(out.Give), len(out.Want))
		}
		if out.Done || out.Fallback {
			return
		}
	}
}

func alter(rng *rand.Rand, p *[]byte) {
	for range rng.IntN(4) {
		switch b := *p; {
		case rng.IntN(3) == 0:
			*p = append(b, byte(rng.Uint32()))
		case len(b) == 0:
		case rng.IntN(2) == 0:
			*p = b[:rng.IntN(len(b))]
		default:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
	}
}

// Fuzz is Hostile for go test -fuzz.
func Fuzz(f *testing.F, st reconcile.Strategy) {
	for seed := range uint64(4) {
		left, right := shape{5, 20, 5}.make(st)
		var out reconcile.Out
		st.Open(left.Pin(), reconcile.Peer{Count: 25}, &out)
		st.Accept(right.Pin(), reconcile.Peer{Count: 25}, &out)
		for _, p := range out.Payloads {
			f.Add(seed, p)
		}
	}
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) { Hostile(t, st, seed, data) })
}

// Costs writes a table of what sessions cost.
func Costs(t *testing.T, strategies ...reconcile.Strategy) {
	t.Logf("%-10s %8s %8s %10s %8s %10s", "strategy", "records", "differ", "bytes", "rounds", "bytes/diff")
	for _, st := range strategies {
		for _, n := range []int{1000, 10_000} {
			for _, d := range []int{1, 10, 100, 1000} {
				left, right := shape{d / 2, n, d - d/2}.make(st)
				cost, err := Session(st, left, right, func() {})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%-10s %8d %8d %10d %8d %10.1f", st.Name(), n, d, cost.Bytes, cost.Rounds, float64(cost.Bytes)/float64(d))
			}
		}
	}
}

var _ reconcile.View = (*View)(nil)
