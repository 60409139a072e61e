package sim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/sim/adversary"
	"github.com/intersubjective/rapprochement/engine/sim/draw"
	"github.com/intersubjective/rapprochement/engine/sim/liar"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// A Plan is a scenario with every choice made. Times are nanoseconds from the
// start of the run.
type Plan struct {
	Name     string
	Seed     uint64
	Duration int64
	Stop     bool // end when everything has happened and the sets are equal
	Sample   int64
	Nodes    []engine.Config
	Absent   []bool // nodes that do not exist, nil for none
	Genesis  []byte
	Links    [][2]uint32 // pairs of nodes; link i+1 joins pair i, dialed by the first
	Model    links.Model
	Params   links.Params
	Uplink   links.Bandwidth
	Downlink links.Bandwidth
	Actions  []Action // by time
	CPU      bool
	// Managed says that a service of the nodes makes and ends connections: Links
	// are those they begin with, and what a node hung up stays down until one of
	// the two dials.
	Managed bool
	Within  int64 // convergence after the last action; 0: by intervals and diameter

	Latencies  bool
	Transcript bool
}

// WallStart is the wall clock at the start of every run: 2024-01-01.
const WallStart int64 = 1_704_067_200e9

// An Action happens to one node, or to the world.
type Action struct {
	At    int64
	Kind  ActionKind
	Node  uint32
	Event codec.Event // Give
	// What Cut, Heal, Crash, Clock, SetLinks and FailStore need.
	Nodes  []uint32
	OneWay bool
	Store  StoreFate
	Shift  int64
	Drift  int64 // parts per billion
	Params *links.Params
	Model  links.Model
	Commit uint64
	// What Corrupt and Reform are about: a plot, or else a habit.
	Habit adversary.Habit
	Plot  *liar.Plot
}

// ActionKind says what an action does.
type ActionKind uint8

const (
	Give      ActionKind = iota // an event for Node
	Cut                         // Nodes are cut off from the others
	Heal                        // the cut of Nodes ends; of none: all
	Crash                       // Node stops without warning
	Restart                     // and starts again on what its store has kept
	Pause                       // Node is not scheduled, its frames wait
	Resume                      //
	Clock                       // Node's wall clock jumps and drifts
	SetLinks                    // all links change
	FailStore                   // Node's store fails at the Commit-th commit from now
	Leave                       // Node closes in good order
	Corrupt                     // Node takes up a habit of an adversary, or joins a plot of liars
	Reform                      // and gives it up
)

// StoreFate is what a crash leaves of a store.
type StoreFate uint8

const (
	StoreKept StoreFate = iota // everything that was committed
	StoreTorn                  // what was synced, and a part of the rest
	StoreLost                  // nothing
)

// Purposes of the plan's own draws.
const (
	drawKey = iota + 1
	drawSeed
	drawTopology
	drawValue
	drawNoise
	drawTorn
	drawChurn
)

// Compile makes every choice of a scenario. files holds the matrix it names.
func Compile(s *Scenario, files map[string][]byte) (*Plan, error) {
	p := &Plan{
		Name: s.Name, Seed: s.Seed, Duration: int64(s.Duration), Stop: s.Stop == "converged",
		Sample: int64(s.Measure.Sample), CPU: s.Node.CPU, Within: int64(s.Expect.Within),
		Latencies: s.Measure.Latencies, Transcript: s.Measure.Transcript,
	}
	var err error
	if p.Model, p.Params, err = s.Links.compile(files); err != nil {
		return nil, err
	}
	p.Uplink, p.Downlink = bandwidth(s.Links.Uplink, s.Links.Queue), bandwidth(s.Links.Downlink, s.Links.Queue)
	p.Managed = slices.Contains(s.Node.Services, rtt.Name) && s.RTT.Policy != rtt.StaticPolicy
	p.nodes(s)
	p.genesis(s)
	p.topology(s)
	p.keepNodes(s.Keep.Nodes)
	if s.Space.Write == "members" {
		for i := 1; i < s.Nodes; i++ {
			p.give(0, 0, &codec.Grant{Req: uint64(i), Space: p.space(), Member: p.Nodes[i].Peer})
		}
	}
	before := len(p.Actions)
	for i := range s.Workload {
		p.workload(&s.Workload[i], uint64(i))
	}
	p.keepWrites(s.Keep.Writes, before)
	for i := range s.Fault {
		if !kept(s.Keep.Faults, i) {
			continue
		}
		if err := p.fault(&s.Fault[i], uint64(i), s.Nodes, files); err != nil {
			return nil, err
		}
	}
	p.Actions = slices.DeleteFunc(p.Actions, p.leaveOut)
	slices.SortStableFunc(p.Actions, func(a, b Action) int { return cmp.Compare(a.At, b.At) })
	return p, p.checkCuts()
}

func (p *Plan) draw(id uint64, purpose uint32, count uint64) uint64 {
	// Streams of the plan lie far from those of links, which count from 0.
	return draw.NewStream(p.Seed, 1<<63|id).Uint64(purpose, count)
}

func (p *Plan) give(at int64, node int, ev codec.Event) {
	p.Actions = append(p.Actions, Action{At: at, Kind: Give, Node: uint32(node), Event: ev})
}

func bandwidth(rate, queue int64) links.Bandwidth {
	if rate == 0 {
		return links.Bandwidth{}
	}
	if queue == 0 {
		queue = 256 << 10
	}
	return links.Bandwidth{BytesPerSecond: rate, QueueBytes: queue}
}

func ppm(share float64) uint32 { return uint32(float64(share*draw.Million) + 0.5) }

func (l *LinkSpec) compile(files map[string][]byte) (links.Model, links.Params, error) {
	params := links.Params{
		Jitter: int64(l.Jitter), Loss: ppm(l.Loss), Duplicate: ppm(l.Duplicate),
		Reorder: ppm(l.Reorder), ReorderDelay: int64(l.ReorderDelay), Bandwidth: bandwidth(l.Bandwidth, l.Queue),
	}
	model, err := l.model(files)
	if err == nil {
		err = model.Validate()
	}
	if err != nil {
		return nil, params, &ScenarioError{Field: "links", Detail: err.Error()}
	}
	return model, params, nil
}

func (l *LinkSpec) model(files map[string][]byte) (links.Model, error) {
	switch l.Latency {
	case "uniform":
		return links.Uniform{Lo: int64(l.Delay), Hi: int64(max(l.Mean, l.Delay))}, nil
	case "exponential":
		return links.Exponential{Minimum: int64(l.Delay), Mean: int64(l.Mean)}, nil
	case "lognormal":
		return links.LogNormal{Minimum: int64(l.Delay), Median: int64(l.Mean), Sigma: uint32(float64(l.Sigma*1000) + 0.5)}, nil
	case "geographic":
		return links.Geographic(links.Cities(), links.Fibre)
	case "matrix":
		data, ok := files[l.Matrix]
		if !ok {
			return nil, fmt.Errorf("matrix file %q was not given", l.Matrix)
		}
		if path.Ext(l.Matrix) == ".csv" {
			return links.ReadCSV(bytes.NewReader(data))
		}
		return links.ReadColumns(bytes.NewReader(data))
	}
	delay := l.Delay
	if delay == 0 {
		delay = Duration(20 * time.Millisecond)
	}
	return links.Constant{Delay: int64(delay)}, nil
}

func (p *Plan) nodes(s *Scenario) {
	p.Nodes = make([]engine.Config, s.Nodes)
	durable := s.Node.Durable == nil || *s.Node.Durable
	for i := range p.Nodes {
		c := &p.Nodes[i]
		for w := uint64(0); w < 4; w++ {
			binary.LittleEndian.PutUint64(c.Key[8*w:], p.draw(uint64(i), drawKey, w))
			binary.LittleEndian.PutUint64(c.Seed[8*w:], p.draw(uint64(i), drawSeed, w))
		}
		c.Peer = sign.KeyFromSeed(&c.Key).Public()
		c.Strategies, c.Durable = s.Node.Strategies, durable
		c.IntervalNs, c.IdleNs, c.TimeoutNs = int64(s.Node.Interval), int64(s.Node.Idle), int64(s.Node.Timeout)
		c.FrameBytes, c.PushAll = s.Node.FrameBytes, s.Node.PushAll
		c.Services = s.Node.Services
		c.RTT = rtt.Config{
			RoundNs: int64(s.RTT.Round), PublishNs: int64(s.RTT.Publish), Best: s.RTT.Best, Random: s.RTT.Random,
			Probes: s.RTT.Probes, Inbound: s.RTT.Inbound,
			Policy: s.RTT.Policy, Degree: s.RTT.Degree, DialNs: int64(s.RTT.Dial),
		}
	}
}

// bootSeed is a node's entropy at a restart.
func (p *Plan) bootSeed(node uint32, boot uint64) (seed [32]byte) {
	for k := uint64(0); k < 4; k++ {
		binary.LittleEndian.PutUint64(seed[8*k:], p.draw(uint64(node), drawSeed, boot<<8|k))
	}
	return seed
}

func (p *Plan) genesis(s *Scenario) {
	g := codec.Genesis{Owner: p.Nodes[0].Peer, ValueMax: codec.ValueInlineMax, Name: s.Name}
	if len(g.Name) > codec.TextMax {
		g.Name = g.Name[:codec.TextMax]
	}
	if s.Space.History == "all" {
		g.History = codec.HistoryAll
	}
	if s.Space.Write == "members" {
		g.Write = codec.WriteMembers
	}
	binary.LittleEndian.PutUint64(g.Salt[:], p.draw(1<<40, drawSeed, 0))
	binary.LittleEndian.PutUint64(g.Salt[8:], p.draw(1<<40, drawSeed, 1))
	p.Genesis = g.Encode()
}

func (p *Plan) space() codec.ID {
	g, err := codec.ParseGenesis(p.Genesis)
	if err != nil {
		panic(err) // unreachable: just encoded
	}
	return g.ID()
}
