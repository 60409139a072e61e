//go:build cgo

package main

import (
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/store"
	inmemory "github.com/intersubjective/rapprochement/engine/store/memory"
	"github.com/intersubjective/rapprochement/engine/store/pebble"
)

func init() { kinds["node"] = openNode }

// nodeConfig is the CBOR map that a node is opened with.
type nodeConfig struct {
	Settings engine.Settings `cbor:"settings"`
	// Store is the directory of the node's files; empty keeps everything in
	// memory.
	Store string `cbor:"store"`
}

// nodeMachine drives one node.
type nodeMachine struct{ node *engine.Node }

func openNode(config []byte, _ *Host) (Machine, error) {
	var c nodeConfig
	if err := codec.Unmarshal("node config", config, &c); err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	cfg, err := c.Settings.Config()
	if err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	st, err := openStore(c.Store)
	if err != nil {
		return nil, withCode(codeStoreFailed, err)
	}
	node, err := engine.Open(cfg, st, engine.Options{})
	if err != nil {
		return nil, withCode(codeBadConfig, errors.Join(err, st.Close()))
	}
	return &nodeMachine{node}, nil
}

func openStore(dir string) (store.Store, error) {
	if dir == "" {
		return inmemory.New(inmemory.NewArena()), nil
	}
	return pebble.Open(dir, pebble.Options{})
}

// Step gives the node the events of one instant at a time: each such group is
// committed as one.
func (m *nodeMachine) Step(dst, events []byte) ([]byte, error) {
	var group []codec.Event
	var now codec.Now
	for index := 0; len(events) > 0 || len(group) > 0; {
		var next codec.Now
		var ev codec.Event
		var err error
		if len(events) > 0 {
			if next, ev, events, err = codec.NextEvent(events); err == nil && (len(group) == 0 || next == now) {
				group, now = append(group, ev), next
				if len(events) > 0 {
					continue
				}
				ev = nil
			}
		}
		if len(group) > 0 {
			var stepErr error
			if dst, stepErr = m.step(dst, now, group, index); stepErr != nil {
				return dst, stepErr
			}
		}
		index += len(group)
		group = group[:0]
		if err != nil {
			return dst, &EventError{index, err}
		}
		if ev != nil {
			group, now = append(group, ev), next
		}
	}
	return dst, nil
}

func (m *nodeMachine) step(dst []byte, now codec.Now, group []codec.Event, index int) ([]byte, error) {
	effects, err := m.node.Step(now, group...)
	for _, ef := range effects {
		var bad error
		if dst, bad = codec.AppendEffect(dst, ef); bad != nil {
			return dst, bad
		}
		if failed, ok := ef.(*codec.StoreFailed); ok {
			return dst, withCode(codeStoreFailed, errors.New(failed.Detail))
		}
	}
	var refused *engine.EventError
	if errors.As(err, &refused) {
		return dst, &EventError{index + refused.Index, refused.Err}
	}
	return dst, err
}

// Columns answers, without a step, "audit" with the node's audit chain, "spaces"
// with what it holds and "counters" with its accounts.
func (m *nodeMachine) Columns(query []byte) ([]Column, error) {
	switch string(query) {
	case "audit":
		return []Column{{"audit", []uint64{m.node.Audit()}}}, nil
	case "spaces":
		return m.spaces(), nil
	case "counters":
		return counterColumns(m.node.Counters()), nil
	}
	return nil, withCode(codeBadEvent, fmt.Errorf("capi: a node has no table %q, only audit, spaces and counters", query))
}

func (m *nodeMachine) spaces() []Column {
	var ids, summaries [][32]byte
	var counts []uint64
	m.node.Spaces(func(id codec.ID) {
		summary, count := m.node.Summary(id)
		ids, summaries, counts = append(ids, id), append(summaries, summary), append(counts, count)
	})
	return []Column{{"space", ids}, {"records", counts}, {"summary", summaries}}
}

func counterColumns(c *codec.Counters) []Column {
	one := func(name string, v uint64) Column { return Column{name, []uint64{v}} }
	return []Column{
		one("frames_in", c.FramesIn), one("frames_out", c.FramesOut),
		one("bytes_in", c.BytesIn), one("bytes_out", c.BytesOut),
		one("bytes_reconcile", c.BytesReconcile), one("bytes_records", c.BytesRecords),
		one("bytes_control", c.BytesControl), one("bytes_resent", c.BytesResent),
		one("records_in", c.RecordsIn), one("useful", c.Useful), one("duplicate", c.Duplicate),
		one("refused", c.Refused), one("verified", c.Verified),
		one("sessions", c.Sessions), one("rounds", c.Rounds),
	}
}

func (m *nodeMachine) Close() error { return m.node.Close() }
