package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim"
	"github.com/intersubjective/rapprochement/engine/sim/disks"
)

// A variant is one way to run a seed. All of them must give the same hash.
type variant struct {
	name   string
	binary string
	procs  int
	store  string
	flags  []string
}

// determinism runs every seed in fresh processes and compares the audit hashes.
func determinism(flags *flag.FlagSet, args []string) error {
	seeds := flags.Int("seeds", 100, "how many seeds to try; each stands for one small world with faults of its own")
	first := flags.Uint64("first", 1, "the first seed; repeat a failure with -first <seed> -seeds 1")
	race := flags.String("race", os.Getenv("RAP_BENCH_RACE"), "`path` of this program built with go build -race; empty: not compared (default $RAP_BENCH_RACE)")
	batch := flags.Int("batch", 10, "seeds per process; 1 gives every seed a process of its own, at 5 ms each")
	jobs := flags.Int("jobs", runtime.NumCPU(), "processes at a time")
	_ = flags.Parse(args) // exits by itself
	self, err := os.Executable()
	if err != nil {
		return err
	}
	variants := []variant{
		{"gomaxprocs=1", self, 1, "memory", nil}, {"gomaxprocs=2", self, 2, "memory", nil}, {"gomaxprocs=8", self, 8, "memory", nil},
		{"pebble", self, 2, "pebble", nil}, {"restored", self, 2, "memory", []string{"-restore"}},
	}
	if *race != "" {
		variants = append(variants, variant{"race", *race, 2, "memory", nil})
	}
	return compareSeeds(variants, *first, *seeds, *batch, *jobs)
}

// compareSeeds prints one line per seed, in order, and fails if any differs.
func compareSeeds(variants []variant, first uint64, seeds, batch, jobs int) error {
	watch := time.Now()
	batches := (seeds + batch - 1) / batch
	results := make([][][]string, batches) // by batch, variant, seed
	var work sync.WaitGroup
	slots := make(chan struct{}, jobs)
	for b := range results {
		results[b] = make([][]string, len(variants))
		for v := range variants {
			work.Add(1)
			slots <- struct{}{}
			go func() {
				defer func() { <-slots; work.Done() }()
				results[b][v] = variants[v].audits(first+uint64(b*batch), min(batch, seeds-b*batch))
			}()
		}
		progress("%d of %d seeds", min((b+1)*batch, seeds), seeds)
	}
	work.Wait()
	different := 0
	for i := range seeds {
		line := seedLine{Seed: first + uint64(i), Equal: true, Audits: map[string]string{}}
		for v := range variants {
			hash := results[i/batch][v][i%batch]
			line.Audits[variants[v].name] = hash
			line.Equal = line.Equal && hash == results[i/batch][0][i%batch] && !strings.HasPrefix(hash, "error")
		}
		if line.Audit = results[i/batch][0][i%batch]; line.Equal {
			line.Audits = nil
		} else {
			different++
		}
		line.print()
	}
	var names []string
	for _, v := range variants {
		names = append(names, v.name)
	}
	emit("determinism_different", float64(different), "seeds", parameters{
		"seeds": seeds, "first": first, "variants": names, "wall_s": time.Since(watch).Seconds(),
	})
	if different > 0 {
		return fmt.Errorf("determinism: %d of %d seeds differ", different, seeds)
	}
	return nil
}

// seedLine is one seed's outcome; Audits shows the variants where they differ.
type seedLine struct {
	Seed   uint64            `json:"seed"`
	Audit  string            `json:"audit"`
	Equal  bool              `json:"equal"`
	Audits map[string]string `json:"audits,omitempty"`
}

func (l *seedLine) print() {
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // texts and numbers
	}
	fmt.Println(string(text))
}

// audits runs the seeds in a process and returns their hashes, or why there are
// none.
func (v *variant) audits(first uint64, count int) []string {
	args := append([]string{"audit", "-seed", fmt.Sprint(first), "-count", fmt.Sprint(count), "-store", v.store}, v.flags...)
	cmd := exec.Command(v.binary, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", v.procs))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var hashes []string
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		_, hash, _ := strings.Cut(lines.Text(), " ")
		hashes = append(hashes, hash)
	}
	for len(hashes) < count {
		message, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		hashes = append(hashes, fmt.Sprintf("error: %v: %s", err, message))
	}
	return hashes
}

// audit is what the processes of determinism do.
func audit(flags *flag.FlagSet, args []string) error {
	seed := flags.Uint64("seed", 1, "the first seed")
	count := flags.Int("count", 1, "how many seeds, one after the other")
	kind := flags.String("store", "memory", "memory, or pebble on simulated disks")
	restore := flags.Bool("restore", false, "stop at half time, and go on in a world restored from its snapshot")
	show := flags.Bool("show", false, "print the scenario of the seed instead of running it")
	_ = flags.Parse(args) // exits by itself
	for i := range *count {
		text := randomScenario(*seed + uint64(i))
		if *show {
			fmt.Println(text)
			continue
		}
		hash, err := auditOf(text, *kind, *restore)
		if err != nil {
			return fmt.Errorf("seed %d: %w\n%s", *seed+uint64(i), err, text)
		}
		fmt.Println(*seed+uint64(i), hash)
	}
	return nil
}

// auditOf runs a scenario to its end and returns the audit hash.
func auditOf(text, kind string, restore bool) (hash codec.ID, err error) {
	open := func(o sim.Origin) (*sim.Driver, error) {
		if kind == "pebble" {
			return sim.OpenDriver(o, disks.New())
		}
		return sim.OpenDriver(o, nil)
	}
	p, err := compile(text)
	if err != nil {
		return hash, err
	}
	d, err := open(sim.Origin{Scenario: text})
	if err != nil {
		return hash, err
	}
	if restore {
		if d, err = restored(d, p.Duration/8, open); err != nil {
			return hash, err
		}
	}
	d.World.Run(p.Duration, 0)
	return d.Audit(), nil
}

// restored runs a world until a time and returns another one made from its
// snapshot.
func restored(d *sim.Driver, until int64, open func(sim.Origin) (*sim.Driver, error)) (*sim.Driver, error) {
	if _, err := d.Do(&codec.RunWorld{Until: until}); err != nil {
		return nil, err
	}
	answer, err := d.Do(&codec.GetSnapshot{})
	if err != nil {
		return nil, err
	}
	var o sim.Origin
	if err := codec.Unmarshal("snapshot", answer.(*codec.WorldSnapshot).Bytes, &o); err != nil {
		return nil, err
	}
	return open(o)
}
