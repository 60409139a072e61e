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
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/sim/draw"
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
	Genesis  []byte
	Links    [][2]uint32 // pairs of nodes; link i+1 joins pair i, dialed by the first
	Model    links.Model
	Params   links.Params
	Uplink   links.Bandwidth
	Downlink links.Bandwidth
	Actions  []Action // by time
	CPU      bool

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
}

// ActionKind says what an action does.
type ActionKind uint8

const (
	Give      ActionKind = iota // an event for Node
	Cut                         // Nodes are cut off from the others
	Heal                        // no cuts
	Crash                       // Node stops without warning
	Restart                     // and starts again on what its store has kept
	Pause                       // Node is not scheduled, its frames wait
	Resume                      //
	Clock                       // Node's wall clock jumps and drifts
	SetLinks                    // all links change
	FailStore                   // Node's store fails at the Commit-th commit from now
	Leave                       // Node closes in good order
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
)

// Compile makes every choice of a scenario. files holds the matrix it names.
func Compile(s *Scenario, files map[string][]byte) (*Plan, error) {
	p := &Plan{
		Name: s.Name, Seed: s.Seed, Duration: int64(s.Duration), Stop: s.Stop == "converged",
		Sample: int64(s.Measure.Sample), CPU: s.Node.CPU,
		Latencies: s.Measure.Latencies, Transcript: s.Measure.Transcript,
	}
	var err error
	if p.Model, p.Params, err = s.Links.compile(files); err != nil {
		return nil, err
	}
	p.Uplink, p.Downlink = bandwidth(s.Links.Uplink, s.Links.Queue), bandwidth(s.Links.Downlink, s.Links.Queue)
	p.nodes(s)
	p.genesis(s)
	p.topology(s)
	if s.Space.Write == "members" {
		for i := 1; i < s.Nodes; i++ {
			p.give(0, 0, &codec.Grant{Req: uint64(i), Space: p.space(), Member: p.Nodes[i].Peer})
		}
	}
	for i := range s.Workload {
		p.workload(&s.Workload[i], uint64(i))
	}
	for i := range s.Fault {
		if err := p.fault(&s.Fault[i], uint64(i), s.Nodes, files); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(p.Actions, func(a, b Action) int { return cmp.Compare(a.At, b.At) })
	return p, nil
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

// topology draws the links. Every kind gives a connected graph.
func (p *Plan) topology(s *Scenario) {
	n := s.Nodes
	seen := map[[2]uint32]bool{}
	link := func(a, b int) {
		pair := [2]uint32{uint32(min(a, b)), uint32(max(a, b))}
		if a != b && !seen[pair] {
			seen[pair] = true
			p.Links = append(p.Links, pair)
		}
	}
	switch s.Topology.Kind {
	case "pairs":
		for _, pair := range s.Topology.Pairs {
			link(pair[0], pair[1])
		}
	case "star":
		for i := 1; i < n; i++ {
			link(0, i)
		}
	case "full":
		for i := 0; i < n; i++ {
			for j := i + 1; j < n; j++ {
				link(i, j)
			}
		}
	case "line", "ring":
		for i := 1; i < n; i++ {
			link(i-1, i)
		}
		if s.Topology.Kind == "ring" && n > 2 {
			link(n-1, 0)
		}
	case "nearest":
		p.nearest(n, s.Topology.Degree, link)
	default:
		p.random(n, s.Topology.Degree, link)
	}
}

// random joins rings over random orders of the nodes: a connected graph in
// which nearly every node has exactly that degree (even degrees).
func (p *Plan) random(n, degree int, link func(a, b int)) {
	for r := 0; r < max(degree/2, 1); r++ {
		order := p.shuffled(n, uint64(r))
		for i := range order {
			link(order[i], order[(i+1)%n])
		}
	}
}

func (p *Plan) shuffled(n int, round uint64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
		j := int(draw.Uniform(p.draw(1<<41|round, drawTopology, uint64(i)), 0, int64(i)))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// nearest links every node to the nodes with the shortest round trip and, so
// that the graph is connected, all of them in one random ring.
func (p *Plan) nearest(n, degree int, link func(a, b int)) {
	ring := p.shuffled(n, 0)
	for i := range ring {
		link(ring[i], ring[(i+1)%n])
	}
	others := make([]int, 0, n)
	for i := 0; i < n; i++ {
		others = others[:0]
		for j := 0; j < n; j++ {
			if j != i {
				others = append(others, j)
			}
		}
		slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(p.rtt(i, a), p.rtt(i, b)) })
		for _, j := range others[:min(max(degree-2, 1), len(others))] {
			link(i, j)
		}
	}
}

// rtt is the model's round trip between two nodes, without jitter.
func (p *Plan) rtt(a, b int) int64 {
	const middle = 1 << 63
	return p.Model.Latency(uint32(a), uint32(b), middle) + p.Model.Latency(uint32(b), uint32(a), middle)
}

// workload schedules a stream of writes.
func (p *Plan) workload(w *Workload, index uint64) {
	first, last := 0, len(p.Nodes)
	if w.Writers > 0 {
		last = w.Writers
	}
	if w.Node != nil {
		first, last = *w.Node, *w.Node+1
	}
	var near [][]uint32
	if w.Kind == "rtt" {
		near = p.neighbours()
	}
	for i := first; i < last; i++ {
		for k := 0; k < w.Count; k++ {
			// Writers take turns within the period, so that load is even.
			at := int64(w.At) + int64(k)*int64(w.Every)
			if w.Every > 0 {
				at += int64(w.Every) * int64(i-first) / int64(last-first)
			}
			p.give(at, i, p.event(w, index, i, k, near))
		}
	}
}

func (p *Plan) event(w *Workload, index uint64, node, k int, near [][]uint32) codec.Event {
	switch w.Kind {
	case "rtt":
		return p.opinions(node, k, near[node])
	case "delete":
		del := &codec.Delete{Req: uint64(k), Space: p.space()}
		for b := 0; b < w.Batch; b++ {
			del.Keys = append(del.Keys, putKey(uint64(w.Of), (k*w.Batch+b)%w.Keys))
		}
		return del
	}
	put := &codec.Put{Req: uint64(k), Space: p.space()}
	for b := 0; b < w.Batch; b++ {
		n := k*w.Batch + b
		register := n
		if w.Keys > 0 {
			register = n % w.Keys
		}
		put.Entries = append(put.Entries, codec.PutEntry{
			Key: putKey(index, register), Codec: codec.CodecRaw, Value: p.value(index, node, n, w.Bytes),
		})
	}
	return put
}

func putKey(workload uint64, register int) codec.Key {
	return codec.MustKey("w"+fmt.Sprint(workload), fmt.Sprint(register))
}

// value is random bytes: nothing compresses by accident.
func (p *Plan) value(workload uint64, node, n, size int) []byte {
	value := make([]byte, 0, size+8)
	stream := draw.NewStream(p.Seed, 1<<62|workload<<40|uint64(node))
	for i := uint64(0); len(value) < size; i++ {
		value = binary.LittleEndian.AppendUint64(value, stream.Uint64(drawValue, uint64(n)<<16|i))
	}
	return value[:size]
}

func (p *Plan) neighbours() [][]uint32 {
	near := make([][]uint32, len(p.Nodes))
	for _, l := range p.Links {
		near[l[0]] = append(near[l[0]], l[1])
		near[l[1]] = append(near[l[1]], l[0])
	}
	return near
}

// opinions are what a node says about the round trips to its neighbours: the
// model's, measured with up to 2 % of noise, in microseconds.
func (p *Plan) opinions(node, round int, near []uint32) codec.Event {
	put := &codec.Put{Req: uint64(round), Space: p.space()}
	for _, j := range near {
		rtt := p.rtt(node, int(j))
		noise := draw.Uniform(p.draw(uint64(node)<<20|uint64(j), drawNoise, uint64(round)), 0, rtt/50)
		value := binary.BigEndian.AppendUint32(make([]byte, 0, 8), uint32((rtt+noise)/1000))
		value = binary.BigEndian.AppendUint32(value, uint32(round))
		put.Entries = append(put.Entries, codec.PutEntry{
			Key: rttKey(p.Nodes[j].Peer), Codec: codec.CodecRaw, Value: value,
		})
	}
	return put
}

func rttKey(peer codec.PeerID) codec.Key {
	key, err := codec.NewKey([]byte("rtt"), peer[:])
	if err != nil {
		panic(err) // unreachable: two short components
	}
	return key
}

// fault schedules what goes wrong and when it is mended.
func (p *Plan) fault(f *Fault, index uint64, nodes int, files map[string][]byte) error {
	victims := p.victims(f, index, nodes)
	add := func(at Duration, a Action) {
		a.At = int64(at)
		p.Actions = append(p.Actions, a)
	}
	each := func(at Duration, a Action) {
		for _, v := range victims {
			a.Node = v
			add(at, a)
		}
	}
	switch f.Kind {
	case "partition":
		add(f.At, Action{Kind: Cut, Nodes: victims, OneWay: f.OneWay})
		if f.Until > 0 {
			add(f.Until, Action{Kind: Heal})
		}
	case "crash":
		each(f.At, Action{Kind: Crash, Store: fates[f.Store]})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Restart})
		}
	case "pause":
		each(f.At, Action{Kind: Pause})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Resume})
		}
	case "clock":
		each(f.At, Action{Kind: Clock, Shift: int64(f.Shift), Drift: int64(f.Drift * 1e9)})
	case "store":
		each(f.At, Action{Kind: FailStore, Commit: uint64(max(f.Commit, 1))})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Restart})
		}
	case "leave":
		each(f.At, Action{Kind: Leave})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Restart})
		}
	case "link":
		model, params, err := f.Links.compile(files)
		if err != nil {
			return err
		}
		add(f.At, Action{Kind: SetLinks, Params: &params, Model: model})
		if f.Until > 0 {
			add(f.Until, Action{Kind: SetLinks, Params: &p.Params, Model: p.Model})
		}
	}
	return nil
}

var fates = map[string]StoreFate{"kept": StoreKept, "torn": StoreTorn, "lost": StoreLost}

func (p *Plan) victims(f *Fault, index uint64, nodes int) []uint32 {
	var list []uint32
	for _, v := range f.Nodes {
		list = append(list, uint32(v))
	}
	if f.Kind == "partition" && len(list) == 0 {
		for i := nodes - int(float64(float64(nodes)*f.Split)+0.5); i < nodes; i++ {
			list = append(list, uint32(i))
		}
	}
	if f.Count > 0 && f.Kind != "partition" {
		for _, v := range p.shuffled(nodes, 1<<20|index)[:f.Count] {
			list = append(list, uint32(v))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
