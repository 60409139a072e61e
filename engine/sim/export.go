package sim

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// ScenarioInfo is what a host wants to know of a scenario before it runs it.
type ScenarioInfo struct {
	Name       string   `cbor:"name"`
	Seed       uint64   `cbor:"seed"`
	Nodes      int      `cbor:"nodes"`
	Duration   int64    `cbor:"duration"` // ns
	Stop       string   `cbor:"stop"`
	Latencies  bool     `cbor:"latencies"`
	Transcript bool     `cbor:"transcript"`
	Files      []string `cbor:"files"` // that it names
}

// Info describes a scenario.
func (s *Scenario) Info() *ScenarioInfo {
	info := &ScenarioInfo{
		Name: s.Name, Seed: s.Seed, Nodes: s.Nodes, Duration: int64(s.Duration), Stop: s.Stop,
		Latencies: s.Measure.Latencies, Transcript: s.Measure.Transcript, Files: []string{},
	}
	specs := []*LinkSpec{&s.Links}
	for i := range s.Fault {
		specs = append(specs, s.Fault[i].Links)
	}
	for _, l := range specs {
		if l != nil && l.Matrix != "" && !slices.Contains(info.Files, l.Matrix) {
			info.Files = append(info.Files, l.Matrix)
		}
	}
	return info
}

// PlanData is a plan for drivers in other languages: everything a run depends
// on, as plain data. Times are nanoseconds.
type PlanData struct {
	Name     string       `cbor:"name"`
	Seed     uint64       `cbor:"seed"`
	Duration int64        `cbor:"duration"`
	Stop     bool         `cbor:"stop"`
	CPU      bool         `cbor:"cpu"`
	Managed  bool         `cbor:"managed"`
	Sample   int64        `cbor:"sample"`
	Genesis  []byte       `cbor:"genesis"`
	Space    []byte       `cbor:"space"`
	Nodes    []NodeData   `cbor:"nodes"`
	Absent   []bool       `cbor:"absent"` // nodes that do not exist; null for none
	Links    [][2]uint32  `cbor:"links"`
	Network  NetworkData  `cbor:"network"`
	Uplink   [2]int64     `cbor:"uplink"` // bytes per second and queue bytes
	Downlink [2]int64     `cbor:"downlink"`
	Actions  []ActionData `cbor:"actions"`
}

// NodeData is a node's configuration, as the C interface takes it, without the
// boot that changes at every restart. Seeds holds the seeds of the boots after the
// plan's restarts.
type NodeData struct {
	Config engine.Settings `cbor:"config"`
	Seeds  [][]byte        `cbor:"seeds"`
}

// NetworkData is a latency model and the parameters of all links.
type NetworkData struct {
	Model        string  `cbor:"model"`
	Minimum      int64   `cbor:"minimum"`
	Second       int64   `cbor:"second"` // maximum, mean or median
	Sigma        uint32  `cbor:"sigma"`
	Sites        int     `cbor:"sites"`
	Delays       []int64 `cbor:"delays"` // one way, row = from
	Delay        int64   `cbor:"delay"`
	Jitter       int64   `cbor:"jitter"`
	Loss         uint32  `cbor:"loss"`
	Duplicate    uint32  `cbor:"duplicate"`
	Reorder      uint32  `cbor:"reorder"`
	ReorderDelay int64   `cbor:"reorder_delay"`
	Bandwidth    int64   `cbor:"bandwidth"`
	Queue        int64   `cbor:"queue"`
}

// ActionData is one action. Kinds have the numbers of [ActionKind]. What Corrupt and
// Reform are about is left out: no other driver follows them.
type ActionData struct {
	_       struct{} `cbor:",toarray"`
	At      int64
	Kind    uint8
	Node    uint32
	Event   []byte
	Nodes   []uint32
	OneWay  bool
	Store   uint8
	Shift   int64
	Drift   int64
	Network *NetworkData
	Commit  uint64
}

// Export turns a plan into data.
func (p *Plan) Export() (*PlanData, error) {
	space := p.space()
	d := &PlanData{
		Name: p.Name, Seed: p.Seed, Duration: p.Duration, Stop: p.Stop, CPU: p.CPU, Managed: p.Managed, Sample: p.Sample,
		Genesis: p.Genesis, Space: space[:], Absent: p.Absent, Links: p.Links, Network: networkData(p.Model, p.Params),
		Uplink:   [2]int64{p.Uplink.BytesPerSecond, p.Uplink.QueueBytes},
		Downlink: [2]int64{p.Downlink.BytesPerSecond, p.Downlink.QueueBytes},
	}
	for i := range p.Nodes {
		d.Nodes = append(d.Nodes, NodeData{Config: p.Nodes[i].Settings(), Seeds: [][]byte{}})
	}
	for i := range p.Actions {
		a := &p.Actions[i]
		if n := &d.Nodes[a.Node]; a.Kind == Restart {
			seed := p.bootSeed(a.Node, uint64(len(n.Seeds)+1))
			n.Seeds = append(n.Seeds, seed[:])
		}
		data := ActionData{
			At: a.At, Kind: uint8(a.Kind), Node: a.Node, Nodes: a.Nodes, OneWay: a.OneWay,
			Store: uint8(a.Store), Shift: a.Shift, Drift: a.Drift, Commit: a.Commit,
		}
		if a.Kind == Give {
			var err error
			if data.Event, err = codec.AppendEvent(nil, codec.Now{}, a.Event); err != nil {
				return nil, err
			}
		}
		if a.Kind == SetLinks {
			n := networkData(a.Model, *a.Params)
			data.Network = &n
		}
		d.Actions = append(d.Actions, data)
	}
	return d, nil
}

func networkData(model links.Model, p links.Params) NetworkData {
	d := NetworkData{
		Delay: p.Delay, Jitter: p.Jitter, Loss: p.Loss, Duplicate: p.Duplicate, Reorder: p.Reorder,
		ReorderDelay: p.ReorderDelay, Bandwidth: p.Bandwidth.BytesPerSecond, Queue: p.Bandwidth.QueueBytes,
	}
	switch m := model.(type) {
	case links.Constant:
		d.Model, d.Minimum = "constant", m.Delay
	case links.Uniform:
		d.Model, d.Minimum, d.Second = "uniform", m.Lo, m.Hi
	case links.Exponential:
		d.Model, d.Minimum, d.Second = "exponential", m.Minimum, m.Mean
	case links.LogNormal:
		d.Model, d.Minimum, d.Second, d.Sigma = "lognormal", m.Minimum, m.Median, m.Sigma
	case *links.Matrix:
		d.Model, d.Sites = "matrix", m.Sites()
		for i := 0; i < d.Sites; i++ {
			for j := 0; j < d.Sites; j++ {
				d.Delays = append(d.Delays, m.Between(i, j))
			}
		}
	}
	return d
}
