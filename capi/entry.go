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

// entry is an open machine and what the host has been given of it.
type entry struct {
	machine Machine
	host    *Host

	// mu is held by the call in flight and guards what stands below it.
	mu      sync.Mutex
	input   []byte // the host's bytes, copied: its memory is not ours to read later
	effects memory
	table   memory
	freed   bool

	inFlight atomic.Bool
	closing  atomic.Bool
	poisoned atomic.Bool

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
	if !e.mu.TryLock() {
		return codeBusy
	}
	e.inFlight.Store(true)
	code := codeOK
	switch {
	case e.closing.Load():
		code = codeClosed
	case e.poisoned.Load():
		code = codePoisoned
	}
	if code != codeOK {
		e.leave(nil, code)
	}
	return code
}

// leave ends a call that panicked with cause, or did not if that is nil, and
// gives the call's final code. A close that came meanwhile is carried out.
func (e *entry) leave(cause any, code int32) int32 {
	if cause != nil {
		e.poison(cause)
		code = codePoisoned
	}
	e.inFlight.Store(false)
	e.mu.Unlock()
	if e.closing.Load() {
		e.finish()
		return codeClosed
	}
	return code
}

// cancel asks the call in flight to end early.
func (e *entry) cancel() (code int32) {
	if e.poisoned.Load() {
		return codePoisoned
	}
	defer func() {
		if cause := recover(); cause != nil {
			e.poison(cause)
			code = codePoisoned
		}
	}()
	if canceler, ok := e.machine.(Canceler); ok && e.inFlight.Load() {
		canceler.Cancel()
	}
	return codeOK
}

// close cancels the call in flight and frees everything, now or, if there is
// such a call, when it returns: waiting for it here would be for ever if close
// is called from inside it, by a signal handler of the host for example.
func (e *entry) close() int32 {
	e.closing.Store(true)
	e.cancel()
	return e.finish()
}

// finish frees everything unless a call is in flight, whose leave then does it:
// closing is set before finish tries the lock, and leave lets go of the lock
// before it looks at closing, so one of the two gets here.
func (e *entry) finish() int32 {
	if !e.mu.TryLock() {
		return codeOK
	}
	defer e.mu.Unlock()
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
	if err != nil {
		e.setFailure(err.Error())
	}
	return codeOf(err, codeInternal)
}

// poison makes the handle answer only that it panicked: what state the panic
// left behind nobody knows.
func (e *entry) poison(cause any) {
	text := panicText(cause)
	e.poisoned.Store(true)
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
