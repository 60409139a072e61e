// Package rbsr is range-based set reconciliation: both sides order their sets by
// (time, id), compare ranges, and divide those that differ. What differs in one
// place, such as the newest records, costs little more than what differs once,
// and any window of time or set of keys can be reconciled by itself.
//
// The method is that of Meyer, "Range-Based Set Reconciliation", SRDS 2023
// (arXiv:2212.13567), in two modes over one storage:
//
//   - [Negentropy] speaks the negentropy protocol, version 1, byte for byte. As a
//     strategy it is [Compatible].
//   - [Strategy] is our own mode. A fingerprint of V1 only says that a range
//     differs; ours is a cell, the sums of short ids and of their checks, 12 bytes:
//     a range that differs by one record, by one on each side or by two of ours
//     names them. Only ranges that differ by more are divided, into about 1.5 times
//     as many cells as differences are expected from how the counts scatter, or
//     listed where few entries are left. Among 100,000 records, 100 differences take
//     3 to 4 kB and about three round trips where V1 takes 114 kB.
//
// # Storage
//
// A [Tree] holds (time, id) in 41 to 44 bytes an entry. Inserting and deleting take
// O(log n), pinning for a session constant time. It is made from the set at the
// first session, about half a second a million records, and not written down:
// reading 40 MB back would save less than sorting them takes.
//
// # Hostile peers
//
// Times are what authors claim: they place records and decide nothing. Sums of
// public hashes can be made to agree by whoever chooses enough records, in V1 as
// well as here: then a difference stays unseen in a session, and the syncer, which
// compares the sets' fingerprints afterwards, runs a full exchange. An equal range
// never ends checking for good.
//
// What payloads cost is bounded. In our own mode, for each cell (12 bytes or more) a
// search in O(log n), at most 1,024 entries read, and an answer of at most
// 64 cells; for each listed short id a search in O(log n). Reading and listing own
// entries costs each of them once in a session, as a range is settled once; so does
// giving: a peer that asks for everything gets lists of 8 n bytes and as many records
// as the set has. Ranges are divided 100 times at most. In V1, a message costs O(log
// n) for each range in it, at least 3 bytes, and at most one visit to each own entry;
// its answer is at most the frame limit, which as a strategy is 32 KiB. Without one,
// it is 16 fingerprints for each that came and at most one list of every id. All
// errors that a message can cause wrap reconcile.ErrPayload.
//
// The package is pure: no clock, no randomness, no goroutine, no float.
package rbsr
