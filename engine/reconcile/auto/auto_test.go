package auto

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
)

var strategy = New(riblt.Strategy{}, 20)

func TestConformance(t *testing.T) { reconciletest.Run(t, strategy, full.Strategy{}) }

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, strategy) }

// What is chosen, and that no side that is far ahead pays for its size.
func TestChoices(t *testing.T) {
	for _, c := range []struct {
		left, both, right int
		choice            byte
		most              int // bytes of payloads
	}{
		{0, 0, 3000, choiceGive, 1},
		{3000, 0, 0, choiceTake, 1},
		{3000, 3, 2, choiceList, 5*8 + 2},
		{2, 3, 3000, choiceAsk, 1 + 5*8 + 2 + 2*8 + 2},
		{2, 3000, 3, choiceSketch, 600},
	} {
		left, right := records(0, c.left+c.both), records(c.left, c.left+c.both+c.right)
		a, b := reconciletest.NewSet(strategy, left...), reconciletest.NewSet(strategy, right...)
		if got := strategy.choose(uint64(len(right)), uint64(len(left))); got != c.choice {
			t.Errorf("%+v: chose %d", c, got)
		}
		cost, err := reconciletest.Session(strategy, a, b, func() {})
		if err != nil || !a.Equal(b) || cost.Bytes > c.most {
			t.Errorf("%+v: %+v, %v, equal: %t", c, cost, err, a.Equal(b))
		}
	}
}

func records(lo, hi int) (list []reconciletest.Record) {
	for n := lo; n < hi; n++ {
		list = append(list, reconciletest.NewRecord(uint64(n)))
	}
	return list
}

// A list that nobody would take is not chosen.
func TestNoEndlessLists(t *testing.T) {
	if got := strategy.choose(listMax+1, 1<<30); got != choiceSketch {
		t.Errorf("chose %d", got)
	}
	if got := strategy.choose(listMax, 1<<30); got != choiceList {
		t.Errorf("chose %d", got)
	}
}

// Longer lists go in several payloads.
func TestLongLists(t *testing.T) {
	st := New(riblt.Strategy{}, 1<<20)
	for _, shape := range [][3]int{{9000, 1000, 20}, {20, 1000, 9000}} {
		a := reconciletest.NewSet(st, records(0, shape[0]+shape[1])...)
		b := reconciletest.NewSet(st, records(shape[0], shape[0]+shape[1]+shape[2])...)
		cost, err := reconciletest.Session(st, a, b, func() {})
		if err != nil || !a.Equal(b) || cost.Given+cost.Wanted != shape[0]+shape[2] {
			t.Errorf("%v: %+v, %v", shape, cost, err)
		}
	}
	long := New(riblt.Strategy{}, 1<<20)
	a, b := reconciletest.NewSet(long, records(0, 10_000)...), reconciletest.NewSet(long, records(10_000, 15_000)...)
	if cost, err := reconciletest.Session(long, a, b, func() {}); err != nil || !a.Equal(b) || cost.Payloads != 2 {
		t.Errorf("%+v, %v", cost, err)
	}
}

var _ reconcile.Strategy = Strategy{}
