package engine

import (
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

func (n *Node) status(ev *codec.GetStatus) error {
	out := &codec.Status{
		Req: ev.Req, Peer: n.cfg.Peer, Boot: n.cfg.Boot, MayWrite: n.lost == nil, Counters: n.counters,
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
		for author := range sp.flagged { // unordered: sorted below
			st.Equivocal = append(st.Equivocal, author)
		}
		slices.SortFunc(st.Equivocal, codec.PeerID.Compare)
		out.Spaces = append(out.Spaces, st)
	}
	n.emit(out)
	return nil
}

// replicas follows the records of one put until enough peers hold each of them.
type replicas struct {
	req     uint64
	want    int
	space   codec.ID
	shorts  []uint64
	missing int // records that too few peers hold
}

type trackedName struct {
	space codec.ID
	short uint64
}

// tracked is one record of a put that is followed.
type tracked struct {
	put     *replicas
	holders []codec.PeerID // sorted
}

// trackedMax bounds the puts that are followed; the oldest is given up.
const trackedMax = 1024

func (n *Node) trackReplicas(sp *space, d *draft) {
	if len(n.replicas) >= trackedMax {
		oldest := n.replicas[0]
		n.untrack(func(t *replicas) bool { return t == oldest })
	}
	t := &replicas{req: d.req, want: int(min(d.replicas, 1<<20)), space: sp.id, missing: len(d.records)}
	for _, rec := range d.records {
		short := sp.short(&rec.ID)
		t.shorts = append(t.shorts, short)
		n.tracked[trackedName{sp.id, short}] = &tracked{put: t}
	}
	n.replicas = append(n.replicas, t)
}

// untrack stops following the puts that gone selects.
func (n *Node) untrack(gone func(*replicas) bool) {
	n.replicas = slices.DeleteFunc(n.replicas, func(t *replicas) bool {
		if !gone(t) {
			return false
		}
		for _, short := range t.shorts {
			delete(n.tracked, trackedName{t.space, short})
		}
		return true
	})
}

// Short implements syncer.Host.
func (n *Node) Short(rec *codec.Record) uint64 { return n.spaces[rec.Space].short(&rec.ID) }

// Tracking implements syncer.Host.
func (n *Node) Tracking() bool { return len(n.replicas) > 0 }

// Reached implements syncer.Host.
func (n *Node) Reached(id codec.ID, short uint64, peer codec.PeerID) {
	t := n.tracked[trackedName{id, short}]
	if t == nil {
		return
	}
	at, found := slices.BinarySearchFunc(t.holders, peer, codec.PeerID.Compare)
	if found {
		return
	}
	t.holders = slices.Insert(t.holders, at, peer)
	if len(t.holders) != t.put.want {
		return
	}
	if t.put.missing--; t.put.missing == 0 {
		n.emit(&codec.Replicated{Req: t.put.req, Peers: uint64(t.put.want)})
		n.untrack(func(p *replicas) bool { return p == t.put })
	}
}

// reachedAll notes that a peer holds everything in a space.
func (n *Node) reachedAll(id codec.ID, peer codec.PeerID) {
	for _, t := range slices.Clone(n.replicas) {
		if t.space != id {
			continue
		}
		for _, short := range t.shorts {
			n.Reached(id, short, peer)
		}
	}
}
