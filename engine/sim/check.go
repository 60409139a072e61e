package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/sim/liar"
)

// ScenarioBytesMax bounds a scenario's text.
const ScenarioBytesMax = 1 << 20

// ParseScenario reads and checks a scenario. Errors are *[ScenarioError].
func ParseScenario(text string) (*Scenario, error) {
	if len(text) > ScenarioBytesMax {
		return nil, &ScenarioError{Detail: fmt.Sprintf("%d bytes, at most %d are allowed", len(text), ScenarioBytesMax)}
	}
	s := &Scenario{}
	dec := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return nil, tomlError(err)
	}
	if field := bareDuration(text); field != "" {
		return nil, &ScenarioError{Line: lineOf(text, field), Field: field, Detail: `want a duration in quotes with a unit, like "250ms"`}
	}
	s.defaults()
	if err := s.check(); err != nil {
		err.Line = lineOf(text, err.Field)
		return nil, err
	}
	return s, nil
}

// durationFields are the fields of type Duration. TOML would read a bare number
// there as nanoseconds, which nobody means.
var durationFields = []string{"duration", "interval", "idle", "timeout", "delay", "mean", "jitter", "reorder_delay",
	"at", "until", "every", "shift", "online", "offline", "sample", "within", "round", "publish", "dial"}

// bareDuration names the first duration that is a number, "" for none.
func bareDuration(text string) string {
	var tree map[string]any
	if toml.Unmarshal([]byte(text), &tree) != nil {
		return "" // reported already
	}
	return bareIn("", tree)
}

func bareIn(at string, table map[string]any) string {
	for _, name := range durationFields {
		switch table[name].(type) {
		case int64, float64:
			return at + name
		}
	}
	for _, name := range []string{"node", "rtt", "links", "measure", "expect", "workload", "fault"} {
		switch v := table[name].(type) {
		case map[string]any:
			if found := bareIn(at+name+".", v); found != "" {
				return found
			}
		case []any:
			for i, item := range v {
				if t, ok := item.(map[string]any); ok {
					if found := bareIn(fmt.Sprintf("%s%s.%d.", at, name, i), t); found != "" {
						return found
					}
				}
			}
		}
	}
	return ""
}

func tomlError(err error) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) && len(missing.Errors) > 0 {
		first := missing.Errors[0]
		line, _ := first.Position()
		return &ScenarioError{Line: line, Field: strings.Join(first.Key(), "."), Detail: "there is no such field"}
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		line, _ := bad.Position()
		return &ScenarioError{Line: line, Field: strings.Join(bad.Key(), "."), Detail: strings.TrimPrefix(bad.Error(), "toml: ")}
	}
	return &ScenarioError{Detail: strings.TrimPrefix(err.Error(), "toml: ")}
}

// lineOf finds the line that sets a field like "links.loss" or "fault.1.at",
// the last line of its table's header when the field is left out.
func lineOf(text, field string) int {
	parts := strings.Split(field, ".")
	name := parts[len(parts)-1]
	table, index := "", 0
	if len(parts) > 1 {
		table = parts[0]
	}
	if len(parts) == 3 {
		_, _ = fmt.Sscan(parts[1], &index)
	}
	at, seen, found := "", map[string]int{}, 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			at = strings.Trim(strings.SplitN(line, "#", 2)[0], "[] \t")
			seen[at]++
			if at == table && seen[at] == index+1 {
				found = i + 1
			}
			continue
		}
		if at == table && (table == "" || seen[at] == index+1) {
			if key, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == name {
				return i + 1
			}
		}
	}
	return found
}

func (s *Scenario) defaults() {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	setText := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	setTime := func(v *Duration, d time.Duration) {
		if *v == 0 {
			*v = Duration(d)
		}
	}
	set(&s.Nodes, 2)
	setTime(&s.Duration, 5*time.Minute)
	setText(&s.Stop, "converged")
	setText(&s.Topology.Kind, "random")
	set(&s.Topology.Degree, 8)
	setText(&s.RTT.Policy, rtt.Policies()[0])
	set(&s.RTT.Degree, rtt.Degree)
	setText(&s.Links.Latency, "constant")
	setText(&s.Space.History, "current")
	setText(&s.Space.Write, "open")
	if s.Measure.Sample == 0 {
		s.Measure.Sample = max(s.Duration/200, 1)
	}
	for i := range s.Workload {
		w := &s.Workload[i]
		setText(&w.Kind, "put")
		set(&w.Count, 1)
		set(&w.Batch, 1)
		set(&w.Bytes, 200)
	}
	for i := range s.Fault {
		f := &s.Fault[i]
		setText(&f.Store, "kept")
		setText(&f.Region, "parallel")
		set(&f.Bytes, 4096)
		if f.Share == 0 {
			f.Share = 1
		}
		setTime(&f.Every, 100*time.Millisecond)
		setTime(&f.Online, 5*time.Minute)
		setTime(&f.Offline, 5*time.Minute)
		if f.Shape == 0 {
			f.Shape = 0.5
		}
	}
}

// Bounds of a scenario: what one machine can hold.
const (
	nodesMax   = 200_000
	actionsMax = 20_000_000
)

func oneOf(field, got string, want ...string) *ScenarioError {
	for _, w := range want {
		if got == w {
			return nil
		}
	}
	return &ScenarioError{Field: field, Detail: fmt.Sprintf("%q, want one of %s", got, strings.Join(want, ", "))}
}

func within[T int | int64 | float64 | Duration](field string, got, lo, hi T) *ScenarioError {
	if got >= lo && got <= hi {
		return nil
	}
	return &ScenarioError{Field: field, Detail: fmt.Sprintf("%v is outside %v to %v", got, lo, hi)}
}

func firstError(errs ...*ScenarioError) *ScenarioError {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

const longest = Duration(1 << 50) // 13 days

func (s *Scenario) check() *ScenarioError {
	if err := firstError(
		within("nodes", s.Nodes, 1, nodesMax),
		within("duration", s.Duration, 1, longest),
		within("measure.sample", s.Measure.Sample, 1, longest), within("expect.within", s.Expect.Within, 0, longest),
		oneOf("stop", s.Stop, "converged", "never"),
		oneOf("topology.kind", s.Topology.Kind, "random", "ring", "line", "star", "full", "nearest", "pairs"),
		within("topology.degree", s.Topology.Degree, 1, 1024),
		oneOf("space.history", s.Space.History, "current", "all"),
		oneOf("space.write", s.Space.Write, "open", "members"),
		s.Links.check("links."), s.RTT.check(),
	); err != nil {
		return err
	}
	for i, name := range s.Node.Services {
		if err := oneOf("node.services", name, engine.ServiceNames()...); err != nil || slices.Contains(s.Node.Services[:i], name) {
			return &ScenarioError{Field: "node.services", Detail: fmt.Sprintf("want different ones of %v, got %q", engine.ServiceNames(), s.Node.Services)}
		}
	}
	if err := s.Keep.check(s); err != nil {
		return err
	}
	for i, p := range s.Topology.Pairs {
		if len(p) != 2 || p[0] == p[1] || min(p[0], p[1]) < 0 || max(p[0], p[1]) >= s.Nodes {
			return &ScenarioError{Field: "topology.pairs", Detail: fmt.Sprintf("pair %d: want two different nodes from 0 to %d, got %v", i, s.Nodes-1, p)}
		}
	}
	for i := range s.Workload {
		if err := s.Workload[i].check(fmt.Sprintf("workload.%d.", i), s.Nodes); err != nil {
			return err
		}
	}
	for i := range s.Fault {
		if err := s.Fault[i].check(fmt.Sprintf("fault.%d.", i), s); err != nil {
			return err
		}
	}
	return nil
}

func (r *RTTSpec) check() *ScenarioError {
	return firstError(
		within("rtt.round", r.Round, 0, longest), within("rtt.publish", r.Publish, 0, longest),
		within("rtt.best", r.Best, 0, 256), within("rtt.random", r.Random, 0, 256),
		within("rtt.probes", r.Probes, 0, 256), within("rtt.inbound", r.Inbound, 0, 4096),
		oneOf("rtt.policy", r.Policy, rtt.Policies()...),
		within("rtt.degree", r.Degree, 2, rtt.DegreeMax), within("rtt.dial", r.Dial, 0, longest),
	)
}

func (k *Keep) check(s *Scenario) *ScenarioError {
	for _, list := range []struct {
		field   string
		numbers []int
		end     int
	}{{"keep.nodes", k.Nodes, s.Nodes}, {"keep.faults", k.Faults, len(s.Fault)}, {"keep.writes", k.Writes, actionsMax}} {
		for _, n := range list.numbers {
			if err := within(list.field, n, 0, list.end-1); err != nil {
				return err
			}
		}
	}
	if k.Nodes != nil && len(k.Nodes) == 0 {
		return &ScenarioError{Field: "keep.nodes", Detail: "keeps no node"}
	}
	return nil
}

func (l *LinkSpec) check(at string) *ScenarioError {
	err := firstError(
		oneOf(at+"latency", l.Latency, "", "constant", "uniform", "exponential", "lognormal", "geographic", "matrix"),
		within(at+"delay", l.Delay, 0, longest), within(at+"mean", l.Mean, 0, longest),
		within(at+"sigma", l.Sigma, 0, 10), within(at+"jitter", l.Jitter, 0, longest),
		within(at+"loss", l.Loss, 0, 1), within(at+"duplicate", l.Duplicate, 0, 1),
		within(at+"reorder", l.Reorder, 0, 1), within(at+"reorder_delay", l.ReorderDelay, 0, longest),
		within(at+"bandwidth", l.Bandwidth, 0, 1e12), within(at+"queue", l.Queue, 0, 1<<30),
		within(at+"uplink", l.Uplink, 0, 1e12), within(at+"downlink", l.Downlink, 0, 1e12),
	)
	if err == nil && l.Latency == "matrix" && l.Matrix == "" {
		err = &ScenarioError{Field: at + "matrix", Detail: "names the file of round-trip times"}
	}
	return err
}

func (w *Workload) check(at string, nodes int) *ScenarioError {
	if w.Node != nil {
		if err := within(at+"node", *w.Node, 0, nodes-1); err != nil {
			return err
		}
	}
	err := firstError(
		oneOf(at+"kind", w.Kind, "put", "rtt", "delete"),
		within(at+"at", w.At, 0, longest), within(at+"every", w.Every, 0, longest),
		within(at+"writers", w.Writers, 0, nodes), within(at+"count", w.Count, 1, actionsMax),
		within(at+"batch", w.Batch, 1, 4096), within(at+"bytes", w.Bytes, 8, 65536),
		within(at+"keys", w.Keys, 0, actionsMax), within(at+"of", w.Of, 0, actionsMax),
	)
	writers := w.Writers
	if writers == 0 {
		writers = nodes
	}
	if err == nil && w.Count*writers*w.Batch > actionsMax {
		err = &ScenarioError{Field: at + "count", Detail: fmt.Sprintf("%d records in all, at most %d are allowed", w.Count*writers*w.Batch, actionsMax)}
	}
	if err == nil && w.Kind == "delete" && w.Keys == 0 {
		err = &ScenarioError{Field: at + "keys", Detail: "a delete needs the number of registers that were written"}
	}
	return err
}

func (f *Fault) check(at string, s *Scenario) *ScenarioError {
	err := firstError(
		oneOf(at+"kind", f.Kind, "partition", "crash", "churn", "pause", "clock", "link", "store", "leave",
			"forge", "equivocate", "flood", "lie", "silence", "replay", "collude", "invent", "besiege", "sybil", "slander"),
		within(at+"at", f.At, 0, longest), within(at+"until", f.Until, 0, longest),
		within(at+"split", f.Split, 0, 1), within(at+"count", f.Count, 0, s.Nodes),
		within(at+"drift", f.Drift, -0.5, 0.5), within(at+"commit", f.Commit, 0, actionsMax),
		oneOf(at+"store", f.Store, "kept", "torn", "lost"), within(at+"share", f.Share, 0, 1),
		within(at+"every", f.Every, Duration(time.Millisecond), longest), within(at+"bytes", f.Bytes, 16, codec.FrameMax/2),
		within(at+"online", f.Online, Duration(time.Millisecond), longest/16), within(at+"offline", f.Offline, Duration(time.Millisecond), longest/16),
		within(at+"shape", f.Shape, 0.3, 10), within(at+"delay", f.Delay, 0, longest),
		oneOf(at+"region", f.Region, "parallel", "path", "cycle"),
	)
	if err != nil {
		return err
	}
	for _, n := range f.Nodes {
		if err := within(at+"nodes", n, 0, s.Nodes-1); err != nil {
			return err
		}
	}
	if f.Until != 0 && f.Until < f.At {
		return &ScenarioError{Field: at + "until", Detail: "earlier than the fault itself"}
	}
	if err := f.checkLiars(at, s); err != nil {
		return err
	}
	switch f.Kind {
	case "churn":
	case "link":
		if f.Links == nil {
			return &ScenarioError{Field: at + "links", Detail: "a link fault needs the new parameters"}
		}
		return f.Links.check(at + "links.")
	case "partition":
		if f.Split == 0 && len(f.Nodes) == 0 {
			return &ScenarioError{Field: at + "split", Detail: "a partition needs split or nodes"}
		}
	default:
		if len(f.Nodes) == 0 && f.Count == 0 {
			return &ScenarioError{Field: at + "nodes", Detail: "needs nodes or count"}
		}
	}
	return nil
}

// checkLiars wants for liars the service that they lie in, and whom they besiege.
func (f *Fault) checkLiars(at string, s *Scenario) *ScenarioError {
	_, lies := liar.Kinds[f.Kind]
	switch {
	case lies && !slices.Contains(s.Node.Services, rtt.Name):
		return &ScenarioError{Field: at + "kind", Detail: fmt.Sprintf("%q lies in the service %q, which is not in node.services", f.Kind, rtt.Name)}
	case f.Target != nil:
		return within(at+"target", *f.Target, 0, s.Nodes-1)
	case f.Kind == "besiege":
		return &ScenarioError{Field: at + "target", Detail: "names the node that is besieged"}
	}
	return nil
}
