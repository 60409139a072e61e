//go:build cgo

package main

import (
	"errors"
	"math"
	"sync"
)

// A handle is a slot's index in the low half and its generation in the high
// half. Generations start away from 0, so that stray small numbers are no
// handles, and go up with every use of the slot, so that an old handle is told
// from the one that took its place.
const (
	firstGeneration uint32 = 0x5241
	// slotsMax bounds what a host that forgets to close can pile up.
	slotsMax = 1 << 20
)

// slot is a place for one open machine. Its generation is that of the machine
// in it, or of the next one if it is empty.
type slot struct {
	generation uint32
	entry      *entry
}

// handleTable finds entries by handle.
type handleTable struct {
	mu    sync.RWMutex
	slots []slot
	empty []uint32
}

// handles are all that are open in this process.
var handles handleTable

var errTooManyHandles = errors.New("capi: too many open handles")

// add gives e a handle.
func (t *handleTable) add(e *entry) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var index uint32
	switch {
	case len(t.empty) > 0:
		last := len(t.empty) - 1
		index, t.empty = t.empty[last], t.empty[:last]
	case len(t.slots) == slotsMax:
		return 0, errTooManyHandles
	default:
		index = uint32(len(t.slots))
		t.slots = append(t.slots, slot{generation: firstGeneration})
	}
	t.slots[index].entry = e
	return uint64(t.slots[index].generation)<<32 | uint64(index), nil
}

// get finds the entry of a handle, or says what is wrong with the handle.
func (t *handleTable) get(handle uint64) (*entry, int32) {
	t.mu.RLock()
	e, code := t.find(handle)
	t.mu.RUnlock()
	return e, code
}

// remove takes a handle out of the table and gives its entry.
func (t *handleTable) remove(handle uint64) (*entry, int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, code := t.find(handle)
	if e == nil {
		return nil, code
	}
	index := uint32(handle)
	t.slots[index].entry = nil
	t.slots[index].generation++
	// A slot whose generations are used up stays empty: starting over would
	// bring dead handles back to life.
	if t.slots[index].generation < math.MaxUint32 {
		t.empty = append(t.empty, index)
	}
	return e, codeOK
}

// find is get for callers that hold the lock.
func (t *handleTable) find(handle uint64) (*entry, int32) {
	index, generation := uint32(handle), uint32(handle>>32)
	if int64(index) >= int64(len(t.slots)) || generation < firstGeneration {
		return nil, codeBadHandle
	}
	s := t.slots[index]
	switch {
	case generation < s.generation:
		return nil, codeClosed
	case generation > s.generation || s.entry == nil:
		return nil, codeBadHandle
	}
	return s.entry, codeOK
}
