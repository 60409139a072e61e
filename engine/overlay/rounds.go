package overlay

import (
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// rounds are the times at which a policy is woken: a period apart, more or less, so
// that nodes that start together do not stay in step.
type rounds struct {
	periodNs int64
	rng      *rand.Rand
	at       int64
}

// newRounds begins at once: a node that starts is not to stand alone for long.
func newRounds(periodNs int64, rng *rand.Rand) rounds {
	return rounds{periodNs, rng, 1 + rng.Int64N(periodNs/10+1)}
}

// NextWake implements [Policy].
func (r *rounds) NextWake() int64 { return r.at }

// due reports whether a round begins now, and sets the time of the next one.
func (r *rounds) due(now int64) bool {
	if now < r.at {
		return false
	}
	r.at = now + r.periodNs - r.periodNs/10 + r.rng.Int64N(r.periodNs/5+1)
	return true
}

// without takes a peer off a list.
func without(list []codec.PeerID, id codec.PeerID) []codec.PeerID {
	return slices.DeleteFunc(list, func(x codec.PeerID) bool { return x == id })
}

// dialable reports whether a peer can be dialed now and is not being dialed yet.
func (p *Peer) dialable(now int64, dialing []codec.PeerID) bool {
	return !p.Up && p.DialNs <= now && !slices.Contains(dialing, p.ID)
}
