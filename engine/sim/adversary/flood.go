package adversary

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
)

// Tick sends on a link what the node would not: frames that went lost again, and a
// frame of the flood. The caller calls it every Habit.Every.
func (a *Adversary) Tick(link uint64, h Habit, send func([]byte)) {
	l := a.lines[link]
	if l == nil || !l.named || l.mute != 0 {
		return
	}
	a.send = send
	a.again(l, 8)
	if len(l.extra) < extraMax {
		a.Account.Added++
		a.flood(l, h.Bytes)
	}
}

// again sends the oldest of its own frames that nobody has acknowledged.
func (a *Adversary) again(l *line, most int) {
	for i := range min(len(l.extra), most) {
		f := &l.extra[i]
		a.emit(codec.AppendFrame(nil, codec.FrameHead{Seq: f.number, Ack: l.ack}, f.count, f.body))
	}
}

// flood sends one frame of a drawn kind.
func (a *Adversary) flood(l *line, size int) {
	shorts := size / 8 * 8
	switch a.below(8) {
	case 0: // announcements of records that do not exist
		a.say(l, codec.MsgHave, &codec.Have{Index: l.index, Short: a.bytes(shorts)})
	case 1: // requests for those that do, over and over
		a.say(l, codec.MsgWant, &codec.Want{Index: l.index, Short: a.requests(shorts)})
	case 2: // sessions that lead nowhere
		l.opened++
		a.say(l, codec.MsgOpen, &codec.Open{
			Session: 1<<40 + l.opened, Index: l.index, Strategy: "riblt", Count: a.draw(drawBytes) >> a.below(64), Summary: codec.ID(a.bytes(32)),
		})
	case 3: // payloads of a session of its own, or of none
		a.say(l, codec.MsgData, &codec.Data{Session: 1<<40 + l.opened, Payload: a.bytes(size)})
	case 4: // kinds of the future, each of which is answered
		a.repeat(l, size, codec.AppendMessage(nil, 99, &codec.Refuse{Kind: 1}))
	case 5: // names of spaces that nobody has
		names := &codec.Spaces{}
		for range min(size/24, 200) {
			names.Add = append(names.Add, codec.SpaceName{Index: a.draw(drawBytes), Blind: codec.Blind(a.bytes(16))})
		}
		a.say(l, codec.MsgSpaces, names)
	case 6: // bytes that are no frame
		a.emit(a.bytes(size))
	case 7: // a want in a session that it never ends
		a.say(l, codec.MsgWant, &codec.Want{Index: l.index, Session: 1<<40 + l.opened, More: true, Short: a.requests(shorts)})
	}
}

func (a *Adversary) say(l *line, kind codec.MessageKind, fields any) {
	a.frame(l, 1, codec.AppendMessage(nil, kind, fields))
}

// frame sends a frame of the adversary's own.
func (a *Adversary) frame(l *line, count int, body []byte) {
	a.emit(codec.AppendFrame(nil, l.add(count, body), count, body))
}

func (a *Adversary) repeat(l *line, size int, message []byte) {
	count := max(1, min(size/len(message), codec.MessagesPerFrameMax))
	var body []byte
	for range count {
		body = append(body, message...)
	}
	a.frame(l, count, body)
}

// requests are short ids of records that passed.
func (a *Adversary) requests(size int) []byte {
	if len(a.known) == 0 {
		return a.bytes(size)
	}
	b := make([]byte, 0, size)
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, a.known[a.below(len(a.known))])
	}
	return b
}

// replay sends an old frame as it was, or its messages under a new number.
func (a *Adversary) replay(l *line) {
	if l.mute != 0 || len(l.extra) >= extraMax {
		return
	}
	old := a.past[a.below(len(a.past))]
	a.Account.Added++
	_, messages, err := codec.ParseFrame(old, nil)
	if err != nil || a.below(2) == 0 {
		a.emit(old)
		return
	}
	var body []byte
	for _, m := range messages {
		body = m.Append(body)
	}
	a.frame(l, len(messages), body)
}
