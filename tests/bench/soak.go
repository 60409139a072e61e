package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intersubjective/rapprochement/engine/sim"
	"github.com/intersubjective/rapprochement/engine/sim/swarm"
)

// A soaked world is the outcome of one seed.
type soaked struct {
	wrong     []string
	faults    uint64
	recovered int64 // ns from the last action to convergence
	simulated int64
}

// soak runs small random worlds, each twice, and checks what has to hold of every
// run.
func soak(flags *flag.FlagSet, args []string) error {
	seeds := flags.Int("seeds", 100, "how many worlds to try")
	first := flags.Uint64("first", 1, "the first seed")
	out := flags.String("out", "out/soak", "`directory` for the scenarios that fail")
	jobs := flags.Int("jobs", runtime.NumCPU(), "worlds at a time")
	_ = flags.Parse(args) // exits by itself
	watch := time.Now()
	results := make([]soaked, *seeds)
	var work sync.WaitGroup
	slots := make(chan struct{}, *jobs)
	for i := range results {
		work.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; work.Done() }()
			results[i] = soakSeed(*first + uint64(i))
			if err := results[i].complain(*first+uint64(i), *out); err != nil {
				progress("seed %d: %v", *first+uint64(i), err)
			}
		}()
		if i%100 == 99 {
			progress("%d of %d worlds", i+1, *seeds)
		}
	}
	work.Wait()
	return reportSoak(results, *first, time.Since(watch))
}

func soakSeed(seed uint64) (s soaked) {
	var audits [2]string
	for run := range audits {
		p, err := compile(swarm.Scenario(seed))
		if err != nil {
			return soaked{wrong: []string{"error: " + err.Error()}}
		}
		w, err := sim.NewWorld(p, nil)
		if err != nil {
			return soaked{wrong: []string{"error: " + err.Error()}}
		}
		w.Run(p.Duration, 0)
		r := w.Result()
		audits[run] = r.Audit.String()
		s = soaked{w.Violations(), r.Faults, w.Recovery(), r.Now}
	}
	if audits[0] != audits[1] {
		s.wrong = append(s.wrong, "replay: the audit is "+audits[0]+", then "+audits[1])
	}
	return s
}

// complain keeps the scenario of a failure and prints the line that replays it.
func (s *soaked) complain(seed uint64, out string) error {
	if len(s.wrong) == 0 {
		return nil
	}
	path := filepath.Join(out, fmt.Sprintf("%d.toml", seed))
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s\nrapprochement check %s --run\n", strings.Join(s.wrong, "\n"), path)
	return os.WriteFile(path, []byte(swarm.Scenario(seed)), 0o644)
}

// reportSoak prints the figures.
func reportSoak(results []soaked, first uint64, wall time.Duration) error {
	var failed, faults int
	var recovered []float64
	var simulated float64
	for _, s := range results {
		faults += int(s.faults)
		simulated += float64(s.simulated) / 1e9
		recovered = append(recovered, float64(s.recovered)/1e9)
		if len(s.wrong) > 0 {
			failed++
		}
	}
	slices.Sort(recovered)
	p := parameters{"worlds": len(results), "first": first, "wall_s": wall.Seconds()}
	emit("soak_failed", float64(failed), "worlds", p)
	emit("soak_simulated", simulated, "s", p)
	emit("soak_peer_faults", float64(faults), "faults", p)
	for _, q := range []int{50, 99, 100} {
		emit(fmt.Sprintf("soak_recovery_p%d", q), recovered[(len(recovered)-1)*q/100], "s", p)
	}
	if failed > 0 {
		return fmt.Errorf("soak: %d of %d worlds failed", failed, len(results))
	}
	return nil
}
