// Package meritrank ranks nodes of a signed graph by how much one of them, the ego,
// has reason to trust them. It is MeritRank (Nasrulin, Ishmaev and Pouwelse, "MeritRank:
// Sybil Tolerant Reputation for Merit-based Tokenomics", BRAINS 2022,
// arXiv:2207.09950) with distrust in the walks, kept up to date while edges come, go
// and change. It needs nothing else of this module.
//
//	g, err := meritrank.New(meritrank.Config{Seed: 1})
//	err = g.Load([]meritrank.Edge{{From: 0, To: 1, Weight: 3}, {From: 1, To: 2, Weight: -1}})
//	scores, err := g.Top(nil, 0, 50) // ego 0's 50 most trusted
//	err = g.Set(0, 2, 0.5)           // its walks follow
//
// # Walks
//
// Each ego has Config.Walks random walks. At each step a walk goes on with probability
// Alpha, to an out-edge of its last node chosen by the amounts of the weights. After a
// negative edge it is in its distrusting part, where only positive edges count: who is
// trusted by somebody distrusted is distrusted too, and no walk crosses two negative
// edges. A walk that finds no edge ends.
//
// A node's hits are the walks that have it in their trusting part, and those that have
// it in their distrusting part, however often. Its score is the difference, divided by
// the sum of all hits of both kinds. Hits bound what Sybils gain: a loop that sends
// walks around hits each of its nodes once.
//
// # Exactness
//
// The chance that a walk ever meets a node has a closed form, and hits are binomial with
// it, after any history: tests compare them. When an edge changes, the walks are coupled
// as closely as the old and the new law allow, so that few are drawn anew: a walk
// changes where the new law gives its step to another edge. Which steps these are is
// found through lists of all visits to a node, from which trials are drawn by geometric
// gaps, so that the cost follows the walks that change.
//
// The same seed, graph and ego give the same walks, bit for bit; the same calls in the
// same order give the same scores. Other egos do not matter, evicted ones come back as
// if drawn anew.
//
// # Cost
//
// Drawing the walks of an ego takes a few tens of nanoseconds for each of their nodes,
// and about 16 bytes for each; after many changes up to twice that. The memory of a
// Graph is bounded by Config.Nodes, Edges and Egos.
package meritrank
