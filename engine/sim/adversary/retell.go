package adversary

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

// retell says the node's messages in the adversary's words.
func (a *Adversary) retell(l *line, messages []codec.Message) (body []byte, count int) {
	for _, m := range messages {
		told := a.message(l, m)
		if told == nil {
			a.Account.Altered++
			continue
		}
		body = append(body, told...)
		count++
	}
	return body, count
}

// message returns one message as it leaves, nil for one that does not.
func (a *Adversary) message(l *line, m codec.Message) []byte {
	same := m.Append(nil)
	switch m.Kind {
	case codec.MsgHello:
		return same
	case codec.MsgSpaces:
		if v := new(codec.Spaces); m.Decode(v) == nil && len(v.Add) > 0 {
			l.index, l.named = v.Add[0].Index, true // the world has one space
		}
		return same
	}
	if l.mute == muteTalk {
		return nil
	}
	if m.Kind == codec.MsgRecords {
		if v, err := m.Records(); err == nil {
			return a.records(l, &v)
		}
	}
	if a.habit(Lie) {
		a.Account.Altered++
		return a.lie(l, m, same)
	}
	return same
}

// records passes a batch on, forged, doubled, left out or as it is.
func (a *Adversary) records(l *line, v *codec.Records) []byte {
	if a.habit(Lie) {
		return nil // it says that it gave them, and did not
	}
	r := codec.NewBatchReader(a.id.Space, v.Batch)
	var list []*codec.Record
	for rec := new(codec.Record); r.Next(rec); rec = new(codec.Record) {
		short := codec.ShortID(&a.id.Salt, &rec.ID)
		if len(a.known) < knownMax {
			a.known = append(a.known, short)
		} else {
			a.known[a.below(knownMax)] = short
		}
		if rec.Author == a.self && a.habitFor(Equivocate, l, rec) {
			rec = a.twin(l, rec)
		}
		if a.habitFor(Forge, l, rec) {
			a.Account.Altered++
			rec = a.forged(rec)
		}
		list = append(list, rec)
	}
	return codec.AppendRecords(nil, v.Index, v.Session, codec.AppendBatch(nil, list))
}

// forged returns a record that somebody did not sign.
func (a *Adversary) forged(rec *codec.Record) *codec.Record {
	h, value := rec.Header, rec.Value
	switch a.below(4) {
	case 0: // of the same author, later
		h.Version = min(h.Version+1+a.draw(drawBytes)>>40, codec.VersionMax)
	case 1: // of another author, signed by this one
		h.Author = a.id.Peers[a.below(len(a.id.Peers))]
		if fake := a.signed(h, value); fake != nil && h.Author != a.self {
			return fake
		}
	case 2: // with another value
		if len(value) > 0 {
			value = append([]byte(nil), value...)
			value[a.below(len(value))]++
		}
	}
	fake, err := codec.NewRecord(h, value)
	if err != nil {
		return rec // unreachable: no rule is broken but that of the signature
	}
	if fake.Sig = rec.Sig; fake.ID == rec.ID {
		fake.Sig[a.below(len(fake.Sig))] ^= 1 << a.below(8)
	}
	return fake
}

// signed makes a record signed with the node's key, nil if it breaks a rule.
func (a *Adversary) signed(h codec.Header, value []byte) *codec.Record {
	rec, err := codec.NewRecord(h, value)
	if err != nil {
		return nil
	}
	msg := rec.SigningMessage()
	rec.Sig = a.key.Sign(msg[:])
	return rec
}

// twin returns the record of the same version that this neighbour is to have: the
// node's own, one with another value, or one under another key. It follows from
// version and neighbour, so that there are only so many.
func (a *Adversary) twin(l *line, rec *codec.Record) *codec.Record {
	if rec.Key.IsControl() {
		return rec
	}
	x := a.stream.Uint64(drawTwin, about(l, rec))
	h := rec.Header
	switch draw.Uniform(x, 0, 3) {
	case 0:
		return rec
	case 1:
		h.Key = codec.MustKey("twin", "of many")
	}
	value := binary.LittleEndian.AppendUint64(nil, x>>62)
	h.Codec = codec.CodecRaw
	a.Account.Altered++
	if other := a.signed(h, value); other != nil {
		return other
	}
	return rec // unreachable: a sound header
}

// lie returns another message of the same kind.
func (a *Adversary) lie(l *line, m codec.Message, same []byte) []byte {
	switch m.Kind {
	case codec.MsgOpen:
		v := new(codec.Open)
		if m.Decode(v) == nil {
			v.Count, v.Summary = a.set(l, v.Count)
			return codec.AppendMessage(nil, m.Kind, v)
		}
	case codec.MsgClose:
		v := new(codec.Close)
		if m.Decode(v) == nil {
			v.Count, v.Summary = a.set(l, v.Count)
			v.Outcome = codec.Outcome(1 + a.below(int(codec.OutcomeBusy)))
			return codec.AppendMessage(nil, m.Kind, v)
		}
	case codec.MsgData:
		v := new(codec.Data)
		if m.Decode(v) == nil {
			v.Payload = a.payload(v.Payload)
			return codec.AppendMessage(nil, m.Kind, v)
		}
	case codec.MsgHave:
		if v, err := m.Have(); err == nil {
			return codec.AppendMessage(nil, m.Kind, &codec.Have{Index: v.Index, Short: a.bytes(len(v.Short))})
		}
	case codec.MsgWant:
		v := new(codec.Want)
		if m.Decode(v) == nil {
			v.Short = a.bytes(len(v.Short))
			return codec.AppendMessage(nil, m.Kind, v)
		}
	case codec.MsgEager:
		v := new(codec.Eager)
		if m.Decode(v) == nil {
			v.Eager = !v.Eager
			return codec.AppendMessage(nil, m.Kind, v)
		}
	}
	return same
}

// set is a false account of the node's set: the peer's own, none, or a huge one.
func (a *Adversary) set(l *line, count uint64) (uint64, codec.ID) {
	switch a.below(4) {
	case 0:
		return l.count, l.summary
	case 1:
		return 0, codec.ID{}
	case 2:
		count = a.draw(drawBytes) >> a.below(64)
	}
	return count, codec.ID(a.bytes(32))
}

// payload is a false payload of a strategy: altered, made up or cut short.
func (a *Adversary) payload(p []byte) []byte {
	switch a.below(3) {
	case 0:
		return a.bytes(len(p))
	case 1:
		return p[:a.below(len(p)+1)]
	}
	p = append([]byte(nil), p...)
	for range min(len(p), 1+a.below(8)) {
		p[a.below(len(p))] = byte(a.draw(drawBytes))
	}
	return p
}
