// Package reconcile is the interface of set-reconciliation strategies: ways in
// which two nodes find out which records each of them lacks.
//
// A strategy is pure. It sees a pinned [View] of one scope, gets the other
// side's payloads in order and exactly once, and answers with an [Out]. Moving
// bytes, retransmission, credit, time-outs and the transfer of the records
// themselves belong to the syncer.
//
// A session has an initiator, which decides, and a responder:
//
//	initiator                         responder
//	Open, count and summary   ──────▶ equal: closed at once
//	                          ◀────── payloads from Accept
//	Receive → more payloads   ──────▶ Receive → more payloads
//	Done: Give records, Want  ──────▶ gives what is wanted, closes
//
// Both sides may Give at any time. Strategies live in one package each and pass
// the conformance suite in reconciletest.
package reconcile

import (
	"errors"

	"github.com/intersubjective/rapprochement/codec"
)

// ErrPayload marks every error that a payload from the other side can cause.
var ErrPayload = errors.New("reconcile: bad payload")

// PayloadMax is the largest payload, in bytes, that a strategy sends: several
// share a frame, and a lost one is cheap to send again.
const PayloadMax = 32 << 10

// An Item is one record of a set, as strategies see it.
type Item struct {
	Short   uint64    // salted hash of the id, codec.ShortID
	ID      codec.ID  // of the record
	Key     uint64    // salted hash of (author, key), codec.RegisterID: names the register
	Version uint64    // the author's number of the record
	Time    codec.HLC // the author's claim
}

// A View is one scope's set as it was when the session began.
type View interface {
	// Count is the number of records.
	Count() uint64
	// Salt is the space's salt.
	Salt() *codec.Salt
	// Each calls fn for every record in no particular order.
	Each(fn func(short uint64, id *codec.ID) bool)
	// Items does the same with all that an Item says. It may have to load the
	// records. The item is good until fn returns.
	Items(fn func(item *Item) bool)
	// Has reports whether a record of that short id is in the set.
	Has(short uint64) bool
	// Authors calls fn for every author in bytewise order with the highest
	// version in the set.
	Authors(fn func(author codec.PeerID, highest uint64) bool)
	// Above calls fn with the short ids of an author's records above a version.
	Above(author codec.PeerID, version uint64, fn func(short uint64) bool)
	// Kept returns what a strategy keeps of the set, as it was when the session
	// began; it is made now if there was none. Nil for strategies that keep
	// nothing.
	Kept(st Strategy) Pinned
}

// A Keeper is a View that knows whether its space keeps every version of a register.
// One that does not say keeps the highest alone.
type Keeper interface{ KeepsAll() bool }

// KeepsAll reports whether a view's space keeps every version: records are what
// differs then, not registers.
func KeepsAll(view View) bool {
	k, ok := view.(Keeper)
	return ok && k.KeepsAll()
}

// A Kept summary is what a strategy maintains beside the store, so that a
// session costs nothing that depends on the size of the set.
type Kept interface {
	Add(item *Item)
	Remove(item *Item)
	// Pin returns the summary as it is now; later changes do not touch it. It is
	// cheap, as every session pins every summary of its space.
	Pin() Pinned
}

// A Pinned summary belongs to one session, and is closed once.
type Pinned interface{ Close() }

// A Saver is a Kept that can be written down beside the set, so that it need not
// be made again after a restart.
type Saver interface {
	Kept
	// Save appends the summary.
	Save(dst []byte) []byte
}

// Peer is what the other side said about its set when the session began.
type Peer struct {
	Count uint64
	// Salt is the same on both sides and of this session alone: nobody else knows
	// it, and neither side can choose it.
	Salt uint64
}

// Out collects what a session wants done. The syncer performs it in the order
// of the fields.
type Out struct {
	// Payloads to send, each at most PayloadMax bytes.
	Payloads [][]byte
	// Give names records to send to the other side.
	Give []uint64
	// Want names records to ask the other side for. Only with Done.
	Want []uint64
	// Asked is how many records, about, a payload of a strategy's own asks for: what
	// Want is where they have no short ids. Only with Done.
	Asked int
	// Done ends the initiator's part.
	Done bool
	// Fallback asks for a session with SaltedName or FullName instead: this
	// strategy cannot finish on these sets.
	Fallback bool
}

// The strategies to fall back to.
const (
	// FullName is the one that always works.
	FullName = "full"
	// SaltedName is the one that nobody can have chosen records against. It costs
	// a walk through the whole set, but bytes for the difference alone: it is
	// tried before FullName.
	SaltedName = "salted"
)

// A Session is one side of a run.
type Session interface {
	// Receive takes the next payload. Errors wrap ErrPayload and mean that the
	// other side broke the rules; the session is over then.
	Receive(payload []byte, out *Out) error
}

// A Strategy makes sessions.
type Strategy interface {
	// Name is the strategy's name on the wire, at most 32 bytes.
	Name() string
	// NewKept returns the summary of a set, nil if the strategy keeps none.
	NewKept(view View) Kept
	// Open starts the initiator's side. It may send payloads at once.
	Open(view View, peer Peer, out *Out) Session
	// Accept starts the responder's side, for an initiator whose set differs.
	Accept(view View, peer Peer, out *Out) Session
}

// A Loader is a strategy whose summaries are Savers.
type Loader interface {
	Strategy
	// LoadKept returns what Save wrote, which may be damaged or of another
	// version: then it fails.
	LoadKept(saved []byte, salt *codec.Salt) (Kept, error)
}

// A Hint is a strategy that may finish without having found every difference.
// The syncer runs another one when the summaries still differ afterwards.
type Hint interface{ Hint() }

// A Splitter is a strategy that can run on a part of a set as well.
type Splitter interface {
	Strategy
	// Part returns what a session on a part of the set runs on. It is called in
	// the step in which the view was pinned.
	Part(view SplitView, part *codec.Part) Part
}

// A SplitView is a View that finds records by their keys.
type SplitView interface {
	View
	// Under does what Items does for the records whose keys have a prefix, at a
	// cost that follows their number. It shows the set as it is now.
	Under(prefix codec.Key, fn func(item *Item) bool)
}

// EachIn calls fn for the records of a part and returns how many it had to read.
func EachIn(view SplitView, part *codec.Part, fn func(item *Item)) (read int) {
	from, to := part.Window()
	view.Under(part.Prefix, func(item *Item) bool {
		if read++; from <= item.Time && item.Time < to {
			fn(item)
		}
		return true
	})
	return read
}

// A Part is one side's part of a set. Its sessions are those of a Strategy.
type Part interface {
	// Count is the number of records.
	Count() uint64
	// Read is how many records had to be read to make it.
	Read() int
	Open(peer Peer, out *Out) Session
	Accept(peer Peer, out *Out) Session
}

// IsHint reports whether a strategy is only a hint.
func IsHint(s Strategy) bool {
	_, hint := s.(Hint)
	return hint
}
