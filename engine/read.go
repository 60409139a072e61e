package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
	"github.com/intersubjective/rapprochement/engine/store"
)

func entryOf(rec *codec.Record) codec.Entry {
	return codec.Entry{
		Record: rec.ID, Author: rec.Author, Version: rec.Version, Time: rec.Time,
		Key: rec.Key, Codec: rec.Codec, Value: rec.Value,
	}
}

// get answers with what every author holds at one key.
func (n *Node) get(ev *codec.Get) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	if len(ev.Key) == 0 {
		return fmt.Errorf("%w: get without a key", ErrArgument)
	}
	out := &codec.Entries{Req: ev.Req}
	n.registers(sp, ev.Key, nil, func(rec *codec.Record) bool {
		if !bytes.Equal(rec.Key, ev.Key) {
			return false
		}
		out.Entries = append(out.Entries, entryOf(rec))
		return true
	})
	slices.SortFunc(out.Entries, func(a, b codec.Entry) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), b.Author.Compare(a.Author))
	})
	n.emit(out)
	return nil
}

// registers calls fn with the current record of every register under a prefix,
// by (key, author). Tombstones and control records are left out.
func (n *Node) registers(sp *space, prefix, after codec.Key, fn func(*codec.Record) bool) {
	var current *codec.Record
	flush := func() bool {
		rec := current
		current = nil
		return rec == nil || rec.Codec == codec.CodecNone || rec.Key.IsControl() || fn(rec)
	}
	n.store.Scan(sp.id, prefix, after, func(_ store.Ref, rec *codec.Record) bool {
		if current != nil && (current.Author != rec.Author || !bytes.Equal(current.Key, rec.Key)) && !flush() {
			return false
		}
		current = rec // the last by (version, id) counts
		return true
	})
	flush()
}

func (n *Node) scan(ev *codec.Scan) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	limit := int(ev.Limit)
	if limit == 0 {
		limit = codec.ScanLimitMax
	}
	if limit < 0 || limit > codec.ScanLimitMax {
		return fmt.Errorf("%w: scan limit %d, want 0 to %d", ErrArgument, ev.Limit, codec.ScanLimitMax)
	}
	out := &codec.Entries{Req: ev.Req}
	n.registers(sp, ev.Prefix, ev.After, func(rec *codec.Record) bool {
		// A key's authors stay together, so that After can continue.
		if k := len(out.Entries); k >= limit && !bytes.Equal(out.Entries[k-1].Key, rec.Key) {
			out.More = true
			return false
		}
		out.Entries = append(out.Entries, entryOf(rec))
		return true
	})
	n.emit(out)
	return nil
}

// watchesMax bounds the watches of one space: each costs every admission.
const watchesMax = 1024

func (n *Node) watch(ev *codec.Watch) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	if len(sp.watches) >= watchesMax {
		return fmt.Errorf("%w: more than %d watches on one space", ErrArgument, watchesMax)
	}
	if _, at := n.findWatch(ev.Req); at >= 0 {
		return fmt.Errorf("%w: watch %d exists", ErrArgument, ev.Req)
	}
	sp.watches = append(sp.watches, watch{req: ev.Req, prefix: slices.Clone(ev.Prefix)})
	n.emit(&codec.Done{Req: ev.Req})
	return nil
}

// findWatch returns the space and place of the watch of a number, −1 for none.
func (n *Node) findWatch(req uint64) (*space, int) {
	for _, sp := range n.order {
		if at := slices.IndexFunc(sp.watches, func(w watch) bool { return w.req == req && w.service == nil }); at >= 0 {
			return sp, at
		}
	}
	return nil, -1
}

func (n *Node) unwatch(ev *codec.Unwatch) error {
	sp, at := n.findWatch(ev.Watch)
	if at < 0 {
		return fmt.Errorf("%w: no watch %d", ErrArgument, ev.Watch)
	}
	sp.watches = slices.Delete(sp.watches, at, at+1)
	n.emit(&codec.Done{Req: ev.Req})
	return nil
}

// changed collects a new record for the watches, if it is the one of its
// register that counts. They are told once per step.
func (n *Node) changed(sp *space, rec *codec.Record) {
	if len(sp.watches) == 0 || rec.Key.IsControl() {
		return
	}
	if current := n.current(sp, rec); current.ID == rec.ID {
		n.tell(sp, entryOf(rec))
	}
}

// uncovered tells the watches what stands at the place of a record that has
// been removed: an older one, or nothing.
func (n *Node) uncovered(sp *space, gone *codec.Record) {
	if current := n.current(sp, gone); current != nil {
		n.tell(sp, entryOf(current))
		return
	}
	e := entryOf(gone)
	e.Codec, e.Value = codec.CodecNone, nil
	n.tell(sp, e)
}

// current is the record that counts among those of a record's register, nil if
// there are none.
func (n *Node) current(sp *space, of *codec.Record) *codec.Record {
	n.refs = n.store.Register(sp.id, of.Author, of.Key, n.refs[:0])
	if len(n.refs) == 0 {
		return nil
	}
	return n.store.Load(sp.id, n.refs[len(n.refs)-1])
}

func (n *Node) tell(sp *space, e codec.Entry) {
	for i := range sp.watches {
		if w := &sp.watches[i]; e.Key.HasPrefix(w.prefix) {
			w.changed = append(w.changed, e)
			n.watched = true
		}
	}
}

func (n *Node) tellWatches() {
	if !n.watched {
		return
	}
	n.watched = false
	for _, sp := range n.order {
		for i := range sp.watches {
			w := &sp.watches[i]
			switch {
			case len(w.changed) == 0:
			case w.service != nil:
				n.deliver(w.service, service.Changed{Space: sp.id, Entries: w.changed})
			default:
				n.emit(&codec.Changed{Watch: w.req, Space: sp.id, Entries: w.changed})
			}
			w.changed = nil
		}
	}
}

// explain says what became of a record, as far as this node remembers.
func (n *Node) explain(ev *codec.Explain) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	out := &codec.Explained{Req: ev.Req, Record: ev.Record}
	n.emit(out)
	short := sp.short(&ev.Record)
	if at := n.find(sp, short, &ev.Record); at >= 0 {
		rec := n.store.Load(sp.id, n.refs[at])
		out.Standing, out.Reason = codec.StandingHeld, fmt.Sprintf("version %d of %s by %s", rec.Version, rec.Key, rec.Author.Short())
		if c := n.current(sp, rec); c.ID != rec.ID && c.Version == rec.Version && !rec.Key.IsControl() {
			out.Standing, out.Reason = codec.StandingProof, "kept as proof that its author signed one version twice"
		}
		return nil
	}
	for _, p := range sp.pending {
		if p.id == ev.Record {
			out.Standing, out.Reason = codec.StandingPending, "waits for grant "+p.grant.Short()
			return nil
		}
	}
	for author, p := range sp.flagged { // unordered: a record has one author
		if p.ids[0] == ev.Record || p.ids[1] == ev.Record {
			out.Standing = codec.StandingProof
			out.Reason = fmt.Sprintf("kept beside the set as proof that %s signed version %d twice", author.Short(), p.version)
			return nil
		}
	}
	for _, r := range n.refused {
		if r.id == ev.Record {
			out.Standing, out.Reason = codec.StandingRefused, r.reason.Error()
			if errors.Is(r.reason, errHidden) {
				out.Standing = codec.StandingHidden
			}
		}
	}
	if out.Reason == "" {
		out.Reason = "never seen, or superseded and forgotten"
	}
	return nil
}

// exportChunk is how many bytes of envelopes one Exported effect carries.
const exportChunk = 1 << 20

func (n *Node) export(ev *codec.Export) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	out := &codec.Exported{Req: ev.Req, Space: sp.id, Genesis: sp.block}
	n.store.Scan(sp.id, nil, nil, func(_ store.Ref, rec *codec.Record) bool {
		if len(out.Envelopes) > exportChunk {
			out.More = true
			n.emit(out)
			out = &codec.Exported{Req: ev.Req, Space: sp.id}
		}
		out.Envelopes = rec.AppendEnvelope(out.Envelopes)
		return true
	})
	n.emit(out)
	return nil
}

// importEnvelopes admits exported records. A forged one refuses the import;
// those that a peer could not bring either are left out, and Explain says why.
func (n *Node) importEnvelopes(ev *codec.Import) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	records, err := parseEnvelopes(sp, ev.Envelopes)
	if err != nil {
		return err
	}
	for from := 0; from < len(records); from += batchRecordsVerify {
		part := records[from:min(from+batchRecordsVerify, len(records))]
		n.batch = n.batch[:0]
		for _, rec := range part {
			n.batch = append(n.batch, candidate{rec: rec})
		}
		n.verify(n.batch)
		bad := slices.IndexFunc(n.batch, func(c candidate) bool { return c.rec == nil })
		n.batch = n.batch[:0]
		if bad >= 0 {
			return fmt.Errorf("%w: import: record %s: %w", ErrArgument, part[bad].ID.Short(), errForged)
		}
	}
	out := &codec.Stored{Req: ev.Req}
	for _, rec := range records {
		short := sp.short(&rec.ID)
		if n.held(sp, short, &rec.ID) {
			continue
		}
		if err := sp.allows(rec); err != nil {
			n.refuse(rec.ID, err)
		} else if n.settle(sp, rec, short, importLink, false) {
			out.IDs = append(out.IDs, rec.ID)
		}
	}
	n.emit(out)
	return nil
}

// importLink marks records that came by import: from no link, but not written
// by this node either.
const importLink = ^uint64(0)

func parseEnvelopes(sp *space, data []byte) ([]*codec.Record, error) {
	var records []*codec.Record
	for at := 0; at < len(data); {
		size, err := codec.ScanItem(data[at:])
		if err != nil {
			return nil, fmt.Errorf("%w: import at byte %d: %v", ErrArgument, at, err)
		}
		rec, err := codec.ParseEnvelope(data[at : at+size])
		if err != nil {
			return nil, fmt.Errorf("%w: import at byte %d: %v", ErrArgument, at, err)
		}
		if rec.Space != sp.id {
			return nil, fmt.Errorf("%w: import at byte %d: record of space %s", ErrArgument, at, rec.Space.Short())
		}
		records = append(records, rec.Clone())
		at += size
	}
	// Grants and cuts first: what they allow comes after them.
	slices.SortStableFunc(records, func(a, b *codec.Record) int {
		return cmp.Or(cmp.Compare(boolInt(!a.Key.IsControl()), boolInt(!b.Key.IsControl())), cmp.Compare(a.Version, b.Version))
	})
	return records, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
