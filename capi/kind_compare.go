//go:build cgo

package main

import (
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/compare"
)

func init() { kinds["compare"] = openCompare }

// comparer measures strategies side by side, a case an event.
type comparer struct{ bench *compare.Bench }

// compareConfig holds the host's own records, if it has any: a genesis block and
// a CBOR sequence of envelopes.
type compareConfig struct {
	Genesis   []byte `cbor:"genesis"`
	Envelopes []byte `cbor:"envelopes"`
}

// A compareChoice is a name that a case can have, with a line about it.
type compareChoice struct {
	Name  string `cbor:"name"`
	About string `cbor:"about"`
}

// compareChoices is the answer to an empty strategy.
type compareChoices struct {
	Workloads []compareChoice `cbor:"workloads"`
	Networks  []compareChoice `cbor:"networks"`
}

func openCompare(config []byte, _ *Host) (Machine, error) {
	var c compareConfig
	if err := codec.Unmarshal("compare config", config, &c); err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	bench, err := compare.New(c.Genesis, c.Envelopes)
	if err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	return &comparer{bench}, nil
}

func (m *comparer) Step(dst, events []byte) ([]byte, error) {
	return answerEach(dst, events, "compare case", func(c *compare.Case) (any, error) {
		if c.Strategy == "" {
			return choices(), nil
		}
		row, err := m.bench.Run(*c)
		if errors.Is(err, compare.ErrCanceled) {
			err = errCanceled
		}
		return row, err
	})
}

func choices() *compareChoices {
	var names compareChoices
	for _, w := range compare.Workloads {
		names.Workloads = append(names.Workloads, compareChoice{w.Name, w.About})
	}
	for _, n := range compare.Networks {
		names.Networks = append(names.Networks, compareChoice{n.Name, n.About})
	}
	return &names
}

func (m *comparer) Columns(query []byte) ([]Column, error) {
	return nil, withCode(codeBadEvent, fmt.Errorf("capi: a comparison has no table %q", query))
}

func (m *comparer) Close() error { return nil }

// Cancel implements Canceler: the case in progress is given up.
func (m *comparer) Cancel() { m.bench.Cancel() }
