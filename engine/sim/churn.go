package sim

import (
	"fmt"

	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

const (
	// churnsMax bounds how often one node comes or goes by one fault.
	churnsMax = 10_000
	// churnCycles is how many stays and absences, on average, lie before a churn
	// begins: some nodes are away from its first moment, and those that are there
	// have been for all sorts of times, as in a network that has run for long.
	churnCycles = 10
)

// churn lets nodes go and come back, each by itself, until the fault ends.
func (p *Plan) churn(f *Fault, index uint64, victims []uint32) error {
	until := int64(f.Until)
	if until == 0 {
		until = p.Duration
	}
	for _, v := range victims {
		if !p.comeAndGo(f, index<<32|uint64(v), v, until) {
			detail := fmt.Sprintf("node %d would come and go more than %d times, or all nodes more than %d", v, churnsMax, actionsMax)
			return &ScenarioError{Field: fmt.Sprintf("fault.%d.online", index), Detail: detail}
		}
	}
	return nil
}

// comeAndGo draws when a node is away. It returns false when that is too often.
func (p *Plan) comeAndGo(f *Fault, id uint64, node uint32, until int64) bool {
	shape := uint32(float64(f.Shape*1000) + 0.5)
	stay := func(mean Duration, count uint64) int64 {
		return max(draw.Weibull(p.draw(id, drawChurn, count), int64(mean), shape), 1)
	}
	begin := int64(f.At)
	at := begin - churnCycles*int64(f.Online+f.Offline)
	for count := uint64(0); at < until; count += 2 {
		if count >= churnsMax || len(p.Actions) >= actionsMax {
			return false
		}
		left := at + stay(f.Online, count)
		at = left + stay(f.Offline, count+1)
		if at <= begin || left >= until {
			continue
		}
		p.Actions = append(p.Actions, Action{At: max(left, begin), Kind: Crash, Node: node, Store: fates[f.Store]})
		if at < until || f.Until > 0 {
			p.Actions = append(p.Actions, Action{At: min(at, until), Kind: Restart, Node: node})
		}
	}
	return true
}
