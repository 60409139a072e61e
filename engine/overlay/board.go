package overlay

import (
	"cmp"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Bounds on what others can make a board hold.
const (
	PeersMax   = 16384               // peers on a board
	ClaimedMax = PeersMax - TableMax // peers there by what others say: they can't fill it
	ClaimsMax  = 512                 // claims of one peer: what it measured last would fit many times
)

// A Board is what everybody has published: the round trips that peers claim, and
// where they say they are. It is the same for all who have read the same records,
// so the charts of many nodes in one process may share one, which then has to be
// written by one of them only. It is bounded: peers beyond PeersMax are not
// entered.
type Board struct {
	index map[codec.PeerID]int32 // only looked up
	peers []posted
}

// posted is a peer on the board. Both lists of claims are in the order of the
// other peer's number.
type posted struct {
	id     codec.PeerID
	place  Coordinate
	placed bool
	by, of []claim // by this peer of others, and by others of this peer
}

type claim struct {
	peer int32   // the other one
	rtt  float32 // ms
}

// NewBoard returns a board without peers.
func NewBoard() *Board { return &Board{index: map[codec.PeerID]int32{}} }

// Len is the number of peers on the board.
func (b *Board) Len() int { return len(b.peers) }

// Number enters a peer if need be, and returns its number, from 0; ok is false
// when the board is full.
func (b *Board) Number(id codec.PeerID) (number int32, ok bool) { return b.number(id, PeersMax) }

// number is Number where the board has room up to a number of peers.
func (b *Board) number(id codec.PeerID, room int) (number int32, ok bool) {
	if n, known := b.index[id]; known {
		return n, true
	}
	if len(b.peers) >= room {
		return 0, false
	}
	n := int32(len(b.peers))
	b.index[id] = n
	b.peers = append(b.peers, posted{id: id})
	return n, true
}

// Claim takes in what an author says of its round trip to a peer, in ns; 0 takes
// the claim back.
func (b *Board) Claim(author, peer codec.PeerID, rttNs int64) {
	from, ok := b.number(author, ClaimedMax)
	to, also := b.number(peer, ClaimedMax)
	if ok && also {
		b.ClaimByNumber(from, to, rttNs)
	}
}

// ClaimByNumber is [Board.Claim] of peers whose numbers are known: looking keys up
// is most of what a claim costs.
func (b *Board) ClaimByNumber(from, to int32, rttNs int64) {
	if from == to {
		return
	}
	by, of := &b.peers[from].by, &b.peers[to].of
	at, known := find(*by, to)
	if rttNs <= 0 {
		if known {
			*by = slices.Delete(*by, at, at+1)
			at, _ = find(*of, from)
			*of = slices.Delete(*of, at, at+1)
		}
		return
	}
	rtt := float32(ms(min(rttNs, longest)))
	back, _ := find(*of, from)
	switch {
	case known:
		(*by)[at].rtt, (*of)[back].rtt = rtt, rtt
	case len(*by) < ClaimsMax:
		*by = slices.Insert(*by, at, claim{to, rtt})
		*of = slices.Insert(*of, back, claim{from, rtt})
	}
}

func find(list []claim, peer int32) (at int, known bool) {
	return slices.BinarySearchFunc(list, peer, func(c claim, peer int32) int { return cmp.Compare(c.peer, peer) })
}

// Placed takes in where a peer says it is. An invalid coordinate is ignored.
func (b *Board) Placed(id codec.PeerID, at Coordinate) {
	if n, ok := b.number(id, ClaimedMax); ok && at.Valid() {
		b.peers[n].place, b.peers[n].placed = at, true
	}
}
