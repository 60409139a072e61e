// Package store is the interface between a node and whatever keeps its records.
//
// A store holds sets of records, one per space, and a small table of metadata.
// It decides nothing: which records belong into a set is the node's business.
// Changes are staged, visible to reads at once, and become permanent together
// at Commit. A store that fails keeps failing (its first error sticks) until it
// is reopened, so that a node never acts on half a step.
//
// Implementations: memory (shared arena, for worlds and tests) and pebble
// (files). storetest holds the conformance suite that both pass.
package store

import (
	"errors"

	"github.com/intersubjective/rapprochement/codec"
)

// ErrClosed is returned by Commit on a closed store.
var ErrClosed = errors.New("store: closed")

// A Ref names a record inside one store for as long as the store holds it.
// Refs of different stores have nothing to do with each other and must never
// show in anything that leaves the node.
type Ref uint64

// A Store keeps records and metadata. It is used by one goroutine at a time.
// Records handed out are shared and must not be changed.
type Store interface {
	// Insert stages a record that the set does not hold yet. short is its
	// 64-bit name (codec.ShortID). The store may keep rec itself.
	Insert(rec *codec.Record, short uint64) Ref
	// Remove stages the removal of a record that the set holds.
	Remove(space codec.ID, ref Ref)
	// DropSpace stages the removal of a space with all its records.
	DropSpace(space codec.ID)
	// SetMeta stages a metadata value; nil deletes it. Keys are 1 to 256 bytes.
	SetMeta(key string, value []byte)
	// Commit makes everything staged permanent at once; with sync it survives a
	// power loss when Commit returns, and so does everything before it.
	Commit(sync bool) error

	// Meta returns a metadata value, nil when there is none.
	Meta(key string) []byte
	// EachMeta calls fn for the keys with a prefix, in bytewise order.
	EachMeta(prefix string, fn func(key string, value []byte) bool)

	// Count is the number of records in a space.
	Count(space codec.ID) uint64
	// Load returns a held record.
	Load(space codec.ID, ref Ref) *codec.Record
	// Find appends the records of that short name, in the order of their ids.
	Find(space codec.ID, short uint64, dst []Ref) []Ref
	// Register appends all held records of one register by (version, id).
	Register(space codec.ID, author codec.PeerID, key codec.Key, dst []Ref) []Ref
	// Dots calls fn for an author's records with versions above a bound, by
	// (version, id), until fn returns false.
	Dots(space codec.ID, author codec.PeerID, above uint64, fn func(Ref, *codec.Record) bool)
	// Authors calls fn for every author with at least one record, in bytewise
	// order, with the highest version held.
	Authors(space codec.ID, fn func(author codec.PeerID, highest uint64) bool)
	// Scan calls fn for the records whose key has a prefix and lies above after
	// (nil for no bound), by (key, author, version, id), until fn returns false.
	Scan(space codec.ID, prefix, after codec.Key, fn func(Ref, *codec.Record) bool)
	// Pin returns the space's set as it is now, staged changes included, however
	// the store changes later.
	Pin(space codec.ID) Pin

	// Close releases the store. What was not committed is lost.
	Close() error
}

// A Pin is a set that does not change.
type Pin interface {
	// Len is the number of records.
	Len() uint64
	// Each calls fn for every record in no particular order.
	Each(fn func(ref Ref, short uint64, id *codec.ID) bool)
	// Find appends the pinned records of a short name, by id.
	Find(short uint64, dst []Ref) []Ref
	// Load returns a pinned record.
	Load(ref Ref) *codec.Record
	// Close lets the store forget the pin. A pin is closed once.
	Close()
}

// A ChangeLog is a store that remembers its latest changes, so that a node can
// keep a summary of a set beside it, write the summary down now and then, and
// bring it up to date after a restart. Stores that live as long as their node
// do without.
type ChangeLog interface {
	// Seq numbers the changes of a space: every Insert and Remove adds one.
	Seq(space codec.ID) uint64
	// Changes calls fn for the net changes after seq: records that came since
	// and are still there, records that were there and went. It returns false
	// when the log no longer reaches back that far. The change is good until fn
	// returns.
	Changes(space codec.ID, seq uint64, fn func(c *Change)) bool
	// TrimChanges stages forgetting what is needed only for changes up to seq.
	TrimChanges(space codec.ID, seq uint64)
}

// A Change is what a log says of a record that came or went: what summaries are
// made of.
type Change struct {
	Added   bool
	Short   uint64
	ID      codec.ID
	Author  codec.PeerID
	Key     codec.Key
	Version uint64
	Time    codec.HLC
}
