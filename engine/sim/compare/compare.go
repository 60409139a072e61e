// Package compare measures strategies side by side. Two real nodes hold two sets
// that differ by a known workload, a link of a modelled network comes up between
// them, and what follows is measured: bytes of each purpose and direction, round
// trips, the simulated time until both hold everything, the time that the steps
// of each took on this machine, the memory of the summaries.
//
// It is the code that runs in production that runs here: nodes, syncer, frames,
// acknowledgements. Only the records that never move are not signed, since
// nobody would look.
//
// The nodes meet twice. Before they are measured they are equal but for one
// record, find that out, and so build their summaries: Row.ColdNs is what that
// took. Then both take in their part of the difference while they are not
// connected, and the second meeting is the one that counts.
package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// A Case is one thing to measure.
type Case struct {
	Strategy string `cbor:"strategy"` // one, or several in order of preference, joined by "+"
	Workload string `cbor:"workload"` // see Workloads
	Network  string `cbor:"network"`  // see Networks
	Records  int    `cbor:"records"`  // n: what both hold before they differ, 0 to RecordsMax
	Differ   int    `cbor:"differ"`   // d: records that only one of them holds, 0 to RecordsMax
	Seed     uint64 `cbor:"seed"`
}

// RecordsMax bounds n and d.
const RecordsMax = 10_000_000

// A Row is what a case cost. Bytes up are from the initiator of the session to
// the responder. The times of this machine and KeptBytes differ from run to run,
// everything else is a function of the case.
type Row struct {
	Case      `cbor:"case"`
	Converged bool   `cbor:"converged"`
	Sessions  uint64 `cbor:"sessions"`   // more than one: another try, or another strategy, was needed
	Rounds    uint64 `cbor:"rounds"`     // times that the initiator waited for the responder
	ElapsedNs int64  `cbor:"elapsed_ns"` // simulated, from the first session's opening to the last record's arrival

	ReconcileUp   uint64     `cbor:"reconcile_up"` // bytes of sessions, records not counted
	ReconcileDown uint64     `cbor:"reconcile_down"`
	Records       RecordCost `cbor:"records"`
	Control       uint64     `cbor:"control"` // bytes of frame heads and acknowledgements, both ways
	Resent        uint64     `cbor:"resent"`  // bytes of frames sent again

	InitiatorNs int64  `cbor:"initiator_ns"` // of this machine, in the steps of the second meeting
	ResponderNs int64  `cbor:"responder_ns"`
	ColdNs      int64  `cbor:"cold_ns"`    // of this machine, both nodes, in the first meeting
	KeptBytes   uint64 `cbor:"kept_bytes"` // of a node's memory: what the first meeting left behind
}

// RecordCost says what the records themselves cost.
type RecordCost struct {
	Bytes     uint64 `cbor:"bytes"`     // sent, both ways
	Canonical uint64 `cbor:"canonical"` // of the records that were missing: header, signature, value
	Missing   uint64 `cbor:"missing"`
	Duplicate uint64 `cbor:"duplicate"` // that came although they were held, or outdated
}

// A CaseError names the field of a case that is wrong.
type CaseError struct{ Field, Detail string }

func (e *CaseError) Error() string { return "compare: " + e.Field + ": " + e.Detail }

func (c *Case) check() error {
	for _, name := range strings.Split(c.Strategy, "+") {
		if !slices.Contains(engine.StrategyNames(), name) {
			return &CaseError{"strategy", fmt.Sprintf("%q is unknown, have %v", name, engine.StrategyNames())}
		}
	}
	if c.Records < 0 || c.Records > RecordsMax {
		return &CaseError{"records", fmt.Sprintf("%d, want 0 to %d", c.Records, RecordsMax)}
	}
	if c.Differ < 0 || c.Differ > RecordsMax {
		return &CaseError{"differ", fmt.Sprintf("%d, want 0 to %d", c.Differ, RecordsMax)}
	}
	return nil
}

// A Network is a modelled link.
type Network struct {
	Name   string
	About  string
	Model  links.Model
	Params links.Params
}

const ms = int64(1e6)

func rate(mbit int64) links.Bandwidth {
	return links.Bandwidth{BytesPerSecond: mbit * 125_000, QueueBytes: 1 << 20}
}

// Networks are those that a case can name.
var Networks = []Network{
	{"lan", "0.5 ms round trip, 1 Gbit/s", links.Constant{Delay: ms / 4}, links.Params{Bandwidth: rate(1000)}},
	{"wan", "80 ms round trip, 50 Mbit/s", links.Constant{Delay: 40 * ms}, links.Params{Bandwidth: rate(50)}},
	{"lossy", "120 ms round trip and up to 20 ms of jitter, 10 Mbit/s, 1 % loss", links.Constant{Delay: 60 * ms},
		links.Params{Jitter: 10 * ms, Loss: 10_000, Bandwidth: rate(10)}},
	{"satellite", "600 ms round trip, 5 Mbit/s, 0.1 % loss", links.Constant{Delay: 300 * ms},
		links.Params{Loss: 1_000, Bandwidth: rate(5)}},
}

func network(name string) (*Network, error) {
	var names []string
	for i := range Networks {
		if Networks[i].Name == name {
			return &Networks[i], nil
		}
		names = append(names, Networks[i].Name)
	}
	return nil, &CaseError{"network", fmt.Sprintf("%q is unknown, have %s", name, strings.Join(names, ", "))}
}
