package pebble

import (
	"fmt"
	"sync"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
)

// A failure is the first error of a store. Pebble's background goroutines set
// it too.
type failure struct {
	once sync.Once
	err  error
	done chan struct{} // closed when err is set
}

func newFailure() *failure { return &failure{done: make(chan struct{})} }

func (f *failure) set(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.done)
	})
}

func (f *failure) get() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// A logger keeps pebble from writing to the standard error.
type logger struct {
	failure *failure
	log     func(line string)
}

func (l *logger) print(format string, args []any) {
	if l.log != nil {
		l.log(fmt.Sprintf(format, args...))
	}
}

func (l *logger) Infof(format string, args ...any)  { l.print(format, args) }
func (l *logger) Errorf(format string, args ...any) { l.print(format, args) }

// Fatalf returns, which pebble does not expect but survives long enough: the
// gate is shut, and the store uses this pebble no more.
func (l *logger) Fatalf(format string, args ...any) {
	l.failure.set(fmt.Errorf("pebble store: "+format, args...))
	l.print(format, args)
}

// retryPause slows down flushes and compactions that fail for ever after the
// gate has shut: pebble retries them at once.
const retryPause = 10 * time.Millisecond

func (l *logger) listener() *lsm.EventListener {
	return &lsm.EventListener{
		BackgroundError: func(err error) {
			if l.failure.get() != nil {
				time.Sleep(retryPause)
			}
			l.failure.set(fmt.Errorf("pebble store: in the background: %w", err))
		},
		DataCorruption: func(info lsm.DataCorruptionInfo) {
			l.failure.set(fmt.Errorf("pebble store: %s is corrupt: %w", info.Path, info.Details))
		},
	}
}

// guarded turns pebble's panics, which it has for damaged files and failed
// writes, into errors.
func guarded(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble store: %v", r)
		}
	}()
	return fn()
}
