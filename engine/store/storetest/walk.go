package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
)

const (
	walkSpaces  = 3
	walkAuthors = 3
	walkRecords = 60 // per space
	walkShorts  = 40 // per space: some records share one
	walkMetas   = 8
)

var walkKeys = []codec.Key{
	codec.MustKey("a"), codec.MustKey("a", ""), codec.MustKey("a", "b"), codec.MustKey("a", "\x00"),
	codec.MustKey("b"), codec.MustKey("b", "\xff"), codec.MustKey("\xff"),
}

// A Walk makes random changes, the same to every store it is given, and knows
// what the stores should hold. The same seed makes the same walk.
type Walk struct {
	Rand *rand.Rand
	Log  []string // what was done
	pool []*codec.Record
	// Records by id, for each space; and the same as of the last commit.
	held, committed [walkSpaces]map[codec.ID]uint64
}

// NewWalk returns a walk that has not begun.
func NewWalk(seed uint64) *Walk {
	w := &Walk{Rand: rand.New(rand.NewPCG(seed, 0))}
	for i := range byte(walkSpaces) {
		w.held[i], w.committed[i] = map[codec.ID]uint64{}, map[codec.ID]uint64{}
		for range walkRecords {
			key := walkKeys[w.Rand.IntN(len(walkKeys))]
			var parts []string
			for _, p := range key.Parts() {
				parts = append(parts, string(p))
			}
			// Few versions, so that some authors use one twice.
			w.pool = append(w.pool, RecordOf(Space(i), Author(byte(w.Rand.IntN(walkAuthors))), 1+w.Rand.Uint64N(30),
				fmt.Appendf(nil, "%d", w.Rand.Uint64()), parts...))
		}
	}
	return w
}

// short gives some records the same name.
func (w *Walk) short(r *codec.Record) uint64 { return Short(r) % walkShorts }

func (w *Walk) logf(format string, args ...any) { w.Log = append(w.Log, fmt.Sprintf(format, args...)) }

// Trail is the end of the log, for messages.
func (w *Walk) Trail() string {
	return strings.Join(w.Log[max(0, len(w.Log)-30):], "\n")
}

// Change stages one change in all stores.
func (w *Walk) Change(stores ...store.Store) {
	i := w.Rand.IntN(walkSpaces)
	r := w.pool[i*walkRecords+w.Rand.IntN(walkRecords)]
	switch dice := w.Rand.IntN(100); {
	case dice < 2:
		w.logf("drop %d", i)
		clear(w.held[i])
		each(stores, func(s store.Store) { s.DropSpace(r.Space) })
	case dice < 12:
		w.meta(stores)
	default:
		// Inserting what is not held and removing what is keeps the sets half full.
		if _, held := w.held[i][r.ID]; held {
			w.logf("remove %d %s", i, name(r))
			delete(w.held[i], r.ID)
			each(stores, func(s store.Store) { s.Remove(r.Space, w.ref(s, r)) })
		} else {
			w.logf("insert %d %s", i, name(r))
			w.held[i][r.ID] = w.short(r)
			each(stores, func(s store.Store) { s.Insert(r, w.short(r)) })
		}
	}
}

func (w *Walk) meta(stores []store.Store) {
	key := fmt.Sprintf("meta/%d", w.Rand.IntN(walkMetas))
	var value []byte
	if w.Rand.IntN(3) > 0 {
		value = fmt.Appendf([]byte{}, "%d", w.Rand.Uint32())
	}
	w.logf("meta %s=%s", key, value)
	each(stores, func(s store.Store) { s.SetMeta(key, value) })
}

func each(stores []store.Store, fn func(store.Store)) {
	for _, s := range stores {
		fn(s)
	}
}

// ref finds a held record.
func (w *Walk) ref(s store.Store, r *codec.Record) store.Ref {
	for _, ref := range s.Find(r.Space, w.short(r), nil) {
		if s.Load(r.Space, ref).ID == r.ID {
			return ref
		}
	}
	return ^store.Ref(0) // after a failure
}

// Committed tells the walk that the changes were committed, Lost that those
// since then are gone.
func (w *Walk) Committed() {
	for i := range w.held {
		w.committed[i] = maps.Clone(w.held[i])
	}
}

// Lost tells the walk that what was staged is gone.
func (w *Walk) Lost() {
	for i := range w.held {
		w.held[i] = maps.Clone(w.committed[i])
	}
}

// Resume goes on from what a store holds.
func (w *Walk) Resume(s store.Store) {
	for i := range byte(walkSpaces) {
		w.held[i] = map[codec.ID]uint64{}
		s.Scan(Space(i), nil, nil, func(_ store.Ref, r *codec.Record) bool {
			w.held[i][r.ID] = w.short(r)
			return true
		})
	}
}

// Dump is everything a store answers about the walk's spaces, in a fixed form:
// stores with the same content have the same dump.
func (w *Walk) Dump(s store.Store) string {
	var b strings.Builder
	line := func(what string, recs ...*codec.Record) {
		fmt.Fprintf(&b, "  %s:", what)
		for _, r := range recs {
			fmt.Fprintf(&b, " %s=%s", name(r), r.Value)
		}
		b.WriteByte('\n')
	}
	s.EachMeta("meta/", func(key string, value []byte) bool {
		fmt.Fprintf(&b, "%s=%s,%s\n", key, value, s.Meta(key))
		return true
	})
	for i := range byte(walkSpaces) {
		space := Space(i)
		fmt.Fprintf(&b, "space %d: %d records\n", i, s.Count(space))
		s.Authors(space, func(author codec.PeerID, highest uint64) bool {
			line(fmt.Sprintf("author %s %d", author.Short(), highest), dots(s, space, author, 0)...)
			line("above 9", dots(s, space, author, 9)...)
			for _, key := range walkKeys {
				line("register", load(s, space, s.Register(space, author, key, nil))...)
			}
			return true
		})
		line("scan", scan(s, space, nil, nil)...)
		for _, key := range walkKeys {
			line("prefix "+key.String(), scan(s, space, key, nil)...)
			line("after "+key.String(), scan(s, space, nil, key)...)
		}
		for short := range uint64(walkShorts) {
			line("found", load(s, space, s.Find(space, short, nil))...)
		}
		p := s.Pin(space)
		b.WriteString(w.DumpPin(p))
		p.Close()
	}
	return b.String()
}

// DumpPin is everything a pin answers.
func (w *Walk) DumpPin(p store.Pin) string {
	var lines []string
	p.Each(func(ref store.Ref, short uint64, id *codec.ID) bool {
		lines = append(lines, fmt.Sprintf("  pinned %x %s %s", short, id.Short(), name(p.Load(ref))))
		return true
	})
	slices.Sort(lines)
	for short := range uint64(walkShorts) {
		for _, ref := range p.Find(short, nil) {
			lines = append(lines, fmt.Sprintf("  pin finds %x %s", short, name(p.Load(ref))))
		}
	}
	return fmt.Sprintf("  pin of %d\n%s\n", p.Len(), strings.Join(lines, "\n"))
}
