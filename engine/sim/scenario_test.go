package sim

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScenarioErrorsNameLineAndField(t *testing.T) {
	for _, c := range []struct {
		text  string
		line  int
		field string
		want  string
	}{
		{"nodes = 0x", 1, "", "digit"},
		{"nodes = 3\nnodez = 4", 2, "nodez", "no such field"},
		{"nodes = 3\n[links]\nloss = 1.5", 3, "links.loss", "outside"},
		{"nodes = 3\n[links]\nlatency = \"warp\"", 3, "links.latency", "warp"},
		{"nodes = -1", 1, "nodes", "outside"},
		{"duration = 5", 1, "duration", "unit"},
		{"duration = \"5\"", 1, "", "duration like"},
		{"nodes = 2\n[[workload]]\ncount = 1\n[[workload]]\ncount = 2\nbytes = 3", 6, "workload.1.bytes", "outside"},
		{"nodes = 2\n[[workload]]\nat = \"1s\"\n[[workload]]\nevery = 7", 5, "workload.1.every", "unit"},
		{"nodes = 2\n[[fault]]\nkind = \"crash\"", 2, "fault.0.nodes", "needs nodes or count"},
		{"nodes = 2\n[[fault]]\nkind = \"crash\"\nnodes = [2]", 4, "fault.0.nodes", "outside"},
		{"nodes = 2\n[[fault]]\nkind = \"partition\"\nsplit = 0.5\nat = \"5s\"\nuntil = \"2s\"", 6, "fault.0.until", "earlier"},
		{"nodes = 2\n[links]\nlatency = \"matrix\"", 2, "links.matrix", "file"},
		{"nodes = 2\n[topology]\nkind = \"pairs\"\npairs = [[0,2]]", 4, "topology.pairs", "pair 0"},
		{"nodes = \"two\"", 1, "", ""},
		{"nodes = 2\n[[fault]]\nkind = \"lie\"", 2, "fault.0.nodes", "needs nodes or count"},
		{"nodes = 2\n[[fault]]\nkind = \"lie\"\nnodes = [1]\nshare = 2.0", 5, "fault.0.share", "outside"},
		{"nodes = 2\n[[fault]]\nkind = \"flood\"\ncount = 1\nevery = \"1us\"", 5, "fault.0.every", "outside"},
		{"nodes = 2\n[[fault]]\nkind = \"flood\"\ncount = 1\nbytes = 200000", 5, "fault.0.bytes", "outside"},
		{"nodes = 2\n[[fault]]\nkind = \"gossip\"\ncount = 1", 3, "fault.0.kind", "equivocate"},
		{"nodes = 2\n[[fault]]\nkind = \"churn\"\nshape = 0.1", 4, "fault.0.shape", "outside"},
		{"nodes = 2\n[[fault]]\nkind = \"churn\"\nonline = 60", 4, "fault.0.online", "unit"},
		{"nodes = 2\n[[fault]]\nkind = \"collude\"\ncount = 1", 3, "fault.0.kind", "node.services"},
		{"nodes = 2\n[node]\nservices = [\"rtt\"]\n[[fault]]\nkind = \"besiege\"\ncount = 1", 4, "fault.0.target", "names the node"},
		{"nodes = 2\n[node]\nservices = [\"rtt\"]\n[[fault]]\nkind = \"besiege\"\ntarget = 2\ncount = 1", 6, "fault.0.target", "outside"},
		{"nodes = 2\n[node]\nservices = [\"rtt\"]\n[[fault]]\nkind = \"sybil\"\nregion = \"star\"\ncount = 1", 6, "fault.0.region", "cycle"},
		{"nodes = 2\n[keep]\nnodes = [2]", 3, "keep.nodes", "outside"},
		{"nodes = 2\n[keep]\nnodes = []", 3, "keep.nodes", "no node"},
		{"nodes = 2\n[keep]\nfaults = [0]", 3, "keep.faults", "outside"},
		{"nodes = 2\n[rtt]\npolicy = \"fixed\"", 3, "rtt.policy", "introductions"},
		{"nodes = 2\n[rtt]\ndegree = 1", 3, "rtt.degree", "outside"},
		{"nodes = 2\n[rtt]\nround = 5", 3, "rtt.round", "unit"},
		{"nodes = 2\n[rtt]\ndial = 5", 3, "rtt.dial", "unit"},
		{"nodes = 2\n[expect]\nwithin = 3", 3, "expect.within", "unit"},
		{strings.Repeat("#", ScenarioBytesMax+1), 0, "", "allowed"},
	} {
		_, err := ParseScenario(c.text)
		var bad *ScenarioError
		if !errors.As(err, &bad) {
			t.Errorf("%.60q: %v, want a ScenarioError", c.text, err)
			continue
		}
		if bad.Line != c.line || c.field != "" && bad.Field != c.field || !strings.Contains(bad.Error(), c.want) {
			t.Errorf("%.60q: %v (field %q, line %d), want line %d, field %q, %q", c.text, err, bad.Field, bad.Line, c.line, c.field, c.want)
		}
	}
}

func TestMissingMatrixIsNamed(t *testing.T) {
	s, err := ParseScenario("nodes = 2\n[links]\nlatency = \"matrix\"\nmatrix = \"rtt.csv\"")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(s, nil); err == nil || !strings.Contains(err.Error(), "rtt.csv") {
		t.Errorf("error %v does not name the file", err)
	}
	if _, err := Compile(s, map[string][]byte{"rtt.csv": []byte("0,1\n1")}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v does not name the line", err)
	}
}

func FuzzParseScenario(f *testing.F) {
	files, _ := filepath.Glob("../../tests/scenarios/*.toml")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScenario(text)
		if err != nil {
			var bad *ScenarioError
			if !errors.As(err, &bad) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if s.Nodes > 64 || len(s.Workload) > 4 {
			return // large worlds are allowed, and slow
		}
		for _, w := range s.Workload {
			if w.Count*w.Batch*w.Bytes > 1<<16 {
				return
			}
		}
		_, _ = Compile(s, nil)
	})
}
