// Package riblt is a rateless invertible Bloom lookup table: two peers find
// the symmetric difference of their sets from a stream of coded cells whose
// length follows the difference, about 1.15 cells per differing item at 1000 of
// them, whatever the sets hold.
//
// The method is that of Yang, Gilad, Alizadeh, "Practical Rateless Set
// Reconciliation", SIGCOMM 2024, with irregular placement (see Irregular) and a
// tail of power sums (package pinsketch) that names small differences by itself
// and frees the last items that stall peeling. The package is pure: no clock, no
// randomness, no goroutine, no float, and the same bytes on every platform.
// Package compat has the cells of the paper's own implementation.
//
// # Model
//
// A symbol is a uint64, the salted hash of a record id. Two items with one
// symbol cancel out, so a set must not hold a symbol twice: neither Sketch nor
// Decoder holds the set, and neither can refuse a duplicate. A duplicate costs
// termination, never a wrong answer.
//
// A Sketch keeps the first cells of the own set up to date. Being linear and
// the same for every peer, it is shared by all sessions, which see it as it was
// when they began. The sender codes runs of it with a Coding; the receiver's
// Decoder subtracts its own cells and peels what is left.
//
// Cell indices, the checksum and the coding are a format: they must never
// change for a given protocol version.
package riblt
