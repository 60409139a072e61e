package reconciletest

import (
	"errors"
	"fmt"

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
