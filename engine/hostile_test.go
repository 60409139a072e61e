package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// A villain is a peer with a key of its own that says what it likes. It knows the
// space, so that everything it says is listened to.
type villain struct {
	t     testing.TB
	rng   *rand.Rand
	n     *Node
	space codec.ID
	me    author
	seq   uint64
	heard uint64 // frames of the node's that it admits to have got
	mono  int64
	kinds map[codec.FaultKind]int
	gone  bool // the node has hung up
	sent  int
	ended []codec.SyncEnded
	opens int64 // sessions on parts
	got   int
	// What the node said lately.
	frames [][]byte
}

func newVillain(t testing.TB, seed uint64) *villain {
	v := &villain{t: t, rng: rand.New(rand.NewPCG(seed, 4)), me: newAuthor(66), kinds: map[codec.FaultKind]int{}}
	v.n = openNode(t, 1, Config{TimeoutNs: 5e9}, newStore())
	v.space = join(t, v.n, genesis(newAuthor(9)))
	do(t, v.n, puts(v.space, 0, 50))
	v.connect(1)
	return v
}

func (v *villain) link() uint64 { return 1 }

// connect says hello and names the space, as everybody does.
func (v *villain) connect(nonce uint64) {
	v.step(&codec.LinkUp{Peer: v.me.peer, Link: v.link()})
	name := codec.SpaceName{Index: 3, Blind: v.blind(v.space, nonce)}
	v.say(codec.MsgHello, &codec.Hello{Protocol: codec.ProtocolVersion, Nonce: nonce, Window: 1 << 20, Strategies: []string{"full", "frontier", "riblt", "salted"}})
	v.say(codec.MsgSpaces, &codec.Spaces{Add: []codec.SpaceName{name}})
}

// fresh replaces the link by one on which nothing has been said.
func (v *villain) fresh() {
	v.step(&codec.LinkDown{Link: v.link()})
	v.step(&codec.LinkUp{Peer: v.me.peer, Link: v.link()})
	v.seq, v.frames = 0, nil
}

// blind names a space as the formats say.
func (v *villain) blind(space codec.ID, nonce uint64) codec.Blind {
	h := sha256.New()
	h.Write([]byte("rapprochement/1 space\x00"))
	self := v.n.Peer()
	h.Write(space[:])
	h.Write(v.me.peer[:])
	h.Write(self[:])
	h.Write(binary.LittleEndian.AppendUint64(nil, nonce))
	return codec.Blind(h.Sum(nil)[:16])
}

// step checks what must hold of every step, whatever comes in.
func (v *villain) step(ev codec.Event) {
	v.mono += 1e6
	effects, err := v.n.Step(codec.Now{Mono: v.mono, Wall: 1_700_000_000e9 + v.mono}, ev)
	if err != nil {
		v.t.Fatalf("a peer's mistake became the host's: %v", err)
	}
	for _, ef := range effects {
		switch ef := ef.(type) {
		case *codec.Send:
			v.got += len(ef.Bytes)
			if len(ef.Bytes) > codec.FrameMax {
				v.t.Fatalf("a frame of %d bytes", len(ef.Bytes))
			}
			if len(v.frames) < 64 {
				v.frames = append(v.frames, ef.Bytes)
			}
		case *codec.PeerFault:
			v.kinds[ef.Fault]++
		case *codec.HangUp:
			v.gone = true
		case *codec.SyncEnded:
			v.ended = append(v.ended, *ef)
		case *codec.WakeAt:
			if ef.Mono != 0 && ef.Mono <= v.mono {
				v.t.Fatalf("wants to be woken at %d, it is %d", ef.Mono, v.mono)
			}
		}
	}
}

// heardOf returns the messages of a kind in what the node said lately, and forgets
// all of that.
func (v *villain) heardOf(kind codec.MessageKind) (list []codec.Message) {
	v.t.Helper()
	for _, data := range v.frames {
		_, messages, err := codec.ParseFrame(data, nil)
		if err != nil {
			v.t.Fatal(err)
		}
		for _, m := range messages {
			if m.Kind == kind {
				list = append(list, m)
			}
		}
	}
	v.frames = nil
	return list
}

// closed returns how the node closed sessions lately.
func (v *villain) closed() (outcomes []codec.Outcome) {
	v.t.Helper()
	for _, m := range v.heardOf(codec.MsgClose) {
		var c codec.Close
		if err := m.Decode(&c); err != nil {
			v.t.Fatal(err)
		}
		outcomes = append(outcomes, c.Outcome)
	}
	return outcomes
}

// work makes the node read at least so many records below a prefix, of which none are
// in the window, and returns how
// often it was too busy for that.
func (v *villain) work(records int) (busy int) {
	for ; records > 0; records -= 100 * 50 {
		var body []byte
		for range 100 {
			v.opens++
			body = codec.AppendMessage(body, codec.MsgOpenPart, &codec.OpenPart{
				Session: v.opens, Index: 3, Strategy: "full", Part: codec.Part{Prefix: codec.MustKey("k"), Since: 1 << 47},
			})
		}
		v.raw(100, body)
		for _, data := range v.frames {
			if head, _, err := codec.ParseFrame(data, nil); err == nil {
				v.heard = max(v.heard, head.Seq)
			}
		}
		for _, o := range v.closed() {
			if o == codec.OutcomeBusy {
				busy++
			}
		}
	}
	return busy
}

// calm ends the node's own sessions, which would win over those that cross them.
func (v *villain) calm() {
	for i := range int64(20) {
		v.say(codec.MsgClose, &codec.Close{Session: -1 - i, Outcome: codec.OutcomeTimedOut})
	}
	v.frames = nil
}

func (v *villain) frame(data []byte) {
	v.sent += len(data)
	v.step(&codec.Frame{Link: v.link(), Bytes: data})
}

// say sends messages in one frame; without acknowledging anything.
func (v *villain) say(kind codec.MessageKind, fields any) {
	v.raw(1, codec.AppendMessage(nil, kind, fields))
}

func (v *villain) raw(count int, body []byte) {
	v.seq++
	v.frame(codec.AppendFrame(nil, codec.FrameHead{Seq: v.seq, Ack: v.heard}, count, body))
}

// consistent checks that whatever has come in has left a sound node.
func (v *villain) consistent() {
	v.t.Helper()
	summaryOf(v.t, v.n, v.space)
	sp := v.n.spaces[v.space]
	for _, rec := range v.n.all(v.space) {
		msg := rec.SigningMessage()
		if err := sp.allows(rec); err != nil || !v.n.keys.Verify(rec.Author[:], msg[:], rec.Sig[:]) {
			v.t.Fatalf("the set holds %s: %v", codec.Describe(rec), err)
		}
	}
	do(v.t, v.n, &codec.GetStatus{}, putOne(v.space, 1))
}

func (v *villain) bytes(most int) []byte {
	b := make([]byte, v.rng.IntN(most+1))
	for i := range b {
		b[i] = byte(v.rng.Uint32())
	}
	return b
}

func (v *villain) number() uint64 {
	return []uint64{0, 1, 2, 3, 3, 3, uint64(v.rng.IntN(100)), v.rng.Uint64() >> v.rng.IntN(64), 1<<63 - 1, ^uint64(0)}[v.rng.IntN(10)]
}

func (v *villain) session() int64 {
	return []int64{1, -1, 2, -2, -3, 0, int64(v.number())}[v.rng.IntN(7)]
}

func (v *villain) shorts() (b []byte) {
	var held []uint64
	for id := range v.n.all(v.space) {
		held = append(held, v.n.spaces[v.space].short(&id))
	}
	for range v.rng.IntN(40) {
		short := v.rng.Uint64()
		if len(held) > 0 && v.rng.IntN(2) == 0 {
			short = held[v.rng.IntN(len(held))]
		}
		b = binary.LittleEndian.AppendUint64(b, short)
	}
	if v.rng.IntN(20) == 0 {
		b = append(b, 1)
	}
	return b
}

func (v *villain) batch() []byte {
	var records []*codec.Record
	for range 1 + v.rng.IntN(5) {
		var grant codec.ID
		if v.rng.IntN(3) == 0 {
			grant = codec.ID{byte(v.rng.Uint32()), 1}
		}
		rec := v.me.put(v.space, 1+v.rng.Uint64()>>v.rng.IntN(64)>>1, string('a'+rune(v.rng.IntN(4))), string(v.bytes(100)), grant)
		switch v.rng.IntN(8) {
		case 0:
			rec.Sig[v.rng.IntN(64)]++
		case 1:
			rec = v.me.grant(v.space, 5, v.me.peer)
		case 2:
			rec = v.me.cut(v.space, 5, v.n.Peer(), 0)
		}
		records = append(records, rec)
	}
	b := codec.AppendBatch(nil, records)
	if v.rng.IntN(6) == 0 {
		b[v.rng.IntN(len(b))]++
	}
	return b
}

// message is a well-formed message that may make no sense.
func (v *villain) message() (kind codec.MessageKind, fields any) {
	strategies := []string{"full", "frontier", "riblt", "salted", "", "none"}
	switch kind = codec.MessageKind(1 + v.rng.IntN(14)); kind {
	case codec.MsgHello:
		return kind, &codec.Hello{Protocol: v.number(), Nonce: v.number(), Window: v.number(), Strategies: strategies[:v.rng.IntN(len(strategies))]}
	case codec.MsgSpaces:
		s := &codec.Spaces{}
		for range v.rng.IntN(5) {
			s.Add = append(s.Add, codec.SpaceName{Index: v.number(), Blind: codec.Blind(make([]byte, 16))})
			s.Remove = append(s.Remove, v.number())
		}
		return kind, s
	case codec.MsgRecords:
		return kind, &codec.Records{Index: 3, Session: v.session(), Batch: v.batch()}
	case codec.MsgHave:
		return kind, &codec.Have{Index: 3, Short: v.shorts()}
	case codec.MsgWant:
		return kind, &codec.Want{Index: 3, Session: v.session(), More: v.rng.IntN(2) == 0, Short: v.shorts()}
	case codec.MsgEager:
		return kind, &codec.Eager{Index: v.number(), Eager: v.rng.IntN(2) == 0}
	case codec.MsgOpen:
		return kind, &codec.Open{Session: v.session(), Index: 3, Strategy: strategies[v.rng.IntN(len(strategies))], Count: v.number(), Summary: codec.ID{1}}
	case codec.MsgOpenPart:
		part := codec.Part{Since: v.number(), Until: v.number()}
		if v.rng.IntN(2) == 0 {
			part.Prefix = codec.MustKey("k")
		}
		return kind, &codec.OpenPart{Session: v.session(), Index: 3, Strategy: strategies[v.rng.IntN(len(strategies))], Count: v.number(), Part: part}
	case codec.MsgData:
		return kind, &codec.Data{Session: v.session(), Payload: v.bytes(200)}
	case codec.MsgClose:
		return kind, &codec.Close{Session: v.session(), Outcome: codec.Outcome(v.rng.IntN(15)), Count: v.number()}
	case codec.MsgCredential:
		return kind, &codec.Credential{Blind: v.blind(v.space, 1), Sealed: v.bytes(200)}
	case codec.MsgRefuse:
		return kind, &codec.Refuse{Kind: codec.MessageKind(v.number() & 0xffff)}
	}
	return 77, &codec.Refuse{Kind: 1} // a kind of the future
}

// Frames of honest nodes, altered anywhere, repeated and in any order.
func FuzzNodeFrames(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(2), []byte{0x84, 1, 0, 0x40, 0x80})
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		frames := honestFrames(t)
		v := newVillain(t, seed)
		v.frame(data)
		for range 40 {
			b := append([]byte(nil), frames[v.rng.IntN(len(frames))]...)
			for range v.rng.IntN(3) {
				b[v.rng.IntN(len(b))] = byte(v.rng.Uint32())
			}
			if v.rng.IntN(8) == 0 {
				b = b[:v.rng.IntN(len(b)+1)]
			}
			v.frame(b)
		}
		v.consistent()
	})
}

// honestFrames are what two nodes say to each other while they sync.
var honest [][]byte

func honestFrames(t testing.TB) [][]byte {
	if honest != nil {
		return honest
	}
	v := newVillain(t, 0)
	honest = append(honest, v.frames...)
	for range 30 {
		kind, fields := v.message()
		honest = append(honest, codec.AppendFrame(nil, codec.FrameHead{Seq: uint64(len(honest)) + 3}, 1, codec.AppendMessage(nil, kind, fields)))
	}
	return honest
}

// Well-formed messages in an order that makes no sense.
func FuzzNodeMessages(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		v := newVillain(t, seed)
		for range 60 {
			count := 1 + v.rng.IntN(4)
			var body []byte
			for range count {
				kind, fields := v.message()
				body = codec.AppendMessage(body, kind, fields)
			}
			switch v.rng.IntN(8) {
			case 0: // a gap
				v.seq++
			case 1: // an acknowledgement, maybe of the future
				v.heard = v.number() >> v.rng.IntN(60)
			case 2: // time passes
				v.mono += int64(v.rng.IntN(20e9))
				v.step(&codec.Wake{})
			case 3: // again
				v.seq -= min(v.seq, uint64(v.rng.IntN(3)))
			}
			v.raw(count, body)
		}
		v.consistent()
	})
}

// Floods: whatever a peer sends without end, memory stays bounded, and it hears
// no more than a share of what it said.
func TestFloods(t *testing.T) {
	floods := map[string]func(v *villain){
		"unknown messages": func(v *villain) {
			var body []byte
			for range 1000 {
				body = codec.AppendMessage(body, 99, &codec.Refuse{Kind: 1})
			}
			v.raw(1000, body)
		},
		"announcements": func(v *villain) {
			b := make([]byte, 8*4000)
			for i := range b {
				b[i] = byte(v.rng.Uint32())
			}
			v.say(codec.MsgHave, &codec.Have{Index: 3, Short: b})
		},
		"requests": func(v *villain) {
			var b []byte
			for id := range v.n.all(v.space) {
				for range 80 {
					b = binary.LittleEndian.AppendUint64(b, v.n.spaces[v.space].short(&id))
				}
			}
			v.say(codec.MsgWant, &codec.Want{Index: 3, Short: b})
		},
		"sessions": func(v *villain) {
			v.say(codec.MsgOpen, &codec.Open{Session: int64(v.seq), Index: 3, Strategy: "riblt", Count: 1 << 40})
			v.say(codec.MsgData, &codec.Data{Session: int64(v.seq) - 1, Payload: binary.AppendUvarint(nil, 1<<19)})
			v.say(codec.MsgData, &codec.Data{Session: int64(v.seq) - 2, Payload: binary.AppendUvarint(nil, 1<<19)})
		},
		"wants in a session": func(v *villain) {
			if v.seq < 4 {
				v.say(codec.MsgOpen, &codec.Open{Session: 1, Index: 3, Strategy: "full", Count: 1})
			}
			v.say(codec.MsgWant, &codec.Want{Index: 3, Session: 1, More: true, Short: make([]byte, 8*4000)})
		},
		"names of spaces": func(v *villain) {
			s := &codec.Spaces{}
			for range 200 {
				name := codec.SpaceName{Index: v.rng.Uint64()}
				copy(name.Blind[:], v.bytes(16))
				s.Add = append(s.Add, name)
			}
			v.say(codec.MsgSpaces, s)
		},
		"gaps": func(v *villain) {
			v.seq += 2
			var body []byte
			for range 1000 {
				body = codec.AppendMessage(body, codec.MsgRefuse, &codec.Refuse{Kind: 1})
			}
			v.raw(1000, body)
		},
		"pending records": func(v *villain) {
			var records []*codec.Record
			for range 20 {
				records = append(records, v.me.put(v.space, 1+v.rng.Uint64()>>2, "k", "v", codec.ID{byte(v.rng.Uint32()), byte(v.rng.Uint32()), 1}))
			}
			v.say(codec.MsgRecords, &codec.Records{Index: 3, Batch: codec.AppendBatch(nil, records)})
		},
		"forged records": func(v *villain) {
			rec := v.me.put(v.space, 1+v.rng.Uint64()>>2, "k", "v", codec.ID{})
			rec.Sig[5]++
			v.say(codec.MsgRecords, &codec.Records{Index: 3, Batch: codec.AppendBatch(nil, []*codec.Record{rec})})
		},
		"large frames": func(v *villain) { v.frame(make([]byte, codec.FrameMax+1)) },
		"acknowledgements of the future": func(v *villain) {
			v.frame(codec.AppendFrame(nil, codec.FrameHead{Ack: 1 << 40}, 0, nil))
		},
		"replays": func(v *villain) { v.frame(codec.AppendFrame(nil, codec.FrameHead{Seq: 1}, 0, nil)) },
	}
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			v := newVillain(t, 1)
			before := heap()
			for i := range 600 {
				flood(v)
				if i%100 == 0 && !v.gone { // it lives long
					v.mono += 1e9
					v.step(&codec.Wake{})
				}
			}
			if grown := heap() - before; grown > 14<<20 {
				t.Errorf("%d MB sent made the heap grow by %d MB", v.sent>>20, grown>>20)
			}
			if v.got > 2*v.sent+4<<20 {
				t.Errorf("%d bytes were answered by %d", v.sent, v.got)
			}
			t.Logf("%d bytes in, %d out, %d kB held, faults %v, hung up %t", v.sent, v.got, (heap()-before)>>10, v.kinds, v.gone)
			v.consistent()
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
