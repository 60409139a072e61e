package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// parameters are what a figure depends on.
type parameters map[string]any

// A figure is one line of output.
type figure struct {
	Name       string     `json:"name"`
	Value      float64    `json:"value"`
	Unit       string     `json:"unit"`
	Parameters parameters `json:"parameters"`
	Machine    machine    `json:"machine"`
}

type machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	OS    string `json:"os"`
}

var thisMachine = machine{cpuModel(), runtime.NumCPU(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}

// cpuModel is what Linux says; elsewhere the architecture has to do.
func cpuModel() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(data), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func emit(name string, value float64, unit string, p parameters) {
	line, err := json.Marshal(figure{name, value, unit, p, thisMachine})
	if err != nil {
		panic(err) // parameters are numbers and texts
	}
	fmt.Println(string(line))
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// A stopwatch counts the processor time of this process beside the time on the
// wall: on a machine that others use, only the former repeats.
type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func start() stopwatch { return stopwatch{time.Now(), cpuTime()} }

func (s stopwatch) stop() (wall, cpu time.Duration) { return time.Since(s.wall), cpuTime() - s.cpu }

// emptyInterval is the processor time that a stopwatch shows of its own work: asking
// the system may take as long as a tenth of a short step.
func emptyInterval() (cost time.Duration) {
	const intervals = 1000
	for range intervals {
		_, cpu := start().stop()
		cost += cpu
	}
	return cost / intervals
}
