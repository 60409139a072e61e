//go:build cgo

package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"
)

// The state of an entry is 0 while it is open and idle, else these bits. One word
// says all, so that beginning and ending a call takes one atomic step each.
const (
	inside   uint32 = 1 << iota // a call is in flight, or everything is being freed
	closing                     // the host has closed the handle
	poisoned                    // a call has panicked
)

// entry is an open machine and what the host has been given of it.
type entry struct {
	machine Machine
	host    *Host

	state atomic.Uint32

	// Belongs to whoever has set inside.
	input   []byte // the host's bytes, copied: its memory is not ours to read later
	effects memory
	table   memory
	freed   bool

	// failure has a lock of its own, so that it can be read during a call.
	failure struct {
		sync.Mutex
		text   string
		memory memory
		freed  bool
	}
}

// open makes a machine of a kind.
func open(kind string, config []byte, host *Host) (e *entry, err error) {
	start, ok := kinds[kind]
	if !ok {
		return nil, withCode(codeBadConfig, fmt.Errorf("capi: no kind of machine is called %q", kind))
	}
	defer func() {
		if cause := recover(); cause != nil {
			e, err = nil, withCode(codeInternal, errors.New(panicText(cause)))
		}
	}()
	machine, err := start(config, host)
	if err != nil {
		return nil, err
	}
	return &entry{machine: machine, host: host}, nil
}

// step runs a batch. The effects are C memory that lives until the next step.
func (e *entry) step(events []byte) (ptr unsafe.Pointer, length int, code int32) {
	if code := e.enter(); code != codeOK {
		return nil, 0, code
	}
	defer func() {
		if code = e.leave(recover(), code); code == codePoisoned || code == codeClosed {
			ptr, length = nil, 0
		}
	}()
	e.trim()
	e.input = append(e.input[:0], events...)
	effects, err := e.machine.Step(e.effects.room(), e.input)
	return e.effects.keep(effects), len(effects), e.failed(err)
}

// columns runs a query. The table is C memory that lives until the next query.
func (e *entry) columns(query []byte) (ptr unsafe.Pointer, count int, code int32) {
	if code := e.enter(); code != codeOK {
		return nil, 0, code
	}
	defer func() {
		if code = e.leave(recover(), code); code != codeOK {
			ptr, count = nil, 0
		}
	}()
	e.table.free()
	e.input = append(e.input[:0], query...)
	columns, err := e.machine.Columns(e.input)
	if err == nil {
		e.table, err = layOut(columns)
	}
	return e.table.ptr, len(columns), e.failed(err)
}

// enter begins a call, or says why it cannot begin.
func (e *entry) enter() int32 {
	if e.state.CompareAndSwap(0, inside) {
		return codeOK
	}
	switch state := e.state.Load(); {
	case state&inside != 0:
		return codeBusy
	case state&closing != 0:
		return codeClosed
	case state&poisoned != 0:
		return codePoisoned
	}
	return codeBusy // until a moment ago
}

// leave ends a call that panicked with cause, or did not if that is nil, and
// gives the call's final code. A close that came meanwhile is carried out.
func (e *entry) leave(cause any, code int32) int32 {
	if cause != nil {
		e.poison(cause)
		code = codePoisoned
	}
	if e.state.And(^inside)&closing != 0 {
		e.finish()
		return codeClosed
	}
	return code
}

// cancel asks the call in flight to end early.
func (e *entry) cancel() (code int32) {
	state := e.state.Load()
	if state&poisoned != 0 {
		return codePoisoned
	}
	defer func() {
		if cause := recover(); cause != nil {
			e.poison(cause)
			code = codePoisoned
		}
	}()
	if canceler, ok := e.machine.(Canceler); ok && state&inside != 0 {
		canceler.Cancel()
	}
	return codeOK
}

// close cancels the call in flight and frees everything, now or, if there is
// such a call, when it returns: waiting for it here would be for ever if close
// is called from inside it, by a signal handler of the host for example.
func (e *entry) close() int32 {
	e.state.Or(closing)
	e.cancel()
	return e.finish()
}

// finish frees everything unless a call is in flight, whose leave then does it:
// closing is set before finish looks at inside, and leave clears inside in the
// step in which it looks at closing, so one of the two gets here.
func (e *entry) finish() int32 {
	if e.state.Or(inside)&inside != 0 {
		return codeOK
	}
	defer e.state.And(^inside)
	if e.freed {
		return codeOK
	}
	e.freed = true
	code := e.closeMachine()
	e.host.mute()
	e.effects.free()
	e.table.free()
	e.failure.Lock()
	defer e.failure.Unlock()
	e.failure.freed = true
	e.failure.memory.free()
	return code
}

// closeMachine is the machine's Close. The handle is gone by now, so the log is
// the only place where a failure can still be explained.
func (e *entry) closeMachine() (code int32) {
	defer func() {
		if cause := recover(); cause != nil {
			e.host.Log(levelError, panicText(cause))
			code = codePoisoned
		}
	}()
	err := e.machine.Close()
	if err != nil {
		e.host.Log(levelError, "closing failed: "+err.Error())
	}
	return codeOf(err, codeInternal)
}

// trim gives back memory that an unusually large batch has left behind.
func (e *entry) trim() {
	if e.effects.cap > idleMax {
		e.effects.free()
	}
	if cap(e.input) > idleMax {
		e.input = nil
	}
}

// failed remembers err, if there is one, and gives its code.
func (e *entry) failed(err error) int32 {
	if err == nil {
		return codeOK
	}
	e.setFailure(err.Error())
	return codeOf(err, codeInternal)
}

// poison makes the handle answer only that it panicked: what state the panic
// left behind nobody knows.
func (e *entry) poison(cause any) {
	text := panicText(cause)
	e.state.Or(poisoned)
	e.setFailure(text)
	e.host.Log(levelError, text)
}

func panicText(cause any) string {
	return fmt.Sprintf("panic: %v\n\n%s", cause, debug.Stack())
}

func (e *entry) setFailure(text string) {
	e.failure.Lock()
	defer e.failure.Unlock()
	e.failure.text = text
}

// lastFailure gives the latest failure as C memory that lives until it is asked
// for again.
func (e *entry) lastFailure() (ptr unsafe.Pointer, length int, code int32) {
	e.failure.Lock()
	defer e.failure.Unlock()
	if e.failure.freed {
		return nil, 0, codeClosed
	}
	text := e.failure.text
	return e.failure.memory.keep([]byte(text)), len(text), codeOK
}
