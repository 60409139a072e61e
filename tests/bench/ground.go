package main

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
)

// groundCost is what it costs when somebody has hashed records until pairs of them
// share their first cells in the kept sketch: the session that gives up, the one
// with a salt of its own that follows, and the full exchange, which followed before.
func groundCost(rounds int) error {
	const n, pairs, shared = 1_000_000, 40, 900
	salt := codec.Salt{1, 2, 3} // of every warmSet
	places, err := cellsOf(&salt, shared)
	if err != nil {
		return err
	}
	ground, hashed := reconciletest.Ground(&salt, pairs, places)
	common := make([]reconcile.Item, n, n+2*pairs)
	for i := range common {
		id := codec.ID{1}
		binary.LittleEndian.PutUint64(id[8:], uint64(i))
		common[i] = reconcile.Item{Short: codec.ShortID(&salt, &id), ID: id}
	}
	var chosen []reconcile.Item
	for _, r := range ground {
		chosen = append(chosen, r.Item)
	}
	for _, st := range []reconcile.Strategy{riblt.Strategy{}, riblt.Salted{}, full.Strategy{}} {
		left, right := newWarmSet(st, common[:n:n]), newWarmSet(st, append(common, chosen...))
		var micros []float64
		var last warmSession
		for range rounds {
			if last, err = session(left, right); err != nil {
				return err
			}
			micros = append(micros, last.micros)
		}
		emit("adversary_cost", median(micros), "us", parameters{
			"strategy": st.Name(), "attack": "ground", "n": n, "pairs": pairs, "cells_shared": shared, "hashes": hashed,
			"bytes": last.bytes, "rounds": last.rounds, "found": last.given + last.wanted,
		})
	}
	return nil
}

// cellsOf returns a fingerprint of the cells below end that a record is in.
func cellsOf(salt *codec.Salt, end int) (func(r *reconciletest.Record) uint64, error) {
	sketch, err := riblt.New(riblt.Irregular, binary.LittleEndian.Uint64(salt[8:]), end)
	return func(r *reconciletest.Record) (h uint64) {
		sketch.Add(r.Short)
		for i, c := range sketch.Cells() {
			if c.Count != 0 {
				h = h*0x9e3779b97f4a7c15 + uint64(i) + 1
			}
		}
		sketch.Remove(r.Short)
		return h
	}, err
}
