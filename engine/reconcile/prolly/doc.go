// Package prolly keeps sets as Prolly trees: ordered Merkle trees whose pages end
// where hashes say so. Shape and hashes are a function of the set alone, whatever
// order it was written in, so two trees are compared from their roots downwards
// and equal parts are left out.
//
// An [Okra] tree is, node for node, one of okra version 3 (canvasxyz/okra).
package prolly
