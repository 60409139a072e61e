package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/prolly"
)

const (
	prollyEntries = 1_000_000
	prollyUpdates = 20_000
)

// benchProlly measures trees of a million entries in both modes: okra's with keys
// of 40 bytes, K=16 and Q=32, and our own. Times are processor time, hashing and
// sorting included; an update is followed by asking for the root. Sessions count
// the payloads of both sides, where the initiator lacks d records.
func benchProlly(rounds int) error {
	if err := prollyOkra(rounds); err != nil {
		return err
	}
	prollySet(rounds)
	for _, d := range []int{1, 100, 1000, 10_000} {
		for _, recent := range []bool{false, true} {
			if err := prollySession(d, recent); err != nil {
				return err
			}
		}
	}
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

// items is a set for sessions without a node.
type items struct {
	reconcile.View // what prolly does not ask for
	list           []reconcile.Item
}

func (v *items) Count() uint64     { return uint64(len(v.list)) }
func (v *items) Salt() *codec.Salt { return &codec.Salt{} }

func (v *items) Items(fn func(item *reconcile.Item) bool) {
	for i := range v.list {
		if !fn(&v.list[i]) {
			return
		}
	}
}

func (v *items) Kept(st reconcile.Strategy) reconcile.Pinned { return st.NewKept(v).Pin() }

// prollySession counts the rounds and bytes of one session between a side of a
// million records and one that lacks d of them: the last ones, or any.
func prollySession(d int, recent bool) error {
	rng := rand.New(rand.NewPCG(5, 6))
	both, lacking := &items{}, &items{}
	for i := range prollyEntries {
		item := reconcile.Item{Short: rng.Uint64(), Time: codec.NewHLC(1_700_000_000_000+int64(i), 0)}
		binary.LittleEndian.PutUint64(item.ID[:], rng.Uint64())
		both.list = append(both.list, item)
		lacks := i >= prollyEntries-d
		if !recent { // d of those that are left, each as likely
			lacks = rng.IntN(prollyEntries-i) < d-(i-len(lacking.list))
		}
		if !lacks {
			lacking.list = append(lacking.list, item)
		}
	}
	keys := make([]prolly.Key, prollyEntries)
	for i := range keys {
		keys[i] = prolly.KeyOf(&both.list[i])
	}
	levels := prolly.NewSet(both.Salt(), keys).Levels()
	var toA, toB reconcile.Out
	initiator := prolly.Strategy{}.Open(lacking, reconcile.Peer{Count: both.Count()}, &toB)
	responder := prolly.Strategy{}.Accept(both, reconcile.Peer{Count: lacking.Count()}, &toA)
	size, waits := 0, 1
	for !toB.Done {
		payloads := toA.Payloads
		toA.Payloads = nil
		for _, p := range payloads {
			size += len(p)
			if err := initiator.Receive(p, &toB); err != nil {
				return err
			}
		}
		if len(toB.Payloads) > 0 {
			waits++
		}
		for _, p := range toB.Payloads {
			size += len(p)
			if err := responder.Receive(p, &toA); err != nil {
				return err
			}
		}
		toB.Payloads = nil
	}
	if len(toB.Want) != d || len(toB.Give) != 0 {
		return fmt.Errorf("prolly: %d wanted, %d given, of %d that differ", len(toB.Want), len(toB.Give), d)
	}
	p := parameters{"entries": prollyEntries, "differ": d, "recent": recent, "levels": levels}
	emit("prolly_rounds", float64(waits), "", p)
	emit("prolly_session_bytes", float64(size), "B", p)
	return nil
}
