// Package overlay decides who should be connected to whom, from what one node
// measured itself and what others say.
//
// An [Estimate] smooths the round trips to one peer. A [Chart] holds what a node
// knows of the network: its own estimates, and a [Board] of the round trips and
// coordinates that others publish, from which it predicts the round trip to peers that it has
// never spoken to. A [Table] remembers peers. A [Policy] chooses with them: whom to
// stay connected to, whom to measure next.
//
// Only own measurements count as truth. What others say only chooses whom to
// measure, and counts for less the worse it fits what was measured: a liar can
// waste some pings, not win a place.
//
// Everything is a function of what went in: no clock, no randomness of its own,
// no map order. Arithmetic in float64 rounds every product by itself, so that no
// platform fuses it with a sum.
package overlay
