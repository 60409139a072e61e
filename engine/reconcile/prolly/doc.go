// Package prolly keeps sets as Prolly trees: ordered Merkle trees whose pages end
// where hashes say so. Shape and hashes are a function of the set alone, whatever
// order it was written in, so two trees are compared from their roots downwards
// and equal parts are left out.
//
// An [Okra] tree is, node for node, one of okra version 3 (canvasxyz/okra). A
// [Set] is the mode that [Strategy] uses. It differs in four ways:
//
//   - Keys are in the order of time, so that what is new lies together.
//   - Where a run begins depends on keys alone. A change hashes nothing until
//     somebody asks for the root, and makes one new page on each level, never two.
//   - No page has more than 256 nodes, even if all keys were chosen to make one.
//   - Hashes cover the level and the space's salt.
//
// Pages do not change, so a pinned version is a pointer, and versions share what
// they have in common.
package prolly
