//go:build cgo

package main

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay/lab"
)

func init() { kinds["lab"] = openLab }

// labMachine runs the policy "nearest" on a matrix of round trips, a round an
// event.
type labMachine struct{ lab *lab.Lab }

// labConfig is a run. Mean and Noise are int64, little-endian, nodes × nodes, row
// by row, in ns; without them the nodes stand in cities.
type labConfig struct {
	Nodes   int     `cbor:"nodes"`
	Mean    []byte  `cbor:"mean"`
	Noise   []byte  `cbor:"noise"`
	Seed    uint64  `cbor:"seed"`
	Start   int     `cbor:"start"`
	Liars   float64 `cbor:"liars"`
	DelayNs int64   `cbor:"delay_ns"`
	Trust   string  `cbor:"trust"`
}

// labRound asks for a round.
type labRound struct{}

// labState is how things stand after a round.
type labState struct {
	Ratio     float64 `cbor:"ratio"`
	LiarShare float64 `cbor:"liar_share"`
	Audit     []byte  `cbor:"audit"`
}

func openLab(config []byte, _ *Host) (Machine, error) {
	var c labConfig
	if err := codec.Unmarshal("lab config", config, &c); err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	run, err := c.config()
	if err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	return &labMachine{lab.New(run)}, nil
}

func (c *labConfig) config() (run lab.Config, err error) {
	trust := slices.Index(lab.Trusts, c.Trust)
	switch {
	case trust < 0:
		return run, fmt.Errorf("lab: trust is %q, want one of %v", c.Trust, lab.Trusts)
	case !(c.Liars >= 0 && c.Liars < 1):
		return run, fmt.Errorf("lab: liars is %v, want a share of at least 0 and below 1", c.Liars)
	case c.DelayNs < 0 || c.DelayNs > 60e9:
		return run, fmt.Errorf("lab: delay is %d ns, want 0 to a minute", c.DelayNs)
	case c.Start < 1 || c.Start >= max(c.Nodes, 2):
		return run, fmt.Errorf("lab: start is %d, want at least one and fewer than the %d nodes", c.Start, c.Nodes)
	}
	m, err := c.matrix()
	return lab.Config{
		Matrix: m, Seed: c.Seed, Start: c.Start, Liars: c.Liars, Delay: c.DelayNs, Trust: lab.Trust(trust),
	}, err
}

func (c *labConfig) matrix() (*lab.Matrix, error) {
	if len(c.Mean) == 0 {
		return lab.Geographic(c.Nodes, c.Seed)
	}
	m := &lab.Matrix{N: c.Nodes, Mean: words(c.Mean), Noise: words(c.Noise)}
	return m, m.Check()
}

func words(b []byte) (list []int64) {
	list = make([]int64, len(b)/8)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list
}

func (m *labMachine) Step(dst, events []byte) ([]byte, error) {
	return answerEach(dst, events, "lab round", func(*labRound) (any, error) {
		m.lab.Round()
		audit := m.lab.Audit()
		return &labState{Ratio: m.lab.Ratio(), LiarShare: m.lab.LiarShare(), Audit: audit[:]}, nil
	})
}

// Columns implements Machine: the tables "nodes" and "slots".
func (m *labMachine) Columns(query []byte) ([]Column, error) {
	switch string(query) {
	case "nodes":
		r := m.lab.Results()
		return []Column{
			{"liar", r.Liar}, {"mean_ns", r.MeanNs}, {"oracle_ns", r.OracleNs},
			{"liar_share", r.Liars}, {"measured", r.Measured},
		}, nil
	case "slots":
		var nodes, peers []int32
		var random []uint8
		for _, s := range m.lab.Slots() {
			nodes, peers = append(nodes, int32(s.Node)), append(peers, int32(s.Peer))
			random = append(random, 0)
			if s.Random {
				random[len(random)-1] = 1
			}
		}
		return []Column{{"node", nodes}, {"peer", peers}, {"random", random}}, nil
	}
	return nil, withCode(codeBadEvent, fmt.Errorf("capi: a lab has no table %q", query))
}

func (m *labMachine) Close() error { return nil }
