package storetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

// Compare takes two stores through the same random history and fails where
// they answer differently: after every change, commit, reopening, and for pins
// however old they are. Change logs are compared with what the sets did.
func Compare(t *testing.T, seed uint64, steps int, opens ...Opener) {
	t.Logf("seed %d", seed)
	c := &comparison{Walk: NewWalk(seed), t: t}
	for _, open := range opens {
		s, reopen := open(t)
		c.stores, c.reopens = append(c.stores, s), append(c.reopens, reopen)
	}
	for range steps {
		c.step()
		c.same()
	}
	c.closePins(0)
	for _, s := range c.stores {
		must(t, s.Close())
	}
}

type comparison struct {
	*Walk
	t       *testing.T
	stores  []store.Store
	reopens []func() store.Store
	pins    []pinning
	marks   []mark
}

// A pinning is one set pinned in all stores, with its dump.
type pinning struct {
	pins []store.Pin
	dump string
}

// A mark is a place in a store's change log.
type mark struct {
	log       store.ChangeLog
	store     int
	space     int
	seq       uint64
	held      map[codec.ID]uint64
	committed bool
	logged    int // length of the walk's log then
}

func (c *comparison) step() {
	switch dice := c.Rand.IntN(100); {
	case dice < 70:
		c.Change(c.stores...)
	case dice < 85:
		c.commit(c.Rand.IntN(3) == 0)
	case dice < 90:
		c.pin()
	case dice < 94:
		c.closePins(c.Rand.IntN(len(c.pins) + 1))
	case dice < 98:
		c.mark()
	default:
		c.reopen()
	}
}

func (c *comparison) commit(sync bool) {
	c.logf("commit %v", sync)
	for _, s := range c.stores {
		must(c.t, s.Commit(sync))
	}
	c.Committed()
	for i := range c.marks {
		c.marks[i].committed = true
	}
}

func (c *comparison) pin() {
	i := c.Rand.IntN(walkSpaces)
	c.logf("pin %d", i)
	var p pinning
	for _, s := range c.stores {
		p.pins = append(p.pins, s.Pin(Space(byte(i))))
	}
	p.dump = c.DumpPin(p.pins[0])
	c.pins = append(c.pins, p)
}

func (c *comparison) closePins(from int) {
	for _, p := range c.pins[from:] {
		for _, pin := range p.pins {
			pin.Close()
		}
	}
	c.pins = c.pins[:from]
}

// mark remembers the set of a space, and sometimes lets go of older changes.
func (c *comparison) mark() {
	i := c.Rand.IntN(walkSpaces)
	trim := c.Rand.IntN(4) == 0
	c.logf("mark %d", i)
	for at, s := range c.stores {
		log, ok := s.(store.ChangeLog)
		if !ok {
			continue
		}
		if trim {
			c.logf("trim %d", i)
			log.TrimChanges(Space(byte(i)), log.Seq(Space(byte(i))))
		}
		c.marks = append(c.marks, mark{log, at, i, log.Seq(Space(byte(i))), maps.Clone(c.held[i]), false, len(c.Log)})
	}
}

func (c *comparison) reopen() {
	c.logf("reopen")
	c.closePins(0)
	c.Lost()
	for i, reopen := range c.reopens {
		c.stores[i] = reopen()
	}
	kept := c.marks[:0]
	for _, m := range c.marks {
		if m.committed {
			m.log = c.stores[m.store].(store.ChangeLog)
			kept = append(kept, m)
		}
	}
	c.marks = kept
}

func (c *comparison) same() {
	c.t.Helper()
	first := c.Dump(c.stores[0])
	for i, s := range c.stores {
		if dump := c.Dump(s); dump != first {
			c.t.Fatalf("store %d holds\n%s\nthe first one\n%s\nafter\n%s", i, dump, first, c.Trail())
		}
		for k := range c.held {
			want(c.t, "count", s.Count(Space(byte(k))), uint64(len(c.held[k])))
		}
	}
	for _, p := range c.pins {
		for i, pin := range p.pins {
			if dump := c.DumpPin(pin); dump != p.dump {
				c.t.Fatalf("pin %d shows\n%s\nwhen pinned it was\n%s\nafter\n%s", i, dump, p.dump, c.Trail())
			}
		}
	}
	for _, m := range c.marks {
		got := changes(m.log, Space(byte(m.space)), m.seq)
		if got == tooOld && c.forgotten(m) {
			continue
		}
		if expected := netChanges(m.held, c.held[m.space]); got != expected {
			c.t.Fatalf("changes of space %d since %d:\n%s\nwant\n%s\nafter\n%s", m.space, m.seq, got, expected, c.Trail())
		}
	}
}

// forgotten says whether a store may have forgotten the changes since a mark.
func (c *comparison) forgotten(m mark) bool {
	since := c.Log[m.logged:]
	return slices.Contains(since, fmt.Sprintf("drop %d", m.space)) || slices.Contains(since, fmt.Sprintf("trim %d", m.space))
}
