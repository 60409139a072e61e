// Package pebble keeps records in files, with the LSM tree of
// github.com/cockroachdb/pebble. It is a store.Store and a store.ChangeLog.
//
// # Layout
//
// The first byte of a row's key is its class. Spaces have a number each, so that
// no index repeats their ids; numbers are never used twice. A record is named by
// the seq of its insertion, which is also its Ref: insertions and removals of a
// space are numbered together, so the record rows in their order are the log of
// what came, and only removals need a log of their own.
//
//	f                                              → format, next number, base
//	m ‖ key                                        → metadata value
//	z ‖ space id                                   → number, count, seq, floor
//	p ‖ number ‖ seq                               → short ‖ id ‖ signature ‖ header length ‖ header ‖ value
//	s ‖ number ‖ short ‖ id ‖ seq                  → nothing: by short name
//	r ‖ number ‖ key 0 0 ‖ author ‖ version ‖ id ‖ seq → nothing: registers and scans
//	d ‖ number ‖ author ‖ version ‖ id ‖ seq       → nothing: dots
//	l ‖ number ‖ seq                               → seq of insertion ‖ short ‖ id: removals
//
// Integers are big-endian, keys in their ordered form (codec.Key.Ordered). The
// index rows hold everything that orders them, so reading them needs no second
// look. The record row holds the id, so that loading a record neither hashes nor
// verifies: a record was checked before it was inserted, and pebble's checksums
// guard the bytes since. floor is the seq up to which removals are forgotten;
// base is where the seq of a new space starts, above those of every dropped
// space, so that no summary of an old one can pass for one of the new.
//
// # Steps
//
// Staged changes are an indexed batch: reads look through it, Commit applies it
// at once. A pin is a snapshot of the last commit with the changes that were
// staged when it was taken.
//
// # Failures
//
// The first error of any kind (of a read, of a commit, in the background) sticks.
// From then on Commit returns it, reads find nothing (Load returns an empty
// record), and no further byte reaches the files, whatever pebble still tries.
// Opening the directory again finds all synced commits and perhaps the first of
// those after them.
package pebble
