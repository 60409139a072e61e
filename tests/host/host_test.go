//go:build linux && (amd64 || arm64)

// Package host tests the shared library from outside: as a Go program that knows
// the header and nothing else, and loads the library as any C program would.
//
// Two Go runtimes in one process share one table of signal handlers, which costs
// the older one its preemption. So the tests run in a process of their own: the
// test program starts itself again, and the library never comes near the first.
package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Codes of the header that are met here.
const (
	ok            = 0
	badHandle     = 1
	closed        = 2
	busy          = 3
	poisoned      = 4
	badConfig     = 6
	badEvent      = 7
	canceled      = 9
	badArgument   = 10
	errorMax      = 1024
	levelInfo     = 20
	levelError    = 40
	abiVersion    = 1
	childVariable = "RAP_HOST_CHILD"
	pathVariable  = "RAP_LIBRARY"
)

// The header's structures, written down once more.
type (
	rapBytes struct {
		ptr *byte
		len uintptr
	}
	rapColumn struct {
		name  *byte
		data  unsafe.Pointer
		len   uintptr
		dtype int32
		width int32
	}
	rapTable struct {
		columns *rapColumn
		count   uintptr
	}
	rapHost struct {
		size     uintptr
		user     uintptr
		logLevel int32
		log      uintptr
	}
)

// The header's functions.
var rap struct {
	version     func() int32
	versionText func() string
	open        func(kind string, config *byte, length uintptr, host *rapHost, handle *uint64, text *byte) int32
	step        func(handle uint64, events *byte, length uintptr, effects *rapBytes) int32
	columns     func(handle uint64, query *byte, length uintptr, table *rapTable) int32
	cancel      func(handle uint64) int32
	close       func(handle uint64) int32
	lastError   func(handle uint64, text *rapBytes) int32
}

func TestMain(m *testing.M) {
	run := runInChild
	if os.Getenv(childVariable) != "" {
		run = func() (int, error) { return runHere(m) }
	}
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runInChild builds the library, unless it is given, and runs this program again
// with it.
func runInChild() (int, error) {
	path := os.Getenv(pathVariable)
	if path == "" {
		folder, err := os.MkdirTemp("", "rapprochement")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(folder)
		path = filepath.Join(folder, "librapprochement.so")
		build := exec.Command("go", "build", "-buildmode=c-shared", "-o", path, "../../capi")
		build.Stdout, build.Stderr = os.Stdout, os.Stderr
		if err := build.Run(); err != nil {
			return 0, fmt.Errorf("building the library: %w", err)
		}
	}
	child := exec.Command(os.Args[0], os.Args[1:]...)
	child.Env = append(os.Environ(), childVariable+"=1", pathVariable+"="+path)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	err := child.Run()
	if _, exited := err.(*exec.ExitError); exited {
		return child.ProcessState.ExitCode(), nil
	}
	return 0, err
}

// runHere loads the library and runs the tests.
func runHere(m *testing.M) (int, error) {
	library, err := purego.Dlopen(os.Getenv(pathVariable), purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, err
	}
	for name, function := range map[string]any{
		"rap_version":      &rap.version,
		"rap_version_text": &rap.versionText,
		"rap_open":         &rap.open,
		"rap_step":         &rap.step,
		"rap_columns":      &rap.columns,
		"rap_cancel":       &rap.cancel,
		"rap_close":        &rap.close,
		"rap_last_error":   &rap.lastError,
	} {
		symbol, err := purego.Dlsym(library, name)
		if err != nil {
			return 0, err
		}
		purego.RegisterFunc(function, symbol)
	}
	return m.Run(), nil
}

func (b rapBytes) String() string { return string(unsafe.Slice(b.ptr, b.len)) }

func data(text string) (*byte, uintptr) { return unsafe.StringData(text), uintptr(len(text)) }

// dependOnLibrary looks at the library and its sources. Go remembers what files a
// test looks at and runs it again when they change; nothing else ties these tests
// to what they test.
var dependOnLibrary = sync.OnceValue(func() error {
	_, err := os.Stat(os.Getenv(pathVariable))
	for _, folder := range []string{"../../capi", "../../codec", "../../engine"} {
		err = errors.Join(err, filepath.WalkDir(folder, func(_ string, _ fs.DirEntry, err error) error { return err }))
	}
	return err
})

// open opens a machine that is closed at the end of the test.
func open(t *testing.T, kind, config string, host *rapHost) uint64 {
	t.Helper()
	if err := dependOnLibrary(); err != nil {
		t.Fatal(err)
	}
	var handle uint64
	var text [errorMax]byte
	ptr, length := data(config)
	if code := rap.open(kind, ptr, length, host, &handle, &text[0]); code != ok {
		t.Fatalf("open %s: code %d, %s", kind, code, text[:bytes.IndexByte(text[:], 0)])
	}
	t.Cleanup(func() { rap.close(handle) })
	return handle
}

// step runs a batch and copies the effects.
func step(handle uint64, events string) (string, int32) {
	var effects rapBytes
	ptr, length := data(events)
	code := rap.step(handle, ptr, length, &effects)
	return effects.String(), code
}

func lastError(t *testing.T, handle uint64) string {
	t.Helper()
	var text rapBytes
	if code := rap.lastError(handle, &text); code != ok {
		t.Fatalf("last error: code %d", code)
	}
	return text.String()
}

// logged is a host that keeps what is logged. There is one callback for all of
// them, since callbacks are never freed; user says which is meant.
type logged struct {
	sync.Mutex
	lines  []string
	levels []int32
	inside func() // called from within the callback
}

var (
	loggers   sync.Map
	loggerIDs atomic.Uintptr
	callback  = sync.OnceValue(func() uintptr {
		return purego.NewCallback(func(user uintptr, level int32, text *byte, length uintptr) {
			found, known := loggers.Load(user)
			if !known {
				panic("log for an unknown user")
			}
			l := found.(*logged)
			l.Lock()
			l.lines = append(l.lines, string(unsafe.Slice(text, length)))
			l.levels = append(l.levels, level)
			l.Unlock()
			if l.inside != nil {
				l.inside()
			}
		})
	})
)

func (l *logged) host(level int32) *rapHost {
	user := loggerIDs.Add(1)
	loggers.Store(user, l)
	return &rapHost{unsafe.Sizeof(rapHost{}), user, level, callback()}
}

func (l *logged) count() int {
	l.Lock()
	defer l.Unlock()
	return len(l.lines)
}

func TestVersion(t *testing.T) {
	if rap.version() != abiVersion {
		t.Errorf("version %d", rap.version())
	}
	header, err := os.ReadFile("../../capi/rapprochement.h")
	if err != nil {
		t.Fatal(err)
	}
	if line := fmt.Sprintf("#define RAP_VERSION_TEXT %q\n", rap.versionText()); !strings.Contains(string(header), line) {
		t.Errorf("the header lacks %q", line)
	}
}

// A C compiler's word on the layout that this file and the Python loader assume.
func TestLayout(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler to ask")
	}
	program := `#include "rapprochement.h"
#include <stdio.h>
#define SHOW(type, field) \
  printf(#type "." #field " %zu %zu\n", offsetof(type, field), sizeof(((type *)0)->field))
int main(void) {
  SHOW(rap_bytes, ptr); SHOW(rap_bytes, len);
  SHOW(rap_column, name); SHOW(rap_column, data); SHOW(rap_column, len);
  SHOW(rap_column, dtype); SHOW(rap_column, width);
  SHOW(rap_table, columns); SHOW(rap_table, count);
  SHOW(rap_host, size); SHOW(rap_host, user); SHOW(rap_host, log_level); SHOW(rap_host, log);
  printf("%zu %zu %zu %zu %zu\n", sizeof(rap_handle), sizeof(rap_bytes), sizeof(rap_column),
         sizeof(rap_table), sizeof(rap_host));
}`
	path := filepath.Join(t.TempDir(), "layout")
	compile := exec.Command("cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror",
		"-I../../capi", "-x", "c", "-", "-o", path)
	compile.Stdin = strings.NewReader(program)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := exec.Command(path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var b rapBytes
	var c rapColumn
	var table rapTable
	var h rapHost
	var want strings.Builder
	show := func(name string, offset, size uintptr) { fmt.Fprintf(&want, "%s %d %d\n", name, offset, size) }
	show("rap_bytes.ptr", unsafe.Offsetof(b.ptr), unsafe.Sizeof(b.ptr))
	show("rap_bytes.len", unsafe.Offsetof(b.len), unsafe.Sizeof(b.len))
	show("rap_column.name", unsafe.Offsetof(c.name), unsafe.Sizeof(c.name))
	show("rap_column.data", unsafe.Offsetof(c.data), unsafe.Sizeof(c.data))
	show("rap_column.len", unsafe.Offsetof(c.len), unsafe.Sizeof(c.len))
	show("rap_column.dtype", unsafe.Offsetof(c.dtype), unsafe.Sizeof(c.dtype))
	show("rap_column.width", unsafe.Offsetof(c.width), unsafe.Sizeof(c.width))
	show("rap_table.columns", unsafe.Offsetof(table.columns), unsafe.Sizeof(table.columns))
	show("rap_table.count", unsafe.Offsetof(table.count), unsafe.Sizeof(table.count))
	show("rap_host.size", unsafe.Offsetof(h.size), unsafe.Sizeof(h.size))
	show("rap_host.user", unsafe.Offsetof(h.user), unsafe.Sizeof(h.user))
	show("rap_host.log_level", unsafe.Offsetof(h.logLevel), unsafe.Sizeof(h.logLevel))
	show("rap_host.log", unsafe.Offsetof(h.log), unsafe.Sizeof(h.log))
	fmt.Fprintf(&want, "8 %d %d %d %d\n",
		unsafe.Sizeof(b), unsafe.Sizeof(c), unsafe.Sizeof(table), unsafe.Sizeof(h))
	if string(got) != want.String() {
		t.Errorf("C says\n%s\nand Go\n%s", got, want.String())
	}
}

func TestEchoManyTimes(t *testing.T) {
	handle := open(t, "echo", "", nil)
	text := strings.Repeat("0123456789", 1000)
	for i := range 50_000 {
		want := text[:i%len(text)]
		if got, code := step(handle, want); got != want || code != ok {
			t.Fatalf("step %d: code %d, %d bytes of %d", i, code, len(got), len(want))
		}
	}
}

func TestHandlesRunInParallel(t *testing.T) {
	var group sync.WaitGroup
	for worker := range 8 {
		handle := open(t, "echo", "", nil)
		group.Go(func() {
			want := strings.Repeat(string(rune('a'+worker)), 100+worker)
			for range 3000 {
				if got, code := step(handle, want); got != want || code != ok {
					t.Errorf("worker %d: %q, code %d", worker, got, code)
				}
			}
		})
	}
	group.Wait()
}

func TestColumns(t *testing.T) {
	handle := open(t, "echo", "", nil)
	var table rapTable
	ptr, length := data("query")
	if code := rap.columns(handle, ptr, length, &table); code != ok {
		t.Fatalf("code %d", code)
	}
	found := map[string]rapColumn{}
	for _, column := range unsafe.Slice(table.columns, table.count) {
		found[cString(column.name)] = column
	}
	query := found["query"]
	if text := unsafe.String((*byte)(query.data), query.len); text != "query" {
		t.Errorf("query is %q", text)
	}
	numbers := found["int64"]
	if got := unsafe.Slice((*int64)(numbers.data), numbers.len); len(got) != 2 || got[0] != -1<<63 {
		t.Errorf("int64 is %v", got)
	}
	if id := found["id"]; id.len != 2 || id.width != 32 || id.dtype != 5 {
		t.Errorf("id is %+v", id)
	}
}

func cString(ptr *byte) string {
	length := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(ptr), length)) != 0 {
		length++
	}
	return string(unsafe.Slice(ptr, length))
}

func TestPanicPoisonsOneHandle(t *testing.T) {
	for _, how := range []string{"explicit", "nil"} {
		sick, well := open(t, "panic", how, nil), open(t, "echo", "", nil)
		for range 2 {
			if got, code := step(sick, "x"); got != "" || code != poisoned {
				t.Errorf("%s: %q, code %d", how, got, code)
			}
		}
		if text := lastError(t, sick); !strings.HasPrefix(text, "panic: ") {
			t.Errorf("%s: last error %q", how, text)
		}
		if got, code := step(well, "x"); got != "x" || code != ok {
			t.Errorf("%s: the other handle: %q, code %d", how, got, code)
		}
	}
}

func TestBadEventKeepsEarlierEffects(t *testing.T) {
	handle := open(t, "fail", "7", nil)
	if got, code := step(handle, "earlier"); got != "earlier" || code != badEvent {
		t.Errorf("%q, code %d", got, code)
	}
	if text := lastError(t, handle); text != "event 1: on purpose" {
		t.Errorf("last error %q", text)
	}
}

// spinning starts a step that lasts until it is cancelled and waits until it runs.
func spinning(t *testing.T) (handle uint64, ended chan int32) {
	t.Helper()
	log := &logged{}
	handle = open(t, "spin", "60000", log.host(levelInfo))
	ended = make(chan int32, 1)
	go func() {
		_, code := step(handle, "x")
		ended <- code
	}()
	for log.count() == 0 {
		time.Sleep(time.Millisecond)
	}
	return handle, ended
}

func TestSecondCallIsBusy(t *testing.T) {
	handle, ended := spinning(t)
	if got, code := step(handle, "y"); got != "" || code != busy {
		t.Errorf("step: %q, code %d", got, code)
	}
	var table rapTable
	if code := rap.columns(handle, nil, 0, &table); code != busy {
		t.Errorf("columns: code %d", code)
	}
	if code := rap.cancel(handle); code != ok {
		t.Errorf("cancel: code %d", code)
	}
	if code := <-ended; code != canceled {
		t.Errorf("the call in flight: code %d", code)
	}
}

func TestCloseWithCallInFlight(t *testing.T) {
	handle, ended := spinning(t)
	if code := rap.close(handle); code != ok {
		t.Errorf("close: code %d", code)
	}
	if code := <-ended; code != closed {
		t.Errorf("the call in flight: code %d", code)
	}
	if _, code := step(handle, "y"); code != closed {
		t.Errorf("afterwards: code %d", code)
	}
}

func TestLogReachesTheHost(t *testing.T) {
	log, other := &logged{}, &logged{}
	handle := open(t, "echo", "log", log.host(levelInfo))
	open(t, "echo", "log", other.host(levelInfo))
	inner := open(t, "echo", "", nil)
	log.inside = func() {
		if _, code := step(handle, "again"); code != busy {
			t.Errorf("own handle from the callback: code %d", code)
		}
		if got, code := step(inner, "inner"); got != "inner" || code != ok {
			t.Errorf("another handle from the callback: %q, code %d", got, code)
		}
	}
	for range 1000 {
		if got, code := step(handle, "abc"); got != "abc" || code != ok {
			t.Fatalf("%q, code %d", got, code)
		}
	}
	if log.count() != 1000 || log.lines[999] != "echo: 3 bytes" || log.levels[999] != levelInfo {
		t.Errorf("%d lines, the last one %q", log.count(), log.lines[len(log.lines)-1:])
	}
	if other.count() != 0 {
		t.Errorf("%d lines went to another host", other.count())
	}
}

func TestLogHeedsTheLevel(t *testing.T) {
	log := &logged{}
	step(open(t, "echo", "log", log.host(levelError)), "x")
	if log.count() != 0 {
		t.Errorf("%d lines", log.count())
	}
	step(open(t, "panic", "explicit", log.host(levelError)), "x")
	if log.count() != 1 || log.levels[0] != levelError {
		t.Errorf("the panic left %d lines", log.count())
	}
}

func TestWrongArguments(t *testing.T) {
	handle := open(t, "echo", "", nil)
	var other uint64
	var effects rapBytes
	var table rapTable
	one := byte(0)
	for name, code := range map[string]int32{
		"step, no effects":     rap.step(handle, &one, 1, nil),
		"step, no events":      rap.step(handle, nil, 1, &effects),
		"step, too long":       rap.step(handle, &one, 1<<62, &effects),
		"columns, no table":    rap.columns(handle, &one, 1, nil),
		"columns, no query":    rap.columns(handle, nil, 1, &table),
		"last error, no text":  rap.lastError(handle, nil),
		"open, no handle":      rap.open("echo", nil, 0, nil, nil, nil),
		"open, no config":      rap.open("echo", nil, 1, nil, &other, nil),
		"open, small host":     rap.open("echo", nil, 0, &rapHost{size: 8}, &other, nil),
		"open, host of size 0": rap.open("echo", nil, 0, &rapHost{}, &other, nil),
	} {
		if code != badArgument {
			t.Errorf("%s: code %d", name, code)
		}
	}
	if other != 0 {
		t.Errorf("a failed open gave the handle %#x", other)
	}
	if got, code := step(handle, ""); got != "" || code != ok {
		t.Errorf("an empty batch: %q, code %d", got, code)
	}
}

func TestOpenSaysWhyNot(t *testing.T) {
	handle := uint64(1)
	text := bytes.Repeat([]byte{0xFF}, errorMax+1)
	long := strings.Repeat("z", 2*errorMax)
	if code := rap.open(long, nil, 0, nil, &handle, &text[0]); code != badConfig || handle != 0 {
		t.Errorf("code %d, handle %#x", code, handle)
	}
	if end := bytes.IndexByte(text, 0); end != errorMax-1 || text[errorMax] != 0xFF {
		t.Errorf("a text of %d bytes in a buffer of %d", end, errorMax)
	}
	if code := rap.open("nothing", nil, 0, nil, &handle, nil); code != badConfig {
		t.Errorf("without a buffer: code %d", code)
	}
}

func TestStrayHandles(t *testing.T) {
	for _, stray := range []uint64{0, 1, 42, 1 << 63} {
		if _, code := step(stray, "x"); code != badHandle {
			t.Errorf("step(%#x): code %d", stray, code)
		}
		if code := rap.close(stray); code != badHandle {
			t.Errorf("close(%#x): code %d", stray, code)
		}
	}
	handle := open(t, "echo", "", nil)
	if code := rap.close(handle); code != ok {
		t.Errorf("close: code %d", code)
	}
	var text rapBytes
	for name, code := range map[string]int32{
		"close":      rap.close(handle),
		"cancel":     rap.cancel(handle),
		"last error": rap.lastError(handle, &text),
	} {
		if code != closed {
			t.Errorf("%s after close: code %d", name, code)
		}
	}
}
