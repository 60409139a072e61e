package sim

import (
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/engine/sim/adversary"
	"github.com/intersubjective/rapprochement/engine/sim/liar"
)

// fault schedules what goes wrong and when it is mended.
func (p *Plan) fault(f *Fault, index uint64, nodes int, files map[string][]byte) error {
	victims := p.victims(f, index, nodes)
	add := func(at Duration, a Action) {
		a.At = int64(at)
		p.Actions = append(p.Actions, a)
	}
	each := func(at Duration, a Action) {
		for _, v := range victims {
			a.Node = v
			add(at, a)
		}
	}
	switch f.Kind {
	case "partition":
		add(f.At, Action{Kind: Cut, Nodes: victims, OneWay: f.OneWay})
		if f.Until > 0 {
			add(f.Until, Action{Kind: Heal, Nodes: victims})
		}
	case "crash":
		each(f.At, Action{Kind: Crash, Store: fates[f.Store]})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Restart})
		}
	case "pause":
		each(f.At, Action{Kind: Pause})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Resume})
		}
	case "clock":
		each(f.At, Action{Kind: Clock, Shift: int64(f.Shift), Drift: int64(f.Drift * 1e9)})
	case "store":
		each(f.At, Action{Kind: FailStore, Commit: uint64(max(f.Commit, 1))})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Restart})
		}
	case "leave":
		each(f.At, Action{Kind: Leave})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Restart})
		}
	case "churn":
		return p.churn(f, index, victims)
	default:
		habit, plot := f.habit(), p.plot(f, victims)
		each(f.At, Action{Kind: Corrupt, Habit: habit, Plot: plot})
		if f.Until > 0 {
			each(f.Until, Action{Kind: Reform, Habit: habit, Plot: plot})
		}
	case "link":
		model, params, err := f.Links.compile(files)
		if err != nil {
			return err
		}
		add(f.At, Action{Kind: SetLinks, Params: &params, Model: model})
		if f.Until > 0 {
			add(f.Until, Action{Kind: SetLinks, Params: &p.Params, Model: p.Model})
		}
	}
	return nil
}

// checkCuts refuses more partitions at a time than a world can tell apart.
func (p *Plan) checkCuts() error {
	open := 0
	for i := range p.Actions {
		switch p.Actions[i].Kind {
		case Cut:
			open++
		case Heal:
			open--
		}
		if open > cutsMax {
			return &ScenarioError{Field: "fault", Detail: fmt.Sprintf("more than %d partitions at a time", cutsMax)}
		}
	}
	return nil
}

// habit is what a Byzantine fault makes of a node.
func (f *Fault) habit() adversary.Habit {
	return adversary.Habit{
		Kind: adversary.Kinds[f.Kind], Share: ppm(f.Share), Every: int64(f.Every), Bytes: f.Bytes,
	}
}

// plot is what a fault of liars makes its nodes do together, nil for another fault.
func (p *Plan) plot(f *Fault, members []uint32) *liar.Plot {
	kind, lies := liar.Kinds[f.Kind]
	if !lies {
		return nil
	}
	plot := &liar.Plot{Kind: kind, DelayNs: int64(f.Delay), EveryNs: int64(f.Every), Region: liar.Regions[f.Region]}
	for _, m := range members {
		plot.Members = append(plot.Members, p.Nodes[m].Peer)
	}
	if f.Target != nil {
		plot.Target = p.Nodes[*f.Target].Peer
	}
	return plot
}

var fates = map[string]StoreFate{"kept": StoreKept, "torn": StoreTorn, "lost": StoreLost}

func (p *Plan) victims(f *Fault, index uint64, nodes int) []uint32 {
	var list []uint32
	for _, v := range f.Nodes {
		list = append(list, uint32(v))
	}
	if f.Kind == "churn" && len(list) == 0 && f.Count == 0 {
		for i := range nodes {
			list = append(list, uint32(i))
		}
	}
	if f.Kind == "partition" && len(list) == 0 {
		for i := nodes - int(float64(float64(nodes)*f.Split)+0.5); i < nodes; i++ {
			list = append(list, uint32(i))
		}
	}
	if f.Count > 0 && f.Kind != "partition" {
		for _, v := range p.shuffled(nodes, 1<<20|index)[:f.Count] {
			list = append(list, uint32(v))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
