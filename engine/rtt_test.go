package engine

import (
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/rtt"
)

func (w *net) report(n *Node) (r rtt.Report) {
	w.t.Helper()
	answer := find[*codec.Answered](w.step(n, &codec.Ask{Service: rtt.Name, Body: []byte{0xa0}}))[0]
	if answer.Error != "" {
		w.t.Fatal(answer.Error)
	}
	if err := codec.Unmarshal("report", answer.Body, &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// Nodes measure each other over a lossy network, publish what they found, and
// rank peers that they were never connected to by what others say.
func TestRTTServiceMeasuresPublishesAndRanks(t *testing.T) {
	w := newNet(t, 50)
	cfg := Config{Services: []string{rtt.Name}, RTT: rtt.Config{RoundNs: 2e9, PublishNs: 2e9, Policy: rtt.StaticPolicy}}
	var nodes []*Node
	for i := range byte(4) {
		nodes = append(nodes, w.add(i+1, cfg, newStore()))
	}
	space := w.space(nodes[0], nodes[1:]...)
	for i := range nodes[1:] { // a line
		w.connect(uint64(i+1), nodes[i], nodes[i+1])
	}
	w.run(60e9)
	for i, n := range nodes {
		r := w.report(n)
		up := 0
		for _, p := range r.Peers {
			if !p.Up {
				continue
			}
			up++
			if p.Samples < 10 || p.RTTNs < 40e6 || p.RTTNs > 45e6 {
				t.Errorf("node %d: %+v, the way takes 40 ms", i, p)
			}
			if p.Score <= 0 {
				t.Errorf("node %d does not trust its neighbour: %+v", i, p)
			}
		}
		if want := 2 - (4-i)/4 - i/3; up != want {
			t.Errorf("node %d: %d peers are up, want %d", i, up, want)
		}
		if r.Known != 3 {
			t.Errorf("node %d has heard of %d peers of 3", i, r.Known)
		}
	}
	far := nodes[3].Peer()
	found := false
	for _, p := range w.report(nodes[0]).Peers {
		if p.Peer == far {
			found = true
			if p.Score <= 0 || p.Samples > 0 {
				t.Errorf("the far end: %+v", p)
			}
		}
	}
	if !found {
		t.Error("the far end is not on the list")
	}
	_, count := nodes[0].Summary(space)
	if count < 6 || count > 10 { // one opinion for each direction of three links, and places
		t.Errorf("%d registers", count)
	}
	if f := w.faults(); f != nil {
		t.Error(f)
	}
}
