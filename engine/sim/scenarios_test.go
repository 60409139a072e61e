package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What has to hold of every run holds of every committed scenario, twice in the same
// way.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../../tests/scenarios/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := run(t, string(text))
			r := w.Result()
			if r.ConvergedAt < 0 {
				t.Errorf("did not converge: %d records, %d held by %d nodes", r.Records, r.Held, r.Nodes)
			}
			for _, wrong := range w.Violations() {
				t.Error(wrong)
			}
			if again := run(t, string(text)).Result(); again.Audit != r.Audit {
				t.Errorf("audit %s, then %s", r.Audit, again.Audit)
			}
			t.Logf("converged at %.2f s, %d refused (%s)", float64(r.ConvergedAt)/1e9, r.Refused, r.LastRefusal)
		})
	}
}
