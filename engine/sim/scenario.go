package sim

import (
	"fmt"
	"time"
)

// A Scenario is a TOML text. Durations are written "250ms" or "1m30s", chances
// as fractions of 1. Every field has a default; docs/scenarios.md describes
// them with examples.
type Scenario struct {
	Name     string     `toml:"name"`
	Seed     uint64     `toml:"seed"`
	Nodes    int        `toml:"nodes"`
	Duration Duration   `toml:"duration"` // the run ends at latest here
	Stop     string     `toml:"stop"`     // "converged" (default) or "never": only at duration
	Node     NodeSpec   `toml:"node"`
	RTT      RTTSpec    `toml:"rtt"`
	Topology Topology   `toml:"topology"`
	Links    LinkSpec   `toml:"links"`
	Space    SpaceSpec  `toml:"space"`
	Workload []Workload `toml:"workload"`
	Fault    []Fault    `toml:"fault"`
	Measure  Measure    `toml:"measure"`
	Expect   Expect     `toml:"expect"`
	Keep     Keep       `toml:"keep"`
}

// NodeSpec is the configuration that all nodes share.
type NodeSpec struct {
	Strategies []string `toml:"strategies"`
	Interval   Duration `toml:"interval"`
	Idle       Duration `toml:"idle"`
	Timeout    Duration `toml:"timeout"`
	FrameBytes int      `toml:"frame_bytes"`
	PushAll    bool     `toml:"push_all"`
	Durable    *bool    `toml:"durable"` // default true
	// CPU charges virtual time for work, by unit costs of one core.
	CPU bool `toml:"cpu"`
	// Services run on every node: "presence", "rtt".
	Services []string `toml:"services"`
}

// RTTSpec is how the service "rtt" behaves, as rtt.Config says.
type RTTSpec struct {
	Round   Duration `toml:"round"`
	Publish Duration `toml:"publish"`
	Best    int      `toml:"best"`
	Random  int      `toml:"random"`
	Probes  int      `toml:"probes"`
	Policy  string   `toml:"policy"` // of connections; "nearest"
	Degree  int      `toml:"degree"`
	Inbound int      `toml:"inbound"`
	Dial    Duration `toml:"dial"`
}

// Topology says who is linked to whom.
type Topology struct {
	Kind   string  `toml:"kind"`   // "random" (default), "ring", "line", "star", "full", "nearest", "pairs"
	Degree int     `toml:"degree"` // of random and nearest; 8
	Pairs  [][]int `toml:"pairs"`
}

// LinkSpec models the network between linked nodes.
type LinkSpec struct {
	Latency      string   `toml:"latency"` // "constant" (default), "uniform", "exponential", "lognormal", "geographic", "matrix"
	Delay        Duration `toml:"delay"`   // constant: one way; others: the minimum
	Mean         Duration `toml:"mean"`    // exponential: mean excess; lognormal: median excess; uniform: the maximum
	Sigma        float64  `toml:"sigma"`   // lognormal
	Matrix       string   `toml:"matrix"`  // file of round-trip times in ms: .csv, or columns
	Jitter       Duration `toml:"jitter"`
	Loss         float64  `toml:"loss"`
	Duplicate    float64  `toml:"duplicate"`
	Reorder      float64  `toml:"reorder"`
	ReorderDelay Duration `toml:"reorder_delay"`
	Bandwidth    int64    `toml:"bandwidth"` // bytes per second of each directed link, 0 for no limit
	Queue        int64    `toml:"queue"`     // bytes waiting there; 256 KiB
	Uplink       int64    `toml:"uplink"`    // bytes per second of each node
	Downlink     int64    `toml:"downlink"`
}

// SpaceSpec is the one space that all nodes share; node 0 owns it.
type SpaceSpec struct {
	History string `toml:"history"` // "current" (default) or "all"
	Write   string `toml:"write"`   // "open" (default) or "members": node 0 grants every writer
}

// Workload is a stream of writes.
type Workload struct {
	Kind    string   `toml:"kind"` // "put" (default), "rtt", "delete"
	At      Duration `toml:"at"`
	Writers int      `toml:"writers"` // nodes 0 … writers−1; 0 for all
	Node    *int     `toml:"node"`    // only this one
	Count   int      `toml:"count"`   // writes per writer; rtt: rounds
	Every   Duration `toml:"every"`   // between a writer's writes; writers are spread over it
	Batch   int      `toml:"batch"`   // records per write; 1
	Bytes   int      `toml:"bytes"`   // value size; 200
	Keys    int      `toml:"keys"`    // registers a writer rewrites in turn; 0: a new one each time
	Of      int      `toml:"of"`      // delete: the workload, from 0, that wrote the registers
}

// Fault is something that goes wrong.
type Fault struct {
	Kind string `toml:"kind"` // "partition", "crash", "churn", "pause", "clock", "link", "store", "leave",
	// "forge", "equivocate", "flood", "lie", "silence", "replay",
	// "collude", "invent", "besiege", "sybil", "slander"
	At      Duration  `toml:"at"`
	Until   Duration  `toml:"until"`   // healed, restarted, resumed; 0 for never
	Split   float64   `toml:"split"`   // partition: this share of the nodes, the last ones, is cut off
	Nodes   []int     `toml:"nodes"`   // partition: the nodes cut off; else the nodes concerned
	OneWay  bool      `toml:"one_way"` // partition: only frames from the part cut off are lost
	Count   int       `toml:"count"`   // crash, pause: so many nodes, drawn from the seed
	Store   string    `toml:"store"`   // crash, churn: "kept" (default), "torn", "lost"
	Online  Duration  `toml:"online"`  // churn: how long a node stays, on average; 5 minutes
	Offline Duration  `toml:"offline"` // churn: how long it is away; 5 minutes
	Shape   float64   `toml:"shape"`   // churn: of both Weibull distributions; 0.5
	Shift   Duration  `toml:"shift"`   // clock: the wall clock jumps by this
	Drift   float64   `toml:"drift"`   // clock: and runs faster by this fraction from then on
	Links   *LinkSpec `toml:"links"`   // link: new parameters of all links
	Commit  int       `toml:"commit"`  // store: the n-th commit from then on fails
	Share   float64   `toml:"share"`   // adversaries: of the records, messages, frames or links it could concern; 1
	Every   Duration  `toml:"every"`   // flood, invent, besiege: between two frames or moves; 100 ms
	Bytes   int       `toml:"bytes"`   // flood: the size of each; 4096
	Delay   Duration  `toml:"delay"`   // collude: how long answers to pings are held back
	Target  *int      `toml:"target"`  // besiege: the node
	Region  string    `toml:"region"`  // sybil: "parallel" (default), "path", "cycle"
}

// Measure says what is kept beside the table of results.
type Measure struct {
	Sample     Duration `toml:"sample"`     // time series; a 200th of the duration
	Latencies  bool     `toml:"latencies"`  // one row per record and node
	Transcript bool     `toml:"transcript"` // one line per step
}

// Expect says what a check asks of a run beyond what has to hold of every run.
type Expect struct {
	Within Duration `toml:"within"` // convergence, after the last action; 3 intervals for each hop of the diameter
}

// Keep leaves out parts of a scenario without changing a draw about the others: what
// shrinking has found to be needed. A list that is left out keeps everything.
type Keep struct {
	Nodes  []int `toml:"nodes"`  // the others do not exist
	Faults []int `toml:"faults"` // numbers of [[fault]] tables
	Writes []int `toml:"writes"` // numbers of writes, in the order of workloads, writers and counts
}

// A Duration is nanoseconds, written like "1.5s".
type Duration int64

// UnmarshalText reads Go's notation.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf(`want a duration like "250ms" or "1m30s", got %q`, text)
	}
	*d = Duration(v)
	return nil
}

// A ScenarioError says what is wrong with a scenario and where.
type ScenarioError struct {
	Line   int // from 1; 0 when no line is to blame
	Field  string
	Detail string
}

func (e *ScenarioError) Error() string {
	s := "scenario"
	if e.Line > 0 {
		s = fmt.Sprintf("scenario line %d", e.Line)
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Detail
}
