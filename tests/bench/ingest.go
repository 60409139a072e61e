package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/sim/kernel/kernelbench"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
	"github.com/intersubjective/rapprochement/engine/store/storebench"
)

// ingest compares what a node does with the frames of a peer, from bytes to
// committed records and effects, with bare verification of the same signatures
// in turns: frames of one record with one check each, frames of 256 records with
// batches of 256, all by one author, which is when bare verification is fastest.
// Times are the processor's, the collector's work included. The fingerprint of the
// set is brought up to date when a session asks for it, not when records come; that
// cost is reported beside the ratio.
func ingest(name string, batch, writes int) func(rounds int) error {
	return func(rounds int) error {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		var ratios, rates, fingerprints []float64
		for range rounds {
			m, err := ingestOnce(batch, writes)
			if err != nil {
				return err
			}
			ratios = append(ratios, m.bare.Seconds()/m.node.Seconds())
			rates = append(rates, float64(m.records)/m.node.Seconds())
			fingerprints = append(fingerprints, m.fingerprint.Seconds()*1e6/float64(m.fingerprinted))
		}
		emit(name, median(ratios), "of bare verification", parameters{
			"records_per_frame": batch, "frames_per_round": writes, "rounds": rounds, "value_bytes": 200,
			"records_per_s": median(rates), "store": "memory", "fingerprint_us_per_record_later": median(fingerprints),
		})
		return nil
	}
}

// ingested is one round: how long node, bare verification and, later, the
// fingerprint took.
type ingested struct {
	records, fingerprinted  int
	node, bare, fingerprint time.Duration
}

func ingestOnce(batch, writes int) (m ingested, err error) {
	p, err := newPair()
	if err != nil {
		return m, err
	}
	// The first exchange lets heaps and windows take their size.
	if _, _, err = p.exchange(batch, writes); err != nil {
		return m, err
	}
	records, spent, err := p.exchange(batch, writes)
	if err != nil {
		return m, err
	}
	m = ingested{records: len(records), fingerprinted: 2 * len(records), node: spent}
	if m.bare, err = verifyBare(records, batch); err != nil {
		return m, err
	}
	m.fingerprint, err = p.fingerprint()
	return m, err
}

// verifyBare is the time that the signatures alone take.
func verifyBare(records []*codec.Record, batch int) (time.Duration, error) {
	messages := make([][]byte, len(records))
	for i, r := range records {
		m := r.SigningMessage()
		messages[i] = m[:]
	}
	good := true
	watch := start()
	if batch == 1 {
		for i, r := range records {
			good = good && sign.Verify(r.Author[:], messages[i], r.Sig[:])
		}
	} else {
		b := sign.NewBatch(new([32]byte), sign.NewKeyCache(16))
		for i, r := range records {
			if err := b.Add(r.Author[:], messages[i], r.Sig[:]); err != nil {
				return 0, err
			}
			if b.Len() == batch || i == len(records)-1 {
				ok, _ := b.Verify()
				good = good && ok
			}
		}
	}
	if !good {
		return 0, fmt.Errorf("ingest: a signature does not verify")
	}
	_, cpu := watch.stop()
	return cpu, nil
}

// A pair is a writer and a reader that hear of each other at once and without
// loss.
type pair struct {
	nodes  [2]*engine.Node
	stores [2]*memory.Store
	space  codec.ID
	now    int64
	puts   uint64
	way    []underWay
	spent  time.Duration // in the reader's steps with frames
	timed  int           // so many of them
}

type underWay struct {
	to    int
	bytes []byte
}

const pairLink = 1

func newPair() (*pair, error) {
	p := &pair{now: 1e9}
	for i := range p.nodes {
		cfg := engine.Config{
			FrameBytes: 128 << 10, IdleNs: -1, IntervalNs: 1 << 50, Strategies: []string{"riblt", "full"},
		}
		cfg.Key[0], cfg.Seed[0] = byte(i+1), byte(i+1)
		p.stores[i] = memory.New(memory.NewArena())
		var err error
		if p.nodes[i], err = engine.Open(cfg, p.stores[i], engine.Options{}); err != nil {
			return nil, err
		}
	}
	g := codec.Genesis{Owner: p.nodes[0].Peer(), ValueMax: codec.ValueInlineMax, Name: "ingest"}
	p.space = g.ID()
	for i := range p.nodes {
		if err := p.step(i, &codec.JoinSpace{Genesis: g.Encode()}); err != nil {
			return nil, err
		}
		if err := p.step(i, &codec.LinkUp{Peer: p.nodes[1-i].Peer(), Link: pairLink, Dialed: i == 0}); err != nil {
			return nil, err
		}
	}
	return p, p.settle()
}

// step gives a node an event; what it sends waits for deliver.
func (p *pair) step(node int, ev codec.Event) error {
	_, isFrame := ev.(*codec.Frame)
	watch := start()
	effects, err := p.nodes[node].Step(codec.Now{Mono: p.now, Wall: p.now}, ev)
	if node == 1 && isFrame {
		_, cpu := watch.stop()
		p.spent += cpu
		p.timed++
	}
	for _, ef := range effects {
		if s, ok := ef.(*codec.Send); ok {
			p.way = append(p.way, underWay{1 - node, s.Bytes})
		}
	}
	return err
}

// deliver lets both nodes hear each other out.
func (p *pair) deliver() error {
	for len(p.way) > 0 {
		f := p.way[0]
		p.way = p.way[1:]
		if err := p.step(f.to, &codec.Frame{Link: pairLink, Bytes: f.bytes}); err != nil {
			return err
		}
	}
	return nil
}

// settle lets delayed acknowledgements go out, so that the next frame fits into
// the window.
func (p *pair) settle() error {
	for range 2 {
		p.now += 30e6
		for i := range p.nodes {
			if err := p.step(i, &codec.Wake{}); err != nil {
				return err
			}
		}
		if err := p.deliver(); err != nil {
			return err
		}
	}
	return nil
}

// fingerprint is the time that the reader takes to bring its fingerprint up to
// date, which waits until a session, or here a question, needs it.
func (p *pair) fingerprint() (time.Duration, error) {
	watch := start()
	err := p.step(1, &codec.GetStatus{})
	_, cpu := watch.stop()
	return cpu, err
}

// exchange lets the writer write and returns what the reader has got, and the
// time that it took the reader.
func (p *pair) exchange(batch, writes int) ([]*codec.Record, time.Duration, error) {
	held := p.nodes[1].Count(p.space)
	var highest uint64
	p.stores[1].Authors(p.space, func(_ codec.PeerID, v uint64) bool { highest = v; return true })
	p.spent, p.timed = 0, 0
	for range writes {
		put := &codec.Put{Space: p.space}
		for range batch {
			p.puts++
			value := make([]byte, 200)
			binary.LittleEndian.PutUint64(value, p.puts)
			put.Entries = append(put.Entries, codec.PutEntry{
				Key: codec.MustKey("ingest", fmt.Sprint(p.puts)), Codec: codec.CodecRaw, Value: value,
			})
		}
		if err := p.step(0, put); err != nil {
			return nil, 0, err
		}
		if err := p.deliver(); err != nil {
			return nil, 0, err
		}
		if err := p.settle(); err != nil {
			return nil, 0, err
		}
	}
	if got := p.nodes[1].Count(p.space) - held; got != uint64(batch*writes) {
		return nil, 0, fmt.Errorf("ingest: %d of %d records have come", got, batch*writes)
	}
	var records []*codec.Record
	p.stores[1].Dots(p.space, p.nodes[0].Peer(), highest, func(_ store.Ref, r *codec.Record) bool {
		records = append(records, r)
		return true
	})
	return records, p.spent - time.Duration(p.timed)*emptyInterval(), nil
}

// kernelRate is how fast the event queue is, beside a binary heap.
func kernelRate(int) error {
	for _, pending := range []int{100_000, 1_000_000} {
		rate, heap := kernelbench.Run(pending)
		p := parameters{"pending": pending, "heap_events_per_s": heap}
		emit("kernel_events_per_s", rate, "events/s", p)
		emit("kernel_ratio", rate/heap, "of a binary heap of values", p)
	}
	return nil
}

// pebbleRecords make a store many times as large as its buffers.
const pebbleRecords = 1_000_000

func pebbleRate(int) error {
	dir, err := os.MkdirTemp("", "bench-pebble-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rate, reopen, err := storebench.PebbleIngest(dir, pebbleRecords)
	if err != nil {
		return err
	}
	p := parameters{
		"records": pebbleRecords, "value_bytes": 200, "records_per_commit": storebench.BatchRecords,
		"commits_per_sync": storebench.SyncEvery,
	}
	emit("pebble_ingest_records_per_s", rate, "records/s", p)
	emit("pebble_reopen_s", reopen, "s", p)
	return nil
}
