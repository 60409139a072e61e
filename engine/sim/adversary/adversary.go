// Package adversary makes a node of a world misbehave. The node itself stays what
// it is: a layer between it and the network alters, leaves out and adds frames, as
// somebody would who runs a changed program with the node's key. So everything an
// adversary says comes in the middle of what an honest node would have said there,
// with a valid key, valid frame numbers and names of spaces that the other side
// recognises.
//
// The draws are keyed by (seed, node, purpose, count), apart from all others of the
// world: what honest nodes and links draw does not change.
package adversary

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

// Kind is a way to misbehave.
type Kind uint8

const (
	Forge      Kind = iota + 1 // altered records, and records under others' names
	Equivocate                 // one version of a record, several records, by neighbour
	Flood                      // frames, announcements, requests, sessions without end
	Lie                        // false summaries, payloads, short ids, acknowledgements; withheld records
	Silence                    // links come up and then little or nothing is said
	Replay                     // old frames again, also those of others
)

// Kinds are the names of all kinds in scenarios.
var Kinds = map[string]Kind{
	"forge": Forge, "equivocate": Equivocate, "flood": Flood, "lie": Lie, "silence": Silence, "replay": Replay,
}

// A Habit is one kind of misbehaviour with its strength.
type Habit struct {
	Kind  Kind
	Share uint32 // of the records, messages, frames or links that it could concern; parts per million
	Every int64  // Flood: nanoseconds between two frames on each link
	Bytes int    // Flood: about the size of each
}

// Identity is what an adversary knows as the node's program does.
type Identity struct {
	Key   [32]byte // the Ed25519 seed
	Space codec.ID
	Salt  codec.Salt
	Peers []codec.PeerID // whose names it may forge
}

// Account is what an adversary did. Bytes and Frames are all that left it.
type Account struct {
	Frames  uint64
	Bytes   uint64
	Altered uint64 // messages changed or left out, frames not sent
	Added   uint64 // frames of its own
}

// An Adversary is the layer of one node. It is used by one goroutine at a time.
type Adversary struct {
	Account Account

	key    *sign.PrivateKey
	self   codec.PeerID
	id     Identity
	stream draw.Stream
	counts [purposes]uint64
	habits []Habit
	lines  map[uint64]*line
	past   [][]byte     // frames that passed, for Replay
	known  []uint64     // short ids of records that passed, for requests
	send   func([]byte) // takes the frames of the call in progress
	buf    []codec.Message
}

// What is kept of the past.
const (
	pastMax  = 32
	knownMax = 256
)

// Purposes of draws.
const (
	drawShare = iota
	drawHow
	drawBytes
	drawTwin
	drawLine
	drawRecord
	purposes
)

// New makes the layer of a node. Without a habit it passes everything on.
func New(seed uint64, node uint32, id Identity) *Adversary {
	key := sign.KeyFromSeed(&id.Key)
	return &Adversary{
		key: key, self: key.Public(), id: id, lines: map[uint64]*line{},
		stream: draw.NewStream(seed, 1<<61|uint64(node)), // links and plans draw elsewhere
	}
}

// Take takes up a habit; Drop gives up the oldest equal one.
func (a *Adversary) Take(h Habit) { a.habits = append(a.habits, h) }

// Drop gives up a habit.
func (a *Adversary) Drop(h Habit) {
	for i := range a.habits {
		if a.habits[i] == h {
			a.habits = append(a.habits[:i], a.habits[i+1:]...)
			return
		}
	}
}

// Honest reports whether no habit is left.
func (a *Adversary) Honest() bool { return len(a.habits) == 0 }

func (a *Adversary) draw(purpose int) uint64 {
	a.counts[purpose]++
	return a.stream.Uint64(uint32(purpose), a.counts[purpose])
}

func (a *Adversary) below(n int) int { return int(draw.Uniform(a.draw(drawHow), 0, int64(n)-1)) }

func (a *Adversary) bytes(n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		x := a.draw(drawBytes)
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
	}
	return b[:n]
}

// habit reports whether a habit of that kind strikes now.
func (a *Adversary) habit(kind Kind) bool { return a.strikes(kind, a.draw(drawShare)) }

// habitFor is habit for one record on one line. It follows from author, version and
// neighbour, so that a frame sent again says the same, and leaving other records out
// changes nothing here.
func (a *Adversary) habitFor(kind Kind, l *line, rec *codec.Record) bool {
	return a.strikes(kind, a.stream.Uint64(drawRecord, about(l, rec)))
}

// about names a record and a neighbour in draws.
func about(l *line, rec *codec.Record) uint64 {
	return rec.Version ^ binary.LittleEndian.Uint64(l.peer[:]) ^ binary.LittleEndian.Uint64(rec.Author[8:])
}

func (a *Adversary) strikes(kind Kind, x uint64) bool {
	for i := range a.habits {
		if a.habits[i].Kind == kind && draw.Chance(x, a.habits[i].Share) {
			return true
		}
	}
	return false
}

// LinkUp begins a link to a peer, LinkDown ends it.
func (a *Adversary) LinkUp(link uint64, peer codec.PeerID) {
	l := &line{peer: peer, next: 1, patience: -1}
	if a.habit(Silence) {
		l.mute = mute(1 + draw.Uniform(a.draw(drawLine), 0, 2))
		if l.mute == muteLater {
			l.patience = int(draw.Uniform(a.draw(drawLine), 3, 40))
		}
	}
	a.lines[link] = l
}

// LinkDown ends a link.
func (a *Adversary) LinkDown(link uint64) { delete(a.lines, link) }

// Outgoing takes a frame that the node sends and calls send with what leaves.
func (a *Adversary) Outgoing(link uint64, frame []byte, send func([]byte)) {
	l := a.lines[link]
	head, messages, err := codec.ParseFrame(frame, a.buf[:0])
	if l == nil || err != nil {
		return // unreachable: a node sends sound frames on links that are up
	}
	a.buf, a.send = messages, send
	a.remember(frame)
	if head.Seq != 0 && !l.number(&head.Seq) {
		return // it has arrived long ago
	}
	l.ack = head.Ack
	body, count := a.retell(l, messages)
	if l.mute == muteLater && l.patience > 0 {
		l.patience--
	}
	if l.mute == muteAll || l.patience == 0 {
		a.Account.Altered++
		return
	}
	if a.habit(Lie) && a.below(64) == 0 {
		head.Ack, head.Gaps = max(head.Ack, l.heard+uint64(a.below(3))), nil
		a.Account.Altered++
	}
	a.emit(codec.AppendFrame(nil, head, count, body))
	if len(l.extra) > 0 && a.below(4) == 0 {
		a.again(l, 1) // or the other side would wait for it for ever
	}
	if a.habit(Replay) {
		a.replay(l)
	}
}

func (a *Adversary) emit(frame []byte) {
	a.Account.Frames++
	a.Account.Bytes += uint64(len(frame))
	a.send(frame)
}

func (a *Adversary) remember(frame []byte) {
	if len(a.past) < pastMax {
		a.past = append(a.past, frame)
		return
	}
	a.past[a.below(pastMax)] = frame
}

// Incoming takes a frame that has come for the node and returns what the node is to
// see of it: numbers of frames that it did not send are left out.
func (a *Adversary) Incoming(link uint64, frame []byte) []byte {
	l := a.lines[link]
	head, messages, err := codec.ParseFrame(frame, a.buf[:0])
	if l == nil || err != nil {
		return frame // another adversary's
	}
	a.buf = messages
	a.remember(frame)
	l.heard = max(l.heard, head.Seq)
	l.listen(messages)
	if !l.added {
		return frame
	}
	l.translate(&head)
	var body []byte
	for _, m := range messages {
		body = m.Append(body)
	}
	return codec.AppendFrame(nil, head, len(messages), body)
}
