// Package kvriblt is a rateless sketch for key–version data: two peers find the
// keys at which their sets differ, and which of them holds the newer version, from
// a stream of cells whose length follows the number of those keys.
//
// A sketch of records sees an update as two differences, the old record on one
// side and the new one on the other. Here a record is placed by its key alone and
// counts with a value that is made of its version, and cells hold sums in a
// field. So what both sides hold at a key meets in the same cells and leaves one
// unknown, and the difference of the values says who is newer: that record
// moves, once and in the right direction.
//
// The field is that of 2^31 − 1. A key's place in it, 31 bits, is the name of a
// bucket: the initiator asks for records by it, and the responder gives what it
// has there. Two keys that share a place act as one unknown; that costs a record
// too many or another session, never correctness. A million keys collide so
// little (0.47 of 1000 changed ones) that a field twice as large would cost fifty
// times what it saves.
//
// The cells follow an irregular and stratified mapping; power sums of the whole
// set, as in PinSketch, decode small differences alone and are the tail of larger
// ones. The package is pure: no clock, no randomness, no goroutine, no float, and
// the same bytes on every platform. docs/kvriblt.md has the arithmetic, the
// format and the figures.
//
// The rateless table is that of Yang, Gilad, Alizadeh, "Practical Rateless Set
// Reconciliation", SIGCOMM 2024.
package kvriblt
