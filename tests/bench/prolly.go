package main

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile/prolly"
)

const (
	prollyEntries = 1_000_000
	prollyUpdates = 20_000
)

// benchProlly measures trees of a million entries in both modes: okra's with keys
// of 40 bytes, K=16 and Q=32, and our own. Times are processor time, hashing and
// sorting included; an update is followed by asking for the root.
func benchProlly(rounds int) error {
	if err := prollyOkra(rounds); err != nil {
		return err
	}
	prollySet(rounds)
	return nil
}

// prollyRun gathers the rounds of one mode.
type prollyRun struct{ bulk, update, size []float64 }

func (r *prollyRun) build(make func() any) any {
	before, w := heapInUse(), start()
	tree := make()
	_, cpu := w.stop()
	r.bulk = append(r.bulk, cpu.Seconds())
	r.size = append(r.size, (heapInUse()-before)/prollyEntries)
	return tree
}

func (r *prollyRun) change(fn func(i int)) {
	w := start()
	for i := range prollyUpdates {
		fn(i)
	}
	_, cpu := w.stop()
	r.update = append(r.update, cpu.Seconds()*1e6/prollyUpdates)
}

func (r *prollyRun) emit(p parameters) {
	emit("prolly_bulk_s", median(r.bulk), "s", p)
	emit("prolly_update_us", median(r.update), "us", p)
	emit("prolly_bytes_per_entry", median(r.size), "B", p)
}

func prollyOkra(rounds int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	entries := make([][72]byte, prollyEntries)
	for i := range entries {
		e := &entries[i]
		binary.BigEndian.PutUint64(e[:], uint64(i)<<20|rng.Uint64N(1<<20))
		for j := 8; j < len(e); j += 8 {
			binary.LittleEndian.PutUint64(e[j:], rng.Uint64())
		}
	}
	var run prollyRun
	for range rounds {
		tree, err := prolly.NewOkra(16, 32)
		if err != nil {
			return err
		}
		run.build(func() any {
			err = tree.Fill(func(yield func(key, value []byte) bool) {
				for i := range entries {
					yield(entries[i][:40], entries[i][40:])
				}
			})
			return tree.Root()
		})
		if err != nil {
			return err
		}
		run.change(func(int) {
			e := entries[rng.IntN(len(entries))]
			e[39] ^= byte(1 + rng.IntN(255))
			tree.Set(e[:40], e[40:])
			tree.Root()
		})
		runtime.KeepAlive(tree)
	}
	run.emit(parameters{"mode": "okra", "entries": prollyEntries, "key_bytes": 40, "K": 16, "Q": 32})
	return nil
}

func prollySet(rounds int) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(n int) []prolly.Key {
		keys := make([]prolly.Key, n)
		for i := range keys {
			binary.BigEndian.PutUint64(keys[i][:], 1_700_000_000_000<<16+rng.Uint64N(1<<40))
			binary.LittleEndian.PutUint64(keys[i][8:], rng.Uint64())
			binary.LittleEndian.PutUint64(keys[i][16:], rng.Uint64())
		}
		return keys
	}
	all := random(prollyEntries)
	var run, burst prollyRun
	for range rounds {
		keys := slices.Clone(all)
		set := run.build(func() any {
			s := prolly.NewSet(&codec.Salt{}, keys)
			s.Root()
			return s
		}).(*prolly.Set)
		more := random(2 * prollyUpdates)
		run.change(func(i int) {
			set.Add(more[i])
			set.Root()
		})
		burst.change(func(i int) { set.Add(more[prollyUpdates+i]) })
		runtime.KeepAlive(keys)
	}
	p := parameters{"mode": "own", "entries": prollyEntries, "key_bytes": len(prolly.Key{})}
	run.emit(p)
	p["root_after_each"] = false
	emit("prolly_update_us", median(burst.update), "us", p)
}
