package reconciletest

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Ground hashes records until it has found so many pairs of which both have the
// same places in a sketch, as anybody who knows the salt can do who writes records.
// It returns them pair by pair, and how many it has hashed.
func Ground(salt *codec.Salt, pairs int, places func(r *Record) uint64) (found []Record, hashed int) {
	first := map[uint64]Record{}
	for ; len(found) < 2*pairs; hashed++ {
		var rec Record
		rec.ID = sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(hashed)))
		rec.Item = reconcile.Item{
			ID: rec.ID, Short: codec.ShortID(salt, &rec.ID), Key: binary.LittleEndian.Uint64(rec.ID[8:]),
			Version: uint64(hashed+1) << 16, Time: codec.NewHLC(1_700_000_000_000, 0),
		}
		at := places(&rec)
		if other, known := first[at]; known {
			found = append(found, other, rec)
			delete(first, at)
		} else {
			first[at] = rec
		}
	}
	return found, hashed
}
