package overlay

import "github.com/intersubjective/rapprochement/codec"

// A Policy decides whom one node is connected to. It is a state machine like the
// node: events enter, effects leave, time and randomness are given. It reads the
// node's [Table], which is changed before the policy hears of it, and asks for
// connections; whether they come about, Up and Down tell.
//
//	Static         stays as the host made it
//	Introductions  any peers that it has heard of, in a constant number
//	Mesh           graft and prune: a degree between two bounds, on both sides
//	PeerSwap       neighbours exchange their places: uniform and ever changing
//	Nearest        the nearest, most reliable and most trusted, and a few at random
type Policy interface {
	// Handle takes an event at a monotonic time, in ns, and returns what is to be
	// done, in order. The slice is the policy's again at the next call.
	Handle(now int64, ev Event) []Effect
	// NextWake is the monotonic time, in ns, at which the policy wants a [Wake], 0
	// for never. Waking early or twice changes nothing.
	NextWake() int64
	// Chosen are the peers that the policy wants to be connected to, the best
	// first.
	Chosen() []codec.PeerID
}

// An Event is what a policy is told.
type Event interface{ event() }

// Up says that a peer is connected.
type Up struct {
	Peer   codec.PeerID
	Dialed bool // by this node
}

// Down says that a connection has ended, or that a dial led to nothing.
type Down struct{ Peer codec.PeerID }

// Told is what the policy of a connected peer has sent: once, in order, while the
// connection lasts. The body is hostile input.
type Told struct {
	Peer codec.PeerID
	Body []byte
}

// Wake says that NextWake has come.
type Wake struct{}

// An Effect is what a policy wants done.
type Effect interface{ effect() }

// Dial asks for a connection to a peer of the table.
type Dial struct{ Peer codec.PeerID }

// HangUp ends the connection to a peer.
type HangUp struct {
	Peer   codec.PeerID
	Reason string
}

// Tell sends a message to the policy of a connected peer, at most [TellMax] bytes.
type Tell struct {
	Peer codec.PeerID
	Body []byte
}

// TellMax bounds the messages of policies, in bytes.
const TellMax = 8 << 10

func (Up) event()   {}
func (Down) event() {}
func (Told) event() {}
func (Wake) event() {}

func (Dial) effect()   {}
func (HangUp) effect() {}
func (Tell) effect()   {}
