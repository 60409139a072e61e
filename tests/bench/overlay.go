package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/intersubjective/rapprochement/engine/overlay/lab"
)

// matrices reads the measured round trips that are in the data folder, by name.
func matrices() (map[string]*lab.Matrix, error) {
	all := map[string]*lab.Matrix{}
	if dataDir == "" {
		return all, nil
	}
	ping, err := os.ReadFile(filepath.Join(dataDir, "wonderproxy222", "ping.bin"))
	if err == nil && len(ping) == 222*222*16 {
		m := &lab.Matrix{N: 222}
		for ; len(ping) > 0; ping = ping[16:] { // least, mean, most and deviation, microseconds
			least, mean := int64(binary.LittleEndian.Uint32(ping)), int64(binary.LittleEndian.Uint32(ping[4:]))
			m.Mean, m.Noise = append(m.Mean, mean*1000), append(m.Noise, (mean-least)*1000)
		}
		all["wonderproxy222"] = m
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dataDir, "planetlab490", "PlanetLabData_1"))
	if err == nil {
		m := &lab.Matrix{N: 490}
		for _, field := range strings.Fields(string(text)) {
			ms, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, err
			}
			m.Mean, m.Noise = append(m.Mean, int64(ms*1e6)), append(m.Noise, int64(ms*1e5)) // a tenth, as nobody measured it
		}
		all["planetlab490"] = m
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return all, nil
}

// overlayRatio runs the policy nearest on measured matrices: the best slots' mean
// round trip divided by an oracle's after 10 and 30 rounds of three pings, with
// the noise that was measured, and with colluding liars.
func overlayRatio(rounds int) error {
	all, err := matrices()
	if err != nil {
		return err
	}
	for _, name := range []string{"wonderproxy222", "planetlab490"} {
		m := all[name]
		if m == nil {
			progress("no data set %s: give its folder with -data", name)
			continue
		}
		overlayRuns(name, lab.Config{Matrix: m, Trust: lab.Checked}, 4*rounds)
		for trust := range lab.Trusts {
			overlayRuns(name, lab.Config{Matrix: m, Liars: 0.3, Trust: lab.Trust(trust)}, rounds)
		}
	}
	return nil
}

// overlayRuns runs a configuration with several seeds.
func overlayRuns(name string, cfg lab.Config, seeds int) {
	ratio, share := map[int][]float64{}, []float64{}
	liars, trust := cfg.Liars, lab.Trusts[cfg.Trust]
	cfg.Start, cfg.Delay = 8, 10e6
	for seed := range seeds {
		progress("%s, liars %.1f, %s, seed %d of %d", name, liars, trust, seed+1, seeds)
		cfg.Seed = uint64(seed)
		l := lab.New(cfg)
		for round := 0; round <= 30; round++ { // in round 0 only those that a node begins with
			if l.Round(); round == 10 || round == 30 {
				ratio[round] = append(ratio[round], l.Ratio())
			}
		}
		if liars > 0 {
			share = append(share, l.LiarShare()/liars)
		}
	}
	p := map[string]any{
		"matrix": name, "liars": liars, "trust": trust, "seeds": seeds, "best": 6, "random": 2, "pings": 3,
	}
	for _, round := range []int{10, 30} {
		p["rounds"], p["least"], p["most"] = round, minimum(ratio[round]), maximum(ratio[round])
		emit("overlay_rtt_ratio", mean(ratio[round]), "", p)
	}
	if liars > 0 {
		p["least"], p["most"] = minimum(share), maximum(share)
		emit("liar_share_ratio", mean(share), "", p)
	}
}

func maximum(values []float64) float64 {
	most := values[0]
	for _, v := range values {
		most = max(most, v)
	}
	return most
}
