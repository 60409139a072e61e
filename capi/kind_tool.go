//go:build cgo

package main

import (
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/identity"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/sim"
)

func init() { kinds["tool"] = openTool }

// tool answers questions that need no node: what a scenario means, what a key's
// public half is, what an identity file holds.
type tool struct{}

func openTool(config []byte, _ *Host) (Machine, error) {
	if len(config) > 0 {
		return nil, withCode(codeBadConfig, fmt.Errorf("capi: a tool takes no config"))
	}
	return tool{}, nil
}

// A toolRequest is a CBOR map. Op chooses which of the fields matter.
type toolRequest struct {
	Op         string            `cbor:"op"`
	Scenario   string            `cbor:"scenario"`
	Seed       *uint64           `cbor:"seed"`
	Files      map[string][]byte `cbor:"files"`
	Data       []byte            `cbor:"data"`
	Passphrase []byte            `cbor:"passphrase"`
	Entropy    []byte            `cbor:"entropy"`
}

// A toolAnswer is a CBOR map with the fields that the request asked for.
type toolAnswer struct {
	Info       *sim.ScenarioInfo `cbor:"info,omitempty"`
	Plan       *sim.PlanData     `cbor:"plan,omitempty"`
	Data       []byte            `cbor:"data,omitempty"`
	Text       string            `cbor:"text,omitempty"`
	Strategies []string          `cbor:"strategies,omitempty"`
}

func (tool) Step(dst, events []byte) ([]byte, error) {
	return answerEach(dst, events, "tool request", func(r *toolRequest) (any, error) { return r.answer() })
}

// answerEach decodes each item of a CBOR sequence and appends the CBOR of its
// answer.
func answerEach[T any](dst, events []byte, what string, answer func(*T) (any, error)) ([]byte, error) {
	for index := 0; len(events) > 0; index++ {
		n, err := codec.ScanItem(events)
		if err != nil {
			return dst, &EventError{index, err}
		}
		item := new(T)
		if err := codec.Unmarshal(what, events[:n], item); err != nil {
			return dst, &EventError{index, err}
		}
		value, err := answer(item)
		if err != nil {
			return dst, &EventError{index, err}
		}
		b, err := codec.Marshal(value)
		if err != nil {
			return dst, err
		}
		dst, events = append(dst, b...), events[n:]
	}
	return dst, nil
}

func (r *toolRequest) answer() (*toolAnswer, error) {
	switch r.Op {
	case "check": // scenario → info
		s, err := sim.ParseScenario(r.Scenario)
		if err != nil {
			return nil, err
		}
		return &toolAnswer{Info: s.Info()}, nil
	case "compile": // scenario, seed and files → plan
		return r.compile()
	case "peer": // data: an Ed25519 seed → data: the public key
		seed, err := r.seed()
		if err != nil {
			return nil, err
		}
		public := sign.KeyFromSeed(seed).Public()
		return &toolAnswer{Data: public[:]}, nil
	case "seal": // data: a seed, passphrase, 40 bytes of entropy → data: a file
		seed, err := r.seed()
		if err != nil {
			return nil, err
		}
		file, err := identity.Seal(seed, r.Passphrase, identity.DefaultParams(), r.Entropy)
		return &toolAnswer{Data: file}, err
	case "unseal": // data: a file, passphrase → data: the seed
		seed, err := identity.Open(r.Data, r.Passphrase)
		return &toolAnswer{Data: seed[:]}, err
	case "strategies":
		return &toolAnswer{Strategies: engine.StrategyNames()}, nil
	}
	return nil, fmt.Errorf("capi: tool request %q is unknown", r.Op)
}

func (r *toolRequest) seed() (*[32]byte, error) {
	if len(r.Data) != 32 {
		return nil, fmt.Errorf("capi: %s: a seed of %d bytes, want 32", r.Op, len(r.Data))
	}
	return (*[32]byte)(r.Data), nil
}

func (r *toolRequest) compile() (*toolAnswer, error) {
	o := sim.Origin{Scenario: r.Scenario, Seed: r.Seed, Files: r.Files}
	p, err := o.Plan()
	if err != nil {
		return nil, err
	}
	data, err := p.Export()
	return &toolAnswer{Plan: data}, err
}

func (tool) Columns(query []byte) ([]Column, error) {
	return nil, withCode(codeBadEvent, fmt.Errorf("capi: a tool has no table %q", query))
}

func (tool) Close() error { return nil }
