//go:build cgo

package main

import (
	"errors"
	"math"
	"sync"
	"testing"
)

func TestHandlesStartAwayFromZero(t *testing.T) {
	var table handleTable
	handle, err := table.add(&entry{})
	if err != nil {
		t.Fatal(err)
	}
	if handle>>32 != uint64(firstGeneration) {
		t.Errorf("first handle is %#x", handle)
	}
	for _, stray := range []uint64{0, 1, 42, math.MaxUint32, math.MaxUint64, handle + 1, handle + 1<<32} {
		if _, code := table.get(stray); code != codeBadHandle {
			t.Errorf("get(%#x) gives code %d", stray, code)
		}
	}
}

func TestClosedHandleIsToldFromItsSuccessor(t *testing.T) {
	var table handleTable
	first, second := &entry{}, &entry{}
	old, _ := table.add(first)
	if e, code := table.remove(old); e != first || code != codeOK {
		t.Fatalf("remove gives %p, %d", e, code)
	}
	if _, code := table.get(old); code != codeClosed {
		t.Errorf("after remove: code %d", code)
	}
	handle, _ := table.add(second)
	if uint32(handle) != uint32(old) || handle == old {
		t.Errorf("slot not reused under a new generation: %#x, then %#x", old, handle)
	}
	if _, code := table.get(old); code != codeClosed {
		t.Errorf("after reuse: code %d", code)
	}
	if _, code := table.remove(old); code != codeClosed {
		t.Errorf("second remove: code %d", code)
	}
	if e, code := table.get(handle); e != second || code != codeOK {
		t.Errorf("successor: %p, %d", e, code)
	}
}

// A handle must not come back to life when generations run out.
func TestUsedUpSlotStaysEmpty(t *testing.T) {
	table := handleTable{slots: []slot{{generation: math.MaxUint32 - 1}}, empty: []uint32{0}}
	last, _ := table.add(&entry{})
	table.remove(last)
	next, _ := table.add(&entry{})
	if uint32(next) != 1 {
		t.Errorf("slot 0 was used again: %#x", next)
	}
	if _, code := table.get(last); code != codeClosed {
		t.Errorf("last generation: code %d", code)
	}
}

func TestHandlesAreLimited(t *testing.T) {
	table := handleTable{slots: make([]slot, slotsMax)}
	if _, err := table.add(&entry{}); !errors.Is(err, errTooManyHandles) {
		t.Errorf("error %v", err)
	}
}

func TestHandlesFromManyGoroutines(t *testing.T) {
	var table handleTable
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				mine := &entry{}
				handle, _ := table.add(mine)
				if e, code := table.get(handle); e != mine || code != codeOK {
					t.Errorf("get(%#x) gives %p, %d", handle, e, code)
				}
				if e, _ := table.remove(handle); e != mine {
					t.Errorf("remove(%#x) gives %p", handle, e)
				}
			}
		})
	}
	group.Wait()
	if len(table.slots) > 8 {
		t.Errorf("%d slots for 8 goroutines", len(table.slots))
	}
}
