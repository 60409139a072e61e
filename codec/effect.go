package codec

// EffectKind numbers the effects. Append-only.
type EffectKind uint64

// An Effect is what the node asks of the host, or tells it.
type Effect interface{ EffectKind() EffectKind }

const (
	EfSend         EffectKind = 1
	EfWakeAt       EffectKind = 2
	EfDial         EffectKind = 3
	EfHangUp       EffectKind = 4
	EfDone         EffectKind = 5
	EfSpaceReady   EffectKind = 6
	EfStored       EffectKind = 7
	EfEntries      EffectKind = 8
	EfChanged      EffectKind = 9
	EfPeerFault    EffectKind = 10
	EfSyncEnded    EffectKind = 11
	EfStatus       EffectKind = 12
	EfExplained    EffectKind = 13
	EfSign         EffectKind = 14
	EfReplicated   EffectKind = 15
	EfEquivocation EffectKind = 16
	EfStoreFailed  EffectKind = 17
	EfKeyInUse     EffectKind = 18
	EfExported     EffectKind = 19
	EfAnswered     EffectKind = 20
)

// Send carries a frame to the other end of a link. The host may lose it, but not
// change its bytes: the node may have to send them again.
type Send struct {
	_     struct{} `cbor:",toarray"`
	Link  uint64
	Bytes []byte
}

// WakeAt is the next monotonic time, in nanoseconds, at which the node wants a
// Wake. It replaces the previous one; it is the last effect of a step.
type WakeAt struct {
	_    struct{} `cbor:",toarray"`
	Mono int64
}

// Dial asks for a link to a peer.
type Dial struct {
	_       struct{} `cbor:",toarray"`
	Peer    PeerID
	Address string
}

// HangUp asks to close a link. The host answers with LinkDown.
type HangUp struct {
	_      struct{} `cbor:",toarray"`
	Link   uint64
	Reason string
}

// Done answers an event that has nothing else to say.
type Done struct {
	_   struct{} `cbor:",toarray"`
	Req uint64
}

// SpaceReady says that a space is joined.
type SpaceReady struct {
	_       struct{} `cbor:",toarray"`
	Req     uint64
	Space   ID
	Genesis []byte
}

// Stored says that records are committed.
type Stored struct {
	_   struct{} `cbor:",toarray"`
	Req uint64
	IDs []ID
}

// Entry is one register as a view shows it.
type Entry struct {
	_       struct{} `cbor:",toarray"`
	Record  ID
	Author  PeerID
	Version uint64
	Time    HLC
	Key     Key
	Codec   uint64 // CodecNone: deleted
	Value   []byte
}

// Entries answers Get and Scan. More says that a scan was cut at its limit.
type Entries struct {
	_       struct{} `cbor:",toarray"`
	Req     uint64
	Entries []Entry
	More    bool
}

// Changed reports the entries under a watched prefix that a step changed.
type Changed struct {
	_       struct{} `cbor:",toarray"`
	Watch   uint64
	Space   ID
	Entries []Entry
}

// FaultKind says what a peer did wrong.
type FaultKind uint64

const (
	FaultFrame     FaultKind = 1 // bytes that are no frame
	FaultMessage   FaultKind = 2 // a message that breaks the protocol
	FaultRecord    FaultKind = 3 // a record that is malformed or breaks its space's rules
	FaultSignature FaultKind = 4 // a record whose signature does not verify
	FaultQuota     FaultKind = 5 // more than its share
	FaultSession   FaultKind = 6 // a reconciliation message that makes no sense
)

// PeerFault reports a peer's mistake. It never ends the step.
type PeerFault struct {
	_      struct{} `cbor:",toarray"`
	Peer   PeerID
	Link   uint64
	Fault  FaultKind
	Detail string
}

// Outcome says how a session ended.
type Outcome uint64

const (
	OutcomeEqual       Outcome = 1 // the sets were equal from the start
	OutcomeFinished    Outcome = 2 // what was missing was exchanged, or has been asked of another peer
	OutcomeSuperseded  Outcome = 3 // the other side's session for the same space won
	OutcomeTimedOut    Outcome = 4
	OutcomeLinkDown    Outcome = 5
	OutcomeUnsupported Outcome = 6 // the peer does not know the strategy, or parts of spaces
	OutcomeNotAllowed  Outcome = 7 // unknown or forbidden space: both answer alike
	OutcomeFault       Outcome = 8 // the peer broke the strategy's rules
	OutcomeUnconfirmed Outcome = 9 // a hint was exhausted but the summaries differ
	OutcomePaused      Outcome = 10
	OutcomeBusy        Outcome = 11 // the peer has too many sessions open, or has worked enough for this node
)

// SyncEnded reports the end of a session that this node started.
type SyncEnded struct {
	_         struct{} `cbor:",toarray"`
	Req       uint64   // of SyncNow or SyncPart, 0 for a session the node started by itself
	Peer      PeerID
	Space     ID
	Strategy  string
	Outcome   Outcome
	Received  uint64 // records
	Sent      uint64 // records
	Rounds    uint64 // messages of ours that waited for an answer
	BytesOut  uint64 // of reconciliation, records not counted
	BytesIn   uint64
	ElapsedNs int64
}

// PeerStatus answers "am I in sync?" for one peer and space.
type PeerStatus struct {
	_           struct{} `cbor:",toarray"`
	Peer        PeerID
	Space       ID
	LinkUp      bool
	Paused      bool
	Equal       bool   // the last comparison found both sets equal
	ComparedAt  int64  // monotonic ns of the last comparison, 0 for never
	EqualAt     int64  // monotonic ns of the last equal comparison, 0 for never
	PeerCount   uint64 // records the peer said it holds
	InFlight    uint64 // bytes sent and not acknowledged on its links
	Queued      uint64 // bytes waiting for credit
	SessionOpen bool
	RTTNs       int64  // smoothed round-trip time of the link, 0 for unknown
	Lag         uint64 // records known to be missing on one side at the last comparison
}

// SpaceStatus describes one space.
type SpaceStatus struct {
	_         struct{} `cbor:",toarray"`
	Space     ID
	Name      string
	Records   uint64
	Summary   ID
	MayWrite  bool
	Pending   uint64   // records remembered until their grant arrives
	Equivocal []PeerID // authors caught signing two records with one version
}

// Counters are totals since the node was opened.
type Counters struct {
	_              struct{} `cbor:",toarray"`
	FramesIn       uint64
	FramesOut      uint64
	BytesIn        uint64
	BytesOut       uint64
	BytesReconcile uint64 // out: sessions
	BytesRecords   uint64 // out: record batches
	BytesControl   uint64 // out: everything else, acknowledgements and frame heads included
	BytesResent    uint64 // out: frames sent again
	RecordsIn      uint64
	Useful         uint64 // records that were new
	Duplicate      uint64 // records already held
	Refused        uint64
	Verified       uint64 // signatures checked
	Sessions       uint64
	Rounds         uint64
}

// Status describes the node.
type Status struct {
	_        struct{} `cbor:",toarray"`
	Req      uint64
	Peer     PeerID
	Boot     uint64
	MayWrite bool // false after a lost store, until synced or AcceptLoss
	Audit    ID
	Spaces   []SpaceStatus
	Peers    []PeerStatus
	Counters Counters
}

// Standing says what became of a record.
type Standing uint64

const (
	StandingUnknown Standing = 0 // never seen, or superseded and forgotten
	StandingHeld    Standing = 1 // in the set
	StandingHidden  Standing = 2 // beyond a cut
	StandingPending Standing = 3 // its grant has not arrived
	StandingProof   Standing = 4 // kept as proof of equivocation
	StandingRefused Standing = 5
)

// Explained answers Explain.
type Explained struct {
	_        struct{} `cbor:",toarray"`
	Req      uint64
	Record   ID
	Standing Standing
	Reason   string
}

// Sign asks the host's signer for an Ed25519 signature over Message.
type Sign struct {
	_       struct{} `cbor:",toarray"`
	Token   uint64
	Message []byte
}

// Replicated says that at least that many peers hold the records of a put.
type Replicated struct {
	_     struct{} `cbor:",toarray"`
	Req   uint64
	Peers uint64
}

// Equivocation reports an author who signed two records with one version.
type Equivocation struct {
	_       struct{} `cbor:",toarray"`
	Space   ID
	Author  PeerID
	Version uint64
	First   ID
	Second  ID
}

// StoreFailed says that the store refused a commit. Nothing of this step
// happened and every later step answers the same until the node is reopened.
type StoreFailed struct {
	_      struct{} `cbor:",toarray"`
	Detail string
}

// KeyInUse says that records of this node's own key arrived that it did not
// write: the key runs somewhere else too. The node writes above them from now on,
// and writes again what they have won over although it is later: each time it
// does, Stored with Req 0 names the records.
type KeyInUse struct {
	_       struct{} `cbor:",toarray"`
	Space   ID
	Version uint64
}

// Exported carries part of an export: a CBOR sequence of envelopes.
type Exported struct {
	_         struct{} `cbor:",toarray"`
	Req       uint64
	Space     ID
	Genesis   []byte
	Envelopes []byte
	More      bool
}

// Answered is a service's answer to Ask. Error is empty, or says why there is
// none.
type Answered struct {
	_       struct{} `cbor:",toarray"`
	Req     uint64
	Service string
	Body    []byte
	Error   string
}

func (*Send) EffectKind() EffectKind         { return EfSend }
func (*WakeAt) EffectKind() EffectKind       { return EfWakeAt }
func (*Dial) EffectKind() EffectKind         { return EfDial }
func (*HangUp) EffectKind() EffectKind       { return EfHangUp }
func (*Done) EffectKind() EffectKind         { return EfDone }
func (*SpaceReady) EffectKind() EffectKind   { return EfSpaceReady }
func (*Stored) EffectKind() EffectKind       { return EfStored }
func (*Entries) EffectKind() EffectKind      { return EfEntries }
func (*Changed) EffectKind() EffectKind      { return EfChanged }
func (*PeerFault) EffectKind() EffectKind    { return EfPeerFault }
func (*SyncEnded) EffectKind() EffectKind    { return EfSyncEnded }
func (*Status) EffectKind() EffectKind       { return EfStatus }
func (*Explained) EffectKind() EffectKind    { return EfExplained }
func (*Sign) EffectKind() EffectKind         { return EfSign }
func (*Replicated) EffectKind() EffectKind   { return EfReplicated }
func (*Equivocation) EffectKind() EffectKind { return EfEquivocation }
func (*StoreFailed) EffectKind() EffectKind  { return EfStoreFailed }
func (*KeyInUse) EffectKind() EffectKind     { return EfKeyInUse }
func (*Exported) EffectKind() EffectKind     { return EfExported }
func (*Answered) EffectKind() EffectKind     { return EfAnswered }

// NewEffect returns an empty effect of a kind, nil for an unknown one.
func NewEffect(kind EffectKind) Effect {
	if kind == 0 || kind > EffectKind(len(effectTypes)) {
		return nil
	}
	return effectTypes[kind-1]()
}

// effectTypes holds the effect of kind i+1 at place i.
var effectTypes = []func() Effect{
	func() Effect { return new(Send) }, func() Effect { return new(WakeAt) },
	func() Effect { return new(Dial) }, func() Effect { return new(HangUp) },
	func() Effect { return new(Done) }, func() Effect { return new(SpaceReady) },
	func() Effect { return new(Stored) }, func() Effect { return new(Entries) },
	func() Effect { return new(Changed) }, func() Effect { return new(PeerFault) },
	func() Effect { return new(SyncEnded) }, func() Effect { return new(Status) },
	func() Effect { return new(Explained) }, func() Effect { return new(Sign) },
	func() Effect { return new(Replicated) }, func() Effect { return new(Equivocation) },
	func() Effect { return new(StoreFailed) }, func() Effect { return new(KeyInUse) },
	func() Effect { return new(Exported) }, func() Effect { return new(Answered) },
}
