package codec

import "fmt"

// Now is one instant as the host sees it, in nanoseconds. Mono never goes back
// and times timers and round trips; Wall is time since 1970, may jump either
// way and only feeds claims.
type Now struct {
	_    struct{} `cbor:",toarray"`
	Mono int64
	Wall int64
}

// EventKind numbers the events. Append-only.
type EventKind uint64

// An Event is what the host tells the node.
type Event interface{ EventKind() EventKind }

const (
	EvWake        EventKind = 1
	EvLinkUp      EventKind = 2
	EvLinkDown    EventKind = 3
	EvFrame       EventKind = 4
	EvCreateSpace EventKind = 5
	EvJoinSpace   EventKind = 6
	EvLeaveSpace  EventKind = 7
	EvPut         EventKind = 8
	EvDelete      EventKind = 9
	EvGet         EventKind = 10
	EvScan        EventKind = 11
	EvWatch       EventKind = 12
	EvUnwatch     EventKind = 13
	EvAddPeer     EventKind = 14
	EvRemovePeer  EventKind = 15
	EvPausePeer   EventKind = 16
	EvSetInterval EventKind = 17
	EvSyncNow     EventKind = 18
	EvStatus      EventKind = 19
	EvExplain     EventKind = 20
	EvSigned      EventKind = 21
	EvGrant       EventKind = 22
	EvCut         EventKind = 23
	EvAcceptLoss  EventKind = 24
	EvExport      EventKind = 25
	EvImport      EventKind = 26
	EvAsk         EventKind = 27
	EvSyncPart    EventKind = 28
)

// Wake tells the node that time has passed. Early and repeated wakes do nothing.
type Wake struct {
	_ struct{} `cbor:",toarray"`
}

// LinkUp says that a link to a peer exists and that the host has authenticated
// the peer's key. Link numbers are the host's choice and are not used again
// while the node runs.
type LinkUp struct {
	_        struct{} `cbor:",toarray"`
	Peer     PeerID
	Link     uint64
	Dialed   bool   // this node dialed; settles two crossing dials
	Observed string // the peer's address as the host sees it, for humans
}

// LinkDown says that a link is gone. Frames in flight on it are lost.
type LinkDown struct {
	_      struct{} `cbor:",toarray"`
	Link   uint64
	Reason string
}

// Frame hands over the bytes that arrived on a link.
type Frame struct {
	_     struct{} `cbor:",toarray"`
	Link  uint64
	Bytes []byte // at most FrameMax
}

// CreateSpace makes a space owned by this node and joins it. Answered by
// SpaceReady.
type CreateSpace struct {
	_        struct{} `cbor:",toarray"`
	Req      uint64
	Write    WritePolicy
	Read     ReadRule
	History  History
	Salt     Salt   // all zero: the node draws one from its seed
	ValueMax uint64 // bytes, 0 for ValueInlineMax
	Name     string
}

// JoinSpace joins the space of a genesis block. Answered by SpaceReady.
type JoinSpace struct {
	_       struct{} `cbor:",toarray"`
	Req     uint64
	Genesis []byte
}

// LeaveSpace forgets a space and its records. Answered by Done.
type LeaveSpace struct {
	_     struct{} `cbor:",toarray"`
	Req   uint64
	Space ID
}

// Put writes registers of this node, all in one commit. Answered by Stored.
type Put struct {
	_       struct{} `cbor:",toarray"`
	Req     uint64
	Space   ID
	Entries []PutEntry
	// Replicas asks for a Replicated effect once this many peers hold the
	// records; 0 asks for none.
	Replicas uint64
}

// A PutEntry is one register's new value.
type PutEntry struct {
	_          struct{} `cbor:",toarray"`
	Key        Key
	Codec      uint64 // CodecRaw or CodecDagCBOR
	Value      []byte
	Refs       []ID
	Supersedes []ID
}

// Delete writes tombstones over registers of this node. Answered by Stored.
type Delete struct {
	_     struct{} `cbor:",toarray"`
	Req   uint64
	Space ID
	Keys  []Key
}

// Get asks for what all authors hold at a key. Answered by Entries, newest
// first by (time, author).
type Get struct {
	_     struct{} `cbor:",toarray"`
	Req   uint64
	Space ID
	Key   Key
}

// Scan asks for entries in key order. Answered by Entries.
type Scan struct {
	_      struct{} `cbor:",toarray"`
	Req    uint64
	Space  ID
	Prefix Key    // empty: everything
	After  Key    // empty: from the start; else only keys above it
	Limit  uint64 // 1 to ScanLimitMax, 0 for ScanLimitMax
}

// Watch asks for a Changed effect whenever entries under a prefix change.
// Answered by Done; the watch is named by its Req until Unwatch.
type Watch struct {
	_      struct{} `cbor:",toarray"`
	Req    uint64
	Space  ID
	Prefix Key
}

// Unwatch ends the watch of that number. Answered by Done.
type Unwatch struct {
	_     struct{} `cbor:",toarray"`
	Req   uint64
	Watch uint64
}

// AddPeer keeps a peer: dial it, and reconcile with it every IntervalNs while a
// link is up. Answered by Done, and by Dial while there is no link.
type AddPeer struct {
	_          struct{} `cbor:",toarray"`
	Req        uint64
	Peer       PeerID
	Address    string // opaque to the node, given back with Dial
	IntervalNs int64  // 0 for the node's default; negative for never
}

// RemovePeer forgets a peer and hangs up. Answered by Done.
type RemovePeer struct {
	_    struct{} `cbor:",toarray"`
	Req  uint64
	Peer PeerID
}

// PausePeer stops (or resumes) all exchange of records with a peer while its
// links stay up. Answered by Done.
type PausePeer struct {
	_      struct{} `cbor:",toarray"`
	Req    uint64
	Peer   PeerID
	Paused bool
}

// SetInterval changes a peer's reconciliation interval, in nanoseconds; 0 for
// the node's default, negative for never. Answered by Done.
type SetInterval struct {
	_          struct{} `cbor:",toarray"`
	Req        uint64
	Peer       PeerID
	IntervalNs int64
}

// SyncNow reconciles a space with a peer at once. Answered by SyncEnded with
// the same Req.
type SyncNow struct {
	_        struct{} `cbor:",toarray"`
	Req      uint64
	Peer     PeerID
	Space    ID
	Strategy string // empty for the node's default
}

// SyncPart reconciles a part of a space with a peer at once, and leaves the rest
// alone. Answered by SyncEnded with the same Req: unsupported where the strategy
// or the peer can only do whole spaces. It says nothing of the whole space, so
// that Status stays as it was.
type SyncPart struct {
	_        struct{} `cbor:",toarray"`
	Req      uint64
	Peer     PeerID
	Space    ID
	Strategy string // empty for the node's first that can do it
	Part     Part
}

// A Part of a space is the records that have a key below Prefix and a time in a
// window, which is their author's claim. Both sides hold a part each: a register
// whose newer version lies outside is sent in its older one and refused as such.
type Part struct {
	_      struct{} `cbor:",toarray"`
	Prefix Key      // empty: every key
	Since  uint64   // ms since 1970, 0 to 2^48-1
	Until  uint64   // ms, not included, above Since; 0 for no end
}

// Check returns why there can be no such part, nil if there can.
func (p *Part) Check() error {
	const end = 1 << 48 // of the hybrid clock
	switch {
	case p.Since >= end || p.Until >= end:
		return fmt.Errorf("a part from %d to %d ms: the clock has 48 bits", p.Since, p.Until)
	case p.Until != 0 && p.Until <= p.Since:
		return fmt.Errorf("a part from %d to %d ms: nothing is in it", p.Since, p.Until)
	}
	return nil
}

// Window is the part's times, from the first up to but not including the second.
func (p *Part) Window() (from, to HLC) {
	from, to = NewHLC(int64(p.Since), 0), NewHLC(int64(p.Until), 0)
	if p.Until == 0 {
		to = 1<<64 - 1
	}
	return from, to
}

// GetStatus asks for Status.
type GetStatus struct {
	_   struct{} `cbor:",toarray"`
	Req uint64
}

// Explain asks why a record is held, hidden, refused or unknown. Answered by
// Explained.
type Explain struct {
	_      struct{} `cbor:",toarray"`
	Req    uint64
	Space  ID
	Record ID
}

// Signed answers a Sign effect. A signature that does not verify is the host's
// mistake: an error.
type Signed struct {
	_     struct{} `cbor:",toarray"`
	Token uint64
	Sig   Signature
}

// Grant lets a member write into a space that this node owns. Answered by
// Stored with the grant's id.
type Grant struct {
	_      struct{} `cbor:",toarray"`
	Req    uint64
	Space  ID
	Member PeerID
}

// Cut removes a member from a space that this node owns: what it wrote after
// the last record this node holds is hidden everywhere. Answered by Stored.
type Cut struct {
	_      struct{} `cbor:",toarray"`
	Req    uint64
	Space  ID
	Member PeerID
}

// AcceptLoss allows writing again after the store was lost, without waiting for
// a sync to show which versions this key has used. Answered by Done.
type AcceptLoss struct {
	_   struct{} `cbor:",toarray"`
	Req uint64
}

// Export asks for everything a space holds, as Exported effects.
type Export struct {
	_     struct{} `cbor:",toarray"`
	Req   uint64
	Space ID
}

// Import admits exported records: a CBOR sequence of envelopes. They are
// verified like records from a peer. Answered by Stored with the ids that are
// new.
type Import struct {
	_         struct{} `cbor:",toarray"`
	Req       uint64
	Space     ID
	Envelopes []byte
}

// Ask puts a question to a service of the node. What the bodies say is the
// service's business. Answered by Answered.
type Ask struct {
	_       struct{} `cbor:",toarray"`
	Req     uint64
	Service string
	Body    []byte
}

func (*Wake) EventKind() EventKind        { return EvWake }
func (*LinkUp) EventKind() EventKind      { return EvLinkUp }
func (*LinkDown) EventKind() EventKind    { return EvLinkDown }
func (*Frame) EventKind() EventKind       { return EvFrame }
func (*CreateSpace) EventKind() EventKind { return EvCreateSpace }
func (*JoinSpace) EventKind() EventKind   { return EvJoinSpace }
func (*LeaveSpace) EventKind() EventKind  { return EvLeaveSpace }
func (*Put) EventKind() EventKind         { return EvPut }
func (*Delete) EventKind() EventKind      { return EvDelete }
func (*Get) EventKind() EventKind         { return EvGet }
func (*Scan) EventKind() EventKind        { return EvScan }
func (*Watch) EventKind() EventKind       { return EvWatch }
func (*Unwatch) EventKind() EventKind     { return EvUnwatch }
func (*AddPeer) EventKind() EventKind     { return EvAddPeer }
func (*RemovePeer) EventKind() EventKind  { return EvRemovePeer }
func (*PausePeer) EventKind() EventKind   { return EvPausePeer }
func (*SetInterval) EventKind() EventKind { return EvSetInterval }
func (*SyncNow) EventKind() EventKind     { return EvSyncNow }
func (*GetStatus) EventKind() EventKind   { return EvStatus }
func (*Explain) EventKind() EventKind     { return EvExplain }
func (*Signed) EventKind() EventKind      { return EvSigned }
func (*Grant) EventKind() EventKind       { return EvGrant }
func (*Cut) EventKind() EventKind         { return EvCut }
func (*AcceptLoss) EventKind() EventKind  { return EvAcceptLoss }
func (*Export) EventKind() EventKind      { return EvExport }
func (*Import) EventKind() EventKind      { return EvImport }
func (*Ask) EventKind() EventKind         { return EvAsk }
func (*SyncPart) EventKind() EventKind    { return EvSyncPart }

// NewEvent returns an empty event of a kind, nil for an unknown one.
func NewEvent(kind EventKind) Event {
	if kind == 0 || kind > EventKind(len(eventTypes)) {
		return nil
	}
	return eventTypes[kind-1]()
}

// eventTypes holds the event of kind i+1 at place i.
var eventTypes = []func() Event{
	func() Event { return new(Wake) }, func() Event { return new(LinkUp) },
	func() Event { return new(LinkDown) }, func() Event { return new(Frame) },
	func() Event { return new(CreateSpace) }, func() Event { return new(JoinSpace) },
	func() Event { return new(LeaveSpace) }, func() Event { return new(Put) },
	func() Event { return new(Delete) }, func() Event { return new(Get) },
	func() Event { return new(Scan) }, func() Event { return new(Watch) },
	func() Event { return new(Unwatch) }, func() Event { return new(AddPeer) },
	func() Event { return new(RemovePeer) }, func() Event { return new(PausePeer) },
	func() Event { return new(SetInterval) }, func() Event { return new(SyncNow) },
	func() Event { return new(GetStatus) }, func() Event { return new(Explain) },
	func() Event { return new(Signed) }, func() Event { return new(Grant) },
	func() Event { return new(Cut) }, func() Event { return new(AcceptLoss) },
	func() Event { return new(Export) }, func() Event { return new(Import) },
	func() Event { return new(Ask) }, func() Event { return new(SyncPart) },
}
