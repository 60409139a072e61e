package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/intersubjective/rapprochement/engine/sim/links"
)

// NodesMax bounds a matrix: 4,096 nodes take 256 MiB.
const NodesMax = 4096

// A Matrix gives the mean round trip between any two of n sites, in ns, and the
// mean of the noise in it, which is exponential: a round trip has a floor.
type Matrix struct {
	N     int
	Mean  []int64 // row by row
	Noise []int64
}

// Check refuses what is no matrix of round trips.
func (m *Matrix) Check() error {
	switch {
	case m.N < 2 || m.N > NodesMax:
		return fmt.Errorf("lab: %d nodes, want 2 to %d", m.N, NodesMax)
	case len(m.Mean) != m.N*m.N || len(m.Noise) != m.N*m.N:
		return fmt.Errorf("lab: %d round trips and %d noises between %d nodes", len(m.Mean), len(m.Noise), m.N)
	}
	for i := range m.Mean {
		if m.Noise[i] < 0 || m.Mean[i] < m.Noise[i] || m.Mean[i] > longest {
			return errors.New("lab: a mean round trip lies between its noise and an hour, and no noise below 0")
		}
	}
	return nil
}

const longest = 3600e9

// Geographic puts n nodes into large cities in turn, each with an access delay of
// its own, drawn from the seed, of 2 ms in the mean. The noise is a tenth.
func Geographic(n int, seed uint64) (*Matrix, error) {
	if n < 2 || n > NodesMax {
		return nil, fmt.Errorf("lab: %d nodes, want 2 to %d", n, NodesMax)
	}
	ways, err := links.Geographic(links.Cities(), links.Fibre)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0x6369746965))
	access := make([]int64, n)
	for i := range access {
		access[i] = int64(rng.ExpFloat64() * 2e6)
	}
	m := &Matrix{N: n, Mean: make([]int64, n*n), Noise: make([]int64, n*n)}
	for i := range n {
		for j := range n {
			if i != j {
				rtt := 2*ways.Latency(uint32(i), uint32(j), 0) + access[i] + access[j]
				m.Mean[i*n+j], m.Noise[i*n+j] = rtt, rtt/10
			}
		}
	}
	return m, nil
}
