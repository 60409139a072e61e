//go:build cgo

package main

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// script is a Machine made of functions; those left out do nothing.
type script struct {
	step    func(dst, events []byte) ([]byte, error)
	columns func() ([]Column, error)
	cancel  func()
	closed  int
}

func (s *script) Step(dst, events []byte) ([]byte, error) { return s.step(dst, events) }
func (s *script) Columns([]byte) ([]Column, error)        { return s.columns() }
func (s *script) Close() error                            { s.closed++; return nil }
func (s *script) Cancel() {
	if s.cancel != nil {
		s.cancel()
	}
}

// stepped runs a step and copies what it leaves in C memory.
func stepped(e *entry, events string) (string, int32) {
	ptr, length, code := e.step([]byte(events))
	return string(unsafe.Slice((*byte)(ptr), length)), code
}

func failure(t *testing.T, e *entry) string {
	t.Helper()
	ptr, length, code := e.lastFailure()
	if code != codeOK {
		t.Fatalf("lastFailure: code %d", code)
	}
	return string(unsafe.Slice((*byte)(ptr), length))
}

func mustOpen(t *testing.T, kind, config string) *entry {
	t.Helper()
	e, err := open(kind, []byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.close() })
	return e
}

func TestEchoOfAllSizes(t *testing.T) {
	e := mustOpen(t, "echo", "")
	for _, size := range []int{0, 1, 4095, 4096, 4097, 0, 100_000, 3 * idleMax, 10, 3 * idleMax} {
		want := strings.Repeat("abcdefg", size/7+1)[:size]
		if got, code := stepped(e, want); got != want || code != codeOK {
			t.Errorf("size %d: code %d, %d bytes back", size, code, len(got))
		}
	}
}

// A machine that appends in place costs no copy and no allocation.
func TestStepAppendsToCMemory(t *testing.T) {
	e := mustOpen(t, "echo", "")
	events := bytes.Repeat([]byte("x"), 200)
	e.step(events)
	before := e.effects.ptr
	if n := testing.AllocsPerRun(100, func() { e.step(events) }); n != 0 {
		t.Errorf("%v allocations per step", n)
	}
	if e.effects.ptr != before {
		t.Error("memory moved between equal steps")
	}
}

func TestLargeMemoryIsGivenBack(t *testing.T) {
	e := mustOpen(t, "echo", "")
	stepped(e, strings.Repeat("x", 2*idleMax))
	stepped(e, "x")
	if e.effects.cap > idleMax || cap(e.input) > idleMax {
		t.Errorf("%d and %d bytes kept", e.effects.cap, cap(e.input))
	}
}

// The effects may lie anywhere: in the memory offered, further back in it, or
// elsewhere.
func TestEffectsFromAnywhere(t *testing.T) {
	m := &script{}
	e := &entry{machine: m}
	defer e.close()
	big := strings.Repeat("y", 1<<16)
	for name, step := range map[string]func(dst, events []byte) ([]byte, error){
		"elsewhere":    func(_, _ []byte) ([]byte, error) { return []byte(big), nil },
		"further back": func(dst, _ []byte) ([]byte, error) { return append(dst, "skip"+big...)[4:], nil },
		"nothing":      func(_, _ []byte) ([]byte, error) { return nil, nil },
		"the input":    func(_, events []byte) ([]byte, error) { return events, nil },
	} {
		m.step = step
		want := map[string]string{"nothing": "", "the input": "in"}
		for range 2 {
			got, code := stepped(e, "in")
			expected, special := want[name]
			if !special {
				expected = big
			}
			if got != expected || code != codeOK {
				t.Errorf("%s: %d bytes, code %d", name, len(got), code)
			}
		}
	}
}

func TestErrorKeepsEarlierEffects(t *testing.T) {
	e := mustOpen(t, "fail", "7")
	got, code := stepped(e, "earlier")
	if got != "earlier" || code != codeBadEvent {
		t.Errorf("%q, code %d", got, code)
	}
	if text := failure(t, e); text != "event 1: on purpose" {
		t.Errorf("failure %q", text)
	}
	if _, _, code := e.columns(nil); code != codeBadEvent {
		t.Errorf("columns: code %d", code)
	}
	if text := failure(t, e); text != "on purpose" {
		t.Errorf("failure %q", text)
	}
}

func TestPanicPoisonsOneHandle(t *testing.T) {
	for _, how := range []string{"explicit", "nil"} {
		sick, well := mustOpen(t, "panic", how), mustOpen(t, "echo", "")
		for range 2 {
			if got, code := stepped(sick, "x"); got != "" || code != codePoisoned {
				t.Errorf("%s: %q, code %d", how, got, code)
			}
		}
		if _, _, code := sick.columns(nil); code != codePoisoned {
			t.Errorf("%s: columns gives code %d", how, code)
		}
		if code := sick.cancel(); code != codePoisoned {
			t.Errorf("%s: cancel gives code %d", how, code)
		}
		text := failure(t, sick)
		if !strings.HasPrefix(text, "panic: ") || !strings.Contains(text, "(*panicker).fall") {
			t.Errorf("%s: failure lacks the panic or its stack: %q", how, text)
		}
		if got, code := stepped(well, "x"); got != "x" || code != codeOK {
			t.Errorf("%s: the other handle gives %q, %d", how, got, code)
		}
		if code := sick.close(); code != codeOK {
			t.Errorf("%s: close gives code %d", how, code)
		}
	}
}

func TestPanicsOutsideSteps(t *testing.T) {
	if _, err := open("panic", []byte("open"), nil); codeOf(err, codeBadConfig) != codeInternal {
		t.Errorf("open: %v", err)
	}
	e, err := open("panic", []byte("close"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if code := e.close(); code != codePoisoned {
		t.Errorf("close: code %d", code)
	}
	m := &script{cancel: func() { panic("in cancel") }}
	e = &entry{machine: m}
	m.step = func(dst, _ []byte) ([]byte, error) {
		if code := e.cancel(); code != codePoisoned {
			t.Errorf("cancel: code %d", code)
		}
		return dst, nil
	}
	stepped(e, "x")
	if _, code := stepped(e, "x"); code != codePoisoned {
		t.Errorf("after a panic in cancel: code %d", code)
	}
}

func TestUnknownKindAndConfig(t *testing.T) {
	for kind, config := range map[string]string{
		"nothing": "", "echo": "x", "panic": "x", "fail": "x", "spin": "x", "": "",
	} {
		if _, err := open(kind, []byte(config), nil); codeOf(err, codeInternal) != codeBadConfig {
			t.Errorf("%q, %q: %v", kind, config, err)
		}
	}
}

// inFlight runs a step that lasts until release is called, and returns when it
// has begun. The step's code comes through the channel.
func inFlight(e *entry, m *script) (release func(), ended chan int32) {
	begun, free := make(chan bool), make(chan bool)
	ended = make(chan int32, 1)
	m.step = func(dst, events []byte) ([]byte, error) {
		begun <- true
		<-free
		return append(dst, events...), nil
	}
	go func() {
		_, _, code := e.step([]byte("x"))
		ended <- code
	}()
	<-begun
	return sync.OnceFunc(func() { close(free) }), ended
}

func TestSecondCallIsBusy(t *testing.T) {
	m := &script{}
	e := &entry{machine: m}
	defer e.close()
	release, ended := inFlight(e, m)
	defer release()
	if _, code := stepped(e, "y"); code != codeBusy {
		t.Errorf("step: code %d", code)
	}
	if _, _, code := e.columns(nil); code != codeBusy {
		t.Errorf("columns: code %d", code)
	}
	if text := failure(t, e); text != "" {
		t.Errorf("busy left the failure %q", text)
	}
	release()
	if code := <-ended; code != codeOK {
		t.Errorf("the call in flight: code %d", code)
	}
}

func TestCloseDuringCall(t *testing.T) {
	canceled := 0
	m := &script{cancel: func() { canceled++ }}
	e := &entry{machine: m}
	release, ended := inFlight(e, m)
	defer release()
	if code := e.close(); code != codeOK {
		t.Errorf("close: code %d", code)
	}
	if m.closed != 0 || canceled != 1 {
		t.Errorf("closed %d times under the call, canceled %d times", m.closed, canceled)
	}
	release()
	if code := <-ended; code != codeClosed {
		t.Errorf("the call in flight: code %d", code)
	}
	if m.closed != 1 {
		t.Errorf("closed %d times", m.closed)
	}
	if _, code := stepped(e, "y"); code != codeClosed {
		t.Errorf("afterwards: code %d", code)
	}
	if _, _, code := e.lastFailure(); code != codeClosed {
		t.Errorf("lastFailure afterwards: code %d", code)
	}
}

// A host may close a handle from inside a call of it; waiting would be for ever.
func TestCloseFromInside(t *testing.T) {
	m := &script{}
	e := &entry{machine: m}
	m.step = func(dst, _ []byte) ([]byte, error) {
		e.close()
		return dst, nil
	}
	if _, code := stepped(e, "x"); code != codeClosed || m.closed != 1 {
		t.Errorf("code %d, closed %d times", code, m.closed)
	}
}

func TestCancelReachesOnlyCallsInFlight(t *testing.T) {
	canceled := 0
	m := &script{cancel: func() { canceled++ }}
	e := &entry{machine: m}
	defer e.close()
	e.cancel()
	if canceled != 0 {
		t.Error("canceled without a call in flight")
	}
	release, ended := inFlight(e, m)
	e.cancel()
	release()
	<-ended
	if canceled != 1 {
		t.Errorf("canceled %d times", canceled)
	}
}

func TestSpinIsCanceled(t *testing.T) {
	e := mustOpen(t, "spin", "60000")
	ended := make(chan int32)
	go func() {
		_, _, code := e.step([]byte("x"))
		ended <- code
	}()
	for {
		e.cancel()
		select {
		case code := <-ended:
			if text := failure(t, e); code != codeCanceled || !strings.HasPrefix(text, "event 0: ") {
				t.Errorf("code %d, %q", code, text)
			}
			return
		default:
		}
	}
}

// Whoever comes last frees, and only once, however calls and closing interleave.
func TestCloseRaces(t *testing.T) {
	for range 200 {
		e, err := open("echo", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := &script{step: func(dst, events []byte) ([]byte, error) { return append(dst, events...), nil }}
		e.machine = m
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				for range 20 {
					_, _, code := e.step([]byte("abc"))
					if code != codeOK && code != codeBusy && code != codeClosed {
						t.Errorf("code %d", code)
					}
				}
			})
		}
		group.Go(func() { e.close() })
		group.Wait()
		if m.closed != 1 || !e.freed || e.effects.ptr != nil {
			t.Fatalf("closed %d times, freed %v", m.closed, e.freed)
		}
	}
}

func TestColumnsAreLaidOut(t *testing.T) {
	e := mustOpen(t, "echo", "")
	want, _ := e.machine.Columns([]byte("query"))
	for _, query := range []string{"query", "", "query"} {
		ptr, count, code := e.columns([]byte(query))
		if code != codeOK || count != len(want) {
			t.Fatalf("code %d, %d columns", code, count)
		}
		for i, item := range laidOut(ptr, count) {
			data := want[i].Data
			if i == 0 {
				data = []byte(query)
			}
			flat, _ := flatten(data)
			if item.name != want[i].Name || item.dtype != flat.dtype || item.width != flat.width ||
				item.rows != flat.rows || !bytes.Equal(item.bytes, flat.bytes) {
				t.Errorf("%q: column %+v, want %s %+v", query, item, want[i].Name, flat)
			}
		}
	}
}

func TestColumnsThatCannotBe(t *testing.T) {
	m := &script{columns: func() ([]Column, error) { return []Column{{"texts", []string{"a"}}}, nil }}
	e := &entry{machine: m}
	defer e.close()
	if ptr, count, code := e.columns(nil); ptr != nil || count != 0 || code != codeInternal {
		t.Errorf("%p, %d, code %d", ptr, count, code)
	}
	if text := failure(t, e); !strings.Contains(text, "[]string") {
		t.Errorf("failure %q", text)
	}
	m.columns = func() ([]Column, error) { return nil, nil }
	if ptr, count, code := e.columns(nil); ptr != nil || count != 0 || code != codeOK {
		t.Errorf("no columns: %p, %d, code %d", ptr, count, code)
	}
}

func TestClosingFailure(t *testing.T) {
	e, err := open("fail", []byte("close 8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if code := e.close(); code != codeStoreFailed {
		t.Errorf("code %d", code)
	}
	if e, err = open("fail", []byte("close "), nil); err != nil {
		t.Fatal(err)
	}
	if code := e.close(); code != codeInternal {
		t.Errorf("uncoded: code %d", code)
	}
}

func TestNoHostIsSilent(t *testing.T) {
	var none *Host
	none.Log(levelError, "nobody hears")
	none.mute()
	if none.Enabled(levelError) || (&Host{log: 0}).Enabled(levelError) {
		t.Error("enabled without a log function")
	}
	if h := (&Host{log: 1, level: levelInfo}); h.Enabled(levelDebug) || !h.Enabled(levelWarning) {
		t.Error("the level is not heeded")
	}
	if !errors.Is(&EventError{0, errCanceled}, errCanceled) {
		t.Error("canceled is not recognised")
	}
}
