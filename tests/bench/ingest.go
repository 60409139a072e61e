package main

import (
	"encoding/binary"
	"fmt"
	"os"
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
// batches of 256.
func ingest(rounds int) error {
	for _, c := range []struct {
		name   string
		batch  int
		writes int
	}{{"ingest_ratio_single", 1, 1024}, {"ingest_ratio_batch", 256, 8}} {
		p, err := newPair()
		if err != nil {
			return err
		}
		var ratios, rates []float64
		for round := range rounds + 1 {
			records, spent, err := p.exchange(c.batch, c.writes)
			if err != nil {
				return err
			}
			bare, err := verifyBare(records, c.batch)
			if err != nil {
				return err
			}
			if round == 0 {
				continue // caches and heaps take their size
			}
			ratios = append(ratios, bare.Seconds()/spent.Seconds())
			rates = append(rates, float64(len(records))/spent.Seconds())
		}
		emit(c.name, median(ratios), "of bare verification", parameters{
			"records_per_frame": c.batch, "frames_per_round": c.writes, "rounds": rounds, "value_bytes": 200,
			"records_per_s": median(rates), "store": "memory",
		})
	}
	return nil
}

// verifyBare is the time that the signatures alone take.
func verifyBare(records []*codec.Record, batch int) (time.Duration, error) {
	messages := make([][]byte, len(records))
	for i, r := range records {
		m := r.SigningMessage()
		messages[i] = m[:]
	}
	good := true
	began := time.Now()
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
	return time.Since(began), nil
}

// A pair is a writer and a reader that hear of each other at once and without
// loss.
type pair struct {
	nodes  [2]*engine.Node
	stores [2]*memory.Store
	space  codec.ID
	now    int64
	puts   uint64
	spent  time.Duration // in the reader's steps with frames
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
		if err := p.give(i, &codec.JoinSpace{Genesis: g.Encode()}); err != nil {
			return nil, err
		}
	}
	for i := range p.nodes {
		if err := p.give(i, &codec.LinkUp{Peer: p.nodes[1-i].Peer(), Link: pairLink, Dialed: i == 0}); err != nil {
			return nil, err
		}
	}
	return p, p.settle()
}

// give steps a node and lets the other one have the frames that it sends.
func (p *pair) give(node int, ev codec.Event) error {
	_, isFrame := ev.(*codec.Frame)
	began := time.Now()
	effects, err := p.nodes[node].Step(codec.Now{Mono: p.now, Wall: p.now}, ev)
	if node == 1 && isFrame {
		p.spent += time.Since(began)
	}
	if err != nil {
		return err
	}
	var frames [][]byte // the effects are the node's again at its next step
	for _, ef := range effects {
		if s, ok := ef.(*codec.Send); ok {
			frames = append(frames, s.Bytes)
		}
	}
	for _, f := range frames {
		if err := p.give(1-node, &codec.Frame{Link: pairLink, Bytes: f}); err != nil {
			return err
		}
	}
	return nil
}

// settle lets delayed acknowledgements go out.
func (p *pair) settle() error {
	for range 4 {
		p.now += 30e6
		for i := range p.nodes {
			if err := p.give(i, &codec.Wake{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchange lets the writer write and returns what the reader has got, and the
// time that it took the reader.
func (p *pair) exchange(batch, writes int) ([]*codec.Record, time.Duration, error) {
	held := p.nodes[1].Count(p.space)
	var highest uint64
	p.stores[1].Authors(p.space, func(_ codec.PeerID, v uint64) bool { highest = v; return true })
	p.spent = 0
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
		p.now += 30e6
		if err := p.give(0, put); err != nil {
			return nil, 0, err
		}
	}
	spent := p.spent
	if err := p.settle(); err != nil {
		return nil, 0, err
	}
	if got := p.nodes[1].Count(p.space) - held; got != uint64(batch*writes) {
		return nil, 0, fmt.Errorf("ingest: %d of %d records have come", got, batch*writes)
	}
	var records []*codec.Record
	p.stores[1].Dots(p.space, p.nodes[0].Peer(), highest, func(_ store.Ref, r *codec.Record) bool {
		records = append(records, r)
		return true
	})
	return records, spent, nil
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
