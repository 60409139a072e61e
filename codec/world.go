package codec

// The vocabulary of a world: commands from a notebook or a test, and answers.
// Commands travel like events ([kind, 0, 0, [fields]]), answers like effects.

// WorldCommandKind numbers the commands. Append-only.
type WorldCommandKind uint64

// A WorldCommand is what a driver tells a world.
type WorldCommand interface{ WorldCommandKind() WorldCommandKind }

const (
	WcRun          WorldCommandKind = 1
	WcGive         WorldCommandKind = 2
	WcFrames       WorldCommandKind = 3
	WcDeliver      WorldCommandKind = 4
	WcDropFrame    WorldCommandKind = 5
	WcDelayFrame   WorldCommandKind = 6
	WcAlterFrame   WorldCommandKind = 7
	WcAdvanceClock WorldCommandKind = 8
	WcDisturb      WorldCommandKind = 9
	WcResult       WorldCommandKind = 10
	WcTranscript   WorldCommandKind = 11
	WcSnapshot     WorldCommandKind = 12
	WcViolations   WorldCommandKind = 13
)

// RunWorld lets the world run until a time (ns from its start), until so many
// events have happened (0: no bound), until it is over, or until cancelled.
// Answered by WorldRan.
type RunWorld struct {
	_      struct{} `cbor:",toarray"`
	Until  int64
	Events uint64
}

// GiveNode gives a node an encoded event ([kind, mono, wall, [fields]]; the
// world's clock replaces the times). Answered by NodeEffects.
type GiveNode struct {
	_     struct{} `cbor:",toarray"`
	Node  uint64
	Event []byte
}

// ListFrames asks for the frames in flight. Answered by WorldFrames.
type ListFrames struct {
	_ struct{} `cbor:",toarray"`
}

// DeliverFrame lets a frame arrive now. Answered by WorldRan.
type DeliverFrame struct {
	_     struct{} `cbor:",toarray"`
	Frame uint64
}

// DropFrame loses a frame. Answered by WorldRan.
type DropFrame struct {
	_     struct{} `cbor:",toarray"`
	Frame uint64
}

// DelayFrame moves a frame's arrival to At, ns from the start. Answered by
// WorldRan.
type DelayFrame struct {
	_     struct{} `cbor:",toarray"`
	Frame uint64
	At    int64
}

// AlterFrame replaces a frame's bytes. Answered by WorldRan.
type AlterFrame struct {
	_     struct{} `cbor:",toarray"`
	Frame uint64
	Bytes []byte
}

// AdvanceClock moves a node's monotonic clock forward and its wall clock either
// way, in nanoseconds. Answered by WorldRan.
type AdvanceClock struct {
	_    struct{} `cbor:",toarray"`
	Node uint64
	Mono int64
	Wall int64
}

// Disturb makes something go wrong now, or right again. Answered by WorldRan.
type Disturb struct {
	_      struct{} `cbor:",toarray"`
	Action string   // "cut", "heal", "crash", "restart", "pause", "resume", "leave", "fail-store"
	Nodes  []uint64 // cut: the nodes cut off; heal: the cut that ends, none for all; else the nodes concerned
	OneWay bool     // cut: only frames from the nodes cut off are lost
	Store  string   // crash: "kept", "torn" or "lost"
	Commit uint64   // fail-store: at the Commit-th commit from now
}

// GetResult asks for WorldResult.
type GetResult struct {
	_ struct{} `cbor:",toarray"`
}

// GetTranscript asks for the lines written since the last time. Answered by
// WorldText.
type GetTranscript struct {
	_ struct{} `cbor:",toarray"`
}

// GetSnapshot asks for what recreates this world in another process. Answered by
// WorldSnapshot.
type GetSnapshot struct {
	_ struct{} `cbor:",toarray"`
}

// GetViolations asks what does not hold of the run that has to hold of every run:
// a line for each. Answered by WorldText.
type GetViolations struct {
	_ struct{} `cbor:",toarray"`
}

func (*RunWorld) WorldCommandKind() WorldCommandKind      { return WcRun }
func (*GiveNode) WorldCommandKind() WorldCommandKind      { return WcGive }
func (*ListFrames) WorldCommandKind() WorldCommandKind    { return WcFrames }
func (*DeliverFrame) WorldCommandKind() WorldCommandKind  { return WcDeliver }
func (*DropFrame) WorldCommandKind() WorldCommandKind     { return WcDropFrame }
func (*DelayFrame) WorldCommandKind() WorldCommandKind    { return WcDelayFrame }
func (*AlterFrame) WorldCommandKind() WorldCommandKind    { return WcAlterFrame }
func (*AdvanceClock) WorldCommandKind() WorldCommandKind  { return WcAdvanceClock }
func (*Disturb) WorldCommandKind() WorldCommandKind       { return WcDisturb }
func (*GetResult) WorldCommandKind() WorldCommandKind     { return WcResult }
func (*GetTranscript) WorldCommandKind() WorldCommandKind { return WcTranscript }
func (*GetSnapshot) WorldCommandKind() WorldCommandKind   { return WcSnapshot }
func (*GetViolations) WorldCommandKind() WorldCommandKind { return WcViolations }

// worldCommandTypes holds the command of kind i+1 at place i.
var worldCommandTypes = []func() WorldCommand{
	func() WorldCommand { return new(RunWorld) }, func() WorldCommand { return new(GiveNode) },
	func() WorldCommand { return new(ListFrames) }, func() WorldCommand { return new(DeliverFrame) },
	func() WorldCommand { return new(DropFrame) }, func() WorldCommand { return new(DelayFrame) },
	func() WorldCommand { return new(AlterFrame) }, func() WorldCommand { return new(AdvanceClock) },
	func() WorldCommand { return new(Disturb) }, func() WorldCommand { return new(GetResult) },
	func() WorldCommand { return new(GetTranscript) }, func() WorldCommand { return new(GetSnapshot) },
	func() WorldCommand { return new(GetViolations) },
}

// WorldAnswerKind numbers the answers. Append-only.
type WorldAnswerKind uint64

// A WorldAnswer is what a world tells its driver.
type WorldAnswer interface{ WorldAnswerKind() WorldAnswerKind }

const (
	WaRan      WorldAnswerKind = 1
	WaEffects  WorldAnswerKind = 2
	WaFrames   WorldAnswerKind = 3
	WaResult   WorldAnswerKind = 4
	WaText     WorldAnswerKind = 5
	WaSnapshot WorldAnswerKind = 6
)

// WorldRan says where the world stands.
type WorldRan struct {
	_      struct{} `cbor:",toarray"`
	Now    int64    // ns from the start
	Events uint64   // of this call
	Over   bool     // converged, or at the end of its time
}

// NodeEffects are the effects of one step: a CBOR sequence.
type NodeEffects struct {
	_       struct{} `cbor:",toarray"`
	Node    uint64
	Effects []byte
}

// WorldFrame is a frame in flight.
type WorldFrame struct {
	_         struct{} `cbor:",toarray"`
	Frame     uint64   // its number
	From      uint64   // node
	To        uint64   // node
	Link      uint64
	SentAt    int64 // ns from the start
	ArrivesAt int64
	Bytes     []byte
}

// WorldFrames lists the frames in flight in the order of their arrival.
type WorldFrames struct {
	_      struct{} `cbor:",toarray"`
	Frames []WorldFrame
}

// WorldResult is the table of a run. Times are in nanoseconds.
type WorldResult struct {
	_               struct{} `cbor:",toarray"`
	Now             int64
	Events          uint64
	Over            bool
	ConvergedAt     int64 // the last change before all sets were equal, −1 if they are not
	Audit           ID    // of all nodes: equal for equal runs
	Nodes           uint64
	Links           uint64
	Records         uint64 // distinct
	Held            uint64 // summed over the nodes
	LatencyP50      int64  // of one record at one node
	LatencyP99      int64
	LatencyMax      int64
	SpreadP50       int64 // of one record at the last of its nodes
	SpreadP99       int64
	FramesSent      uint64
	FramesDelivered uint64
	LostChance      uint64
	LostQueue       uint64
	LostPartition   uint64
	Stale           uint64 // arrived after their link had ended
	Refused         uint64 // events that a node refused
	LastRefusal     string
	Faults          uint64
	Equivocations   uint64
	Totals          Counters
}

// WorldText is a piece of text.
type WorldText struct {
	_    struct{} `cbor:",toarray"`
	Text string
}

// WorldSnapshot recreates a world: give it to open in place of a scenario.
type WorldSnapshot struct {
	_     struct{} `cbor:",toarray"`
	Bytes []byte
}

func (*WorldRan) WorldAnswerKind() WorldAnswerKind      { return WaRan }
func (*NodeEffects) WorldAnswerKind() WorldAnswerKind   { return WaEffects }
func (*WorldFrames) WorldAnswerKind() WorldAnswerKind   { return WaFrames }
func (*WorldResult) WorldAnswerKind() WorldAnswerKind   { return WaResult }
func (*WorldText) WorldAnswerKind() WorldAnswerKind     { return WaText }
func (*WorldSnapshot) WorldAnswerKind() WorldAnswerKind { return WaSnapshot }

// worldAnswerTypes holds the answer of kind i+1 at place i.
var worldAnswerTypes = []func() WorldAnswer{
	func() WorldAnswer { return new(WorldRan) }, func() WorldAnswer { return new(NodeEffects) },
	func() WorldAnswer { return new(WorldFrames) }, func() WorldAnswer { return new(WorldResult) },
	func() WorldAnswer { return new(WorldText) }, func() WorldAnswer { return new(WorldSnapshot) },
}

// NewWorldCommand returns an empty command of a kind, nil for an unknown one.
func NewWorldCommand(kind WorldCommandKind) WorldCommand {
	if kind == 0 || kind > WorldCommandKind(len(worldCommandTypes)) {
		return nil
	}
	return worldCommandTypes[kind-1]()
}

// NewWorldAnswer returns an empty answer of a kind, nil for an unknown one.
func NewWorldAnswer(kind WorldAnswerKind) WorldAnswer {
	if kind == 0 || kind > WorldAnswerKind(len(worldAnswerTypes)) {
		return nil
	}
	return worldAnswerTypes[kind-1]()
}

// AppendWorldCommand appends [kind, 0, 0, [fields]].
func AppendWorldCommand(dst []byte, cmd WorldCommand) ([]byte, error) {
	return appendTimed(dst, "world command", uint64(cmd.WorldCommandKind()), Now{}, cmd)
}

// NextWorldCommand reads the first command of a CBOR sequence and returns the
// rest. The times of its envelope mean nothing.
func NextWorldCommand(data []byte) (cmd WorldCommand, rest []byte, err error) {
	return next("world command", data, new(Now), NewWorldCommand)
}

// AppendWorldAnswer appends [kind, [fields]].
func AppendWorldAnswer(dst []byte, a WorldAnswer) ([]byte, error) {
	return appendKind(dst, uint64(a.WorldAnswerKind()), a), nil
}

// NextWorldAnswer reads the first answer of a CBOR sequence and returns the rest.
func NextWorldAnswer(data []byte) (a WorldAnswer, rest []byte, err error) {
	return next("world answer", data, nil, NewWorldAnswer)
}
