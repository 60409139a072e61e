package main

import (
	"flag"
	"strings"
)

// A measurement prints figures whose names start with its own.
type measurement struct {
	name string
	run  func(rounds int) error
}

var measurements = []measurement{
	{"world_records_per_s", worldRecords},
	{"world_bytes_per_node_record", worldMemory},
	{"kernel", kernelRate},
	{"ingest_ratio_single", ingest("ingest_ratio_single", 1, 1024)},
	{"ingest_ratio_batch", ingest("ingest_ratio_batch", 256, 16)},
	{"pebble", pebbleRate},
}

func bench(flags *flag.FlagSet, args []string) error { return measure(measurements, flags, args) }

// measure runs those measurements of a list that the arguments choose.
func measure(list []measurement, flags *flag.FlagSet, args []string) error {
	only := flags.String("only", "", "measure only figures whose `name` starts like this")
	rounds := flags.Int("rounds", 5, "repetitions of each measurement; the median is printed")
	profile := flags.String("cpuprofile", "", "write a CPU profile to this `file`, for go tool pprof")
	_ = flags.Parse(args) // exits by itself
	return profiled(*profile, func() error {
		for _, m := range list {
			if !strings.HasPrefix(m.name, *only) {
				continue
			}
			progress("measuring %s", m.name)
			if err := m.run(*rounds); err != nil {
				return err
			}
		}
		return nil
	})
}
