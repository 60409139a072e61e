package overlay

import (
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// A Table remembers the peers that one node has heard of: where they are, who
// named them, for how long they were connected, how they behaved. It is bounded:
// where there is no room, one that is not connected gives way, first those that
// never were, of them the one that was heard of longest ago. Nobody can fill it
// with names: see [Table.Introduce].
type Table struct {
	Self  codec.PeerID
	peers []*Peer // by id
}

// TableMax bounds the peers of a table.
const TableMax = 4096

// A Peer is an entry of a [Table]. Times are monotonic, in ns.
type Peer struct {
	ID      codec.PeerID
	Address string       // where it can be dialed; may be empty where the host knows
	By      codec.PeerID // who introduced it; zero for nobody
	Up      bool
	Dialed  bool   // the connection is of this node's making
	SinceNs int64  // when it came up or went down
	UpNs    int64  // how long it was up in all, up to SinceNs
	Downs   uint64 // how often it was not there: connections lost, dials that led to nothing
	DialNs  int64  // not to be dialed before
	Fails   uint   // dials in a row that led to nothing
	Faults  uint64 // what it did against the rules
	WaitNs  int64  // a policy that turned it away wants nothing of it before
}

// Reached reports whether there ever was a connection.
func (p *Peer) Reached() bool { return p.Up || p.UpNs > 0 }

// What an absence counts, and the time together that nobody has to prove, in ns.
const (
	absenceNs = 60e9
	goodNs    = 600e9
)

// Uptime is the share of time, above 0 and up to 1, in which a peer is there when it
// is needed, as far as one node can tell: an absence counts as a minute against the
// time it was connected, and everybody begins with ten minutes.
func (p *Peer) Uptime(now int64) float64 {
	up := goodNs + p.UpNs
	if p.Up {
		up += now - p.SinceNs
	}
	return float64(up) / (float64(up) + float64(absenceNs*float64(p.Downs)))
}

// NewTable returns the empty table of a node.
func NewTable(self codec.PeerID) *Table { return &Table{Self: self} }

// Len is the number of peers.
func (t *Table) Len() int { return len(t.peers) }

// All are the peers in the order of their ids. The slice is the table's.
func (t *Table) All() []*Peer { return t.peers }

func (t *Table) at(id codec.PeerID) (int, bool) {
	return slices.BinarySearchFunc(t.peers, id, func(p *Peer, id codec.PeerID) int { return p.ID.Compare(id) })
}

// Find returns a peer, nil if it was never heard of.
func (t *Table) Find(id codec.PeerID) *Peer {
	if at, known := t.at(id); known {
		return t.peers[at]
	}
	return nil
}

// Enter finds a peer or makes room for one that was heard of; nil for the node itself,
// and when the table is full of peers that were reached: words push none of them out.
func (t *Table) Enter(now int64, id codec.PeerID) *Peer { return t.enter(now, id, (*Peer).Reached) }

// enter makes room by forgetting a peer for which keep does not hold.
func (t *Table) enter(now int64, id codec.PeerID, keep func(*Peer) bool) *Peer {
	at, known := t.at(id)
	if known {
		return t.peers[at]
	}
	if id == t.Self || len(t.peers) >= TableMax && !t.forgetOne(keep) {
		return nil
	}
	at, _ = t.at(id)
	p := &Peer{ID: id, SinceNs: now}
	t.peers = slices.Insert(t.peers, at, p)
	return p
}

// forgetOne makes room, if there is anybody who is not to be kept.
func (t *Table) forgetOne(keep func(*Peer) bool) bool {
	worse := func(a, b *Peer) bool {
		if a.Reached() != b.Reached() {
			return !a.Reached()
		}
		return a.SinceNs < b.SinceNs
	}
	worst := -1
	for i, p := range t.peers {
		if !keep(p) && (worst < 0 || worse(p, t.peers[worst])) {
			worst = i
		}
	}
	if worst >= 0 {
		t.peers = slices.Delete(t.peers, worst, worst+1)
	}
	return worst >= 0
}

// WentUp notes that a peer is connected. It returns nil where all peers of a full
// table are.
func (t *Table) WentUp(now int64, id codec.PeerID, address string, dialed bool) *Peer {
	p := t.enter(now, id, func(p *Peer) bool { return p.Up })
	if p == nil {
		return nil
	}
	p.Up, p.Dialed, p.SinceNs, p.Fails, p.DialNs = true, dialed, now, 0, 0
	if address != "" {
		p.Address = address
	}
	return p
}

// WentDown notes that a connection has ended; own says that this node wanted it. It
// returns nil if there was none.
func (t *Table) WentDown(now int64, id codec.PeerID, own bool) *Peer {
	p := t.Find(id)
	if p == nil || !p.Up {
		return nil
	}
	p.Up, p.UpNs, p.SinceNs = false, p.UpNs+now-p.SinceNs, now
	if !own {
		p.Downs++
	}
	return p
}

// Dialing notes that a peer is being dialed, and is not to be dialed again before
// a time. It counts as failed until WentUp.
func (p *Peer) Dialing(until int64) { p.DialNs, p.Fails = until, p.Fails+1 }

// Missed notes that a dial led to nothing. It returns false if there is a connection
// by now, of the peer's making.
func (t *Table) Missed(id codec.PeerID) bool {
	p := t.Find(id)
	if p == nil {
		return true
	}
	if !p.Up {
		p.Downs++
	}
	return !p.Up
}

// Usable reports whether a peer is connected or may be dialed now.
func (p *Peer) Usable(now int64) bool { return p.Up || p.DialNs <= now }

// Draw returns up to k different peers at random for which want holds.
func (t *Table) Draw(rng *rand.Rand, k int, want func(*Peer) bool) []*Peer {
	if k <= 0 {
		return nil
	}
	var list []*Peer
	for _, p := range t.peers {
		if want(p) {
			list = append(list, p)
		}
	}
	k = min(k, len(list))
	for i := range k {
		j := i + rng.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
	return list[:k]
}
