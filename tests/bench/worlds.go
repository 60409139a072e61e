package main

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sim"
)

// compile makes the plan of a scenario of this program.
func compile(text string) (*sim.Plan, error) {
	s, err := sim.ParseScenario(text)
	if err != nil {
		return nil, err
	}
	return sim.Compile(s, nil)
}

// runWorld opens a plan's world, lets it run to its end and measures that.
func runWorld(p *sim.Plan) (w *sim.World, wall, cpu time.Duration, err error) {
	if w, err = sim.NewWorld(p, nil); err != nil {
		return nil, 0, 0, err
	}
	runtime.GC()
	watch := start()
	w.Run(p.Duration, 0)
	wall, cpu = watch.stop()
	return w, wall, cpu, nil
}

// converged checks that every node holds every record that was written.
func converged(r *codec.WorldResult, records uint64) error {
	if r.ConvergedAt < 0 || r.Records != records || r.Held != r.Nodes*records {
		return fmt.Errorf("not converged: %d nodes hold %d of %d records, last refusal %q", r.Nodes, r.Held, r.Nodes*records, r.LastRefusal)
	}
	return nil
}

// Workload of world_records_per_s. Signing a record and verifying it for the
// first time costs as much as twenty deliveries, so the number of nodes decides
// how much of that each delivery bears. Links are far from saturated: what is
// lost is sent again within a round trip.
const (
	rateNodes  = 256
	rateDegree = 4
	rateWrites = 6
	rateBatch  = 8
)

const rateScenario = `
name = "records"
seed = %d
nodes = %d
duration = "10m"
[topology]
%s
[links]
delay = "20ms"
jitter = "5ms"
loss = 0.01
[[workload]]
at = "2s"
count = %d
every = "4s"
batch = %d
bytes = 200
[measure]
sample = "500ms"
`

// rateTopologies are a tree, on which every delivered record is new, and a mesh,
// on which the links beside the tree carry announcements.
var rateTopologies = []struct{ name, text string }{
	{"tree", fmt.Sprintf("kind = \"pairs\"\npairs = %s", treePairs(rateNodes, rateDegree))},
	{"mesh", fmt.Sprintf("degree = %d", rateDegree)},
}

// treePairs links every node to its parent; parents have the given degree.
func treePairs(nodes, degree int) string {
	var pairs []string
	for i := 1; i < nodes; i++ {
		pairs = append(pairs, fmt.Sprintf("[%d,%d]", (i-1)/(degree-1), i))
	}
	return "[" + strings.Join(pairs, ",") + "]"
}

// worldRecords is how fast real nodes apply records: batches of 8 with values of
// 200 bytes, so that a frame carries 8, over links that lose 1 %.
func worldRecords(rounds int) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, topology := range rateTopologies {
		var applied, received, perWall []float64
		var r codec.WorldResult
		for round := range rounds {
			p, err := compile(fmt.Sprintf(rateScenario, round+1, rateNodes, topology.text, rateWrites, rateBatch))
			if err != nil {
				return err
			}
			w, wall, cpu, err := runWorld(p)
			if err != nil {
				return err
			}
			r = w.Result()
			if err := converged(&r, rateNodes*rateWrites*rateBatch); err != nil {
				return err
			}
			applied = append(applied, float64(r.Totals.Useful)/cpu.Seconds())
			received = append(received, float64(r.Totals.RecordsIn)/cpu.Seconds())
			perWall = append(perWall, float64(r.Totals.Useful)/wall.Seconds())
			progress("%s, round %d of %d: %.0f records/s applied, %.0f received", topology.name, round+1, rounds, applied[round], received[round])
		}
		emit("world_records_per_s", median(applied), "records/s", parameters{
			"topology": topology.name, "nodes": rateNodes, "degree": rateDegree, "records": r.Records, "value_bytes": 200,
			"records_per_write": rateBatch, "loss": 0.01, "rounds": rounds, "gomaxprocs": 1, "per": "second of CPU time",
			"received_per_s": median(received), "applied_per_wall_s": median(perWall),
			"applied": r.Totals.Useful, "duplicate": r.Totals.Duplicate, "events": r.Events, "frames": r.FramesSent,
		})
	}
	return nil
}

const scaleScenario = `
name = "scale"
seed = %d
nodes = %d
duration = "30m"
[topology]
degree = 8
[links]
latency = "geographic"
jitter = "2ms"
loss = 0.01
[[workload]]
at = "1s"
writers = %d
count = %d
every = "%dms"
bytes = 200
[measure]
sample = "1s"
`

// scalePlan spreads the records over as many writers as there are, one after
// the other, over about twenty seconds.
func scalePlan(nodes, records int, seed uint64) (*sim.Plan, error) {
	writers := min(nodes, records)
	for records%writers != 0 {
		writers--
	}
	perSecond := max(50, records/20)
	return compile(fmt.Sprintf(scaleScenario, seed, nodes, writers, records/writers, writers*1000/perSecond))
}

func scale(flags *flag.FlagSet, args []string) error {
	nodes := flags.Int("nodes", 1000, "nodes of the mesh; each is linked to 8 others")
	records := flags.Int("records", 1000, "records in all, each written by one node; every node ends up with all of them")
	seed := flags.Uint64("seed", 1, "seed of the run; the same seed repeats it to the bit")
	profile := flags.String("cpuprofile", "", "write a CPU profile to this `file`, for go tool pprof")
	_ = flags.Parse(args) // exits by itself
	return profiled(*profile, func() error { return runScale(*nodes, *records, *seed) })
}

func runScale(nodes, records int, seed uint64) error {
	watch := start()
	p, err := scalePlan(nodes, records, seed)
	if err != nil {
		return err
	}
	w, err := sim.NewWorld(p, nil)
	if err != nil {
		return err
	}
	progress("%d nodes and %d links are open", nodes, len(p.Links))
	for !w.Over() {
		w.Run(w.Now()+5e9, 0)
		r := w.Result()
		progress("%3.0f s simulated: %5.1f %% of the records are in place, %d events, peak %d MB",
			float64(r.Now)/1e9, 100*float64(r.Held)/float64(nodes*records), r.Events, peakBytes()>>20)
	}
	wall, cpu := watch.stop()
	r := w.Result()
	if err := converged(&r, uint64(records)); err != nil {
		return err
	}
	emit("scale_seconds", wall.Seconds(), "s", parameters{
		"nodes": nodes, "records": records, "degree": 8, "loss": 0.01, "latency": "geographic", "seed": seed,
		"cpu_s": cpu.Seconds(), "peak_bytes": peakBytes(), "simulated_s": float64(r.ConvergedAt) / 1e9,
		"events": r.Events, "frames": r.FramesSent, "applied": r.Totals.Useful, "duplicate": r.Totals.Duplicate,
		"latency_p50_ms": float64(r.LatencyP50) / 1e6, "latency_p99_ms": float64(r.LatencyP99) / 1e6,
		"audit": r.Audit.String(),
	})
	return nil
}
