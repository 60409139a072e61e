//go:build cgo

package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCodeOf(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		name string
		err  error
		want int32
	}{
		{"no error", nil, codeOK},
		{"uncoded", plain, codeInternal},
		{"coded", withCode(codeStoreFailed, plain), codeStoreFailed},
		{"wrapped", fmt.Errorf("more: %w", withCode(codeBadConfig, plain)), codeBadConfig},
		{"event", &EventError{3, plain}, codeBadEvent},
		{"event with a cause of its own code", &EventError{3, withCode(codeStoreFailed, plain)}, codeStoreFailed},
		{"canceled", &EventError{0, errCanceled}, codeCanceled},
		{"a code that is no error", withCode(codeOK, plain), codeInternal},
		{"a code that is not the machine's to give", withCode(codeClosed, plain), codeInternal},
		{"a code that does not exist", withCode(99, plain), codeInternal},
	} {
		if got := codeOf(c.err, codeInternal); got != c.want {
			t.Errorf("%s: code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestEventErrorKeepsItsCause(t *testing.T) {
	cause := errors.New("cause")
	err := error(&EventError{7, withCode(codeBadEvent, cause)})
	if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "event 7: ") {
		t.Errorf("%v", err)
	}
}
