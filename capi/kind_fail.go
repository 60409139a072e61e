//go:build cgo

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

func init() { kinds["fail"] = openFail }

// failer answers steps and queries with an error, and its closing too if its
// config begins with "close ". The rest of the config is the error's code in
// decimal, or nothing for an error without one. Steps fail at event 1: what they
// got comes back as the effects of event 0.
type failer struct{ err, closing error }

func openFail(config []byte, _ *Host) (Machine, error) {
	number, closing := strings.CutPrefix(string(config), "close ")
	m := &failer{err: errors.New("on purpose")}
	if number != "" {
		code, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return nil, withCode(codeBadConfig, fmt.Errorf("capi: fail wants a code, not %q", number))
		}
		m.err = withCode(int32(code), m.err)
	}
	if closing {
		m.closing = m.err
	}
	return m, nil
}

func (m *failer) Step(dst, events []byte) ([]byte, error) {
	return append(dst, events...), &EventError{1, m.err}
}

func (m *failer) Columns([]byte) ([]Column, error) { return nil, m.err }

func (m *failer) Close() error { return m.closing }
