// Command bench measures what the engine promises and prints one JSON object a
// line: name, value, unit, parameters, machine. Progress goes to stderr.
//
//	go run ./tests/bench bench                        every figure
//	go run ./tests/bench bench -only world            those whose name starts so
//	go run ./tests/bench reconcile                    those of the reconcilers
//	go run ./tests/bench scale -nodes 1000 -records 1000
//	go run ./tests/bench soak -seeds 1000
//	go run ./tests/bench determinism -seeds 1000 -race out/bench-race
//
// It reads clocks and starts processes, so it stands outside the deterministic
// core.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
)

// A command is one of the program's verbs.
type command struct {
	name, does string
	run        func(flags *flag.FlagSet, args []string) error
}

var commands = []command{
	{"bench", "measure every figure, or those chosen with -only", bench},
	{"reconcile", "measure the reconcilers' figures, or those chosen with -only", reconcilers},
	{"peers", "measure ranking peers and choosing them, or figures chosen with -only", peers},
	{"scale", "let one large mesh converge and report time and memory", scale},
	{"determinism", "compare audit hashes over processes, cores, builds and stores", determinism},
	{"soak", "run small random worlds and check what has to hold of every run", soak},
	{"audit", "run one seed of determinism in this process and print its hash", audit},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(flag.NewFlagSet(c.name, flag.ExitOnError), args[1:])
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: bench <command> [flags]; bench <command> -h explains the flags")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-12s %s\n", c.name, c.does)
	}
	return fmt.Errorf("no such command: %q", args)
}

// profiled runs a function, with a CPU profile if a file for it is named.
func profiled(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return fn()
}
