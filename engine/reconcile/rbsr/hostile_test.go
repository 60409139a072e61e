package rbsr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

func TestErrors(t *testing.T) {
	entries := randomEntries(rand.New(rand.NewPCG(1, 1)), 50, 10)
	cell := "000000000000000000000000"
	for _, c := range []struct {
		payload string
		want    error
	}{
		{"", ErrTruncated},
		{"02", ErrMode},
		{"01", nil},
		{"0104", ErrRange},                               // range 1 of the initiator's, which has sent only 0
		{"0180", ErrTruncated},                           // a number that goes on
		{"018000", ErrVarint},                            // a longer form
		{"01ffffffffffffffffff7f", ErrVarint},            // 70 bits
		{"0100" + "0500", ErrCount},                      // no cells
		{"0100" + "0001" + cell, ErrCount},               // more cells than entries
		{"0100" + "ffffffffff7f01" + cell, ErrCount},     // 2^42 entries
		{"0100" + "ff0181" + "01", ErrTruncated},         // more cells than bytes
		{"0100" + "0502" + cell, ErrTruncated},           // one of two
		{"0100" + "0502" + cell + "80" + cell, ErrBound}, // the bound (0, zeros)
		{"0100" + "0502" + cell + "8101" + cell, ErrBound},
		{"0100" + "0502" + cell + "c000" + cell, ErrBound},                   // a prefix of no bytes
		{"0100" + "0502" + cell + "c021" + cell + cell + cell, ErrBound},     // of 33
		{"0100" + "0502" + cell + "3f01" + cell, ErrBound},                   // a time of 2^64 and more
		{"0101" + "ff01", ErrTruncated},                                      // a list of 255 in no bytes
		{"0102" + "00" + "00", ErrTruncated},                                 // a part without a bound
		{"0103" + "33" + string(bytes.Repeat([]byte("00"), 8*51)), ErrCount}, // asks for 51 of 50
		{"0101000100", ErrRange},                                             // answered twice
	} {
		view := newView(entries)
		var out reconcile.Out
		err := OpenOn(view, view.snap).Receive(unhex(t, c.payload), &out)
		if !errors.Is(err, c.want) || err != nil && !errors.Is(err, reconcile.ErrPayload) {
			t.Errorf("%s: %v, want %v", c.payload[:min(len(c.payload), 60)], err, c.want)
		}
	}
	view := newView(entries)
	var out reconcile.Out
	responder := AcceptOn(view, view.snap, reconcile.Peer{Count: 9}, &out)
	if err := responder.Receive(unhex(t, "010300"), &out); !errors.Is(err, ErrMode) {
		t.Errorf("the initiator asks: %v", err)
	}
	if err := responder.Receive(make([]byte, reconcile.PayloadMax+1), &out); !errors.Is(err, ErrCount) {
		t.Errorf("a long payload: %v", err)
	}
	initiator := OpenOn(view, view.snap)
	_ = initiator.Receive([]byte{1}, &out)
	if err := initiator.Receive([]byte{1}, &out); !errors.Is(err, ErrRange) {
		t.Errorf("a payload after the end: %v", err)
	}
}

// forge writes a payload that answers whatever ranges are open with cells, lists
// and requests that are made up.
func forge(rng *rand.Rand, open int, times uint64) []byte {
	var w writer
	bound := func() {
		b := v1Bound{Entry: Entry{Time: max(1_700_000_000, w.last.Time) + 1 + rng.Uint64N(times)}}
		w.bound(&b)
	}
	for ref := range uint64(open) {
		if rng.IntN(8) == 0 {
			continue
		}
		switch kind := rng.IntN(8); kind {
		default:
			k := 1 + rng.IntN(8)
			w.group(ref, kindCells, 400)
			w.varint(uint64(k + rng.IntN(1<<rng.IntN(20))))
			w.varint(uint64(k))
			for i := range k {
				w.cell(mass{rng.Uint64(), rng.Uint64()})
				if i < k-1 {
					bound()
				}
			}
		case 1, 2:
			w.group(ref, kindList, 200)
			n := rng.IntN(3)
			w.varint(uint64(n))
			for range n {
				w.short(rng.Uint64())
			}
		case 3:
			w.group(ref, kindPart, 200)
			w.varint(0)
			bound()
		}
		if len(w.done) > 0 {
			break
		}
	}
	return append(w.done, w.payloads(true)...)[0]
}

// What a side sends and gives away is bounded by what it gets and by its set.
func TestForgedRangesCostWhatTheySay(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		entries := randomEntries(rng, 100+rng.IntN(8000), 100_000)
		view := newView(entries)
		var out reconcile.Out
		session := AcceptOn(view, view.snap, reconcile.Peer{Count: 1 << 50}, &out)
		if seed%2 == 0 {
			out = reconcile.Out{}
			session = OpenOn(view, view.snap)
		}
		s := session.(*side)
		in, sent := 0, 0
		for step := 0; step < 200 && len(s.sent) > 0; step++ {
			payload := forge(rng, min(len(s.sent), 1+rng.IntN(300)), 2000)
			before := s.heard
			in += len(payload)
			err := session.Receive(payload, &out)
			if err != nil && !errors.Is(err, reconcile.ErrPayload) {
				t.Fatal(err)
			}
			if err != nil || out.Done {
				break
			}
			cells := int(s.heard - before)
			size := 0
			for _, p := range out.Payloads {
				size += len(p)
			}
			out.Payloads = nil
			sent += size
			if most := 64 + cells*(answerMax*(cellSize+boundMax)) + 16*len(entries); size > most {
				t.Fatalf("seed %d: %d cells make %d bytes", seed, cells, size)
			}
		}
		// Splits of 64 cells of 12 bytes and a bound for 12 bytes; lists once.
		if sent > in*answerMax*4+16*len(entries)+8192 {
			t.Errorf("seed %d: %d bytes made %d from %d entries", seed, in, sent, len(entries))
		}
		if len(out.Give) > len(entries) {
			t.Errorf("seed %d: %d of %d records given", seed, len(out.Give), len(entries))
		}
	}
}

// A peer that has the same range compared again and again stops getting answers.
func TestEndlessRanges(t *testing.T) {
	const n = 500
	view := newView(randomEntries(rand.New(rand.NewPCG(2, 1)), n, 1000))
	session := OpenOn(view, view.snap)
	for step := range depthMax + 2 {
		var w writer
		w.group(uint64(max(0, min(step-1, 1))), kindCells, 128) // pass over the list of none
		w.varint(2 * (n + 2))                                   // two more than there are, then nobody's time
		w.varint(2)
		w.cell(mass{1, 1})
		w.bound(&v1Bound{Entry: Entry{Time: 1 << 60}})
		w.cell(mass{1, 1})
		var out reconcile.Out
		err := session.Receive(w.payloads(true)[0], &out)
		if errors.Is(err, ErrDepth) && step == depthMax+1 {
			return
		}
		if err != nil || out.Done || len(out.Payloads) != 1 || len(out.Payloads[0]) > 64 {
			t.Fatalf("step %d: %v, done %t", step, err, out.Done)
		}
	}
	t.Error("no end")
}

// One cell is answered by 64 at most, whatever it claims.
func TestAnswersToOneCell(t *testing.T) {
	const n = 8000
	for _, claim := range []uint64{1, n - 3000, n - 200, n, n + 1, n + 200, n + 3000, 1 << 40} {
		view := newView(randomEntries(rand.New(rand.NewPCG(3, 1)), n, 100_000))
		session := OpenOn(view, view.snap)
		var w writer
		w.group(0, kindCells, 64)
		w.varint(claim)
		w.varint(1)
		w.cell(mass{claim, 1})
		var out reconcile.Out
		if err := session.Receive(w.payloads(true)[0], &out); err != nil {
			t.Fatal(err)
		}
		cells := 0
		for _, open := range session.(*side).sent {
			if !open.listed {
				cells++
			}
		}
		size := 0
		for _, p := range out.Payloads {
			size += len(p)
		}
		if cells > 64 || size > 64*24 && size > n*9 {
			t.Errorf("a cell of %d entries makes %d cells, %d bytes", claim, cells, size)
		}
	}
}

// A list is not sent twice, however its receiver answers.
func TestListsAreNotDivided(t *testing.T) {
	view := newView(randomEntries(rand.New(rand.NewPCG(2, 1)), 10, 1000))
	var out reconcile.Out
	responder := AcceptOn(view, view.snap, reconcile.Peer{}, &out)
	for _, answer := range []string{"0100" + "0501" + "000000000000000000000000", "010100"} {
		if err := responder.Receive(unhex(t, answer), &out); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// Every bound that is accepted is exactly what is written.
func FuzzBounds(f *testing.F) {
	f.Add([]byte{0x0a, 3}, uint64(0))
	f.Add([]byte{0xc0, 2, 7, 7}, uint64(5))
	f.Add([]byte{0x3f, 0}, uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, last uint64) {
		r := wireReader{reader: reader{data: data}, last: Entry{Time: last}}
		b := r.bound()
		if r.err != nil {
			if !errors.Is(r.err, reconcile.ErrPayload) {
				t.Fatal(r.err)
			}
			return
		}
		used := len(data) - len(r.data)
		prefix := 0
		if data[0]&boundPrefix != 0 {
			prefix = int(data[used-1-trailing(data[:used])])
		}
		w := writer{last: Entry{Time: last}}
		w.bound(&v1Bound{Entry: b, prefix: prefix})
		if !bytes.Equal(w.cur, data[:used]) {
			t.Fatalf("%x became %x", data[:used], w.cur)
		}
	})
}

// trailing is the length of the id prefix at the end of a bound.
func trailing(bound []byte) int {
	at := 1
	if bound[0]&boundSameTime == 0 {
		_, n := binary.Uvarint(bound[1:])
		at += n
	}
	return int(bound[at])
}
