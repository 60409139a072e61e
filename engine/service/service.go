// Package service is the interface between a node and the applications on it.
//
// A service is a state machine like the node that it runs in: events enter,
// effects leave, time and randomness are given. It has no socket, no clock, no
// goroutine, and so the same code runs in worlds and on real networks, and every
// run can be repeated.
//
//	events                              effects
//	Started, with what was saved        Save for the next start
//	Joined, Left a space                Watch a prefix of a space
//	PeerUp, PeerDown, PeerFault         Dial, HangUp
//	Message from a peer                 Send to a peer
//	Changed records that it watches     Put records
//	Asked by the host                   Answer to the host
//	Wake, when NextWake has come
//
// A node gives its services events after everything else in a step has happened,
// one at a time and in the order in which the services were named; the effects
// of one event are carried out before the next. Everything is committed before
// anything leaves the node.
//
// docs/services.md shows how to write one; engine/presence is the smallest.
package service

import "github.com/intersubjective/rapprochement/codec"

// Bounds of what services exchange, in bytes.
const (
	// BodyMax bounds a message and an answer: several fit into a frame.
	BodyMax = 16 << 10
	// DatagramMax bounds a datagram: it fits into one packet of any network.
	DatagramMax = 1024
	// NameMax bounds the name of a service.
	NameMax = 32
)

// A Service is an application on a node. It is used by one goroutine at a time.
type Service interface {
	// Name tells services apart, on the wire and for the host: 1 to NameMax bytes.
	Name() string
	// Handle takes an event and returns what is to be done, in order. The slice
	// is the service's again at the next call.
	Handle(now codec.Now, ev Event) []Effect
	// NextWake is the monotonic time, in nanoseconds, at which the service wants
	// a Wake, 0 for never. Waking early or twice must change nothing.
	NextWake() int64
}

// An Event is what the node tells a service.
type Event interface{ event() }

// Started is the first event of every boot.
type Started struct {
	Self  codec.PeerID
	Seed  [32]byte // the service's only source of randomness; another one each boot
	Saved []byte   // what the last Save said, nil for nothing
}

// Joined says that the node holds a space, after Started for each that it held
// before. Left says that it no longer does; its watches are gone.
type Joined struct{ Space codec.ID }

// Left is the opposite of [Joined].
type Left struct{ Space codec.ID }

// PeerUp says that a peer is connected and speaks our protocol.
type PeerUp struct {
	Peer    codec.PeerID
	Address string // under which it is known to this node, may be empty
	Dialed  bool   // by this node
}

// PeerDown says that the connection to a peer has ended.
type PeerDown struct{ Peer codec.PeerID }

// PeerFault says that a peer has broken a rule of the protocol.
type PeerFault struct{ Peer codec.PeerID }

// Message is what the same service of a connected peer has sent. A Datagram may
// have been lost, repeated or overtaken; others come once and in order. The body
// is hostile input.
type Message struct {
	Peer     codec.PeerID
	Body     []byte
	Datagram bool
}

// Changed brings records under a prefix that the service watches: at the watch
// all there are, then what is new. Tombstones have no value and CodecNone.
type Changed struct {
	Space   codec.ID
	Entries []codec.Entry
}

// Asked is a question of the host, answered by Answer with the same Req.
type Asked struct {
	Req  uint64
	Body []byte
}

// Refused says that a Put or a Watch could not be carried out, and why: the node
// has not joined the space or may not write there, or an entry breaks a rule.
type Refused struct {
	Space codec.ID
	Err   error
}

// Wake says that NextWake has come.
type Wake struct{}

// An Effect is what a service wants done.
type Effect interface{ effect() }

// Send sends a message to the same service of a connected peer; to others it
// does nothing. A datagram leaves at once, is never repeated, and is what
// measurements need; at most DatagramMax bytes. Other messages arrive once and
// in order while the connection lasts; at most BodyMax bytes.
type Send struct {
	Peer     codec.PeerID
	Body     []byte
	Datagram bool
}

// Put writes records into a space that the node has joined.
type Put struct {
	Space   codec.ID
	Entries []codec.PutEntry
}

// Watch asks for the records under a prefix, now and later; nil for all.
type Watch struct {
	Space  codec.ID
	Prefix codec.Key
}

// Dial asks the host for a connection.
type Dial struct {
	Peer    codec.PeerID
	Address string
}

// HangUp ends the connection to a peer.
type HangUp struct {
	Peer   codec.PeerID
	Reason string
}

// Save keeps a value for the next start, in place of the last one.
type Save struct{ Value []byte }

// Answer answers a question of the host. Err says, in words, why there is none.
type Answer struct {
	Req  uint64
	Body []byte
	Err  string
}

func (Started) event()   {}
func (Joined) event()    {}
func (Left) event()      {}
func (Refused) event()   {}
func (PeerUp) event()    {}
func (PeerDown) event()  {}
func (PeerFault) event() {}
func (Message) event()   {}
func (Changed) event()   {}
func (Asked) event()     {}
func (Wake) event()      {}

func (Send) effect()   {}
func (Put) effect()    {}
func (Watch) effect()  {}
func (Dial) effect()   {}
func (HangUp) effect() {}
func (Save) effect()   {}
func (Answer) effect() {}
