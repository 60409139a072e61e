// Package links models the network of the world: what becomes of a frame between leaving one node and reaching another.
// It keeps no clock and starts nothing: Send computes, the world schedules.
//
// A frame passes, in this order: the partition, the sender's uplink queue, the link's queue, loss, the latency of the
// model with the link's own delay, jitter and reordering, and, when it gets there, the receiver's downlink queue.
// Lost frames have used the bandwidth; duplicates appear behind it and have latency and jitter of their own.
//
// The draws about a frame are keyed by (seed, directed link, purpose, count of frames offered to that link), so that
// nothing that happens elsewhere changes them, and neither does a partition that comes or goes.
// A link takes memory from the first frame, setting or cut on.
package links

import (
	"math/bits"

	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

// Params are those of one directed link. Delays are nanoseconds in [0, MaxDelay], chances parts per million.
type Params struct {
	Delay        int64  // added to the model's latency
	Jitter       int64  // a uniform share of it, 0 to all, is added
	Loss         uint32 // chance that a frame is lost
	Duplicate    uint32 // chance that a frame arrives twice
	Reorder      uint32 // chance that a frame is held back
	ReorderDelay int64  // for how long
	Bandwidth    Bandwidth
}

// Validate returns a *ParamError that names the bad field, or nil.
func (p Params) Validate() error {
	return first(delay("Delay", p.Delay), delay("Jitter", p.Jitter), chance("Loss", p.Loss), chance("Duplicate", p.Duplicate),
		chance("Reorder", p.Reorder), delay("ReorderDelay", p.ReorderDelay), p.Bandwidth.Validate())
}

func chance(field string, ppm uint32) error { return within(field, int64(ppm), 0, draw.Million) }

// Bandwidth is a rate with a first-in-first-out queue. The zero Bandwidth is unlimited.
type Bandwidth struct {
	BytesPerSecond int64 // 1 to MaxRate; 0: unlimited
	QueueBytes     int64 // 1 to MaxQueue where there is a rate: what is in line, the frame being sent included
}

const (
	MaxRate  = 1_000_000_000_000
	MaxQueue = 1 << 30
	// MaxFrame bounds the size that Send and Arrive take, in bytes.
	MaxFrame = 1 << 30
)

// Validate returns a *ParamError that names the bad field, or nil.
func (b Bandwidth) Validate() error {
	if b.BytesPerSecond == 0 {
		return within("QueueBytes", b.QueueBytes, 0, 0)
	}
	return first(within("BytesPerSecond", b.BytesPerSecond, 1, MaxRate), within("QueueBytes", b.QueueBytes, 1, MaxQueue))
}

const second = 1_000_000_000

// pass puts a frame in line at time now and returns when its last byte leaves. free is when the line is empty.
// A frame that would not fit into the queue is refused, but an idle line takes any frame.
func (b Bandwidth) pass(now, size int64, free *int64) (leaves int64, ok bool) {
	if b.BytesPerSecond == 0 {
		return now, true
	}
	start := now
	if *free > now {
		if waiting := b.bytes(*free - now); waiting > b.QueueBytes-size {
			return 0, false
		}
		start = *free
	}
	*free = start + (size*second+b.BytesPerSecond-1)/b.BytesPerSecond
	return *free, true
}

// bytes is what is sent in that many nanoseconds, rounded up; anything beyond MaxQueue is as good as any larger number.
// That happens when a rate is raised while a slow frame is being sent.
func (b Bandwidth) bytes(ns int64) int64 {
	high, low := bits.Mul64(uint64(ns), uint64(b.BytesPerSecond))
	if high > 0 || low > MaxQueue*second {
		return MaxQueue + 1
	}
	return int64((low + second - 1) / second)
}

// Drop tells why a frame does not arrive.
type Drop uint8

const (
	Delivered     Drop = iota // it does
	DropLoss                  // by chance
	DropQueue                 // a queue on its way is full
	DropPartition             // the way is cut
)

func (d Drop) String() string { return [...]string{"delivered", "loss", "queue", "partition"}[d] }

// Delivery is one arrival of a frame.
type Delivery struct {
	At        int64 // nanoseconds; at the receiver's downlink
	Duplicate bool
}

// Purposes of draws. Those of a duplicate are copyOffset higher.
const (
	drawLoss uint32 = iota
	drawDuplicate
	drawLatency
	drawJitter
	drawReorder
	copyOffset = 16
)

// Net is the state of the network. It is not safe for concurrent use.
type Net struct {
	seed     uint64
	model    Model
	index    map[uint64]uint32 // from<<32 | to → links; never ranged over
	links    []link
	params   []Params // 0: those of all links that have none of their own
	up, down []line   // by node, as far as set
	partition
}

type link struct {
	stream draw.Stream
	count  uint64 // frames offered
	free   int64  // when the link's line is empty
	params uint32
	cut    bool
}

// line is a node's uplink or downlink.
type line struct {
	Bandwidth
	free int64
}

// New makes a network in which every link has the given parameters. Errors are *ParamError.
func New(seed uint64, model Model, all Params) (*Net, error) {
	if err := first(model.Validate(), all.Validate()); err != nil {
		return nil, err
	}
	return &Net{seed: seed, model: model, index: map[uint64]uint32{}, params: []Params{all}}, nil
}

// SetModel changes the latencies from now on; frames on their way keep theirs. Errors are *ParamError.
func (n *Net) SetModel(model Model) error {
	err := model.Validate()
	if err == nil {
		n.model = model
	}
	return err
}

// SetDefault changes the parameters of all links that have none of their own. Errors are *ParamError.
func (n *Net) SetDefault(p Params) error {
	err := p.Validate()
	if err == nil {
		n.params[0] = p
	}
	return err
}

// SetLink gives one directed link parameters of its own. What waits in its queue leaves as it was going to.
// Errors are *ParamError.
func (n *Net) SetLink(from, to uint32, p Params) error {
	if err := p.Validate(); err != nil {
		return err
	}
	l := n.link(from, to)
	if l.params == 0 {
		l.params = uint32(len(n.params))
		n.params = append(n.params, Params{})
	}
	n.params[l.params] = p
	return nil
}

// SetUplink gives a node a queue that all frames it sends pass through. Errors are *ParamError.
func (n *Net) SetUplink(node uint32, b Bandwidth) error { return setLine(&n.up, node, b) }

// SetDownlink gives a node a queue that all frames it receives pass through: see Arrive. Errors are *ParamError.
func (n *Net) SetDownlink(node uint32, b Bandwidth) error { return setLine(&n.down, node, b) }

func setLine(lines *[]line, node uint32, b Bandwidth) error {
	if err := b.Validate(); err != nil {
		return err
	}
	for int(node) >= len(*lines) {
		*lines = append(*lines, line{})
	}
	(*lines)[node].Bandwidth = b
	return nil
}

// Send offers a frame of size bytes, 0 to MaxFrame, to the link at time now and appends its arrivals to dst: one, two
// with a duplicate, or none and the reason. Calls must come in the order of their times, each in [0, 2⁶¹] nanoseconds.
// It does not allocate when dst has room and the link was used before.
func (n *Net) Send(now int64, from, to uint32, size int, dst []Delivery) ([]Delivery, Drop) {
	l := n.link(from, to)
	p := &n.params[l.params]
	count := l.count
	l.count++
	if l.cut || n.partition.between(from, to) {
		return dst, DropPartition
	}
	leaves, ok := pass(n.up, from, now, size)
	if ok {
		leaves, ok = p.Bandwidth.pass(leaves, int64(size), &l.free)
	}
	if !ok {
		return dst, DropQueue
	}
	if p.Loss > 0 && draw.Chance(l.stream.Uint64(drawLoss, count), p.Loss) {
		return dst, DropLoss
	}
	dst = append(dst, Delivery{At: leaves + n.latency(l, p, from, to, count, 0)})
	if p.Duplicate > 0 && draw.Chance(l.stream.Uint64(drawDuplicate, count), p.Duplicate) {
		dst = append(dst, Delivery{At: leaves + n.latency(l, p, from, to, count, copyOffset), Duplicate: true})
	}
	return dst, Delivered
}

// Arrive passes a frame that has come to the node's downlink at time now, the time of its Delivery, and returns when the
// node has it. It is a step of its own because frames reach the downlink in another order than they were sent in. Calls
// must come in the order of their times. A node without a downlink queue has the frame at once.
func (n *Net) Arrive(now int64, to uint32, size int) (at int64, drop Drop) {
	at, ok := pass(n.down, to, now, size)
	if !ok {
		return 0, DropQueue
	}
	return at, Delivered
}

// pass goes through the node's line, if it has one.
func pass(lines []line, node uint32, now int64, size int) (int64, bool) {
	if int(node) >= len(lines) {
		return now, true
	}
	l := &lines[node]
	return l.pass(now, int64(size), &l.free)
}

func (n *Net) latency(l *link, p *Params, from, to uint32, count uint64, copy uint32) int64 {
	d := n.model.Latency(from, to, l.stream.Uint64(drawLatency+copy, count)) + p.Delay
	if p.Jitter > 0 {
		d += draw.Uniform(l.stream.Uint64(drawJitter+copy, count), 0, p.Jitter)
	}
	if p.Reorder > 0 && draw.Chance(l.stream.Uint64(drawReorder+copy, count), p.Reorder) {
		d += p.ReorderDelay
	}
	return d
}

// link finds the state of a directed link, or makes it.
func (n *Net) link(from, to uint32) *link {
	id := uint64(from)<<32 | uint64(to)
	i, known := n.index[id]
	if !known {
		i = uint32(len(n.links))
		n.index[id] = i
		n.links = append(n.links, link{stream: draw.NewStream(n.seed, id)})
	}
	return &n.links[i]
}
