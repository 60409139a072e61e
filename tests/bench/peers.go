package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/intersubjective/rapprochement/engine/meritrank"
)

// peerMeasurements are the figures of ranking peers and choosing them.
var peerMeasurements = []measurement{
	{"meritrank_z", meritExactness},
	{"meritrank_calculate", meritCalculate},
	{"meritrank_update", meritUpdate},
	{"meritrank_join", meritJoin},
	{"meritrank_scores", meritScores},
	{"meritrank_load", meritLoad},
	{"meritrank_tau", meritTau},
	{"sybil_gain", meritSybil},
	{"overlay_rtt_ratio", overlayRatio},
	{"mesh_sessions", meshSessions},
	{"recovery_rounds", recoveryRounds},
	{"attack", attacks},
	{"peerswap", peerSwap},
}

// dataDir holds the data sets that some figures need.
var dataDir string

func peers(flags *flag.FlagSet, args []string) error {
	flags.StringVar(&dataDir, "data", "", "the `folder` of bitcoin_otc, wonderproxy222 and planetlab490, which some figures need")
	swapFlags(flags)
	return measure(peerMeasurements, flags, args)
}

// bitcoinOTC reads the trust network: source, target, rating, time on each line,
// nodes renumbered in the order in which they appear. It is nil where the file
// is missing.
func bitcoinOTC() ([]meritrank.Edge, error) {
	if dataDir == "" {
		return nil, nil
	}
	file, err := os.Open(filepath.Join(dataDir, "bitcoin_otc", "soc-sign-bitcoinotc.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	numbers := map[string]meritrank.Node{}
	number := func(name string) meritrank.Node {
		if _, known := numbers[name]; !known {
			numbers[name] = meritrank.Node(len(numbers))
		}
		return numbers[name]
	}
	edges := make([]meritrank.Edge, len(rows))
	for i, row := range rows {
		if len(row) != 4 {
			return nil, fmt.Errorf("line %d has %d fields, want 4", i+1, len(row))
		}
		weight, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			return nil, err
		}
		edges[i] = meritrank.Edge{From: number(row[0]), To: number(row[1]), Weight: weight}
	}
	return edges, nil
}
