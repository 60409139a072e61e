// Package codec is the vocabulary of Rapprochement as bytes: events and
// effects between a host and a node, frames between nodes, signed records,
// spaces, limits and the one-line human form of each.
//
// The Go structs here are the one definition (DESIGN C10). The CDDL schema, the
// Python classes and the C constants are generated from them by codec/gen.
//
// There is one encoding of every value, strict DAG-CBOR, and every reader
// refuses all others, so that decoding and encoding again gives the same bytes.
// Record headers, envelopes, genesis blocks, batches and frames are read and
// written by hand with [writer] and [cursor]; events, effects and messages by
// the same two, field by field as their structs say. Only configurations go
// through the CBOR library.
package codec

//go:generate go run ./gen
