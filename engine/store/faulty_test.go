package store_test

import (
	"errors"
	"testing"

	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

func TestFaulty(t *testing.T) {
	broken := errors.New("broken")
	for failAt := range uint64(4) {
		inner := memory.New(memory.NewArena())
		f := &store.Faulty{Store: inner, FailAt: failAt, Err: broken}
		for n := uint64(1); n <= 5; n++ {
			f.SetMeta("n", []byte{byte(n)})
			var want error
			if failAt != 0 && n >= failAt {
				want = broken
			}
			if err := f.Commit(false); err != want {
				t.Fatalf("commit %d of a store that fails at %d returned %v", n, failAt, err)
			}
		}
		after := inner.Crash(inner.Unsynced()).Meta("n")
		want := byte(5)
		if failAt != 0 {
			want = byte(failAt - 1)
		}
		if got := append([]byte{0}, after...); got[len(got)-1] != want {
			t.Fatalf("a store that fails at %d kept %v, want %d", failAt, after, want)
		}
	}
}
