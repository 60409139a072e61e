//go:build cgo

package main

import (
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim"
	"github.com/intersubjective/rapprochement/engine/sim/disks"
)

func init() { kinds["world"] = openWorld }

// worldMachine drives a world by commands.
type worldMachine struct{ driver *sim.Driver }

// openWorld takes a scenario with its files, or a snapshot: both are the CBOR
// map of sim.Origin.
func openWorld(config []byte, _ *Host) (Machine, error) {
	var o sim.Origin
	if err := codec.Unmarshal("world config", config, &o); err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	var stores sim.Stores
	switch o.Store {
	case "", "memory":
	case "pebble":
		stores = disks.New()
	default:
		return nil, withCode(codeBadConfig, fmt.Errorf("capi: worlds have no store %q, only memory and pebble", o.Store))
	}
	d, err := sim.OpenDriver(o, stores)
	if err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	return &worldMachine{d}, nil
}

func (m *worldMachine) Step(dst, events []byte) ([]byte, error) {
	for index := 0; len(events) > 0; index++ {
		cmd, rest, err := codec.NextWorldCommand(events)
		if err != nil {
			return dst, &EventError{index, err}
		}
		answer, err := m.driver.Do(cmd)
		if err != nil {
			if errors.Is(err, sim.ErrManual) {
				err = &EventError{index, err}
			}
			return dst, err
		}
		if dst, err = codec.AppendWorldAnswer(dst, answer); err != nil {
			return dst, err
		}
		events = rest
	}
	return dst, nil
}

// Columns answers the name of a table of results with its arrays.
func (m *worldMachine) Columns(query []byte) ([]Column, error) {
	table, err := m.driver.Columns(string(query))
	if err != nil {
		return nil, withCode(codeBadEvent, err)
	}
	columns := make([]Column, len(table))
	for i, c := range table {
		columns[i] = Column{c.Name, c.Data}
	}
	return columns, nil
}

// Close gives the memory back with the machine itself.
func (m *worldMachine) Close() error { return nil }

// Cancel implements Canceler: a run in progress returns early, with the place
// it has come to.
func (m *worldMachine) Cancel() { m.driver.Cancel() }
