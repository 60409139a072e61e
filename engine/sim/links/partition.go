package links

// MaxGroups is the number of groups that partitions can be made of.
const MaxGroups = 64

// partition keeps which groups of nodes are cut from which. Pairs of single nodes are cut in their link.
type partition struct {
	groups []uint8           // by node; nodes beyond are in group 0
	cut    [MaxGroups]uint64 // by the sender's group: bit g means that frames to group g do not pass
}

func (p *partition) between(from, to uint32) bool { return p.cut[p.group(from)]>>p.group(to)&1 != 0 }

func (p *partition) group(node uint32) uint8 {
	if int(node) >= len(p.groups) {
		return 0
	}
	return p.groups[node] % MaxGroups // the remainder spares the bounds check
}

// Cut stops frames from one node to another; the other direction stays. Frames on their way still arrive, unless the
// world drops them.
func (n *Net) Cut(from, to uint32) { n.link(from, to).cut = true }

// Heal undoes Cut.
func (n *Net) Heal(from, to uint32) { n.link(from, to).cut = false }

// SetGroup puts a node into a group, 0 to MaxGroups-1; all nodes start in group 0. Errors are *ParamError.
func (n *Net) SetGroup(node uint32, group int) error {
	if err := groupNumber(group); err != nil {
		return err
	}
	for int(node) >= len(n.groups) {
		n.groups = append(n.groups, 0)
	}
	n.groups[node] = uint8(group)
	return nil
}

// CutGroups stops frames from the nodes of one group to those of another; the other direction stays. A group can be cut
// from itself. Errors are *ParamError.
func (n *Net) CutGroups(from, to int) error {
	err := first(groupNumber(from), groupNumber(to))
	if err == nil {
		n.partition.cut[from] |= 1 << to
	}
	return err
}

// HealGroups undoes CutGroups. Errors are *ParamError.
func (n *Net) HealGroups(from, to int) error {
	err := first(groupNumber(from), groupNumber(to))
	if err == nil {
		n.partition.cut[from] &^= 1 << to
	}
	return err
}

// HealAll undoes every cut. Nodes stay in their groups.
func (n *Net) HealAll() {
	n.partition.cut = [MaxGroups]uint64{}
	for i := range n.links {
		n.links[i].cut = false
	}
}

// IsCut tells whether frames from one node to another are stopped.
func (n *Net) IsCut(from, to uint32) bool {
	i, known := n.index[uint64(from)<<32|uint64(to)]
	return known && n.links[i].cut || n.partition.between(from, to)
}

func groupNumber(group int) error { return within("group", int64(group), 0, MaxGroups-1) }
