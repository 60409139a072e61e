package engine

import "github.com/intersubjective/rapprochement/codec"

// Two machines that run one key, or one that was set back to an older copy of
// itself, write the same registers without knowing of each other, and the
// higher version counts whichever was written later. Whoever sees that happen
// to a write of its own writes it again, above.
//
// It does so only where its own write is the later one by the key's clock, and
// the new record keeps that time. So what counts in a register gets later with
// each record that is written again: machines that run for ever settle on the
// latest of the writes instead of taking turns.

// outdone is this node's own write that a record of its key from elsewhere is
// about to win over, nil if there is none.
func (n *Node) outdone(sp *space, rec *codec.Record) *codec.Record {
	held := n.current(sp, rec)
	if held == nil || held.Version >= rec.Version || held.Key.IsControl() || !n.wasOurs(held.Version) {
		return nil
	}
	return held.Clone() // the store may reuse its memory
}

// reissue writes again what was outdone in this step, unless something later by
// the key's clock has taken its place. What this node must not write now stays
// lost.
func (n *Node) reissue() {
	lost := n.lostWrites
	n.lostWrites = nil
	for len(lost) > 0 {
		id := lost[0].Space
		var headers []codec.Header
		var values [][]byte
		for ; len(lost) > 0 && lost[0].Space == id; lost = lost[1:] {
			rec := lost[0]
			sp := n.spaces[id]
			if sp == nil {
				continue // left since
			}
			if now := n.current(sp, rec); now != nil && now.Time >= rec.Time {
				continue
			}
			headers = append(headers, codec.Header{
				Kind: rec.Kind, Time: rec.Time, Key: rec.Key, Codec: rec.Codec, Refs: rec.Refs, Supersedes: rec.Supersedes,
			})
			values = append(values, rec.Value)
		}
		if len(headers) > 0 {
			_ = n.write(n.spaces[id], 0, 0, headers, values)
		}
	}
}
