package sim

import "slices"

// kept reports whether a number is in a list of [Keep].
func kept(list []int, i int) bool { return list == nil || slices.Contains(list, i) }

// keepNodes leaves out all other nodes with their links.
func (p *Plan) keepNodes(list []int) {
	if list == nil {
		return
	}
	p.Absent = make([]bool, len(p.Nodes))
	for i := range p.Absent {
		p.Absent[i] = !kept(list, i)
	}
	p.Links = slices.DeleteFunc(p.Links, func(l [2]uint32) bool { return p.Absent[l[0]] || p.Absent[l[1]] })
}

// present is how many nodes exist.
func (p *Plan) present() uint64 {
	n := len(p.Nodes)
	for _, absent := range p.Absent {
		if absent {
			n--
		}
	}
	return uint64(n)
}

// keepWrites leaves out all other actions from a place on.
func (p *Plan) keepWrites(list []int, from int) {
	if list == nil {
		return
	}
	writes := p.Actions[from:]
	p.Actions = p.Actions[:from]
	for i := range writes {
		if kept(list, i) {
			p.Actions = append(p.Actions, writes[i])
		}
	}
}

// leaveOut reports whether an action concerns only nodes that do not exist.
func (p *Plan) leaveOut(a Action) bool { return p.Absent != nil && a.Kind.ofNode() && p.Absent[a.Node] }

// ofNode reports whether an action happens to its Node rather than to the world.
func (k ActionKind) ofNode() bool { return k != Cut && k != Heal && k != SetLinks }
