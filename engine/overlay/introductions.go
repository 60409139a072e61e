package overlay

import (
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Introductions keeps a constant number of connections of the node's own making, to
// any peers that it has heard of. Whom others connect does not count: who makes many
// connections to a node could else keep it from making any itself.
type Introductions struct {
	Number int // connections; 6

	rounds
	table   *Table
	own     []codec.PeerID // connected, in the order in which they came up
	dialing []codec.PeerID
	out     []Effect
}

// NewIntroductions returns the policy of a table. It dials again as soon as it has
// lost a connection; where nobody is left to dial, it looks again every period, ns.
func NewIntroductions(table *Table, periodNs int64, rng *rand.Rand) *Introductions {
	return &Introductions{Number: 6, table: table, rounds: newRounds(periodNs, rng)}
}

// Handle implements [Policy].
func (in *Introductions) Handle(now int64, ev Event) []Effect {
	in.out = in.out[:0]
	switch ev := ev.(type) {
	case Up:
		in.gone(ev.Peer)
		if ev.Dialed {
			in.take(ev.Peer)
		}
		in.refill(now)
	case Down:
		in.gone(ev.Peer)
		in.refill(now)
	case Wake:
		if in.due(now) {
			in.refill(now)
		}
	}
	return in.out
}

// gone forgets what was known of a peer.
func (in *Introductions) gone(id codec.PeerID) {
	in.own, in.dialing = without(in.own, id), without(in.dialing, id)
}

// take keeps a connection, if it is not one too many: the host may have dialed too.
func (in *Introductions) take(id codec.PeerID) {
	if len(in.own) < in.Number {
		in.own = append(in.own, id)
	} else {
		in.out = append(in.out, HangUp{id, "overlay: enough connections"})
	}
}

func (in *Introductions) refill(now int64) {
	short := in.Number - len(in.own) - len(in.dialing)
	for _, p := range in.table.Draw(in.rng, short, func(p *Peer) bool { return p.dialable(now, in.dialing) }) {
		in.dialing = append(in.dialing, p.ID)
		in.out = append(in.out, Dial{p.ID})
	}
}

// Chosen implements [Policy].
func (in *Introductions) Chosen() []codec.PeerID { return slices.Concat(in.own, in.dialing) }
