package main

import (
	"math"

	"github.com/intersubjective/rapprochement/engine/sim/compare"
)

// compareRuns calls fn with the rows of a case's seeds.
func compareRuns(b *compare.Bench, c compare.Case, seeds int, fn func(*compare.Row)) error {
	for seed := range uint64(seeds) {
		c.Seed = seed + 1
		row, err := b.Run(c)
		if err != nil {
			return err
		}
		fn(row)
	}
	return nil
}

// overhead is the median, over the seeds, of all bytes that are not records. Frames
// sent again do not count: nearly all of them are records, lost in a full queue.
func overhead(b *compare.Bench, c compare.Case, seeds int) (float64, error) {
	var all []float64
	err := compareRuns(b, c, seeds, func(r *compare.Row) {
		all = append(all, float64(r.ReconcileUp+r.ReconcileDown+r.Control))
	})
	return median(all), err
}

// comparedSizes are the sets and differences of the figures below. Larger ones
// say the same and take minutes.
var comparedSizes = []struct{ n, d int }{
	{10_000, 1}, {10_000, 10}, {10_000, 100}, {10_000, 1000}, {10_000, 10_000},
	{100_000, 10}, {100_000, 1000}, {100_000, 10_000},
}

var rivals = []string{"riblt", "kvriblt", "rbsr", "prolly", "bloom", "frontier+riblt", "full"}

// autoRatio compares auto with the best of all others in every workload. The goal
// allows 256 bytes beside the ratio: slack is what is over the ratio of 1.10, at
// most 256 where the goal is met.
func autoRatio(rounds int) error {
	b, err := compare.New(nil, nil)
	if err != nil {
		return err
	}
	for _, w := range compare.Workloads {
		for _, size := range comparedSizes {
			if fixed := w.Name == "equal" || w.Name == "empty"; fixed && size.d != 10 {
				continue // the difference does not matter
			}
			c := compare.Case{Workload: w.Name, Network: "wan", Records: size.n, Differ: size.d, Strategy: "auto"}
			auto, err := overhead(b, c, rounds)
			if err != nil {
				return err
			}
			best, by := math.Inf(1), ""
			for _, c.Strategy = range rivals {
				got, err := overhead(b, c, rounds)
				if err != nil {
					return err
				}
				if got < best {
					best, by = got, c.Strategy
				}
			}
			emit("auto_ratio", auto/best, "", map[string]any{"workload": w.Name, "n": size.n, "d": size.d,
				"auto_bytes": auto, "best_bytes": best, "best": by, "slack_bytes": math.Round(auto - 1.1*best), "seeds": rounds})
		}
	}
	return nil
}

// syncRatio is all bytes of a whole sync, records and everything else, divided by
// the canonical size of the missing records.
func syncRatio(rounds int) error {
	b, err := compare.New(nil, nil)
	if err != nil {
		return err
	}
	for _, strategy := range []string{"auto", "kvriblt", "riblt", "rbsr", "prolly"} {
		for _, workload := range []string{"uniform", "updates"} {
			for _, d := range []int{100, 1000, 10_000} {
				var ratio, records []float64
				c := compare.Case{Strategy: strategy, Workload: workload, Network: "wan", Records: 100_000, Differ: d}
				if err := compareRuns(b, c, rounds, func(r *compare.Row) {
					all := r.ReconcileUp + r.ReconcileDown + r.Control + r.Resent + r.Records.Bytes
					ratio = append(ratio, float64(all)/float64(r.Records.Canonical))
					records = append(records, float64(r.Records.Bytes)/float64(r.Records.Canonical))
				}); err != nil {
					return err
				}
				emit("sync_bytes_ratio", median(ratio), "", map[string]any{"strategy": strategy, "workload": workload,
					"n": c.Records, "d": d, "value_bytes": 200, "records_alone": median(records), "seeds": rounds})
			}
		}
	}
	return nil
}
