//go:build cgo

// Command capi is the engine as a C library: go build -buildmode=c-shared.
// rapprochement.h is its reference; this page says how it is made.
//
// A call passes, from outside in:
//
//	rapprochement.h   the public functions, hand-written
//	shim.c            tests the fork flag, before the Go runtime is entered
//	exports.go        C types to Go types and back, nothing else
//	handles.go        integer to entry: bad handle, closed
//	entry.go          busy, poisoned, panics, closing, memory of the results
//	machine.go        the Machine that does the work, by its kind
//
// # Adding a kind
//
// A file kind_<name>.go with the same build constraint as this one and
//
//	func init() { kinds["node"] = openNode }
//
// where openNode is a func(config []byte, host *Host) (Machine, error). Errors
// carry their return code through a Code() int32 method anywhere in their chain
// (see Coder); [EventError] names the event of a batch that failed.
//
// # Laws
//
// The host's pointers are not kept beyond a call, and what the host receives is
// C memory: Go's garbage collector knows nothing of the host. Every export
// recovers, so that a panic poisons one handle and not the process. Faults that
// Go cannot recover from (out of memory, concurrent map writes) still end the
// process; so does a nil dereference where the host has replaced Go's SIGSEGV
// handler after loading, as Python's faulthandler does.
package main

// main is never called in a shared library, but the build mode asks for it.
func main() {}
