package overlay

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/codec"
)

// An Introduction names a peer and where it was reached.
type Introduction struct {
	_       struct{} `cbor:",toarray"`
	Peer    codec.PeerID
	Address string
}

// Bounds of introductions.
const (
	IntroductionsMax = 16  // in a message
	AddressMax       = 256 // bytes of an address
	NamedMax         = 32  // peers that one introducer has named and that were never reached: so many dials it can waste
)

// ErrMessage is wrapped by what is wrong with what others say.
var ErrMessage = errors.New("overlay: malformed message")

// CheckIntroductions holds a list that somebody sent against the bounds; errors wrap
// [ErrMessage].
func CheckIntroductions(list []Introduction) error {
	if len(list) > IntroductionsMax {
		return fmt.Errorf("%w: %d introductions", ErrMessage, len(list))
	}
	for i := range list {
		if n := len(list[i].Address); n > AddressMax {
			return fmt.Errorf("%w: an address of %d bytes", ErrMessage, n)
		}
	}
	return nil
}

// Introduce enters a peer that another one has named. An address that is known
// stays: who names peers could lead us away from them. It returns nil where Enter
// does, and beyond NamedMax.
func (t *Table) Introduce(now int64, in Introduction, by codec.PeerID) *Peer {
	p := t.Find(in.Peer)
	if p == nil {
		if t.named(by) >= NamedMax {
			return nil
		}
		if p = t.Enter(now, in.Peer); p == nil {
			return nil
		}
		p.By = by
	}
	if p.Address == "" {
		p.Address = in.Address
	}
	return p
}

// named counts the peers that are known by one introducer's word only.
func (t *Table) named(by codec.PeerID) (count int) {
	for _, p := range t.peers {
		if p.By == by && !p.Reached() {
			count++
		}
	}
	return count
}

// Introductions names up to k peers at random to another one: those that this node
// has reached itself, and that did not fail since.
func (t *Table) Introductions(rng *rand.Rand, k int, to codec.PeerID) (list []Introduction) {
	good := func(p *Peer) bool {
		return p.ID != to && p.Reached() && p.Fails == 0 && p.Address != "" && len(p.Address) <= AddressMax
	}
	for _, p := range t.Draw(rng, k, good) {
		list = append(list, Introduction{Peer: p.ID, Address: p.Address})
	}
	return list
}
