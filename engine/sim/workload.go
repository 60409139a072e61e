package sim

import (
	"encoding/binary"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

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
