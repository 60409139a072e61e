package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/intersubjective/rapprochement/codec"
)

// Origin is what a world is made of: a scenario and the files it names, and for
// a snapshot the commands given since. As a world is a function of these, a
// snapshot restores it by doing everything again, at the price of the time that
// took.
type Origin struct {
	Scenario string            `cbor:"scenario"`
	Seed     *uint64           `cbor:"seed,omitempty"` // in place of the scenario's
	Files    map[string][]byte `cbor:"files"`
	Store    string            `cbor:"store"` // "memory" or "pebble"; what that means is the program's business
	Commands []byte            `cbor:"commands"`
}

// Plan compiles the scenario.
func (o *Origin) Plan() (*Plan, error) {
	s, err := ParseScenario(o.Scenario)
	if err != nil {
		return nil, err
	}
	if o.Seed != nil {
		s.Seed = *o.Seed
	}
	return Compile(s, o.Files)
}

// A Driver runs a world by commands and remembers them.
type Driver struct {
	*World
	origin Origin
	last   *codec.RunWorld // the last command, when it was a Run
	told   int             // bytes of the transcript given out
}

// OpenDriver makes a world, and brings it to where its snapshot was taken.
func OpenDriver(o Origin, stores Stores) (*Driver, error) {
	p, err := o.Plan()
	if err != nil {
		return nil, err
	}
	w, err := NewWorld(p, stores)
	if err != nil {
		return nil, err
	}
	commands := o.Commands
	o.Commands = nil
	d := &Driver{World: w, origin: o}
	for len(commands) > 0 {
		var cmd codec.WorldCommand
		if cmd, commands, err = codec.NextWorldCommand(commands); err != nil {
			return nil, fmt.Errorf("sim: snapshot: %w", err)
		}
		if _, err := d.Do(cmd); err != nil && !errors.Is(err, ErrManual) {
			return nil, fmt.Errorf("sim: snapshot: %w", err)
		}
	}
	d.told = 0
	return d, nil
}

// Do carries out a command. A refused one has changed nothing; errors wrap
// ErrManual.
func (d *Driver) Do(cmd codec.WorldCommand) (codec.WorldAnswer, error) {
	switch cmd := cmd.(type) {
	case *codec.RunWorld:
		return d.run(cmd), nil
	case *codec.GiveNode:
		return d.give(cmd)
	case *codec.ListFrames:
		return &codec.WorldFrames{Frames: d.InFlight()}, nil
	case *codec.GetResult:
		r := d.Result()
		return &r, nil
	case *codec.GetTranscript:
		text := d.Transcript()
		text, d.told = text[d.told:], len(text)
		return &codec.WorldText{Text: text}, nil
	case *codec.GetViolations:
		return &codec.WorldText{Text: strings.Join(d.Violations(), "\n")}, nil
	case *codec.GetSnapshot:
		return d.snapshot()
	}
	if err := d.interfere(cmd); err != nil {
		return nil, err
	}
	d.remember(cmd)
	return d.ran(0), nil
}

func (d *Driver) ran(events uint64) *codec.WorldRan {
	return &codec.WorldRan{Now: d.now, Events: events, Over: d.over}
}

// run remembers what really happened: a run that did not get to its end is, for
// the snapshot, one of so many events.
func (d *Driver) run(cmd *codec.RunWorld) codec.WorldAnswer {
	began, wasOver := d.now, d.over
	done := d.World.Run(cmd.Until, cmd.Events)
	end := min(cmd.Until, d.plan.Duration)
	switch {
	case done == 0 && d.now == began && d.over == wasOver:
	case d.over || d.now >= end && d.queue.PeekTime() > end:
		d.rememberRun(codec.RunWorld{Until: cmd.Until})
	default:
		d.rememberRun(codec.RunWorld{Until: cmd.Until, Events: done})
	}
	return d.ran(done)
}

// rememberRun joins a run with the one before, so that a run in many slices is
// one command.
func (d *Driver) rememberRun(run codec.RunWorld) {
	switch last := d.last; {
	case last == nil || last.Events == 0 && run.Events > 0:
		d.remember(&run)
	case run.Events > 0:
		last.Until, last.Events = max(last.Until, run.Until), last.Events+run.Events
	case last.Events > 0:
		*last = run
	default:
		last.Until = max(last.Until, run.Until)
	}
}

func (d *Driver) give(cmd *codec.GiveNode) (codec.WorldAnswer, error) {
	_, ev, rest, err := codec.NextEvent(cmd.Event)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrManual, err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes follow the event", ErrManual, len(rest))
	}
	effects, err := d.Give(cmd.Node, ev)
	d.remember(cmd)
	if err != nil {
		return nil, err
	}
	if d.convergedAt >= 0 && !d.Equal() {
		d.convergedAt, d.over = -1, false // there is something to do again
	}
	answer := &codec.NodeEffects{Node: cmd.Node}
	for _, ef := range effects {
		if answer.Effects, err = codec.AppendEffect(answer.Effects, ef); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func (d *Driver) interfere(cmd codec.WorldCommand) error {
	switch cmd := cmd.(type) {
	case *codec.DeliverFrame:
		return d.Deliver(cmd.Frame)
	case *codec.DropFrame:
		return d.DropFrame(cmd.Frame)
	case *codec.DelayFrame:
		return d.DelayFrame(cmd.Frame, cmd.At)
	case *codec.AlterFrame:
		return d.AlterFrame(cmd.Frame, cmd.Bytes)
	case *codec.AdvanceClock:
		return d.AdvanceClock(cmd.Node, cmd.Mono, cmd.Wall)
	case *codec.Disturb:
		return d.disturb(cmd)
	}
	return fmt.Errorf("%w: command of type %T", ErrManual, cmd)
}

var disturbances = map[string]ActionKind{
	"cut": Cut, "heal": Heal, "crash": Crash, "restart": Restart, "pause": Pause,
	"resume": Resume, "leave": Leave, "fail-store": FailStore,
}

func (d *Driver) disturb(cmd *codec.Disturb) error {
	kind, known := disturbances[cmd.Action]
	fate, fateKnown := fates[cmd.Store]
	if !known || cmd.Store != "" && !fateKnown {
		return fmt.Errorf("%w: action %q with store %q", ErrManual, cmd.Action, cmd.Store)
	}
	a := Action{Kind: kind, OneWay: cmd.OneWay, Store: fate, Commit: max(cmd.Commit, 1)}
	nodes := make([]uint32, len(cmd.Nodes))
	for i, n := range cmd.Nodes {
		if n >= uint64(len(d.nodes)) {
			return fmt.Errorf("%w: node %d, have 0 to %d", ErrManual, n, len(d.nodes)-1)
		}
		nodes[i] = uint32(n)
	}
	if kind == Cut || kind == Heal {
		a.Nodes = nodes
		return d.Disturb(a)
	}
	for _, n := range nodes {
		a.Node = n
		if err := d.Disturb(a); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) remember(cmd codec.WorldCommand) {
	d.flush()
	if run, ok := cmd.(*codec.RunWorld); ok {
		d.last = run
		return
	}
	d.write(cmd)
}

func (d *Driver) flush() {
	if d.last != nil {
		d.write(d.last)
		d.last = nil
	}
}

// write appends a command to the origin. Commands that came in as bytes always
// encode again.
func (d *Driver) write(cmd codec.WorldCommand) {
	if b, err := codec.AppendWorldCommand(d.origin.Commands, cmd); err == nil {
		d.origin.Commands = b
	}
}

func (d *Driver) snapshot() (codec.WorldAnswer, error) {
	d.flush()
	b, err := codec.Marshal(&d.origin)
	return &codec.WorldSnapshot{Bytes: b}, err
}

// Columns answers "peers" and "space" with ids, and the tables of the world.
func (d *Driver) Columns(table string) ([]Column, error) {
	switch table {
	case "peers":
		ids := make([][32]byte, len(d.plan.Nodes))
		for i := range ids {
			ids[i] = d.plan.Nodes[i].Peer
		}
		return []Column{{"peer", ids}}, nil
	case "space":
		return []Column{{"space", [][32]byte{d.plan.space()}}}, nil
	}
	return d.World.Columns(table)
}
