package compare

import (
	"errors"
	"strings"
	"testing"

	"github.com/intersubjective/rapprochement/engine"
)

func run(t *testing.T, b *Bench, c Case) *Row {
	t.Helper()
	row, err := b.Run(c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	if !row.Converged {
		t.Fatalf("%+v: not converged: %+v", c, row)
	}
	return row
}

func newBench(t *testing.T) *Bench {
	t.Helper()
	b, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every strategy brings every workload together over every network, and its
// accounts add up.
func TestEveryCaseConverges(t *testing.T) {
	b := newBench(t)
	for _, strategy := range engine.StrategyNames() {
		for _, w := range Workloads {
			for _, n := range Networks {
				c := Case{strategy, w.Name, n.Name, 600, 20, 1}
				row := run(t, b, c)
				missing := map[string]uint64{"empty": 600, "equal": 0}
				want, special := missing[w.Name]
				if !special {
					want = 20
				}
				rtt := 2 * n.Model.Latency(0, 1, 0)
				switch {
				case row.Records.Missing != want:
					t.Errorf("%+v: %d records missing, want %d", c, row.Records.Missing, want)
				case want > 0 && row.Records.Bytes*10 < row.Records.Canonical*6:
					t.Errorf("%+v: %d bytes of records bring %d", c, row.Records.Bytes, row.Records.Canonical)
				case row.ReconcileUp == 0 || row.ReconcileDown == 0 || row.Control == 0:
					t.Errorf("%+v: bytes are missing from the accounts: %+v", c, row)
				case row.ElapsedNs < rtt || row.Rounds == 0 || row.Sessions == 0:
					t.Errorf("%+v: over in %d ns and %d rounds, a round trip takes %d", c, row.ElapsedNs, row.Rounds, rtt)
				case row.InitiatorNs == 0 || row.ResponderNs == 0:
					t.Errorf("%+v: no time was spent: %+v", c, row)
				}
			}
		}
	}
}

// What is simulated is a function of the case; only the times of this machine
// differ.
func TestSameCaseSameRow(t *testing.T) {
	c := Case{"riblt", "updates", "lossy", 500, 100, 7}
	simulated := func(b *Bench, c Case) Row {
		r := *run(t, b, c)
		r.InitiatorNs, r.ResponderNs, r.ColdNs, r.KeptBytes = 0, 0, 0, 0
		return r
	}
	b := newBench(t)
	first := simulated(b, c)
	run(t, b, Case{"full", "empty", "lan", 100, 0, 1}) // leaves nothing behind
	if again := simulated(b, c); again != first {
		t.Errorf("%+v\n%+v", first, again)
	}
	for _, next := range []Case{c, {"full", "updates", "lan", 500, 100, 7}, {"full", "updates", "lan", 500, 100, 8}, {"full", "recent", "lan", 500, 100, 8}, {"full", "recent", "lan", 500, 99, 8}} {
		got, fresh := simulated(b, next), simulated(newBench(t), next) // what is kept does not show
		if got != fresh {
			t.Errorf("%+v\n%+v", got, fresh)
		}
	}
}

func TestBadCases(t *testing.T) {
	good := Case{"riblt", "uniform", "wan", 10, 1, 0}
	for field, c := range map[string]Case{ // unordered: each is checked alone
		"strategy": {"ribbit", "uniform", "wan", 10, 1, 0},
		"workload": {"riblt", "unicorn", "wan", 10, 1, 0},
		"network":  {"riblt", "uniform", "van", 10, 1, 0},
		"records":  {"riblt", "uniform", "wan", -1, 1, 0},
		"differ":   {"riblt", "uniform", "wan", 10, RecordsMax + 1, 0},
	} {
		_, err := newBench(t).Run(c)
		var bad *CaseError
		if !errors.As(err, &bad) || bad.Field != field || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	run(t, newBench(t), good)
}

// A node's own export is split and brought together again.
func TestOwnRecords(t *testing.T) {
	m := newMaker(5)
	var envelopes []byte
	const n = 300
	for i := range n {
		envelopes = m.signed(i%authors, key("own", uint64(i)), int64(i)).AppendEnvelope(envelopes)
	}
	b, err := New(m.genesis, envelopes)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		row := run(t, b, Case{"riblt", "records", "wan", 0, 40, seed})
		if row.Records.Missing != 40 || row.Records.Duplicate != 0 {
			t.Errorf("%+v", row)
		}
	}
	run(t, b, Case{"full", "updates", "wan", 50, 20, 1})
	run(t, b, Case{"riblt", "records", "wan", 0, 0, 1})
	run(t, b, Case{"full", "updates", "wan", 50, 20, 1}) // of a new base, whose old versions are signed anew
	for name, c := range map[string]Case{                // unordered: each is checked alone
		"fewer":         {"riblt", "records", "wan", 0, n, 1},
		"needs records": {"riblt", "records", "wan", 0, 1, 1},
	} {
		b := b
		if name == "needs records" {
			b = newBench(t)
		}
		if _, err := b.Run(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	envelopes[len(envelopes)-1] ^= 1
	if _, err := New(m.genesis, envelopes); err == nil {
		t.Error("a forged record was taken")
	}
	if _, err := New([]byte{1}, nil); err == nil {
		t.Error("a malformed genesis was taken")
	}
}

// A link that never delivers ends at the patience, not never.
func TestHopelessCaseEnds(t *testing.T) {
	Networks = append(Networks, Networks[0])
	defer func() { Networks = Networks[:len(Networks)-1] }()
	dead := &Networks[len(Networks)-1]
	dead.Name, dead.Params.Loss = "dead", 1_000_000
	row, err := newBench(t).Run(Case{"riblt", "uniform", "dead", 10, 2, 1})
	if err != nil || row.Converged {
		t.Errorf("%+v, %v", row, err)
	}
}

func TestCancel(t *testing.T) {
	b := newBench(t)
	base, err := newBase(10)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPair(&Case{Strategy: "riblt"}, &Networks[0], base.stores(&difference{}), base.space, base.maker.genesis)
	if err != nil {
		t.Fatal(err)
	}
	b.Cancel()
	p.connect()
	if p.run(&b.canceled) || !errors.Is(p.failed, ErrCanceled) {
		t.Errorf("a canceled run ended with %v", p.failed)
	}
	run(t, b, Case{"riblt", "uniform", "lan", 10, 1, 0}) // and the next one runs
}
