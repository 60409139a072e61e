//go:build cgo

package main

import "fmt"

func init() { kinds["panic"] = openPanic }

// panicker panics on purpose. Its config says where and how: "explicit" or
// "nil" (a nil dereference) in a step or query, "open" or "close" in those.
type panicker struct{ how string }

func openPanic(config []byte, _ *Host) (Machine, error) {
	switch how := string(config); how {
	case "open":
		panic("on purpose, in open")
	case "explicit", "nil", "close":
		return &panicker{how}, nil
	}
	return nil, withCode(codeBadConfig, fmt.Errorf("capi: panic does not know the config %q", config))
}

func (m *panicker) Step(dst, _ []byte) ([]byte, error) { return dst, m.fall() }

func (m *panicker) Columns([]byte) ([]Column, error) { return nil, m.fall() }

func (m *panicker) fall() error {
	switch m.how {
	case "explicit":
		panic("on purpose, in a step")
	case "nil":
		var nobody *panicker
		m.how = nobody.how
	}
	return nil
}

func (m *panicker) Close() error {
	if m.how == "close" {
		panic("on purpose, in close")
	}
	return nil
}
