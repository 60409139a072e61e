package adversary

import (
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sign"
)

var space = codec.ID{7}

func identity() Identity {
	id := Identity{Key: [32]byte{1}, Space: space}
	for i := range byte(4) {
		id.Peers = append(id.Peers, sign.KeyFromSeed(&[32]byte{1 + i}).Public())
	}
	return id
}

func frame(seq uint64, messages ...[]byte) []byte {
	var body []byte
	for _, m := range messages {
		body = append(body, m...)
	}
	return codec.AppendFrame(nil, codec.FrameHead{Seq: seq}, len(messages), body)
}

// sent collects what leaves.
func sent(list *[][]byte) func([]byte) { return func(b []byte) { *list = append(*list, b) } }

// Frames of the adversary's own stand between the node's, on a link that loses and
// repeats what it likes; the node must be told exactly which of its own arrived.
func TestAcknowledgementsAreTranslated(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := &line{next: 1}
		var own []bool // by number on the wire, from 1
		mine := uint64(0)
		for range 1 + rng.IntN(60) {
			if rng.IntN(3) == 0 {
				l.add(0, nil)
				own = append(own, false)
				continue
			}
			mine++
			seq := mine
			if !l.number(&seq) || seq != uint64(len(own))+1 {
				t.Fatalf("frame %d has number %d, want %d", mine, seq, len(own)+1)
			}
			own = append(own, true)
		}
		arrived := make([]bool, len(own))
		var told uint64
		for range 8 {
			for i := range arrived {
				arrived[i] = arrived[i] || rng.IntN(3) == 0
			}
			head, want := heads(own, arrived)
			l.translate(&head)
			if head.Ack != want.Ack || string(head.Gaps) != string(want.Gaps) {
				t.Fatalf("seed %d: told %d %x, want %d %x (%v of %v)", seed, head.Ack, head.Gaps, want.Ack, want.Gaps, arrived, own)
			}
			if head.Ack < told {
				t.Fatalf("acknowledged %d, then %d", told, head.Ack)
			}
			told = head.Ack
		}
		waiting := 0
		for i := range own {
			if !own[i] && !arrived[i] {
				waiting++
			}
		}
		if len(l.extra) != waiting {
			t.Fatalf("%d frames of its own wait, want %d", len(l.extra), waiting)
		}
	}
}

// heads acknowledges what arrived: on the wire, and of the node's own frames.
func heads(own, arrived []bool) (wire, node codec.FrameHead) {
	var mine []bool
	for i := range own {
		if own[i] {
			mine = append(mine, arrived[i])
		}
	}
	return head(arrived), head(mine)
}

func head(arrived []bool) (h codec.FrameHead) {
	for int(h.Ack) < len(arrived) && arrived[h.Ack] {
		h.Ack++
	}
	for i := int(h.Ack) + 1; i < len(arrived); i++ {
		if at := i - int(h.Ack) - 1; arrived[i] {
			for len(h.Gaps) <= at/8 {
				h.Gaps = append(h.Gaps, 0)
			}
			h.Gaps[at/8] |= 1 << (at % 8)
		}
	}
	return h
}

func records(t *testing.T, frame []byte) (list []*codec.Record) {
	t.Helper()
	_, messages, err := codec.ParseFrame(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		v, err := m.Records()
		if err != nil {
			t.Fatal(err)
		}
		r := codec.NewBatchReader(space, v.Batch)
		for rec := new(codec.Record); r.Next(rec); rec = new(codec.Record) {
			list = append(list, rec)
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return list
}

// given is a frame with one record of the adversary's node.
func given(t *testing.T, a *Adversary, version uint64) ([]byte, *codec.Record) {
	t.Helper()
	rec := a.signed(codec.Header{
		Kind: codec.KindPut, Space: space, Author: a.self, Version: version, Key: codec.MustKey("k"), Codec: codec.CodecRaw,
	}, []byte("value"))
	return frame(version, codec.AppendRecords(nil, 1, 0, codec.AppendBatch(nil, []*codec.Record{rec}))), rec
}

func verifies(rec *codec.Record) bool {
	msg := rec.SigningMessage()
	return sign.Verify(rec.Author[:], msg[:], rec.Sig[:])
}

func TestForgedRecordsAreSoundButForTheSignature(t *testing.T) {
	a := New(3, 0, identity())
	a.Take(Habit{Kind: Forge, Share: 1e6})
	a.LinkUp(1, a.id.Peers[1])
	others := 0
	for version := range uint64(100) {
		data, _ := given(t, a, version+1)
		var out [][]byte
		a.Outgoing(1, data, sent(&out))
		for _, rec := range records(t, out[0]) {
			if verifies(rec) {
				t.Fatalf("%s verifies", codec.Describe(rec))
			}
			if rec.Author != a.self {
				others++
			}
		}
	}
	if others == 0 || a.Account.Altered != 100 || a.Account.Frames != 100 {
		t.Errorf("%d under others' names, %+v", others, a.Account)
	}
}

func TestTwinsAreSignedAndFew(t *testing.T) {
	a := New(3, 0, identity())
	a.Take(Habit{Kind: Equivocate, Share: 1e6})
	seen := map[codec.ID]bool{}
	for neighbour := range byte(40) {
		link := uint64(neighbour) + 1
		a.LinkUp(link, codec.PeerID{neighbour})
		data, honest := given(t, a, 1)
		for range 2 { // again, and again the same
			var out [][]byte
			a.Outgoing(link, data, sent(&out))
			rec := records(t, out[0])[0]
			if !verifies(rec) || rec.Author != honest.Author || rec.Version != honest.Version {
				t.Fatalf("%s is no twin of %s", codec.Describe(rec), codec.Describe(honest))
			}
			seen[rec.ID] = true
		}
	}
	if len(seen) < 3 || len(seen) > 6 {
		t.Errorf("%d records of one version", len(seen))
	}
}

// Without a habit the layer passes on what it gets, to the byte.
func TestWithoutHabitsNothingChanges(t *testing.T) {
	a := New(3, 0, identity())
	a.LinkUp(1, a.id.Peers[1])
	data, _ := given(t, a, 1)
	var out [][]byte
	a.Outgoing(1, data, sent(&out))
	if len(out) != 1 || string(out[0]) != string(data) || string(a.Incoming(1, data)) != string(data) {
		t.Error("the frame is another one")
	}
	if !a.Honest() || a.Account.Altered != 0 {
		t.Errorf("%+v", a.Account)
	}
}

func TestHabitsComeAndGo(t *testing.T) {
	a := New(3, 0, identity())
	h := Habit{Kind: Lie, Share: 5}
	a.Take(h)
	a.Take(Habit{Kind: Forge, Share: 5})
	if a.Honest() {
		t.Error("two habits and honest")
	}
	a.Drop(Habit{Kind: Forge, Share: 5})
	a.Drop(h)
	a.Drop(h)
	if !a.Honest() {
		t.Error("not honest without habits")
	}
}

func TestSilence(t *testing.T) {
	modes := map[mute]int{}
	for seed := range uint64(60) {
		a := New(seed, 0, identity())
		a.Take(Habit{Kind: Silence, Share: 1e6})
		a.LinkUp(1, a.id.Peers[1])
		l := a.lines[1]
		modes[l.mute]++
		var out [][]byte
		for version := range uint64(50) {
			data, _ := given(t, a, version+1)
			a.Outgoing(1, data, sent(&out))
		}
		said := 0
		for _, f := range out {
			said += len(records(t, f))
		}
		if want := map[mute]bool{muteAll: len(out) == 0, muteTalk: len(out) == 50 && said == 0, muteLater: len(out) < 50 && said == len(out)}; !want[l.mute] {
			t.Errorf("mode %d sent %d frames with %d records", l.mute, len(out), said)
		}
	}
	if len(modes) != 3 {
		t.Errorf("modes %v", modes)
	}
}
