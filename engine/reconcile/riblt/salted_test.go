package riblt

import (
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func TestSaltedConformance(t *testing.T) { reconciletest.Run(t, Salted{}, full.Strategy{}) }

func FuzzSaltedPayloads(f *testing.F) { reconciletest.Fuzz(f, Salted{}) }

// placesOf returns a fingerprint of the cells below end that a record is in.
func placesOf(salt uint64, end int) func(r *reconciletest.Record) uint64 {
	in, walk := Irregular.span(0, end), []uint32(nil)
	return func(r *reconciletest.Record) (h uint64) {
		walk = in.walk(walk[:0], Checksum(salt, r.Short))
		for _, i := range walk {
			h = h*multiplier + uint64(i) + 1
		}
		return h
	}
}

// Pairs of records that share their first 900 cells stall the kept sketch, whichever
// sides hold them: the session gives up within its bound, and the one that follows,
// with a salt of its own, finds them at the usual cost.
func TestGroundRecords(t *testing.T) {
	const pairs, shared = 40, 900
	ground, hashed := reconciletest.Ground(&reconciletest.Salt, pairs, placesOf(checkSalt(&reconciletest.Salt), shared))
	t.Logf("%d pairs in %d hashes", pairs, hashed)
	for name, side := range map[string]func(i int) int{
		"one side":   func(int) int { return 1 },
		"both sides": func(i int) int { return i % 2 },
	} {
		var records [2][]reconciletest.Record
		for n := range uint64(3000) {
			records[0] = append(records[0], reconciletest.NewRecord(n))
			records[1] = append(records[1], reconciletest.NewRecord(n))
		}
		for i, r := range ground {
			records[side(i)] = append(records[side(i)], r)
		}
		run := func(st reconcile.Strategy) (cost reconciletest.Cost, equal bool) {
			left, right := reconciletest.NewSet(st, records[0]...), reconciletest.NewSet(st, records[1]...)
			cost, err := reconciletest.Session(st, left, right, func() {})
			if err != nil {
				t.Fatal(err)
			}
			return cost, left.Equal(right)
		}
		kept, _ := run(Strategy{})
		if !kept.Fallback || kept.Bytes < 13*shared/2 || kept.Bytes > 20_000 {
			t.Errorf("%s: the kept sketch: %+v", name, kept)
		}
		salted, equal := run(Salted{})
		if salted.Fallback || !equal || salted.Bytes > 25*2*pairs {
			t.Errorf("%s: the salted sketch: %+v", name, salted)
		}
		t.Logf("%s: kept %+v, salted %+v", name, kept, salted)
	}
}

// No difference that chance makes counts as stalled, with a tail or without.
func TestChanceDoesNotStall(t *testing.T) {
	r := rand.New(rand.NewPCG(46, 47))
	worst := 0
	for trial := range 3000 {
		d := 1 + r.IntN(40)
		if trial%10 == 0 {
			d = 1 + r.IntN(1000)
		}
		remote := build(t, Irregular, 4*d+1500, symbols(d, uint64(trial)))
		dec, err := NewDecoder(Options{Mapping: Irregular, Salt: testSalt, CheckBytes: ShortCheck, MaxCells: MaxCells}, nothing)
		if err != nil {
			t.Fatal(err)
		}
		for cells := remote.Cells(); !dec.Done(); cells = cells[1:] {
			if mustReceive(t, dec, cells[:1]); dec.Stalled() {
				t.Fatalf("trial %d: %d differences stalled after %d cells", trial, d, dec.Received())
			}
		}
		worst = max(worst, dec.Received()-4*Irregular.CellsFor(d))
	}
	t.Logf("at worst %d cells more than four times the usual", worst)
}
