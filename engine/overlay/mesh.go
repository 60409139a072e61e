package overlay

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Mesh keeps the number of connections between two bounds on both their sides, after
// GossipSub v1.1: who dials asks by a GRAFT to be taken in, who is turned away gets a
// PRUNE, which names other peers and a time before which it is not to come back. A
// connection that is in the mesh of neither side is a guest's: a peer of another
// policy, that measures, say.
//
// As in HyParView, the loss of a connection is answered at once by several dials, not
// at the next heartbeat.
type Mesh struct {
	Degree   int // what a mesh too small or too large is brought to; 6
	Low      int // the least; 5
	High     int // the most; 12
	Outbound int // of the node's own making at least, so that others can't fill it; 2
	// BackoffNs is how long who was turned away stays away; twice as long for each
	// fault of it, up to 64 times; 60 s.
	BackoffNs int64

	rounds  // heartbeats
	table   *Table
	mates   []mate // in the order of joining
	dialing []codec.PeerID
	leaving []codec.PeerID // turned away, and given until the next heartbeat to go
	out     []Effect
}

// A mate is a peer in the mesh.
type mate struct {
	id       codec.PeerID
	outbound bool
}

// NewMesh returns the policy of a table, with heartbeats a period apart, ns.
func NewMesh(table *Table, periodNs int64, rng *rand.Rand) *Mesh {
	m := &Mesh{BackoffNs: 60e9, table: table, rounds: newRounds(periodNs, rng)}
	m.Size(6)
	return m
}

// Size sets the degrees: the bounds are one below and twice the number given, which
// is at least 2; a third are outbound.
func (m *Mesh) Size(degree int) {
	m.Degree, m.Low, m.High, m.Outbound = degree, degree-1, 2*degree, degree/3
}

// Handle implements [Policy].
func (m *Mesh) Handle(now int64, ev Event) []Effect {
	m.out = m.out[:0]
	switch ev := ev.(type) {
	case Up:
		m.gone(ev.Peer)
		if ev.Dialed {
			m.reached(ev.Peer)
		}
	case Down:
		m.gone(ev.Peer)
		m.replace(now)
	case Told:
		if p := m.table.Find(ev.Peer); p != nil && p.Up {
			m.told(now, p, ev.Body)
		}
	case Wake:
		if m.due(now) {
			m.heartbeat(now)
		}
	}
	return m.out
}

// gone forgets what was known of a connection.
func (m *Mesh) gone(id codec.PeerID) {
	m.drop(id)
	m.dialing, m.leaving = without(m.dialing, id), without(m.leaving, id)
}

func (m *Mesh) drop(id codec.PeerID) {
	m.mates = slices.DeleteFunc(m.mates, func(x mate) bool { return x.id == id })
}

func (m *Mesh) has(id codec.PeerID) bool {
	return slices.ContainsFunc(m.mates, func(x mate) bool { return x.id == id })
}

// reached takes in a peer that was dialed, if it is still needed: more are dialed
// than are missing.
func (m *Mesh) reached(id codec.PeerID) {
	if n := len(m.mates); n < m.Degree || n < m.High && m.outbound() < m.Outbound {
		m.graft(id, true)
	} else {
		m.hangUp(id, "overlay: enough connections")
	}
}

// graft takes a connected peer into the mesh and tells it.
func (m *Mesh) graft(id codec.PeerID, outbound bool) {
	m.mates = append(m.mates, mate{id, outbound})
	m.out = append(m.out, Tell{id, []byte{meshGraft}})
}

// prune turns a peer away. It is told of others, if it is to be.
func (m *Mesh) prune(now int64, p *Peer, others bool) {
	m.drop(p.ID)
	wait := m.BackoffNs << min(p.Faults, 6)
	p.WaitNs = now + wait
	msg := prune{WaitS: uint64(wait / 1e9)}
	if others {
		msg.Others = m.table.Introductions(m.rng, IntroductionsMax, p.ID)
	}
	m.out = append(m.out, Tell{p.ID, msg.encode()})
	if m.leaving = append(m.leaving, p.ID); len(m.leaving) > leavingMax {
		m.hangUp(m.leaving[0], turnedAway)
	}
}

const (
	leavingMax = 16
	turnedAway = "overlay: turned away"
)

func (m *Mesh) hangUp(id codec.PeerID, reason string) {
	m.leaving = without(m.leaving, id)
	m.out = append(m.out, HangUp{id, reason})
}

// heartbeat ends what was turned away, and brings the mesh to its size.
func (m *Mesh) heartbeat(now int64) {
	for len(m.leaving) > 0 {
		m.hangUp(m.leaving[0], turnedAway)
	}
	if len(m.mates) >= m.High {
		m.shrink(now)
	}
	m.grow(now)
	m.dial(now, m.Outbound-m.outbound()-len(m.dialing))
}

func (m *Mesh) outbound() (count int) {
	for _, x := range m.mates {
		if x.outbound {
			count++
		}
	}
	return count
}

// loyal is how many of those that have been in the mesh for longest are kept when it
// is full. The others are drawn: nobody can win a place by coming often.
const loyal = 4

// shrink makes room in a full mesh, for newcomers and for outbound mates. Of those
// enough stay.
func (m *Mesh) shrink(now int64) {
	drawn := slices.Clone(m.mates[min(loyal, len(m.mates)):])
	m.rng.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	out := m.outbound()
	for _, x := range drawn {
		if len(m.mates) <= m.Degree {
			return
		}
		if x.outbound && out <= m.Outbound {
			continue
		}
		if x.outbound {
			out--
		}
		if p := m.table.Find(x.id); p != nil {
			m.prune(now, p, true)
		}
	}
}

// replace answers a loss that leaves the mesh too small. Nobody knows how many others
// are lost as well, so twice as many are being dialed as are missing until it is
// large enough again.
func (m *Mesh) replace(now int64) {
	if len(m.mates) < m.Low {
		m.dial(now, 2*(m.Degree-len(m.mates))-len(m.dialing))
	}
}

// grow brings a mesh that is too small half the way: the others look for mates as
// well. It takes guests who stayed for a period, then dials.
func (m *Mesh) grow(now int64) {
	have := len(m.mates) + len(m.dialing)
	if have >= m.Low {
		return
	}
	missing := (m.Degree - have + 1) / 2
	guest := func(p *Peer) bool {
		return p.Up && m.waited(now, p) && now-p.SinceNs > m.periodNs && !m.has(p.ID) && !slices.Contains(m.leaving, p.ID)
	}
	for _, p := range m.table.Draw(m.rng, missing, guest) {
		m.graft(p.ID, p.Dialed)
		missing--
	}
	m.dial(now, missing)
}

func (m *Mesh) dial(now int64, count int) {
	free := func(p *Peer) bool { return m.waited(now, p) && p.dialable(now, m.dialing) }
	for _, p := range m.table.Draw(m.rng, count, free) {
		m.dialing = append(m.dialing, p.ID)
		m.out = append(m.out, Dial{p.ID})
	}
}

// waited reports whether a peer can be asked again. It is asked a period later than it
// has to be: a PRUNE takes its time, and both sides count from when they saw it.
func (m *Mesh) waited(now int64, p *Peer) bool { return p.WaitNs == 0 || p.WaitNs+m.periodNs <= now }

// told handles a message. What is no message counts as a fault and does nothing else.
func (m *Mesh) told(now int64, p *Peer, body []byte) {
	msg, err := parseMesh(body)
	switch {
	case err != nil:
		p.Faults++
	case msg == nil:
		m.grafted(now, p)
	case m.has(p.ID):
		m.pruned(now, p, msg)
	}
}

// grafted answers who wants to be taken in. Who was turned away and did not wait has
// broken the rules; if it does not even go, it is hung up.
func (m *Mesh) grafted(now int64, p *Peer) {
	switch {
	case m.has(p.ID):
	case p.WaitNs > now:
		p.Faults++
		if slices.Contains(m.leaving, p.ID) {
			m.hangUp(p.ID, turnedAway)
		} else {
			m.prune(now, p, false)
		}
	case len(m.mates) >= m.High:
		m.prune(now, p, true)
	default:
		m.mates = append(m.mates, mate{p.ID, p.Dialed})
	}
}

// waitMax bounds, in s, for how long a peer can keep a node away.
const waitMax = 3600

// pruned goes when a mate has turned the node away, and remembers whom it named.
func (m *Mesh) pruned(now int64, p *Peer, msg *prune) {
	m.drop(p.ID)
	p.WaitNs = now + int64(min(msg.WaitS, waitMax))*1e9
	for _, in := range msg.Others {
		m.table.Introduce(now, in, p.ID)
	}
	m.hangUp(p.ID, "overlay: was turned away")
}

// Chosen implements [Policy]: the mates, the longest known first, and whom it dials.
func (m *Mesh) Chosen() []codec.PeerID {
	var list []codec.PeerID
	for _, x := range m.mates {
		list = append(list, x.id)
	}
	return append(list, m.dialing...)
}

// What meshes say to each other: a byte for the kind, then for PRUNE the CBOR of a
// struct.
const (
	meshGraft = 1
	meshPrune = 2
)

// prune turns a peer away.
type prune struct {
	_      struct{} `cbor:",toarray"`
	WaitS  uint64   // not to come back before, s
	Others []Introduction
}

func (p *prune) encode() []byte {
	b, err := codec.Marshal(p)
	if err != nil {
		panic(err) // unreachable: plain fields
	}
	return append([]byte{meshPrune}, b...)
}

// parseMesh reads a message: nil for a GRAFT. Errors wrap [ErrMessage].
func parseMesh(body []byte) (*prune, error) {
	switch {
	case len(body) == 1 && body[0] == meshGraft:
		return nil, nil
	case len(body) == 0 || body[0] != meshPrune:
		return nil, fmt.Errorf("%w: no kind", ErrMessage)
	}
	p := &prune{}
	if err := codec.Unmarshal("prune", body[1:], p); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMessage, err)
	}
	return p, CheckIntroductions(p.Others)
}
