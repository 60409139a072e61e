//go:build cgo

package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/meritrank"
)

func init() { kinds["meritrank"] = openMeritRank }

// meritMachine is a graph with MeritRank's walks.
type meritMachine struct {
	graph *meritrank.Graph
	aging *meritrank.Aging // nil where weights do not age
}

// meritConfig is a CBOR map; what is missing has the defaults of
// meritrank.Config.
type meritConfig struct {
	Seed      uint64  `cbor:"seed"`
	Walks     int     `cbor:"walks"`
	Alpha     float64 `cbor:"alpha"`
	Beta      float64 `cbor:"beta"`
	Threshold float64 `cbor:"threshold"`
	Nodes     int     `cbor:"nodes"`
	Edges     int     `cbor:"edges"`
	Egos      int     `cbor:"egos"`
	HalfLife  int64   `cbor:"half_life_ns"`
	Epsilon   float64 `cbor:"epsilon"`
}

func openMeritRank(config []byte, _ *Host) (Machine, error) {
	var c meritConfig
	if len(config) > 0 {
		if err := codec.Unmarshal("meritrank config", config, &c); err != nil {
			return nil, withCode(codeBadConfig, err)
		}
	}
	graph, err := meritrank.New(meritrank.Config{Seed: c.Seed, Walks: c.Walks, Alpha: c.Alpha, Beta: c.Beta,
		Threshold: c.Threshold, Nodes: c.Nodes, Edges: c.Edges, Egos: c.Egos})
	if err != nil {
		return nil, withCode(codeBadConfig, err)
	}
	m := &meritMachine{graph: graph}
	if c.HalfLife != 0 {
		if m.aging, err = meritrank.NewAging(graph, c.HalfLife, c.Epsilon); err != nil {
			return nil, withCode(codeBadConfig, err)
		}
	}
	return m, nil
}

func (m *meritMachine) Step(dst, events []byte) ([]byte, error) {
	for index := 0; len(events) > 0; index++ {
		cmd, rest, err := codec.NextRankCommand(events)
		if err != nil {
			return dst, &EventError{index, err}
		}
		answer, err := m.do(cmd)
		if err != nil {
			return dst, &EventError{index, err}
		}
		if dst, err = codec.AppendRankAnswer(dst, answer); err != nil {
			return dst, err
		}
		events = rest
	}
	return dst, nil
}

func (m *meritMachine) do(cmd codec.RankCommand) (codec.RankAnswer, error) {
	switch cmd := cmd.(type) {
	case *codec.LoadEdges:
		edges, err := readEdges(cmd.Edges)
		if err == nil {
			err = m.graph.Load(edges)
		}
		return &codec.RankDone{Changed: uint64(len(edges))}, err
	case *codec.SetEdges:
		return m.set(cmd)
	case *codec.ObserveEdges:
		return m.observe(cmd)
	case *codec.ForgetEgo:
		ego, err := nodeOf(cmd.Ego)
		if err == nil {
			m.graph.Forget(ego)
		}
		return &codec.RankDone{}, err
	case *codec.GetRankUsage:
		u := m.graph.Usage()
		return &codec.RankUsage{Nodes: uint64(m.graph.Nodes()), Edges: uint64(m.graph.Edges()),
			Egos: uint64(u.Egos), WalkNodes: uint64(u.WalkNodes), WalkBytes: uint64(u.Bytes)}, nil
	}
	return nil, fmt.Errorf("capi: %T is a query, which columns answer", cmd)
}

func (m *meritMachine) set(cmd *codec.SetEdges) (codec.RankAnswer, error) {
	edges, err := readEdges(cmd.Edges)
	if err != nil {
		return nil, err
	}
	for i, e := range edges {
		if err := m.graph.Set(e.From, e.To, e.Weight); err != nil {
			return nil, fmt.Errorf("edge %d: %w", i, err)
		}
	}
	return &codec.RankDone{Changed: uint64(len(edges))}, nil
}

func (m *meritMachine) observe(cmd *codec.ObserveEdges) (codec.RankAnswer, error) {
	edges, err := readEdges(cmd.Edges)
	switch {
	case err != nil:
		return nil, err
	case m.aging == nil:
		return nil, fmt.Errorf("capi: the config has no half_life_ns")
	case len(cmd.Times) != 8*len(edges):
		return nil, fmt.Errorf("capi: %d bytes of times for %d edges, want 8 for each", len(cmd.Times), len(edges))
	}
	done := &codec.RankDone{}
	for i, e := range edges {
		at := int64(binary.LittleEndian.Uint64(cmd.Times[8*i:]))
		changed, err := m.aging.Observe(e.From, e.To, e.Weight, at)
		if err != nil {
			return nil, fmt.Errorf("edge %d: %w", i, err)
		}
		if changed {
			done.Changed++
		}
	}
	return done, nil
}

// readEdges reads rows of edges as the vocabulary has them.
func readEdges(data []byte) ([]meritrank.Edge, error) {
	const row = 16
	if len(data)%row != 0 {
		return nil, fmt.Errorf("capi: %d bytes of edges, want a multiple of %d", len(data), row)
	}
	edges := make([]meritrank.Edge, len(data)/row)
	for i := range edges {
		at := data[row*i:]
		edges[i] = meritrank.Edge{From: binary.LittleEndian.Uint32(at), To: binary.LittleEndian.Uint32(at[4:]),
			Weight: math.Float64frombits(binary.LittleEndian.Uint64(at[8:]))}
	}
	return edges, nil
}

func nodeOf(number uint64) (meritrank.Node, error) {
	if number > math.MaxUint32 {
		return 0, fmt.Errorf("capi: node %d, want at most %d", number, uint32(math.MaxUint32))
	}
	return meritrank.Node(number), nil
}

// Columns answers one of the commands that are queries.
func (m *meritMachine) Columns(query []byte) ([]Column, error) {
	cmd, rest, err := codec.NextRankCommand(query)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("capi: %d bytes follow the query", len(rest))
	}
	if err != nil {
		return nil, withCode(codeBadEvent, err)
	}
	columns, err := m.query(cmd)
	if err != nil {
		return nil, withCode(codeBadEvent, err)
	}
	return columns, nil
}

func (m *meritMachine) query(cmd codec.RankCommand) ([]Column, error) {
	switch cmd := cmd.(type) {
	case *codec.GetScores:
		return m.scores(cmd)
	case *codec.GetMutual:
		return m.mutual(cmd)
	case *codec.GetEdges:
		return m.edges(), nil
	}
	return nil, fmt.Errorf("capi: %T is no query", cmd)
}

func (m *meritMachine) scores(q *codec.GetScores) ([]Column, error) {
	ego, err := nodeOf(q.Ego)
	if err != nil {
		return nil, err
	}
	top := int(min(q.Top, meritrank.NodesMax))
	var list []meritrank.Score
	switch {
	case q.Refined && top == 0:
		return nil, fmt.Errorf("capi: refined scores need a number of them")
	case q.Refined:
		list, err = m.graph.Refined(nil, ego, top)
	case top > 0:
		list, err = m.graph.Top(nil, ego, top)
	default:
		list, err = m.graph.Scores(nil, ego)
	}
	nodes, values, errors := make([]uint32, len(list)), make([]float64, len(list)), make([]float64, len(list))
	for i, s := range list {
		nodes[i], values[i], errors[i] = s.Node, s.Value, s.Error
	}
	return []Column{{"node", nodes}, {"value", values}, {"error", errors}}, err
}

func (m *meritMachine) mutual(q *codec.GetMutual) ([]Column, error) {
	ego, err := nodeOf(q.Ego)
	if err != nil {
		return nil, err
	}
	pairs, err := m.graph.Mutual(nil, ego, int(min(q.Top, meritrank.NodesMax-1)))
	nodes, n := make([]uint32, len(pairs)), len(pairs)
	values, errors, backs, backErrors := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i, p := range pairs {
		nodes[i], values[i], errors[i], backs[i], backErrors[i] = p.Node, p.Value, p.Error, p.Back.Value, p.Back.Error
	}
	return []Column{{"node", nodes}, {"value", values}, {"error", errors}, {"back_value", backs}, {"back_error", backErrors}}, err
}

func (m *meritMachine) edges() []Column {
	list := m.graph.AppendEdges(nil)
	sources, targets, weights := make([]uint32, len(list)), make([]uint32, len(list)), make([]float64, len(list))
	for i, e := range list {
		sources[i], targets[i], weights[i] = e.From, e.To, e.Weight
	}
	return []Column{{"source", sources}, {"target", targets}, {"weight", weights}}
}

// Close gives the memory back with the machine itself.
func (m *meritMachine) Close() error { return nil }
