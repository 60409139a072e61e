package bloom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func TestConformance(t *testing.T) { reconciletest.Run(t, Strategy{}, full.Strategy{}) }

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, Strategy{}) }

func entries(seed uint64, n int) []entry {
	rng := rand.New(rand.NewPCG(seed, 1))
	list := make([]entry, n)
	for i := range list {
		var id codec.ID
		for j := 0; j < 32; j += 8 {
			binary.LittleEndian.PutUint64(id[j:], rng.Uint64())
		}
		list[i] = newEntry(rng.Uint64(), &id)
	}
	return list
}

// What is in a filter passes, and of the rest a share of 2^-k.
func TestFilterRate(t *testing.T) {
	const n = 10_000
	in, out := entries(1, n), entries(2, 400_000)
	for _, k := range []uint64{1, 4, 8, 12} {
		f := filter{n: n, k: k, salt: 99, bits: make([]byte, size(n, k))}
		for i := range in {
			f.add(&in[i])
		}
		for i := range in {
			if !f.has(&in[i]) {
				t.Fatal("an entry of the set does not pass")
			}
		}
		passed := 0.0
		for i := range out {
			if f.has(&out[i]) {
				passed++
			}
		}
		want := float64(len(out)) / float64(uint64(1)<<k)
		if math.Abs(passed-want) > 5*math.Sqrt(want)+0.02*want {
			t.Errorf("k = %d: %.0f pass, want %.0f", k, passed, want)
		}
		if bits := 8 * float64(len(f.bits)) / n / float64(k); bits < 1.44 || bits > 1.45 {
			t.Errorf("k = %d: %.3f bits a hash", k, bits)
		}
	}
}

// pair makes two sets by what only the left, both, and only the right hold, which
// lies anywhere in them.
func pair(seed uint64, onlyLeft, both, onlyRight int) (left, right *reconciletest.Set) {
	var a, b []reconciletest.Record
	for i := range onlyLeft + both + onlyRight {
		r := reconciletest.NewRecord(seed<<32 + uint64(i))
		if i < onlyLeft+both {
			a = append(a, r)
		}
		if i >= onlyLeft {
			b = append(b, r)
		}
	}
	return reconciletest.NewSet(Strategy{}, a...), reconciletest.NewSet(Strategy{}, b...)
}

// formula is what the package comment says: n entries, of which the initiator
// lacks x and the responder y.
func formula(n, x, y int) float64 {
	log2 := func(v int) float64 { return math.Log2(max(1, float64(v))) }
	return 0.18 * float64(n) * (4 + log2(x) + 4 + max(4, log2(y/16)+4))
}

// Sessions cost what the formula says, find everything, and move nothing twice.
func TestFormula(t *testing.T) {
	for _, s := range []struct{ left, both, right int }{{50, 3000, 50}, {5, 3000, 300}, {300, 3000, 5}, {1, 3000, 1}} {
		sum, turns, most := 0, 0, 0
		const runs = 15
		for seed := range uint64(runs) {
			a, b := pair(seed, s.left, s.both, s.right)
			cost, err := reconciletest.Session(Strategy{}, a, b, func() {})
			if err != nil || !a.Equal(b) || cost.Fallback || cost.Given+cost.Wanted != s.left+s.right {
				t.Fatal(err, a.Equal(b), cost)
			}
			sum, turns, most = sum+cost.Bytes, turns+cost.Rounds, max(most, cost.Rounds)
		}
		mean, want := float64(sum)/runs, formula(s.both+max(s.left, s.right), s.right, s.left)
		t.Logf("%+v: %.0f bytes, formula %.0f, %.1f rounds, at most %d", s, mean, want, float64(turns)/runs, most)
		if mean > 1.1*want || mean < 0.5*want || most > 5 {
			t.Errorf("%+v: %.0f bytes, formula %.0f, up to %d rounds", s, mean, want, most)
		}
	}
}

// The smaller side's filter goes first, so that it costs next to nothing when one
// side is empty.
func TestOneSideEmpty(t *testing.T) {
	for _, s := range [][2]int{{0, 5000}, {5000, 0}} {
		a, b := pair(1, s[0], 0, s[1])
		cost, err := reconciletest.Session(Strategy{}, a, b, func() {})
		if err != nil || !a.Equal(b) || cost.Bytes > 100 || cost.Rounds > 2 {
			t.Errorf("%v: %+v, %v", s, cost, err)
		}
	}
}

// The payloads of one session, as they were when the format was fixed.
func TestTranscript(t *testing.T) {
	left, right := pair(7, 20, 500, 10)
	sum, toB, toA := reconciletest.Transcript(t, Strategy{}, left.Pin(), right.Pin())
	const want = "ee2cb0e7c21efcc7281b474edbe968fcb1d5dcb6cc6d170ae8e0023fd151939e"
	if sum != want || !toB.Done || len(toB.Give) != 20 || len(toA.Give) != 10 {
		t.Errorf("transcript %s, want %s; %d and %d given", sum, want, len(toB.Give), len(toA.Give))
	}
}

// What the other side must not say.
func TestBadPayloads(t *testing.T) {
	_, set := pair(1, 0, 100, 0)
	view := set.Pin()
	receive := func(accept bool, payloads ...[]byte) (err error) {
		var out reconcile.Out
		s := Strategy{}.Open(view, reconcile.Peer{}, &out)
		if accept {
			s = Strategy{}.Accept(view, reconcile.Peer{}, &out)
		}
		for _, p := range payloads {
			if err != nil {
				t.Fatal("an earlier payload was refused:", err)
			}
			err = s.Receive(p, &out)
		}
		return err
	}
	head := func(n, k uint64, bits int) []byte {
		b := binary.AppendUvarint([]byte{kindFilter}, n)
		return append(binary.AppendUvarint(b, k), make([]byte, 16+bits)...)
	}
	for what, err := range map[string]error{
		"nothing":             receive(true, nil),
		"no such kind":        receive(true, []byte{3}),
		"agreed by initiator": receive(true, []byte{kindAgreed}),
		"agreed at once":      receive(false, []byte{kindAgreed}),
		"agreed and more":     receive(false, head(1, 4, 1), []byte{kindAgreed, 0}),
		"no head":             receive(true, []byte{kindFilter}),
		"half a head":         receive(true, head(100, 4, 0)[:18]),
		"too many entries":    receive(true, head(entriesMax+1, 4, 0)),
		"too many hashes":     receive(true, head(100, hashesMax+1, 0)),
		"too many bits":       receive(true, head(100, 4, size(100, 4)+1)),
		"too many later":      receive(true, head(100, 4, 10), make([]byte, size(100, 4)-9)),
		"empty in between":    receive(true, head(100, 4, 10), nil),
	} {
		if !errors.Is(err, reconcile.ErrPayload) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := errors.Join(receive(true, head(100, 4, 10), make([]byte, size(100, 4)-10)), receive(false, head(0, 0, 0)), receive(false, head(entriesMax, hashesMax, 0))); err != nil {
		t.Error("a good one:", err)
	}
}

// Who never agrees gets a bounded number of answers.
func TestEndless(t *testing.T) {
	_, set := pair(1, 0, 100, 0)
	for _, accept := range []bool{false, true} {
		var out reconcile.Out
		s := Strategy{}.Open(set.Pin(), reconcile.Peer{}, &out)
		if accept {
			s = Strategy{}.Accept(set.Pin(), reconcile.Peer{}, &out)
		}
		lie := append([]byte{kindFilter, 5, 0}, bytes.Repeat([]byte{7}, 16)...)
		for i := 0; !out.Fallback; i++ {
			if i > turnsMax {
				t.Fatal("no end")
			}
			if err := s.Receive(lie, &out); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func BenchmarkSession(b *testing.B) {
	left, right := pair(1, 50, 100_000, 50)
	x, y := left.Pin(), right.Pin()
	b.ReportAllocs()
	for b.Loop() {
		var out reconcile.Out
		Strategy{}.Accept(y, reconcile.Peer{Count: x.Count()}, &out)
		s := Strategy{}.Open(x, reconcile.Peer{Count: y.Count()}, &out)
		payloads := out.Payloads
		for _, p := range payloads {
			if err := s.Receive(p, &out); err != nil {
				b.Fatal(err)
			}
		}
	}
}
