//go:build cgo

package main

// Machine is what a handle stands for. Its methods are called one at a time.
type Machine interface {
	// Step handles a CBOR sequence of events and appends a CBOR sequence of
	// effects to dst, which it returns. On error the effects of the events
	// before the one that failed are kept, and the error is an EventError.
	//
	// Neither dst nor events may be kept: dst may be C memory and both are
	// reused by the next call.
	Step(dst, events []byte) (effects []byte, err error)

	// Columns answers a query in typed arrays. They are copied before the next
	// call, so they may be the machine's own.
	Columns(query []byte) ([]Column, error)

	// Close gives back files and locks. It is the last call, and it is made
	// after a panic too, with whatever state that left: it must not write what
	// may be half done.
	Close() error
}

// Canceler is a Machine whose calls can take long. Cancel is called from
// another thread, while a call is in flight or just about to end: it asks that
// call to return early with an error of the code canceled, and must not disturb
// a later one.
type Canceler interface{ Cancel() }

// Column is a named array of a bulk result.
type Column struct {
	Name string
	// Data is a slice of a sized integer or float type, or [][32]byte for ids.
	Data any
}

// kinds are the machines that can be opened, by name.
var kinds = map[string]func(config []byte, host *Host) (Machine, error){}
