package rtt

import (
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
)

// An Opinion is what a node publishes of a peer, in the register rtt/<peer>, as
// the CBOR of this struct. It is the node's claim; its record is signed.
type Opinion struct {
	_      struct{} `cbor:",toarray"`
	RTTUs  uint64   // smoothed round trip, microseconds
	LossPM uint64   // pings lost of late, per mille
	Merit  int64    // −1000 to 1000: how well the peer served, and how far what it says is true
}

// A Place is where a node is on its chart, published in the register place, in
// microseconds.
type Place struct {
	_      struct{} `cbor:",toarray"`
	X, Y   int64
	Height uint64
}

// OpinionPrefix and PlaceKey are where nodes publish.
var (
	OpinionPrefix = codec.MustKey("rtt")
	PlaceKey      = codec.MustKey("place")
)

// OpinionKey is the register for a peer.
func OpinionKey(peer codec.PeerID) codec.Key {
	key, err := codec.NewKey([]byte("rtt"), peer[:])
	if err != nil {
		panic(err) // unreachable: two short components
	}
	return key
}

// peerOf is the peer that a register is about.
func peerOf(key codec.Key) (peer codec.PeerID, ok bool) {
	prefix := OpinionKey(codec.PeerID{})
	head := len(prefix) - len(peer)
	if len(key) != len(prefix) || string(key[:head]) != string(prefix[:head]) {
		return peer, false
	}
	return codec.PeerID(key[head:]), true
}

func (o *Opinion) check() error {
	if o.RTTUs > 60e6 || o.LossPM > 1000 || o.Merit < -1000 || o.Merit > 1000 {
		return fmt.Errorf("rtt: opinion out of range: %+v", *o)
	}
	return nil
}

func placeOf(c overlay.Coordinate) Place {
	us := func(v float64) int64 { return int64(float64(v * 1000)) }
	return Place{X: us(c.X), Y: us(c.Y), Height: uint64(us(c.Height))}
}

func (p Place) coordinate() overlay.Coordinate {
	return overlay.Coordinate{X: float64(p.X) / 1000, Y: float64(p.Y) / 1000, Height: float64(p.Height) / 1000}
}

// moved reports whether a place is worth publishing again.
func (p Place) moved(q Place) bool {
	abs := func(v int64) int64 { return max(v, -v) }
	const worth = 2000 // 2 ms
	return abs(p.X-q.X) > worth || abs(p.Y-q.Y) > worth || abs(int64(p.Height)-int64(q.Height)) > worth
}
