package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// Driving by hand: everything here happens at the world's present time, between
// two calls of Run.

// ErrManual is wrapped by every refusal of a command.
var ErrManual = errors.New("sim: command refused")

func (w *World) nodeAt(index uint64) (*simNode, error) {
	if index >= uint64(len(w.nodes)) {
		return nil, fmt.Errorf("%w: node %d, have 0 to %d", ErrManual, index, len(w.nodes)-1)
	}
	return w.nodes[index], nil
}

// Give gives a node an event now and returns the effects of that step. The
// world carries them out as well.
func (w *World) Give(index uint64, ev codec.Event) ([]codec.Effect, error) {
	n, err := w.nodeAt(index)
	if err != nil {
		return nil, err
	}
	if n.node == nil {
		return nil, fmt.Errorf("%w: node %d is down", ErrManual, index)
	}
	var effects []codec.Effect
	before := w.refused
	n.tap = &effects
	w.step(n, ev)
	n.tap = nil
	if w.refused > before {
		return nil, fmt.Errorf("%w: %s", ErrManual, w.lastRefusal)
	}
	return effects, nil
}

// InFlight lists the frames under way, in the order of their arrival.
func (w *World) InFlight() []codec.WorldFrame {
	var list []codec.WorldFrame
	for slot := range w.frames.slots {
		if f := &w.frames.slots[slot]; f.serial != 0 {
			list = append(list, codec.WorldFrame{
				Frame: f.serial, From: uint64(f.from), To: uint64(f.to), Link: f.link,
				SentAt: f.sent, ArrivesAt: f.at, Bytes: f.bytes,
			})
		}
	}
	slices.SortFunc(list, func(a, b codec.WorldFrame) int {
		return cmp.Or(cmp.Compare(a.ArrivesAt, b.ArrivesAt), cmp.Compare(a.Frame, b.Frame))
	})
	return list
}

func (w *World) frame(serial uint64) (uint32, error) {
	for slot := range w.frames.slots {
		if serial != 0 && w.frames.slots[slot].serial == serial {
			return uint32(slot), nil
		}
	}
	return 0, fmt.Errorf("%w: no frame %d is in flight", ErrManual, serial)
}

// Deliver lets a frame arrive now.
func (w *World) Deliver(serial uint64) error {
	slot, err := w.frame(serial)
	if err != nil {
		return err
	}
	f := w.frames.take(slot)
	w.queue.Drop(f.ticket)
	w.arrive(w.nodes[f.to], f)
	return nil
}

// DropFrame loses a frame.
func (w *World) DropFrame(serial uint64) error {
	slot, err := w.frame(serial)
	if err == nil {
		w.queue.Drop(w.frames.take(slot).ticket)
	}
	return err
}

// DelayFrame moves a frame's arrival to a time not before now.
func (w *World) DelayFrame(serial uint64, at int64) error {
	slot, err := w.frame(serial)
	if err != nil {
		return err
	}
	if at < w.now {
		return fmt.Errorf("%w: %d is before now, %d", ErrManual, at, w.now)
	}
	f := w.frames.at(slot)
	w.queue.Drop(f.ticket)
	f.at = at
	f.ticket = w.queue.Push(at, f.kind|uint64(slot))
	return nil
}

// AlterFrame changes a frame's bytes.
func (w *World) AlterFrame(serial uint64, data []byte) error {
	if len(data) > codec.FrameMax {
		return fmt.Errorf("%w: a frame of %d bytes, at most %d", ErrManual, len(data), codec.FrameMax)
	}
	slot, err := w.frame(serial)
	if err == nil {
		w.frames.at(slot).bytes = slices.Clone(data)
	}
	return err
}

// AdvanceClock moves a node's monotonic clock forward and its wall clock either
// way, by nanoseconds, and wakes the node.
func (w *World) AdvanceClock(index uint64, mono, wall int64) error {
	n, err := w.nodeAt(index)
	if err != nil {
		return err
	}
	if mono < 0 || mono > 1<<55 {
		return fmt.Errorf("%w: monotonic clocks only advance, got %d", ErrManual, mono)
	}
	n.mono += mono
	n.wall += wall
	if n.node != nil && !n.paused {
		w.step(n, &codec.Wake{})
	}
	return nil
}

// Disturb carries out an action of another kind than Give, now.
func (w *World) Disturb(a Action) error {
	for _, n := range append([]uint32{a.Node}, a.Nodes...) {
		if _, err := w.nodeAt(uint64(n)); err != nil {
			return err
		}
	}
	if a.Kind == Give || a.Kind == SetLinks || a.Kind > Leave {
		return fmt.Errorf("%w: action %d", ErrManual, a.Kind)
	}
	slices.Sort(a.Nodes)
	if a.Kind == Cut && len(w.cuts) >= cutsMax {
		return fmt.Errorf("%w: %d cuts there are already", ErrManual, len(w.cuts))
	}
	w.convergedAt, w.over = -1, false
	w.perform(&a)
	return nil
}

// Now is the world's time, in nanoseconds from its start.
func (w *World) Now() int64 { return w.now }

// Over reports whether the run has come to its end.
func (w *World) Over() bool { return w.over }
