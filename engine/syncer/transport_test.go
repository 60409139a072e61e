package syncer

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// A wire carries frames both ways between two transports, badly.
type wire struct {
	t    *testing.T
	rng  *rand.Rand
	ends [2]transport
	now  int64
	air  []flight
	got  [2]uint64 // messages delivered, in order
	sent [2]uint64
	loss int // per cent
}

type flight struct {
	at   int64
	to   int
	data []byte
}

func (w *wire) emit(to int, data []byte) {
	for range 1 + w.rng.IntN(20)/19 { // some come twice
		if w.rng.IntN(100) >= w.loss {
			w.air = append(w.air, flight{w.now + 5e6 + w.rng.Int64N(30e6), to, data})
		}
	}
}

// pump sends what one end has to say; messages are numbers.
func (w *wire) pump(i int, most uint64) {
	t := &w.ends[i]
	t.resend(w.now, func(data []byte) { w.emit(1-i, data) })
	for t.room() > 0 && w.sent[i] < most {
		w.sent[i]++
		body := codec.AppendMessage(nil, codec.MsgData, &codec.Data{Session: 1, Payload: binary.BigEndian.AppendUint64(make([]byte, w.rng.IntN(900)), w.sent[i])})
		w.emit(1-i, t.send(w.now, 1, body, []carried{{short: w.sent[i]}}))
	}
	if t.ackAt != 0 && t.ackAt <= w.now {
		w.emit(1-i, t.ack())
	}
	if at := t.wake(); at != 0 && at <= w.now {
		w.t.Fatalf("at %d wants to be woken at %d", w.now, at)
	}
}

func (w *wire) deliver(i int, data []byte) {
	t := &w.ends[i]
	head, messages, err := codec.ParseFrame(data, nil)
	if err != nil || !t.acknowledged(w.now, &head) {
		w.t.Fatal("an honest frame was refused", err)
	}
	if head.Seq == 0 {
		return
	}
	take := func(list []codec.Message) {
		for _, m := range list {
			var d codec.Data
			if err := m.Decode(&d); err != nil {
				w.t.Fatal(err)
			}
			if n := binary.BigEndian.Uint64(d.Payload[len(d.Payload)-8:]); n != w.got[i]+1 {
				w.t.Fatalf("message %d after %d", n, w.got[i])
			}
			w.got[i]++
		}
	}
	fresh, inOrder := t.receive(w.now, head.Seq)
	switch {
	case fresh && inOrder:
		take(messages)
		t.advance(take)
	case fresh:
		t.hold(head.Seq, messages)
	}
}

// Messages arrive in order and once over a link that loses, repeats and shuffles
// frames; what a frame carried is reported once, when it has arrived.
func TestTransportDelivers(t *testing.T) {
	for seed := range uint64(12) {
		w := &wire{t: t, rng: rand.New(rand.NewPCG(seed, 1)), ends: [2]transport{newTransport(), newTransport()}, now: 1, loss: int(seed) * 4}
		const most = 1500
		for w.ends[0].credit, w.ends[1].credit = 1<<20, 1<<20; w.got != [2]uint64{most, most}; {
			w.pump(0, most)
			w.pump(1, most)
			next := earlier(w.ends[0].wake(), w.ends[1].wake())
			best := -1
			for i, f := range w.air {
				if f.at <= next || next == 0 || best >= 0 && f.at < w.air[best].at {
					best, next = i, f.at
				}
			}
			if next == 0 {
				t.Fatalf("seed %d: both ends sleep with %v of %d delivered", seed, w.got, most)
			}
			w.now = max(w.now, next)
			if best >= 0 {
				f := w.air[best]
				w.air = append(w.air[:best], w.air[best+1:]...)
				w.deliver(f.to, f.data)
			}
			if w.now > 3000e9 {
				t.Fatalf("seed %d: %v of %d delivered in 50 minutes", seed, w.got, most)
			}
		}
		for i := range w.ends {
			seen := map[uint64]bool{}
			for _, r := range w.ends[i].reached {
				if seen[r.short] || r.short > most {
					t.Fatalf("message %d was reported twice", r.short)
				}
				seen[r.short] = true
			}
		}
	}
}

// No acknowledgement, however made up, breaks the accounts of the sender.
func TestHostileAcknowledgements(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		tr := newTransport()
		now := int64(1)
		for range 200 {
			now += rng.Int64N(3e9)
			for range rng.IntN(4) {
				tr.send(now, 1, make([]byte, rng.IntN(2000)), nil)
			}
			head := codec.FrameHead{Ack: uint64(rng.IntN(int(tr.next) + 3)), Gaps: make([]byte, rng.IntN(codec.GapsMax))}
			for i := range head.Gaps {
				head.Gaps[i] = byte(rng.Uint32())
			}
			if ok := tr.acknowledged(now, &head); ok != (head.Ack < tr.next) {
				t.Fatalf("acknowledgement of %d of %d frames: %t", head.Ack, tr.next-1, ok)
			}
			tr.resend(now, func([]byte) {})
			flying := 0
			for i, f := range tr.inFlight {
				if f.seq != tr.inFlight[0].seq+uint64(i) {
					t.Fatal("a hole among the frames in flight")
				}
				if !f.acked {
					flying += len(f.body) + frameOverhead
				}
			}
			if flying != tr.flying || tr.window < windowMin || tr.window > windowMax || len(tr.inFlight) > 0 && tr.inFlight[0].acked {
				t.Fatalf("seed %d: %d bytes in flight, counted %d, window %d", seed, flying, tr.flying, tr.window)
			}
			if at := tr.wake(); at != 0 && at <= now || len(tr.inFlight) > 0 && at == 0 {
				t.Fatalf("seed %d: at %d wakes at %d with %d frames in flight", seed, now, at, len(tr.inFlight))
			}
		}
	}
}

// A host that was stopped acknowledges at once what came in the meantime. That says
// nothing of the path: what is lost afterwards is sent again as soon as on any link
// with such round trips, though the link has hardly anything to say.
func TestAStallIsNoPath(t *testing.T) {
	const rtt, stall = 80e6, 14e9
	tr := newTransport()
	now := int64(1e9)
	exchange := func(frames int, after int64) {
		first := tr.next
		for range frames {
			tr.send(now, 1, []byte{1}, nil)
			now += 1e6
		}
		now += after
		if !tr.acknowledged(now, &codec.FrameHead{Ack: first + uint64(frames) - 1}) {
			t.Fatal("refused")
		}
	}
	for range 20 {
		exchange(1, rtt)
	}
	before := tr.rto()
	exchange(20, stall)
	exchange(1, rtt)
	if tr.rto() > 3e9 || tr.lossAfter() > 3e9 {
		t.Errorf("%d ms before the stall; after it the time-out is %d ms, loss is found after %d ms", before/1e6, tr.rto()/1e6, tr.lossAfter()/1e6)
	}
	for range 400 { // a path may grow
		exchange(1, 5e9)
	}
	if tr.rto() < 5e9 {
		t.Errorf("a path of 5 s has a time-out of %d ms", tr.rto()/1e6)
	}
}

// However often nothing comes back, the next try is not long in coming; a path that
// takes longer than that is waited for.
func TestTimeOutsStayShort(t *testing.T) {
	for _, rtt := range []int64{40e6, 8e9} {
		tr := newTransport()
		tr.measure(rtt)
		tr.send(0, 1, []byte{1}, nil)
		for range 20 {
			at := tr.inFlight[0].at
			tr.resend(at+tr.rto(), func([]byte) {})
			if waited := tr.inFlight[0].at - at; waited < rtt || waited > max(5e9, 4*rtt) {
				t.Fatalf("a path of %d ms is tried again after %d ms", rtt/1e6, waited/1e6)
			}
		}
	}
}

// An acknowledgement that a partition held up says nothing of the path.
func TestStallsAreNoMeasurements(t *testing.T) {
	tr := newTransport()
	for range 20 {
		tr.measure(100e6)
	}
	before := tr.rto()
	for range 5 {
		tr.measure(12e9)
	}
	if tr.rto() != before {
		t.Errorf("a time-out of %d ms is %d ms after a partition", before/1e6, tr.rto()/1e6)
	}
}
