package reconciletest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// A Cost is what one session took.
type Cost struct {
	Bytes    int // of payloads, both ways
	Payloads int
	Rounds   int // times that the initiator waited
	Given    int // records, both ways
	Wanted   int
	Fallback bool
}

// overheadMax bounds the payloads of a session in the suite: more is endless.
const overheadMax = 100_000

// Session runs a strategy between two sets as the syncer does: payloads in order
// and once, records given and wanted by short id from the live sets. between is
// called before each payload is delivered; it may change the sets.
func Session(st reconcile.Strategy, initiator, responder *Set, between func()) (Cost, error) {
	var cost Cost
	a, b := initiator.Pin(), responder.Pin()
	defer a.Close()
	defer b.Close()
	var toB, toA reconcile.Out
	left := st.Open(a, reconcile.Peer{Count: b.Count()}, &toB)
	right := st.Accept(b, reconcile.Peer{Count: a.Count()}, &toA)
	cost.Rounds = 1
	done := false
	give := func(out *reconcile.Out, from, to *Set) {
		for _, short := range out.Give {
			for _, r := range from.named[short] {
				to.Add(r)
			}
		}
		cost.Given += len(out.Give)
		out.Give = nil
	}
	for {
		give(&toB, initiator, responder)
		give(&toA, responder, initiator)
		if toA.Fallback || toB.Fallback {
			cost.Fallback = true
			return cost, nil
		}
		done = done || toB.Done
		from, to, session := &toA, &toB, left // the initiator reads first: it decides
		if len(toA.Payloads) == 0 || done {
			from, to, session = &toB, &toA, right
		}
		if len(from.Payloads) == 0 {
			break
		}
		payload := from.Payloads[0]
		from.Payloads = from.Payloads[1:]
		cost.Bytes += len(payload)
		if cost.Payloads++; len(payload) > reconcile.PayloadMax || cost.Payloads > overheadMax {
			return cost, fmt.Errorf("payload %d of %d bytes", cost.Payloads, len(payload))
		}
		between()
		sent := len(toB.Payloads)
		if err := session.Receive(payload, to); err != nil {
			return cost, fmt.Errorf("an honest payload was refused: %w", err)
		}
		if len(toB.Payloads) > sent && !toB.Done { // the last word is not waited for
			cost.Rounds++
		}
	}
	if !done {
		return cost, errors.New("both sides are silent and nothing is decided")
	}
	for _, short := range toB.Want {
		for _, r := range responder.named[short] {
			initiator.Add(r)
		}
	}
	cost.Wanted = len(toB.Want)
	return cost, nil
}

// Transcript runs a session in lockstep, each side's payloads all read before the
// other speaks again, and returns the SHA-256 of all payloads in that order, with what
// the initiator and the responder decided. A strategy whose payloads are a format
// compares it with the one of the day when the format was fixed.
func Transcript(t *testing.T, st reconcile.Strategy, initiator, responder *View) (sum string, left, right reconcile.Out) {
	t.Helper()
	a := st.Open(initiator, reconcile.Peer{Count: responder.Count()}, &left)
	b := st.Accept(responder, reconcile.Peer{Count: initiator.Count()}, &right)
	h := sha256.New()
	read := func(s reconcile.Session, payload []byte, out *reconcile.Out) {
		h.Write(payload)
		if err := s.Receive(payload, out); err != nil {
			t.Fatal(err)
		}
	}
	for len(right.Payloads) > 0 {
		payload := right.Payloads[0]
		right.Payloads = right.Payloads[1:]
		read(a, payload, &left)
		for ; len(left.Payloads) > 0; left.Payloads = left.Payloads[1:] {
			read(b, left.Payloads[0], &right)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), left, right
}
