package lab

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Results are the columns of a run after its last round, a row for each node.
type Results struct {
	Liar     []uint8
	MeanNs   []int64   // mean round trip to the best slots
	OracleNs []int64   // to as many honest peers that are nearest
	Liars    []float64 // their share of all slots
	Measured []int32   // peers measured so far
}

// Slot is a peer that a node has chosen.
type Slot struct {
	Node, Peer int
	Random     bool
}

// Results are those of the last round.
func (l *Lab) Results() (r Results) {
	for i, nd := range l.nodes {
		best, random := nd.policy.Slots()
		sum, theirs := int64(0), 0
		for _, id := range best {
			sum += l.mean(i, l.byPeer[id])
		}
		for _, id := range slices.Concat(best, random) {
			if l.liar[l.byPeer[id]] {
				theirs++
			}
		}
		liar := uint8(0)
		if l.liar[i] {
			liar = 1
		}
		r.Liar = append(r.Liar, liar)
		r.MeanNs = append(r.MeanNs, sum/int64(max(len(best), 1)))
		r.OracleNs = append(r.OracleNs, l.oracle(i))
		r.Liars = append(r.Liars, float64(theirs)/float64(max(len(best)+len(random), 1)))
		r.Measured = append(r.Measured, int32(nd.chart.Reached()))
	}
	return r
}

// Slots are those of the last round, by node, the best first.
func (l *Lab) Slots() (list []Slot) {
	for i, nd := range l.nodes {
		best, random := nd.policy.Slots()
		for _, id := range best {
			list = append(list, Slot{i, l.byPeer[id], false})
		}
		for _, id := range random {
			list = append(list, Slot{i, l.byPeer[id], true})
		}
	}
	return list
}

// oracle is the mean round trip to the nearest honest peers, as many as a node has
// slots for the best.
func (l *Lab) oracle(i int) int64 {
	if nd := l.nodes[i]; nd.oracleNs == 0 {
		var all []int64
		for j := range l.nodes {
			if j != i && !l.liar[j] {
				all = append(all, l.mean(i, j))
			}
		}
		slices.Sort(all)
		all = all[:min(nd.policy.Best, len(all))]
		for _, v := range all {
			nd.oracleNs += v
		}
		nd.oracleNs /= int64(max(len(all), 1))
	}
	return l.nodes[i].oracleNs
}

func (l *Lab) mean(i, j int) int64 { return l.cfg.Matrix.Mean[i*l.cfg.Matrix.N+j] }

// Ratio is the mean round trip to the best slots of honest nodes, divided by
// what an oracle would choose among honest peers.
func (l *Lab) Ratio() float64 {
	var got, want float64
	r := l.Results()
	for i := range l.nodes {
		if !l.liar[i] {
			got, want = got+float64(r.MeanNs[i]), want+float64(r.OracleNs[i])
		}
	}
	return got / want
}

// LiarShare is the liars' share of the slots of honest nodes.
func (l *Lab) LiarShare() float64 {
	slots, theirs := 0, 0
	for _, s := range l.Slots() {
		if l.liar[s.Node] {
			continue
		}
		slots++
		if l.liar[s.Peer] {
			theirs++
		}
	}
	return float64(theirs) / float64(max(slots, 1))
}

// Audit is a hash of every choice and every estimate that was chosen by, in all
// rounds: two runs with the same one are the same.
func (l *Lab) Audit() [32]byte { return l.audit }

// seal takes the last round into the audit.
func (l *Lab) seal() {
	h := sha256.New()
	h.Write(l.audit[:])
	var b []byte
	for i, s := range l.Slots() {
		e := l.nodes[s.Node].chart.Estimate(l.nodes[s.Peer].id)
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(i))
		b = binary.LittleEndian.AppendUint32(b, uint32(s.Node))
		b = binary.LittleEndian.AppendUint32(b, uint32(s.Peer))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.RTT()))
		h.Write(b)
	}
	h.Sum(l.audit[:0])
}
