//go:build cgo

package main

import (
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay/lab"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

func init() { kinds["arena"] = openArena }

// arena is a run of the policy PeerSwap without nodes.
type arena struct{ swaps *lab.Swaps }

// arenaConfig is a CBOR map. Geographic puts the peers into cities at random;
// without it messages take no time.
type arenaConfig struct {
	Peers      int    `cbor:"peers"`
	Degree     int    `cbor:"degree"`
	EveryNs    int64  `cbor:"every_ns"`
	Graph      uint64 `cbor:"graph"`
	Seed       uint64 `cbor:"seed"`
	Geographic bool   `cbor:"geographic"`
}

// arenaSwaps lets the run go on until there were so many swaps in all.
type arenaSwaps struct {
	Swaps int `cbor:"swaps"`
}

// arenaCounts is what has happened since the start.
type arenaCounts struct {
	Rings    int   `cbor:"rings"`
	Busy     int   `cbor:"busy"`
	Swaps    int   `cbor:"swaps"`
	Refused  int   `cbor:"refused"`
	Broken   int   `cbor:"broken"`
	Lost     int   `cbor:"lost"`
	Messages int   `cbor:"messages"`
	NowNs    int64 `cbor:"now_ns"`
}

// Bounds of a run, so that a call ends in about a minute.
const (
	arenaPeersMax = 1 << 13
	arenaSwapsMax = 1 << 18
	arenaEveryMin = 1e6  // ns
	arenaEveryMax = 1e15 // ns
)

func (c *arenaConfig) validate() error {
	switch {
	case c.Degree < 2 || c.Degree > 32:
		return fmt.Errorf("capi: degree %d, want 2 to 32", c.Degree)
	case c.Peers <= c.Degree || c.Peers > arenaPeersMax || c.Peers*c.Degree%2 == 1:
		return fmt.Errorf("capi: %d peers of degree %d, want more than the degree, at most %d, and an even product", c.Peers, c.Degree, arenaPeersMax)
	case c.EveryNs < arenaEveryMin || c.EveryNs > arenaEveryMax:
		return fmt.Errorf("capi: %d ns between two rings, want %.0e to %.0e", c.EveryNs, arenaEveryMin, arenaEveryMax)
	}
	return nil
}

func openArena(config []byte, _ *Host) (Machine, error) {
	var c arenaConfig
	err := codec.Unmarshal("arena config", config, &c)
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	delay := func(int, int) int64 { return 0 }
	if c.Geographic {
		m, err := links.Geographic(links.Cities(), links.Fibre)
		if err != nil {
			return nil, err
		}
		delay = lab.Scatter(c.Peers, m.Sites(), c.Seed, m.Between)
	}
	return &arena{lab.NewSwaps(lab.SwapsConfig{N: c.Peers, Degree: c.Degree, EveryNs: c.EveryNs, Graph: c.Graph,
		Arena: lab.ArenaConfig{Seed: c.Seed, Delay: delay}})}, nil
}

func (m *arena) Step(dst, events []byte) ([]byte, error) {
	return answerEach(dst, events, "arena event", func(e *arenaSwaps) (any, error) { return m.run(e.Swaps) })
}

// run goes on until there were so many swaps, and all have ended.
func (m *arena) run(swaps int) (*arenaCounts, error) {
	if swaps-m.swaps.Counts().Swaps > arenaSwapsMax {
		return nil, fmt.Errorf("capi: at most %d swaps at once", arenaSwapsMax)
	}
	if !m.swaps.RunSwaps(swaps) || !m.swaps.Settle() {
		return nil, errors.New("capi: the clocks ring too often for the swaps to succeed")
	}
	c := m.swaps.Counts()
	return &arenaCounts{c.Rings, c.Busy, c.Swaps, c.Refused, c.Broken, c.Lost, m.swaps.Messages, m.swaps.Now()}, nil
}

// Columns gives the edges, each from both its sides.
func (m *arena) Columns(query []byte) ([]Column, error) {
	if len(query) > 0 {
		return nil, withCode(codeBadEvent, fmt.Errorf("capi: an arena has no table %q", query))
	}
	var peers, neighbours []int32
	for i := range m.swaps.Policies {
		for _, j := range m.swaps.Neighbours(i) {
			peers, neighbours = append(peers, int32(i)), append(neighbours, int32(j))
		}
	}
	return []Column{{"peer", peers}, {"neighbour", neighbours}}, nil
}

func (m *arena) Close() error { return nil }
