package auto

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/bloom"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/kvriblt"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
)

var strategy = with(riblt.Strategy{}, 20)

func with(sketch reconcile.Strategy, perDifference uint64) Strategy {
	return New(Parts{Sketch: sketch, PerDifference: perDifference, Dense: bloom.Strategy{}, PerRecord: 4, Order: byTime})
}

// byTime orders a view's records by walking all of them.
func byTime(view reconcile.View) Order {
	var o walk
	view.Items(func(item *reconcile.Item) bool {
		o = append(o, *item)
		return true
	})
	slices.SortFunc(o, func(a, b reconcile.Item) int { return cmp.Or(cmp.Compare(a.Time, b.Time), a.ID.Compare(b.ID)) })
	return o
}

type walk []reconcile.Item

func (w walk) Len() int            { return len(w) }
func (w walk) Newest(n int) uint64 { return uint64(w[len(w)-n].Time) }

func (w walk) Before(time uint64) (count int, sum uint64) {
	for count < len(w) && uint64(w[count].Time) < time {
		sum += w[count].Short * 0x9e3779b97f4a7c15
		count++
	}
	return count, sum ^ sum>>31
}

func (w walk) Since(time uint64, fn func(id *codec.ID) bool) {
	for count, _ := w.Before(time); count < len(w) && fn(&w[count].ID); count++ {
	}
}

// versions uses a sketch whose initiator speaks first.
var versions = with(kvriblt.Strategy{}, 14)

func TestConformance(t *testing.T) {
	t.Run("riblt", func(t *testing.T) { reconciletest.Run(t, strategy, full.Strategy{}) })
	t.Run("kvriblt", func(t *testing.T) { reconciletest.Run(t, versions, full.Strategy{}) })
}

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, versions) }

// ladderMost is what the ladder of a few thousand records takes.
const ladderMost = 2 + 8*10

// What is chosen, and that no side that is far ahead pays for its size.
func TestChoices(t *testing.T) {
	for _, c := range []struct {
		left, both, right int
		choice            byte
		most              int // bytes of payloads
	}{
		{0, 0, 3000, choiceGive, 1 + ladderMost},
		{3000, 0, 0, choiceTake, 1 + ladderMost},
		{3000, 3, 2, choiceList, 5*8 + 2 + ladderMost},
		{2, 3, 3000, choiceAsk, 1 + 5*8 + 2 + 2*8 + 2 + ladderMost},
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
	st := with(riblt.Strategy{}, 1<<20)
	for _, shape := range [][3]int{{9000, 1000, 20}, {20, 1000, 9000}} {
		a := reconciletest.NewSet(st, records(0, shape[0]+shape[1])...)
		b := reconciletest.NewSet(st, records(shape[0], shape[0]+shape[1]+shape[2])...)
		cost, err := reconciletest.Session(st, a, b, func() {})
		if err != nil || !a.Equal(b) || cost.Given+cost.Wanted != shape[0]+shape[2] {
			t.Errorf("%v: %+v, %v", shape, cost, err)
		}
	}
	long := with(riblt.Strategy{}, 1<<20)
	a, b := reconciletest.NewSet(long, records(0, 10_000)...), reconciletest.NewSet(long, records(10_000, 15_000)...)
	if cost, err := reconciletest.Session(long, a, b, func() {}); err != nil || !a.Equal(b) || cost.Payloads != 3 {
		t.Errorf("%+v, %v", cost, err)
	}
}

// The newest records cost their list, not their sketch, and older differences are
// not missed for it.
func TestRecentDifferencesAreListed(t *testing.T) {
	for _, c := range []struct {
		left, both, right, old int // old ones are missing on the left, besides
		most                   int
	}{
		{400, 8000, 400, 0, 512*5 + 1000},
		{400, 8000, 0, 0, 1000},
		{0, 8000, 400, 0, 512*5 + 1000},
		{400, 8000, 400, 3, 803*16 + 600},
		{5, 8000, 5, 0, 700},
	} {
		base := records(0, c.both)
		left, right := slices.Clone(base[c.old:]), slices.Clone(base)
		for i := range c.left {
			left = append(left, reconciletest.NewRecord(uint64(c.both+2*i)))
		}
		for i := range c.right {
			right = append(right, reconciletest.NewRecord(uint64(c.both+2*i+1)))
		}
		a, b := reconciletest.NewSet(versions, left...), reconciletest.NewSet(versions, right...)
		cost, err := reconciletest.Session(versions, a, b, func() {})
		t.Logf("%+v: %+v", c, cost)
		if err != nil || !a.Equal(b) || cost.Bytes > c.most || cost.Given+cost.Wanted != c.left+c.right+c.old {
			t.Errorf("%+v: %+v, %v, equal: %t", c, cost, err, a.Equal(b))
		}
	}
}

// Where half of what is held differs, filters take half of what a sketch does.
func TestDenseDifferencesAreFiltered(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	var left, right []reconciletest.Record
	for _, rec := range records(0, 12_000) {
		switch r.IntN(3) {
		case 0:
			left = append(left, rec)
		case 1:
			right = append(right, rec)
		default:
			left, right = append(left, rec), append(right, rec)
		}
	}
	a, b := reconciletest.NewSet(versions, left...), reconciletest.NewSet(versions, right...)
	cost, err := reconciletest.Session(versions, a, b, func() {})
	if err != nil || !a.Equal(b) || cost.Bytes > 8000*7 {
		t.Errorf("%+v, %v, equal: %t", cost, err, a.Equal(b))
	}
}

func TestLadder(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		var w walk
		at := codec.HLC(r.Uint64() >> 2)
		for range r.IntN(3000) {
			at += codec.HLC(r.IntN(1 << 18))
			w = append(w, reconcile.Item{Time: at, Short: r.Uint64()})
		}
		ladder := climb(w)
		got, rest, err := readLadder(append(appendLadder(nil, ladder), 7, 8))
		if err != nil || !slices.Equal(got, ladder) || !slices.Equal(rest, []byte{7, 8}) {
			t.Fatalf("%v: %v, %v, %v", ladder, got, rest, err)
		}
		if len(ladder) > 0 && agree(w, ladder) != 0 {
			t.Fatal("a set does not agree with itself")
		}
	}
	same := make(walk, 1000) // all of one time
	if got := climb(same); len(got) != 0 {
		t.Errorf("a ladder of %v for records of one time", got)
	}
	for _, bad := range [][]byte{nil, {stepsMax + 1}, {1}, {1, 1}, {1, 1, 1, 0, 0}, {1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0}} {
		if _, _, err := readLadder(bad); err == nil {
			t.Errorf("%v is a ladder", bad)
		}
	}
}
