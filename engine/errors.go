package engine

import (
	"errors"
	"fmt"
)

// What a host can do wrong. Each is wrapped with the particulars.
var (
	// ErrUnknownSpace: the node has not joined the space.
	ErrUnknownSpace = errors.New("engine: unknown space")
	// ErrUnknownPeer: no such peer was added and no link to it is up.
	ErrUnknownPeer = errors.New("engine: unknown peer")
	// ErrUnknownLink: no link of that number is up.
	ErrUnknownLink = errors.New("engine: unknown link")
	// ErrLinkInUse: a link of that number is up already.
	ErrLinkInUse = errors.New("engine: link number in use")
	// ErrNotAllowed: the space's rules do not let this node do that.
	ErrNotAllowed = errors.New("engine: not allowed")
	// ErrStoreLost: the store lost what this key wrote; writing waits for a
	// sync of the space or for AcceptLoss.
	ErrStoreLost = errors.New("engine: the store was lost, writing waits for a sync or AcceptLoss")
	// ErrArgument: an argument is out of its range.
	ErrArgument = errors.New("engine: bad argument")
	// ErrTime: monotonic time went back.
	ErrTime = errors.New("engine: monotonic time went back")
	// ErrClosed: the node is closed.
	ErrClosed = errors.New("engine: closed")
)

// An EventError names the event of a batch that was refused. Everything before
// it has happened; nothing of it or after it has.
type EventError struct {
	Index int
	Err   error
}

func (e *EventError) Error() string { return fmt.Sprintf("event %d: %v", e.Index, e.Err) }

func (e *EventError) Unwrap() error { return e.Err }
