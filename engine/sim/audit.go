package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Audit combines the chains of all nodes and all their boots, by peer id.
func (w *World) Audit() (sum codec.ID) {
	order := slices.Clone(w.nodes)
	slices.SortFunc(order, func(a, b *simNode) int { return a.peer(w).Compare(b.peer(w)) })
	h := sha256.New()
	for _, n := range order {
		peer := n.peer(w)
		h.Write(peer[:])
		audits := n.audits
		if n.node != nil {
			audits = append(slices.Clone(audits), n.node.Audit())
		}
		for _, a := range audits {
			h.Write(binary.BigEndian.AppendUint64(nil, a))
		}
	}
	h.Sum(sum[:0])
	return sum
}

// cost is the virtual time, in nanoseconds, of what a step did, by unit costs
// measured on one 2 GHz core: checking a signature, handling a record that is
// known, a frame, a byte.
func cost(before, after *codec.Counters) int64 {
	const verify, record, frame, perKiB = 36_000, 1_000, 3_000, 1_000
	bytes := after.BytesIn - before.BytesIn + after.BytesOut - before.BytesOut
	frames := after.FramesIn - before.FramesIn + after.FramesOut - before.FramesOut
	return int64((after.Verified-before.Verified)*verify + (after.RecordsIn-before.RecordsIn)*record +
		frames*frame + bytes*perKiB/1024)
}
