package main

import (
	"fmt"
	"runtime"

	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/sim"
)

const memoryScenario = `
name = "memory"
nodes = %d
duration = "30m"
[node]
strategies = [%s]
[topology]
degree = 8
[links]
delay = "20ms"
jitter = "5ms"
loss = 0.01
[[workload]]
at = "1s"
count = %d
every = "4s"
batch = 8
bytes = 200
[measure]
sample = "1s"
`

var (
	memoryNodes   = []int{32, 128}
	memoryRecords = []int{1 << 10, 1 << 12, 1 << 14}
)

// worldMemory fits what a converged world takes, with one strategy at a time:
//
//	heap = world + perRecord·n + nodes·(a + b·n)
//
// The records themselves, each once with its indexes and its place in the plan,
// are perRecord; b is what each node adds for each record it holds.
func worldMemory(int) error {
	for _, strategy := range engine.StrategyNames() {
		var rows [][]float64
		var heaps []float64
		for _, nodes := range memoryNodes {
			for _, n := range memoryRecords {
				heap, err := heapOf(strategy, nodes, n)
				if err != nil {
					return err
				}
				progress("%s: %d nodes × %d records take %.1f MB", strategy, nodes, n, heap/1e6)
				rows = append(rows, []float64{1, float64(n), float64(nodes), float64(nodes * n)})
				heaps = append(heaps, heap)
			}
		}
		fit := leastSquares(rows, heaps)
		emit("world_bytes_per_node_record", fit[3], "B", parameters{
			"strategy": strategy, "bytes_per_node": fit[2], "bytes_per_distinct_record": fit[1], "bytes_per_world": fit[0],
			"value_bytes": 200, "degree": 8, "nodes": memoryNodes, "records": memoryRecords,
		})
	}
	return nil
}

// heapOf is the memory in use by a world when all its nodes hold all records.
func heapOf(strategy string, nodes, records int) (bytes float64, err error) {
	list := fmt.Sprintf("%q", strategy)
	if strategy == "frontier" {
		list += `, "full"` // a hint alone does not end
	}
	before := heapInUse()
	p, err := compile(fmt.Sprintf(memoryScenario, nodes, list, records/nodes/8))
	if err != nil {
		return 0, err
	}
	w, err := sim.NewWorld(p, nil)
	if err != nil {
		return 0, err
	}
	w.Run(p.Duration, 0)
	r := w.Result()
	if err := converged(&r, uint64(records)); err != nil {
		return 0, err
	}
	bytes = heapInUse() - before
	runtime.KeepAlive(w)
	return bytes, nil
}

func heapInUse() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held on to
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// leastSquares solves the normal equations by elimination with pivoting. Columns
// differ by orders of magnitude, so they are scaled first.
func leastSquares(rows [][]float64, y []float64) []float64 {
	k := len(rows[0])
	scale := make([]float64, k)
	for _, r := range rows {
		for j := range r {
			scale[j] = max(scale[j], r[j])
		}
	}
	m := make([][]float64, k)
	for i := range m {
		m[i] = make([]float64, k+1)
		for n, r := range rows {
			for j := range r {
				m[i][j] += r[i] / scale[i] * r[j] / scale[j]
			}
			m[i][k] += r[i] / scale[i] * y[n]
		}
	}
	for i := range m {
		eliminate(m, i)
	}
	x := make([]float64, k)
	for i := range x {
		x[i] = m[i][k] / m[i][i] / scale[i]
	}
	return x
}

// eliminate clears column i everywhere but in row i.
func eliminate(m [][]float64, i int) {
	best := i
	for r := i + 1; r < len(m); r++ {
		if abs(m[r][i]) > abs(m[best][i]) {
			best = r
		}
	}
	m[i], m[best] = m[best], m[i]
	for r := range m {
		if r == i {
			continue
		}
		f := m[r][i] / m[i][i]
		for c := range m[r] {
			m[r][c] -= f * m[i][c]
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }
