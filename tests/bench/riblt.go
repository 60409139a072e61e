package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt/compat"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt/pinsketch"
)

var (
	errSilent = errors.New("both sides are silent and nothing is decided")
	errWrong  = errors.New("a session found another difference than there is")
)

const ribltSalt = 0x5eed5a17

func draw(rng *rand.Rand, n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = rng.Uint64()
	}
	return list
}

// ribltEncode makes the first 1350 cells of a million symbols, from nothing but
// the symbols; in the wire-compatible mode from symbols with their hashes, as
// the reference's encoder does.
func ribltEncode(rounds int) error {
	const n, m = 1_000_000, 1350
	symbols := draw(rand.New(rand.NewPCG(1, 1)), n)
	encode := map[string]func() error{
		"regular":   func() error { _, err := riblt.Build(riblt.Regular, ribltSalt, m, slices.Values(symbols)); return err },
		"irregular": func() error { _, err := riblt.Build(riblt.Irregular, ribltSalt, m, slices.Values(symbols)); return err },
	}
	for _, mode := range []string{"regular", "irregular"} {
		var ms []float64
		for range rounds {
			watch := start()
			if err := encode[mode](); err != nil {
				return err
			}
			_, cpu := watch.stop()
			ms = append(ms, cpu.Seconds()*1e3)
		}
		emit("riblt_encode_ms", median(ms), "ms", parameters{"mode": mode, "n": n, "cells": m, "cores": 1, "fastest": slices.Min(ms)})
	}
	var ms []float64
	for range rounds {
		e, err := wireEncoder(symbols)
		if err != nil {
			return err
		}
		watch := start()
		if err := e.Extend(m); err != nil {
			return err
		}
		_, cpu := watch.stop()
		ms = append(ms, cpu.Seconds()*1e3)
	}
	emit("riblt_encode_ms", median(ms), "ms", parameters{"mode": "wire", "n": n, "cells": m, "cores": 1, "symbol_bytes": 8, "fastest": slices.Min(ms)})
	return nil
}

func wireEncoder(symbols []uint64) (*compat.Encoder, error) {
	e, err := compat.NewEncoder(compat.Format{Width: 8})
	if err != nil {
		return nil, err
	}
	var symbol [8]byte
	for _, s := range symbols {
		for i := range symbol {
			symbol[i] = byte(s >> (8 * i))
		}
		if err := e.Add(symbol[:]); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// ribltDecode subtracts and decodes cells that have arrived, in the memory of an
// earlier session.
func ribltDecode(rounds int) error {
	for _, mapping := range []riblt.Mapping{riblt.Irregular, riblt.Regular} {
		for _, d := range []int{10, 100, 1000, 10_000} {
			if err := ribltDecodeOf(mapping, d, rounds); err != nil {
				return err
			}
		}
	}
	return nil
}

func ribltDecodeOf(mapping riblt.Mapping, d, rounds int) error {
	const pairs = 32 // so that no branch predictor learns the input
	rng := rand.New(rand.NewPCG(2, uint64(d)))
	opt := riblt.Options{Mapping: mapping, Salt: ribltSalt, CheckBytes: riblt.ShortCheck, MaxCells: riblt.MaxCells, Secret: 99}
	var remote [pairs][]riblt.Cell
	var local [pairs]riblt.Source
	for i := range pairs {
		symbols := draw(rng, d)
		theirs, err := riblt.Build(mapping, ribltSalt, 10*d+200, slices.Values(symbols[:d/2]))
		if err != nil {
			return err
		}
		ours, err := riblt.Build(mapping, ribltSalt, 10*d+200, slices.Values(symbols[d/2:]))
		if err != nil {
			return err
		}
		local[i] = ours.Source()
		taken, err := cellsTaken(opt, theirs, local[i])
		if err != nil {
			return err
		}
		remote[i] = theirs.Cells()[:taken]
	}
	decoder := &riblt.Decoder{}
	var ns []float64
	var before, after runtime.MemStats
	for k := range rounds * 40 * max(1, 1000/d) {
		if k == 2*pairs { // its memory has grown
			runtime.ReadMemStats(&before)
		}
		watch := start()
		if err := errors.Join(decoder.Reset(opt, local[k%pairs]), decoder.Receive(remote[k%pairs])); err != nil {
			return err
		}
		wall, _ := watch.stop()
		if !decoder.Done() || len(decoder.OnlyRemote()) != d/2 || len(decoder.OnlyLocal()) != d-d/2 {
			return errWrong
		}
		ns = append(ns, float64(wall.Nanoseconds())/float64(d))
	}
	runtime.ReadMemStats(&after)
	allocations := float64(after.Mallocs-before.Mallocs) / float64((len(ns)-2*pairs)*d)
	emit("riblt_decode_ns_per_diff", median(ns), "ns", parameters{
		"mapping": mapping.String(), "d": d, "allocations_per_diff": allocations, "fastest": slices.Min(ns),
	})
	return nil
}

// cellsTaken is how many cells peeling alone needs.
func cellsTaken(opt riblt.Options, remote *riblt.Sketch, local riblt.Source) (int, error) {
	d, err := riblt.NewDecoder(opt, local)
	if err != nil {
		return 0, err
	}
	for !d.Done() {
		at := d.Received()
		if at == len(remote.Cells()) {
			return 0, fmt.Errorf("not done after %d cells", at)
		}
		if err := d.Receive(remote.Cells()[at : at+1]); err != nil {
			return 0, err
		}
	}
	return d.Received(), nil
}

// ribltInsert adds items to the summary that a node keeps, tail included, when
// it has 16,384 cells.
func ribltInsert(rounds int) error {
	const n, chunk = 1 << 20, 512
	rng := rand.New(rand.NewPCG(3, 3))
	set := newWarmSet(riblt.Strategy{}, shortItems(draw(rng, n)))
	items := shortItems(draw(rng, chunk*rounds*100))
	var ns []float64
	for len(items) > 0 {
		watch := start()
		for i := range items[:chunk] {
			set.kept.Add(&items[i])
		}
		wall, _ := watch.stop()
		ns = append(ns, float64(wall.Nanoseconds())/chunk)
		items = items[chunk:]
	}
	emit("sketch_insert_ns", median(ns), "ns", parameters{"strategy": "riblt", "cells": n / 64, "tail_sums": 16, "fastest": slices.Min(ns)})
	return nil
}

func shortItems(shorts []uint64) []reconcile.Item {
	items := make([]reconcile.Item, len(shorts))
	for i := range items {
		items[i].Short = shorts[i]
	}
	return items
}

// ribltSession runs whole sessions between warm sets that differ in new items
// each time: pinning, coding, decoding, looking up what is to be given.
func ribltSession(rounds int) error {
	const n = 1_000_000
	rng := rand.New(rand.NewPCG(4, 4))
	common := draw(rng, n)
	a, b := newWarmSet(riblt.Strategy{}, shortItems(common)), newWarmSet(riblt.Strategy{}, shortItems(common))
	for _, d := range []int{1, 16, 100, 1000, 10_000} {
		var micros, bytes, trips []float64
		for range rounds * 20 {
			a.add(shortItems(draw(rng, d/2)))
			b.add(shortItems(draw(rng, d-d/2)))
			s, err := session(a, b)
			if err != nil {
				return err
			}
			if s.given != d/2 || s.wanted != d-d/2 {
				return errWrong
			}
			micros, bytes, trips = append(micros, s.micros), append(bytes, float64(s.bytes)), append(trips, float64(s.rounds))
			a.drop(d / 2)
			b.drop(d - d/2)
		}
		emit("session_warm_us", median(micros), "µs", parameters{
			"strategy": "riblt", "n": n, "d": d, "bytes": median(bytes), "round_trips": median(trips), "fastest": slices.Min(micros),
		})
	}
	return nil
}

// ribltCells counts the cells up to the first that lets peeling and the tail end,
// and the tail as the cells that are as long.
func ribltCells(int) error {
	const cellBytes, tailSums = 13.05, 16
	for _, c := range []struct{ d, trials int }{{1, 100}, {16, 1000}, {30, 3000}, {100, 3000}, {300, 1000}, {1000, 300}, {3000, 100}, {10_000, 40}} {
		rng := rand.New(rand.NewPCG(5, uint64(c.d)))
		var cells []float64
		mean := 0.0
		for range c.trials {
			taken, err := cellsWithTail(draw(rng, c.d), tailSums)
			if err != nil {
				return err
			}
			per := (float64(taken) + 8*tailSums/cellBytes) / float64(c.d)
			cells = append(cells, per)
			mean += per / float64(c.trials)
		}
		slices.Sort(cells)
		emit("cells_per_diff", mean, "cells", parameters{
			"strategy": "riblt", "d": c.d, "trials": c.trials, "p99": cells[len(cells)*99/100], "tail_sums": tailSums, "cell_bytes": cellBytes,
		})
	}
	return nil
}

func cellsWithTail(symbols []uint64, capacity int) (int, error) {
	d := len(symbols)
	remote, err := riblt.Build(riblt.Irregular, ribltSalt, 10*d+200, slices.Values(symbols[:d/2]))
	if err != nil {
		return 0, err
	}
	local, err := riblt.Build(riblt.Irregular, ribltSalt, 10*d+200, slices.Values(symbols[d/2:]))
	if err != nil {
		return 0, err
	}
	tail, ours := make(pinsketch.Sketch, capacity), map[uint64]struct{}{}
	for i, s := range symbols {
		tail.Toggle(s)
		if i >= d/2 {
			ours[s] = struct{}{}
		}
	}
	holds := func(s uint64) bool { _, ok := ours[s]; return ok }
	decoder, err := riblt.NewDecoder(riblt.Options{
		Mapping: riblt.Irregular, Salt: ribltSalt, CheckBytes: riblt.ShortCheck, MaxCells: riblt.MaxCells,
	}, local.Source())
	if err != nil {
		return 0, err
	}
	for at := 0; !decoder.Done(); at++ {
		if at == len(remote.Cells()) {
			return 0, fmt.Errorf("not done after %d cells", at)
		}
		if err := decoder.Receive(remote.Cells()[at : at+1]); err != nil {
			return 0, err
		}
		// More cannot be left: trying would only take time.
		if d-len(decoder.OnlyRemote())-len(decoder.OnlyLocal()) <= capacity {
			decoder.SetTail(slices.Clone(tail))
			decoder.Finish(holds)
		}
	}
	if len(decoder.OnlyRemote()) != d/2 || len(decoder.OnlyLocal()) != d-d/2 {
		return 0, errWrong
	}
	return decoder.Received(), nil
}
