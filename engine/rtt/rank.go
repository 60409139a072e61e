package rtt

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/meritrank"
)

// A ranking walks the graph of everybody's opinions. Peers are numbered as they
// are first named; the node itself is number 0.
type ranking struct {
	graph   *meritrank.Graph
	numbers map[codec.PeerID]meritrank.Node // only looked up
	peers   []codec.PeerID                  // by number
}

// Walks and nodes of a ranking: errors of a few per cent for the peers that
// matter, for a few megabytes.
const (
	rankWalks = 2000
	rankNodes = 1 << 14
	rankEdges = 1 << 20
)

func newRanking(self codec.PeerID, seed uint64) *ranking {
	g, err := meritrank.New(meritrank.Config{Seed: seed, Walks: rankWalks, Nodes: rankNodes, Edges: rankEdges, Egos: 1})
	if err != nil {
		panic(err) // unreachable: constants in range
	}
	return &ranking{g, map[codec.PeerID]meritrank.Node{self: 0}, []codec.PeerID{self}}
}

// number is a peer's; ok is false when there is no room.
func (r *ranking) number(id codec.PeerID) (n meritrank.Node, ok bool) {
	if n, known := r.numbers[id]; known {
		return n, true
	}
	if len(r.peers) >= rankNodes {
		return 0, false
	}
	n = meritrank.Node(len(r.peers))
	r.numbers[id] = n
	r.peers = append(r.peers, id)
	return n, true
}

// set says what a peer thinks of another, −1 to 1; 0 for nothing.
func (r *ranking) set(from, to codec.PeerID, weight float64) {
	a, ok := r.number(from)
	b, also := r.number(to)
	if ok && also && a != b {
		_ = r.graph.Set(a, b, weight) // beyond the bounds an opinion does not count
	}
}

// scores are those of all peers that the node's walks have met, the highest
// first, the node itself left out.
func (r *ranking) scores() []meritrank.Score {
	list, err := r.graph.Scores(nil, 0)
	if err != nil {
		return nil // unreachable: number 0 is in range
	}
	kept := list[:0]
	for _, s := range list {
		if s.Node != 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

// strangerWeight is what a peer counts that nobody has an opinion of: somewhat
// less than one that is trusted.
const strangerWeight = 0.8

// score lets the chart weigh peers by rank.
func (s *Service) score() {
	for _, p := range s.table.All() {
		s.chart.Score(p.ID, strangerWeight)
	}
	bad := func(n meritrank.Node) bool { return Merit(s.chart, s.rank.peers[n]) < 0 }
	Weigh(s.rank.scores(), bad, func(n meritrank.Node, weight float64) { s.chart.Score(s.rank.peers[n], weight) })
}

// Weigh turns scores into weights for [overlay.Chart.Score]: peers count by how much
// they are trusted, compared with the average, less if that is in doubt, and little if
// they are distrusted beyond doubt. They do not count at all if the node itself has
// found them bad too: words alone shut nobody out. Where liars are many and trust the
// honest, everybody's score falls below zero, and the honest still are those to be
// connected to.
func Weigh(scores []meritrank.Score, bad func(meritrank.Node) bool, set func(n meritrank.Node, weight float64)) {
	sum, trusted := 0.0, 0.0
	for _, e := range scores {
		if e.Value > 0 {
			sum, trusted = sum+e.Value, trusted+1
		}
	}
	for _, e := range scores {
		switch {
		case e.Value > 0:
			set(e.Node, strangerWeight+float64((1-strangerWeight)*(e.Value/(e.Value+sum/trusted))))
		case e.Value > -2*e.Error:
			set(e.Node, strangerWeight/2)
		case bad(e.Node):
			set(e.Node, 0)
		default:
			set(e.Node, strangerWeight/4)
		}
	}
}

// read takes in what somebody has published. Authors are peers to be connected to
// as well: a host may know where they are.
func (s *Service) read(e *codec.Entry) {
	s.enter(e.Author)
	if string(e.Key) == string(PlaceKey) {
		var p Place
		if e.Codec == codec.CodecDagCBOR && codec.Unmarshal("place", e.Value, &p) == nil && e.Author != s.self {
			s.chart.Placed(e.Author, p.coordinate())
		}
		return
	}
	peer, ok := peerOf(e.Key)
	if !ok {
		return
	}
	var o Opinion
	if e.Codec == codec.CodecDagCBOR && (codec.Unmarshal("opinion", e.Value, &o) != nil || o.check() != nil) {
		return // nobody's opinion
	}
	s.rank.set(e.Author, peer, float64(o.Merit)/1000)
	if e.Author != s.self {
		s.chart.Claim(e.Author, peer, int64(o.RTTUs)*1000)
	}
}
