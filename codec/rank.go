package codec

// The vocabulary of a ranking: commands from a program to a signed graph with
// MeritRank's walks on it, and answers. Commands travel like events ([kind, 0, 0,
// [fields]]), answers like effects. Queries are commands that are answered with
// columns.
//
// Edges are rows of 16 bytes, little endian: source and target (uint32), weight
// (float64).

// RankCommandKind numbers the commands. Append-only.
type RankCommandKind uint64

// A RankCommand is what a program tells a ranking.
type RankCommand interface{ RankCommandKind() RankCommandKind }

const (
	RcLoad    RankCommandKind = 1
	RcSet     RankCommandKind = 2
	RcObserve RankCommandKind = 3
	RcForget  RankCommandKind = 4
	RcUsage   RankCommandKind = 5
	RcScores  RankCommandKind = 6
	RcMutual  RankCommandKind = 7
	RcEdges   RankCommandKind = 8
)

// LoadEdges sets many edges at once and forgets all walks; a later row of a pair
// counts. Answered by RankDone.
type LoadEdges struct {
	_     struct{} `cbor:",toarray"`
	Edges []byte   // rows of edges
}

// SetEdges sets edges one by one; the walks follow each. A weight of 0 deletes.
// Answered by RankDone.
type SetEdges struct {
	_     struct{} `cbor:",toarray"`
	Edges []byte   // rows of edges
}

// ObserveEdges sets edges as of times, for weights that halve with age. Answered by
// RankDone.
type ObserveEdges struct {
	_     struct{} `cbor:",toarray"`
	Edges []byte   // rows of edges
	Times []byte   // int64, little endian, nanoseconds, one for each edge
}

// ForgetEgo drops the walks of an ego. Answered by RankDone.
type ForgetEgo struct {
	_   struct{} `cbor:",toarray"`
	Ego uint64
}

// GetRankUsage asks for RankUsage.
type GetRankUsage struct {
	_ struct{} `cbor:",toarray"`
}

// GetScores is a query for an ego's scores, the highest first. Columns: node,
// value, error.
type GetScores struct {
	_       struct{} `cbor:",toarray"`
	Ego     uint64
	Top     uint64 // how many, 0 for all
	Refined bool   // with smaller errors, at the cost of drawing the walks once more; needs Top
}

// GetMutual is a query for the peers that an ego trusts most, and what they think
// of it. Columns: node, value, error, back_value, back_error.
type GetMutual struct {
	_   struct{} `cbor:",toarray"`
	Ego uint64
	Top uint64 // how many
}

// GetEdges is a query for all edges. Columns: source, target, weight.
type GetEdges struct {
	_ struct{} `cbor:",toarray"`
}

func (*LoadEdges) RankCommandKind() RankCommandKind    { return RcLoad }
func (*SetEdges) RankCommandKind() RankCommandKind     { return RcSet }
func (*ObserveEdges) RankCommandKind() RankCommandKind { return RcObserve }
func (*ForgetEgo) RankCommandKind() RankCommandKind    { return RcForget }
func (*GetRankUsage) RankCommandKind() RankCommandKind { return RcUsage }
func (*GetScores) RankCommandKind() RankCommandKind    { return RcScores }
func (*GetMutual) RankCommandKind() RankCommandKind    { return RcMutual }
func (*GetEdges) RankCommandKind() RankCommandKind     { return RcEdges }

// rankCommandTypes holds the command of kind i+1 at place i.
var rankCommandTypes = []func() RankCommand{
	func() RankCommand { return new(LoadEdges) }, func() RankCommand { return new(SetEdges) },
	func() RankCommand { return new(ObserveEdges) }, func() RankCommand { return new(ForgetEgo) },
	func() RankCommand { return new(GetRankUsage) }, func() RankCommand { return new(GetScores) },
	func() RankCommand { return new(GetMutual) }, func() RankCommand { return new(GetEdges) },
}

// RankAnswerKind numbers the answers. Append-only.
type RankAnswerKind uint64

// A RankAnswer is what a ranking tells its program.
type RankAnswer interface{ RankAnswerKind() RankAnswerKind }

const (
	RaDone  RankAnswerKind = 1
	RaUsage RankAnswerKind = 2
)

// RankDone says that a command was carried out.
type RankDone struct {
	_       struct{} `cbor:",toarray"`
	Changed uint64   // edges that were set; of ObserveEdges only those that moved enough
}

// RankUsage is what a ranking holds.
type RankUsage struct {
	_         struct{} `cbor:",toarray"`
	Nodes     uint64   // one more than the highest number in use
	Edges     uint64
	Egos      uint64 // whose walks are kept
	WalkNodes uint64 // of all walks, starts included
	WalkBytes uint64 // of all walks with their indexes
}

func (*RankDone) RankAnswerKind() RankAnswerKind  { return RaDone }
func (*RankUsage) RankAnswerKind() RankAnswerKind { return RaUsage }

// rankAnswerTypes holds the answer of kind i+1 at place i.
var rankAnswerTypes = []func() RankAnswer{
	func() RankAnswer { return new(RankDone) }, func() RankAnswer { return new(RankUsage) },
}

// NewRankCommand returns an empty command of a kind, nil for an unknown one.
func NewRankCommand(kind RankCommandKind) RankCommand {
	if kind == 0 || kind > RankCommandKind(len(rankCommandTypes)) {
		return nil
	}
	return rankCommandTypes[kind-1]()
}

// NewRankAnswer returns an empty answer of a kind, nil for an unknown one.
func NewRankAnswer(kind RankAnswerKind) RankAnswer {
	if kind == 0 || kind > RankAnswerKind(len(rankAnswerTypes)) {
		return nil
	}
	return rankAnswerTypes[kind-1]()
}

// AppendRankCommand appends [kind, 0, 0, [fields]].
func AppendRankCommand(dst []byte, cmd RankCommand) ([]byte, error) {
	return appendTimed(dst, "rank command", uint64(cmd.RankCommandKind()), Now{}, cmd)
}

// NextRankCommand reads the first command of a CBOR sequence and returns the rest.
// The times of its envelope mean nothing.
func NextRankCommand(data []byte) (cmd RankCommand, rest []byte, err error) {
	return next("rank command", data, new(Now), NewRankCommand)
}

// AppendRankAnswer appends [kind, [fields]].
func AppendRankAnswer(dst []byte, a RankAnswer) ([]byte, error) {
	return appendKind(dst, uint64(a.RankAnswerKind()), a), nil
}

// NextRankAnswer reads the first answer of a CBOR sequence and returns the rest.
func NextRankAnswer(data []byte) (a RankAnswer, rest []byte, err error) {
	return next("rank answer", data, nil, NewRankAnswer)
}
