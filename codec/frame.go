package codec

// A frame is what travels on a link:
//
//	[seq, ack, gaps, [message, …]]
//
// seq counts the frames of one direction of a link from 1 and is kept when a
// frame is sent again; 0 marks a frame that carries only an acknowledgement.
// ack is the highest seq below which everything has arrived; gaps is a bitmap,
// least significant bit first, of what arrived above it: bit i stands for
// ack+2+i. A message is [kind, [fields]].

// MessageKind numbers the messages between nodes. Append-only. A kind that the
// receiver does not know is answered with Refuse, without fault.
type MessageKind uint64

const (
	MsgHello   MessageKind = 1
	MsgSpaces  MessageKind = 2
	MsgRecords MessageKind = 3
	MsgHave    MessageKind = 4
	MsgWant    MessageKind = 5
	MsgEager   MessageKind = 6
	MsgOpen    MessageKind = 7
	MsgData    MessageKind = 8
	MsgClose   MessageKind = 9
	MsgRefuse  MessageKind = 10
	MsgService MessageKind = 11
	// MsgCredential is answered by nothing: unknown and forbidden look alike.
	MsgCredential MessageKind = 12
	MsgOpenPart   MessageKind = 13
)

// FrameHead is a frame without its messages.
type FrameHead struct {
	Seq  uint64
	Ack  uint64
	Gaps []byte // at most GapsMax bytes
}

// GapsMax bounds the gap bitmap, in bytes: 512 frames beyond the first gap.
const GapsMax = 64

// Message is one message of a frame, its fields still encoded.
type Message struct {
	Kind MessageKind
	Body []byte
}

// Hello opens a link. Nothing else is exchanged before it.
type Hello struct {
	_          struct{} `cbor:",toarray"`
	Protocol   uint64
	Nonce      uint64   // fresh per link: blinds the names of spaces
	Window     uint64   // bytes this side accepts unacknowledged
	Strategies []string // in order of preference
}

// ProtocolVersion is the version that Hello names.
const ProtocolVersion = 1

// SpaceName binds a small number to a space for one direction of a link. Blind
// is SHA-256 of a context, the space's id, both peers and the sender's nonce,
// cut to 16 bytes: only who knows the id can recognise it.
type SpaceName struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
	Blind Blind
}

// Spaces adds and removes spaces that the sender holds.
type Spaces struct {
	_      struct{} `cbor:",toarray"`
	Add    []SpaceName
	Remove []uint64
}

// Sessions are numbered by the side that opens them, from 1, never twice on a
// link. In a message a positive number means a session that the sender opened,
// a negative one a session that the receiver opened.

// Records carries a batch of records of the sender's space Index. Session is 0
// for live push.
type Records struct {
	_       struct{} `cbor:",toarray"`
	Index   uint64
	Session int64
	Batch   []byte
}

// Have announces records by their 64-bit short ids, little-endian, 8 bytes each.
type Have struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
	Short []byte
}

// Want asks for records by short id. In a session it is the initiator's last
// word: unless More of it follows, the responder sends what it still has to send
// and closes.
type Want struct {
	_       struct{} `cbor:",toarray"`
	Index   uint64
	Session int64
	More    bool
	Short   []byte
}

// Eager tells the peer whether to push records of a space to us at once (true)
// or to announce them (false), as in Plumtree (Leitão, Pereira, Rodrigues,
// "Epidemic Broadcast Trees", SRDS 2007).
type Eager struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
	Eager bool
}

// Open starts a session.
type Open struct {
	_        struct{} `cbor:",toarray"`
	Session  int64    // positive
	Index    uint64
	Strategy string
	Count    uint64
	Summary  ID
}

// OpenPart starts a session on a part of a space. It goes on like any other, but
// neither side takes its end for a comparison of their sets.
type OpenPart struct {
	_        struct{} `cbor:",toarray"`
	Session  int64    // positive
	Index    uint64
	Strategy string
	Count    uint64 // records in the sender's part
	Part     Part
}

// Data carries one payload of a session's strategy.
type Data struct {
	_       struct{} `cbor:",toarray"`
	Session int64
	Payload []byte
}

// Close ends a session, from either side.
type Close struct {
	_       struct{} `cbor:",toarray"`
	Session int64
	Outcome Outcome
	Count   uint64 // what the sender holds now
	Summary ID
}

// Refuse answers a message whose kind the sender does not know.
type Refuse struct {
	_    struct{} `cbor:",toarray"`
	Kind MessageKind
}

// Service carries what a service says to the service of that name at the peer.
// Who does not run it ignores the message.
type Service struct {
	_    struct{} `cbor:",toarray"`
	Name string
	Body []byte
}

// Credential shows a peer the grant of the sender in a space whose readers are its
// members, so that a member can begin with any other one, not only with the owner.
// Blind is the sender's name for the space, as in Spaces. Sealed is a batch of that
// one record, which only who knows the space can read.
type Credential struct {
	_      struct{} `cbor:",toarray"`
	Blind  Blind
	Sealed []byte
}

// NewMessage returns an empty message of a kind, nil for an unknown one.
func NewMessage(kind MessageKind) any {
	if kind == 0 || kind > MessageKind(len(messageTypes)) {
		return nil
	}
	return messageTypes[kind-1]()
}

// messageTypes holds the message of kind i+1 at place i.
var messageTypes = []func() any{
	func() any { return new(Hello) }, func() any { return new(Spaces) },
	func() any { return new(Records) }, func() any { return new(Have) },
	func() any { return new(Want) }, func() any { return new(Eager) },
	func() any { return new(Open) }, func() any { return new(Data) },
	func() any { return new(Close) }, func() any { return new(Refuse) },
	func() any { return new(Service) },
	func() any { return new(Credential) }, func() any { return new(OpenPart) },
}
