package engine

import (
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

func (n *Node) status(ev *codec.GetStatus) error {
	out := &codec.Status{
		Req: ev.Req, Peer: n.cfg.Peer, Boot: n.cfg.Boot, MayWrite: !n.lost, Counters: n.counters,
		Peers: n.sync.PeerStatus(nil),
	}
	binary.BigEndian.PutUint64(out.Audit[:], n.audit)
	for _, sp := range n.order {
		summary, count := n.fingerprint(sp)
		_, refused := n.mayWrite(sp)
		st := codec.SpaceStatus{
			Space: sp.id, Name: sp.genesis.Name, Records: count, Summary: summary,
			MayWrite: refused == nil, Pending: uint64(len(sp.pending)),
		}
		for author := range sp.proofs { // unordered: sorted below
			st.Equivocal = append(st.Equivocal, author)
		}
		slices.SortFunc(st.Equivocal, codec.PeerID.Compare)
		out.Spaces = append(out.Spaces, st)
	}
	n.emit(out)
	return nil
}

// replicas follows the records of one put until enough peers hold them.
type replicas struct {
	req     uint64
	want    uint64
	space   codec.ID
	shorts  []uint64
	holders [][]codec.PeerID // per record, sorted
}

// trackedMax bounds the puts that are followed.
const trackedMax = 1024

func (n *Node) trackReplicas(sp *space, d *draft) {
	if len(n.replicas) >= trackedMax {
		n.replicas = n.replicas[1:]
	}
	t := &replicas{req: d.req, want: d.replicas, space: sp.id, holders: make([][]codec.PeerID, len(d.records))}
	for _, rec := range d.records {
		t.shorts = append(t.shorts, sp.short(&rec.ID))
	}
	n.replicas = append(n.replicas, t)
}

// Tracking implements syncer.Host.
func (n *Node) Tracking() bool { return len(n.replicas) > 0 }

// Reached implements syncer.Host.
func (n *Node) Reached(id codec.ID, short uint64, peer codec.PeerID) {
	for _, t := range n.replicas {
		if t.space != id {
			continue
		}
		for i, s := range t.shorts {
			if s != short {
				continue
			}
			if at, found := slices.BinarySearchFunc(t.holders[i], peer, codec.PeerID.Compare); !found {
				t.holders[i] = slices.Insert(t.holders[i], at, peer)
			}
		}
	}
}

// checkReplicas reports the puts that enough peers hold.
func (n *Node) checkReplicas() {
	kept := n.replicas[:0]
	for _, t := range n.replicas {
		fewest := uint64(len(t.holders[0]))
		for _, h := range t.holders {
			fewest = min(fewest, uint64(len(h)))
		}
		if fewest >= t.want {
			n.emit(&codec.Replicated{Req: t.req, Peers: fewest})
		} else {
			kept = append(kept, t)
		}
	}
	n.replicas = kept
}
