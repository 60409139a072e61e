package main

import (
	"flag"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// reconcilerMeasurements are in the files of the strategies.
var reconcilerMeasurements = []measurement{
	{"riblt_encode_ms", ribltEncode},
	{"riblt_decode_ns_per_diff", ribltDecode},
	{"sketch_insert_ns", ribltInsert},
	{"session_warm_us", ribltSession},
	{"cells_per_diff", ribltCells},
	{"kvriblt_bytes_per_changed_key", kvSessions},
	{"cells_per_diff", kvCells},
	{"sketch_insert_ns", kvInsert},
	{"negentropy_ms", rbsrNegentropy},
	{"range_tree", rbsrTree},
	{"session_warm_us", rbsrSession},
	{"adversary_cost", rbsrAdversary},
	{"adversary_cost", adversaryCost},
	{"adversary_cost", groundCost},
	{"prolly", benchProlly},
	{"sync_bytes_ratio", syncRatio},
	{"auto_ratio", autoRatio},
}

func reconcilers(flags *flag.FlagSet, args []string) error {
	return measure(reconcilerMeasurements, flags, args)
}

// A warmSet is a set with a strategy's summary beside it, and its own view:
// what a node has between sessions, without a store.
type warmSet struct {
	reconcile.View // nil: no session of these benchmarks asks for more than below
	strategy       reconcile.Strategy
	salt           codec.Salt
	items          []reconcile.Item
	held           map[uint64]struct{} // by short id, those that were there from the start
	added          map[uint64]struct{} // the others: what is new is in the cache, as in a node
	kept           reconcile.Kept
	pinned         reconcile.Pinned
}

func newWarmSet(st reconcile.Strategy, items []reconcile.Item) *warmSet {
	s := &warmSet{strategy: st, salt: codec.Salt{1, 2, 3}, items: items, held: make(map[uint64]struct{}, len(items)), added: map[uint64]struct{}{}}
	for i := range items {
		s.held[items[i].Short] = struct{}{}
	}
	s.kept = st.NewKept(s)
	return s
}

func (s *warmSet) add(items []reconcile.Item) {
	s.items = append(s.items, items...)
	for i := range items {
		s.added[items[i].Short] = struct{}{}
		s.kept.Add(&items[i])
	}
}

// drop removes the last n items, which were added.
func (s *warmSet) drop(n int) {
	last := s.items[len(s.items)-n:]
	for i := range last {
		delete(s.added, last[i].Short)
		s.kept.Remove(&last[i])
	}
	s.items = s.items[:len(s.items)-n]
}

func (s *warmSet) Count() uint64     { return uint64(len(s.items)) }
func (s *warmSet) Salt() *codec.Salt { return &s.salt }

func (s *warmSet) Has(short uint64) bool {
	if _, added := s.added[short]; added {
		return true
	}
	_, held := s.held[short]
	return held
}

func (s *warmSet) Each(fn func(short uint64, id *codec.ID) bool) {
	for i := range s.items {
		if !fn(s.items[i].Short, &s.items[i].ID) {
			return
		}
	}
}

func (s *warmSet) Items(fn func(item *reconcile.Item) bool) {
	for i := range s.items {
		if !fn(&s.items[i]) {
			return
		}
	}
}

func (s *warmSet) Kept(reconcile.Strategy) reconcile.Pinned { return s.pinned }

// pin and unpin enclose a session. Some strategies keep nothing.
func (s *warmSet) pin() {
	if s.kept != nil {
		s.pinned = s.kept.Pin()
	}
}

func (s *warmSet) unpin() {
	if s.kept != nil {
		s.pinned.Close()
	}
}

// A warmSession is what one session of two warm sets took.
type warmSession struct {
	micros        float64 // of both sides, pinning and payloads included
	bytes, rounds int     // both ways; times that the initiator waited
	given, wanted int     // by the initiator
	answered      int     // given by the responder by itself
}

// sessionSalt is any number that nobody knew before.
const sessionSalt = 0x243f6a8885a308d3

// session runs a session as the syncer does, but for the records.
func session(initiator, responder *warmSet) (warmSession, error) {
	var cost warmSession
	var fromA, fromB reconcile.Out
	watch := start()
	initiator.pin()
	responder.pin()
	a := initiator.strategy.Open(initiator, reconcile.Peer{Count: responder.Count(), Salt: sessionSalt}, &fromA)
	b := responder.strategy.Accept(responder, reconcile.Peer{Count: initiator.Count(), Salt: sessionSalt}, &fromB)
	cost.rounds = 1
	deliver := func(from *reconcile.Out, to reconcile.Session, out *reconcile.Out) error {
		payloads := from.Payloads
		from.Payloads = nil
		for _, p := range payloads {
			if cost.bytes += len(p); out.Done {
				continue // it was under way
			}
			if err := to.Receive(p, out); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		if err := deliver(&fromB, a, &fromA); err != nil {
			return cost, err
		}
		if fromA.Done || fromA.Fallback || fromB.Fallback {
			break
		}
		if cost.rounds++; len(fromA.Payloads) == 0 {
			return cost, errSilent
		}
		if err := deliver(&fromA, b, &fromB); err != nil {
			return cost, err
		}
	}
	initiator.unpin()
	responder.unpin()
	_, cpu := watch.stop()
	cost.micros = float64(cpu.Nanoseconds()) / 1e3
	cost.given, cost.wanted, cost.answered = len(fromA.Give), len(fromA.Want), len(fromB.Give)
	return cost, nil
}
