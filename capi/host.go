//go:build cgo

package main

import (
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Severities of log lines.
const (
	levelDebug   int32 = 10
	levelInfo    int32 = 20
	levelWarning int32 = 30
	levelError   int32 = 40
)

// Host is what the program around the library offers to a machine. A nil Host
// offers nothing; its methods may be called all the same.
//
// Host functions are called by address. Results would come back as garbage from
// a host whose callback raised an exception, so there are none: a host function
// that has to answer gets a pointer to a zeroed status instead.
type Host struct {
	user  uintptr
	log   uintptr
	level int32

	// mu is held for reading during every call out, so that mute can wait for
	// those that other goroutines have under way.
	mu    sync.RWMutex
	muted bool
}

// Enabled says whether a line of this severity reaches anybody. Ask it before
// composing a costly text.
func (h *Host) Enabled(level int32) bool {
	return h != nil && h.log != 0 && level >= h.level
}

// Log hands one line to the host. It may be called from any goroutine; after
// the handle is closed it does nothing.
func (h *Host) Log(level int32, text string) {
	if !h.Enabled(level) {
		return
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.muted {
		return
	}
	// The pointer holds for the call only: SyscallN keeps the text alive that long.
	purego.SyscallN(h.log, h.user, uintptr(level),
		uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text)))
}

// mute ends all calls to the host: those under way are over when it returns.
func (h *Host) mute() {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.muted = true
	h.mu.Unlock()
}
