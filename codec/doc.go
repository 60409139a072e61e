// Package codec is the vocabulary of Rapprochement as bytes: events and
// effects between a host and a node, frames between nodes, signed records,
// spaces, limits and the one-line human form of each.
//
// The Go structs here are the one definition (DESIGN C10). The CDDL schema, the
// Python classes and the C constants are generated from them by codec/gen.
//
// Two encodings live side by side. Whatever an id or a signature covers
// (record headers, genesis blocks) is strict DAG-CBOR, written and read by the
// hand-made [writer] and [cursor], which accept exactly one byte string per
// value. Everything else is deterministic CBOR (RFC 8949 §4.2.1) through
// fxamacker/cbor, behind the same strict scanner, [ScanItem].
package codec
