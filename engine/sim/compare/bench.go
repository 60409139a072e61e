package compare

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

// A Bench runs cases. It keeps the records that both sides hold from one case to
// the next, and those in which they differ, as making and signing them takes longer
// than reconciling them.
type Bench struct {
	own      *own
	base     *base
	made     *difference // of the case below, nil for none
	of       Case        // without strategy and network
	canceled atomic.Bool
}

// New returns a bench. Genesis and envelopes are those of the caller's own
// records, for the workload "records"; both may be nil. They are as a node
// exports them.
func New(genesis, envelopes []byte) (*Bench, error) {
	b := &Bench{}
	if genesis == nil {
		return b, nil
	}
	var err error
	b.own, err = readOwn(genesis, envelopes)
	return b, err
}

// Cancel makes a Run that another goroutine is in return soon.
func (b *Bench) Cancel() { b.canceled.Store(true) }

// ErrCanceled is returned by a Run that was canceled.
var ErrCanceled = errors.New("compare: canceled")

// Run measures one case. One that has not converged was given up after an hour
// of simulated time.
func (b *Bench) Run(c Case) (*Row, error) {
	b.canceled.Store(false)
	if err := c.check(); err != nil {
		return nil, err
	}
	network, err := network(c.Network)
	if err != nil {
		return nil, err
	}
	m, err := b.prepare(&c)
	if err != nil {
		return nil, err
	}
	row := &Row{Case: c}
	stores := b.base.stores(m)
	before := heap()
	p, err := newPair(&c, network, stores, b.base.space, m.genesis)
	if err != nil {
		return nil, err
	}
	if m.shared {
		if err := b.warm(p, m, row); err != nil {
			return nil, err
		}
		row.KeptBytes = (max(heap(), before) - before) / 2
	}
	if err := b.load(p, m, row); err != nil {
		return nil, err
	}
	runtime.GC()
	p.connect()
	row.Converged = p.run(&b.canceled)
	p.row(row)
	for _, s := range p.sides {
		if err := s.node.Close(); err != nil {
			return nil, err
		}
	}
	return row, p.failed
}

// heap is what is in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// warm lets the two meet over one record.
func (b *Bench) warm(p *pair, m *difference, row *Row) error {
	p.imports(0, []*codec.Record{m.first})
	p.sides[1].missing[m.first.ID] = struct{}{}
	p.connect()
	p.run(&b.canceled)
	p.disconnect()
	row.ColdNs = p.sides[0].ns + p.sides[1].ns
	return p.failed
}

// load gives each side its part of the difference.
func (b *Bench) load(p *pair, m *difference, row *Row) error {
	for i, part := range m.parts {
		p.imports(i, part)
		for _, rec := range part {
			p.sides[1-i].missing[rec.ID] = struct{}{}
			row.Records.Canonical += uint64(len(rec.AppendEnvelope(nil)))
		}
		row.Records.Missing += uint64(len(part))
	}
	return p.failed
}

// importBytes is how much goes into one event.
const importBytes = 1 << 20

func (p *pair) imports(side int, records []*codec.Record) {
	for len(records) > 0 && p.failed == nil {
		ev := &codec.Import{Space: records[0].Space}
		for len(records) > 0 && len(ev.Envelopes) < importBytes {
			ev.Envelopes = records[0].AppendEnvelope(ev.Envelopes)
			records = records[1:]
		}
		p.step(p.sides[side], ev)
	}
}

// A difference is what two sides of a case hold apart from the base.
type difference struct {
	genesis []byte
	shared  bool            // both start with the base, and meet over first
	without []*codec.Record // of the base, that neither starts with
	first   *codec.Record   // the record of the first meeting
	parts   [2][]*codec.Record
}

// prepare makes the base, unless the last case had the same, and the difference.
func (b *Bench) prepare(c *Case) (*difference, error) {
	if c.Workload == ownWorkload {
		return b.prepareOwn(c)
	}
	w, err := workload(c.Workload)
	if err != nil {
		return nil, err
	}
	n := c.Records
	if w.differ == nil {
		n = 0
	}
	if b.base == nil || b.base.n != n || b.base.own {
		b.made = nil
		if b.base, err = newBase(n); err != nil {
			return nil, err
		}
	}
	of := Case{Workload: c.Workload, Records: c.Records, Differ: c.Differ, Seed: c.Seed}
	if b.made == nil || b.of != of {
		b.of, b.made = of, b.differ(w, c)
	}
	return b.made, nil
}

// differ makes the difference of a case.
func (b *Bench) differ(w *Workload, c *Case) *difference {
	var m maker
	m.resume(b.base.maker, c.Seed)
	m.old = b.base.records
	d := &difference{genesis: m.genesis, shared: w.differ != nil}
	if w.differ == nil {
		for i := range c.Records {
			m.add(int(c.Seed%2), m.signed(i%authors, key("k", uint64(i)), int64(i)*1000))
		}
	} else {
		d.first = m.fresh("first", span)
		w.differ(&m, c.Differ)
	}
	d.parts = m.parts
	return d
}

// A base is a set that many cases share.
type base struct {
	n       int
	own     bool
	space   codec.ID
	salt    codec.Salt
	maker   *maker
	arena   *memory.Arena
	records []*codec.Record
	short   []uint64
	summary map[string][]byte // what a node writes down of the set
}

func newBase(n int) (*base, error) {
	m := newMaker(1)
	b := &base{n: n, maker: m, space: m.space, arena: memory.NewArena()}
	g, err := codec.ParseGenesis(m.genesis)
	if err != nil {
		return nil, err
	}
	b.salt = g.Salt
	m.common(n, b.add)
	return b, b.summarise(m.genesis)
}

func (b *base) add(rec *codec.Record) {
	b.records = append(b.records, rec)
	b.short = append(b.short, codec.ShortID(&b.salt, &rec.ID))
}

// summarise lets a node compute the fingerprint of the base, which is the same
// for all of them and takes seconds where there are a million records.
func (b *base) summarise(genesis []byte) error {
	st := b.store(true)
	node, err := engine.Open(engine.Config{Key: [32]byte{2}}, st, engine.Options{})
	if err != nil {
		return err
	}
	if _, err := node.Step(codec.Now{}, &codec.JoinSpace{Genesis: genesis}); err != nil {
		return err
	}
	node.Summary(b.space)
	b.summary = map[string][]byte{}
	st.keep = b.summary
	return node.Close()
}

// stores returns what the two sides of a case start with.
func (b *base) stores(d *difference) (stores [2]store.Store) {
	for i := range stores {
		st := b.store(d.shared)
		for _, rec := range d.without {
			short := b.short[slices.Index(b.records, rec)]
			st.Remove(b.space, st.Find(b.space, short, nil)[0])
		}
		_ = st.Commit(true) // memory stores do not fail
		stores[i] = st
	}
	return stores
}

// store returns a store that holds the base, or nothing.
func (b *base) store(full bool) *baseStore {
	st := &baseStore{Store: memory.New(b.arena), salt: b.salt}
	if full {
		for i, rec := range b.records {
			st.Store.Insert(rec, b.short[i])
		}
		st.base = b.summary
		_ = st.Commit(true) // memory stores do not fail
	}
	return st
}

// A baseStore is a memory store that knows the summary of what it began with.
type baseStore struct {
	*memory.Store
	salt    codec.Salt
	base    map[string][]byte // summaries of the base, for all stores
	keep    map[string][]byte // where to leave summaries, nil for nowhere
	changes []store.Change
}

// summaryPrefix begins the names of metadata that is a function of the set.
const summaryPrefix = "summary/"

// Insert implements store.Store.
func (s *baseStore) Insert(rec *codec.Record, short uint64) store.Ref {
	s.note(rec, short, true)
	return s.Store.Insert(rec, short)
}

// Remove implements store.Store.
func (s *baseStore) Remove(space codec.ID, ref store.Ref) {
	rec := s.Load(space, ref)
	s.note(rec, codec.ShortID(&s.salt, &rec.ID), false)
	s.Store.Remove(space, ref)
}

func (s *baseStore) note(rec *codec.Record, short uint64, added bool) {
	s.changes = append(s.changes, store.Change{
		Short: short, ID: rec.ID, Author: rec.Author, Key: rec.Key, Version: rec.Version, Time: rec.Time, Added: added,
	})
}

// SetMeta implements store.Store.
func (s *baseStore) SetMeta(key string, value []byte) {
	if s.keep != nil && strings.HasPrefix(key, summaryPrefix) {
		s.keep[key] = slices.Clone(value)
	}
	s.Store.SetMeta(key, value)
}

// Meta implements store.Store.
func (s *baseStore) Meta(key string) []byte {
	if v := s.Store.Meta(key); v != nil {
		return v
	}
	return s.base[key]
}

// Seq implements store.ChangeLog: the base has number 0.
func (s *baseStore) Seq(codec.ID) uint64 { return uint64(len(s.changes)) }

// Changes implements store.ChangeLog.
func (s *baseStore) Changes(_ codec.ID, seq uint64, fn func(*store.Change)) bool {
	for i := range s.changes[seq:] {
		fn(&s.changes[int(seq)+i])
	}
	return true
}

// TrimChanges implements store.ChangeLog: cases are short.
func (s *baseStore) TrimChanges(codec.ID, uint64) {}
