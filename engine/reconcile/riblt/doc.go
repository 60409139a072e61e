// Package riblt is a rateless invertible Bloom lookup table: two peers find
// the symmetric difference of their sets from a stream of coded cells whose
// length follows the difference, about 1.36 cells per differing item, whatever
// the sets hold.
//
// The method is that of Yang, Gilad, Alizadeh, "Practical Rateless Set
// Reconciliation", SIGCOMM 2024. The package is pure: no clock, no randomness,
// no goroutine, no float, and the same bytes on every platform.
//
// # Model
//
// A symbol is a uint64, the salted hash of a record id. Two items with one
// symbol cancel out, so a set must not hold a symbol twice: neither Sketch nor
// Decoder holds the set, and neither can refuse a duplicate. A duplicate costs
// termination, never a wrong answer.
//
// A Sketch keeps the first cells of the own set up to date. Being linear and
// the same for every peer, it is shared by all sessions. The sender codes runs
// of it with a Coding; the receiver's Decoder subtracts its own cells and
// peels what is left.
//
// Cell indices, the checksum and the coding are a format: they must never
// change for a given protocol version.
package riblt
