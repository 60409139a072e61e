//go:build cgo

package main

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

func init() { kinds["spin"] = openSpin }

// spinner computes for as long as its config says, in milliseconds, or until it
// is cancelled; then it gives back what it got. It logs "spinning" when a step
// has begun, so that a test knows when to interfere, and "spun" when it ends, as
// a long step of an engine might.
type spinner struct {
	host     *Host
	limit    time.Duration
	canceled atomic.Bool
}

func openSpin(config []byte, host *Host) (Machine, error) {
	ms, err := strconv.ParseUint(string(config), 10, 31)
	if err != nil {
		return nil, withCode(codeBadConfig, fmt.Errorf("capi: spin wants milliseconds, not %q", config))
	}
	return &spinner{host: host, limit: time.Duration(ms) * time.Millisecond}, nil
}

func (m *spinner) Step(dst, events []byte) ([]byte, error) {
	m.canceled.Store(false)
	m.host.Log(levelInfo, "spinning")
	defer m.host.Log(levelInfo, "spun")
	for start := time.Now(); time.Since(start) < m.limit; {
		if m.canceled.Load() {
			return dst, &EventError{0, errCanceled}
		}
	}
	return append(dst, events...), nil
}

func (m *spinner) Columns([]byte) ([]Column, error) { return nil, nil }

func (m *spinner) Close() error { return nil }

// Cancel implements Canceler.
func (m *spinner) Cancel() { m.canceled.Store(true) }
