package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/sign"
)

// A writer hands out versions for this node's records in one space.
//
// A version is a count shifted by 16 bits over a tag that is drawn at every
// boot. Counts are reserved durably in blocks before use, so that no crash can
// bring one back; the tag keeps two machines that run one key apart.
type writer struct {
	next     uint64 // the next count
	reserved uint64 // counts below this are reserved
	refused  bool   // the store was lost and the space has not been synced since
}

const (
	versionTagBits = 16
	reserveBlock   = 1024
)

// version returns a fresh version, reserving a block when the last is used up.
func (n *Node) version(sp *space) uint64 {
	w := &sp.writer
	if w.next >= w.reserved {
		w.reserved = w.next + reserveBlock
		n.store.SetMeta(metaReserved(sp.id), binary.LittleEndian.AppendUint64(nil, w.reserved))
		n.mustSync = true
	}
	w.next++
	return (w.next-1)<<versionTagBits | n.tag
}

// jumpAbove makes every later version higher than one seen elsewhere, also when
// the record that bore it has gone.
func (n *Node) jumpAbove(sp *space, version uint64) {
	w := &sp.writer
	w.next = max(w.next, version>>versionTagBits+1)
	if w.next > w.reserved {
		w.reserved = w.next
		n.store.SetMeta(metaReserved(sp.id), binary.LittleEndian.AppendUint64(nil, w.reserved))
	}
}

// tick moves the hybrid logical clock for an event of our own.
func (n *Node) tick() codec.HLC {
	wall := codec.NewHLC(max(n.now.Wall/1e6, 0), 0)
	n.clock = max(wall, n.clock+1)
	return n.clock
}

// observe moves the clock past another author's, unless that runs too far
// ahead: a broken clock elsewhere must not carry ours along.
func (n *Node) observe(t codec.HLC) {
	if t > n.clock && t.Ms() <= (n.now.Wall+n.cfg.SkewNs)/1e6 {
		n.clock = t
	}
}

// A draft is a set of own records that wait for the host's signatures.
type draft struct {
	req      uint64
	replicas uint64
	records  []*codec.Record
	unsigned int
}

// mayWrite says why this node must not write into a space now, or which grant
// its records name.
func (n *Node) mayWrite(sp *space) (codec.ID, error) {
	if sp.writer.refused {
		return codec.ID{}, ErrStoreLost
	}
	if sp.genesis.Owner == n.cfg.Peer || sp.genesis.Write == codec.WriteOpen && len(sp.cuts[n.cfg.Peer]) == 0 {
		return codec.ID{}, nil
	}
	g, ok := sp.grantFor(n.cfg.Peer)
	if !ok {
		return codec.ID{}, fmt.Errorf("%w: this node has no grant for space %s", ErrNotAllowed, sp.id.Short())
	}
	return g.id, nil
}

func (n *Node) put(ev *codec.Put) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	if len(ev.Entries) == 0 || len(ev.Entries) > codec.PutEntriesMax {
		return fmt.Errorf("%w: put of %d entries, want 1 to %d", ErrArgument, len(ev.Entries), codec.PutEntriesMax)
	}
	headers := make([]codec.Header, len(ev.Entries))
	values := make([][]byte, len(ev.Entries))
	for i := range ev.Entries {
		e := &ev.Entries[i]
		h := codec.Header{Kind: codec.KindPut, Key: e.Key, Codec: e.Codec, Refs: e.Refs}
		for _, id := range e.Supersedes {
			h.Supersedes = append(h.Supersedes, codec.Supersede{ID: id})
		}
		if uint64(len(e.Value)) > sp.genesis.ValueMax {
			return fmt.Errorf("%w: entry %d: value of %d bytes, the space allows %d", ErrArgument, i, len(e.Value), sp.genesis.ValueMax)
		}
		headers[i], values[i] = h, append([]byte{}, e.Value...)
	}
	return n.write(sp, ev.Req, ev.Replicas, headers, values)
}

func (n *Node) delete(ev *codec.Delete) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	if len(ev.Keys) == 0 || len(ev.Keys) > codec.PutEntriesMax {
		return fmt.Errorf("%w: delete of %d keys, want 1 to %d", ErrArgument, len(ev.Keys), codec.PutEntriesMax)
	}
	headers := make([]codec.Header, len(ev.Keys))
	for i, key := range ev.Keys {
		headers[i] = codec.Header{Kind: codec.KindDelete, Key: key}
	}
	return n.write(sp, ev.Req, 0, headers, make([][]byte, len(headers)))
}

// controlKey is a register of its own for each grant and cut: none supersedes
// another.
func controlKey(kind byte, member codec.PeerID, version uint64) codec.Key {
	key, err := codec.NewKey([]byte{codec.ControlPrefix, kind}, member[:], binary.BigEndian.AppendUint64(nil, version))
	if err != nil {
		panic(err) // unreachable: three short components
	}
	return key
}

func (n *Node) ownedSpace(id codec.ID) (*space, error) {
	sp, err := n.spaceOf(id)
	if err == nil && sp.genesis.Owner != n.cfg.Peer {
		err = fmt.Errorf("%w: only the owner of space %s grants and cuts", ErrNotAllowed, id.Short())
	}
	return sp, err
}

func (n *Node) grant(ev *codec.Grant) error {
	sp, err := n.ownedSpace(ev.Space)
	if err != nil {
		return err
	}
	if err := sign.CheckKey(ev.Member[:]); err != nil {
		return fmt.Errorf("%w: member: %v", ErrArgument, err)
	}
	h := codec.Header{Kind: codec.KindGrant, Codec: codec.CodecDagCBOR, Key: controlKey('g', ev.Member, sp.writer.next)}
	return n.write(sp, ev.Req, 0, []codec.Header{h}, [][]byte{codec.GrantValue{Member: ev.Member}.Encode()})
}

func (n *Node) cut(ev *codec.Cut) error {
	sp, err := n.ownedSpace(ev.Space)
	if err != nil {
		return err
	}
	if ev.Member == n.cfg.Peer {
		return fmt.Errorf("%w: the owner cannot be cut", ErrArgument)
	}
	v := codec.CutValue{Member: ev.Member}
	if rec := n.latestOf(sp, ev.Member); rec != nil {
		v.Last, v.ID = rec.Version, rec.ID
	}
	h := codec.Header{Kind: codec.KindCut, Codec: codec.CodecDagCBOR, Key: controlKey('c', ev.Member, sp.writer.next)}
	return n.write(sp, ev.Req, 0, []codec.Header{h}, [][]byte{v.Encode()})
}

// write makes records of this node and stores them, at once or when the host
// has signed them. Nothing is changed when any of them is refused.
func (n *Node) write(sp *space, req, replicas uint64, headers []codec.Header, values [][]byte) error {
	grantID, err := n.mayWrite(sp)
	if err != nil {
		return err
	}
	if n.key == nil && len(n.drafts)+len(headers) > draftsMax {
		return fmt.Errorf("%w: %d records wait for their signatures, answer those Sign effects first", ErrArgument, len(n.drafts))
	}
	if sp.writer.next+uint64(len(headers)) > codec.VersionMax>>versionTagBits {
		return fmt.Errorf("%w: this key has used up the versions of space %s", ErrNotAllowed, sp.id.Short())
	}
	for i := range headers { // checked first: versions must not be spent on refused events
		if err := checkDraft(sp, n.cfg.Peer, headers[i], values[i]); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	d := draft{req: req, replicas: replicas}
	for i, h := range headers {
		h.Space, h.Author, h.Grant, h.Version = sp.id, n.cfg.Peer, grantID, n.version(sp)
		if h.Time == 0 { // else it has been written before
			h.Time = n.tick()
		}
		rec, err := codec.NewRecord(h, values[i])
		if err != nil {
			return err // unreachable: the draft was checked
		}
		d.records = append(d.records, rec)
	}
	if n.key == nil {
		n.askSignatures(&d)
		return nil
	}
	for _, rec := range d.records {
		msg := rec.SigningMessage()
		rec.Sig = n.key.Sign(msg[:])
	}
	n.storeOwn(sp, &d)
	return nil
}

// checkDraft finds what would be wrong with a record before it has a version.
func checkDraft(sp *space, author codec.PeerID, h codec.Header, value []byte) error {
	if len(h.Key) == 0 {
		return fmt.Errorf("%w: the empty key is a prefix, not the name of a register", ErrArgument)
	}
	h.Space, h.Author, h.Version = sp.id, author, 1
	_, err := codec.NewRecord(h, value)
	return err
}

// draftsMax bounds the records that wait for signatures: two of the largest puts.
const draftsMax = 2 * codec.PutEntriesMax

func (n *Node) askSignatures(d *draft) {
	d.unsigned = len(d.records)
	for i, rec := range d.records {
		token := n.nextToken
		n.nextToken++
		n.drafts[token] = draftPart{d, i}
		msg := rec.SigningMessage()
		n.emit(&codec.Sign{Token: token, Message: msg[:]})
	}
}

type draftPart struct {
	draft *draft
	index int
}

func (n *Node) signed(ev *codec.Signed) error {
	part, ok := n.drafts[ev.Token]
	if !ok {
		return fmt.Errorf("%w: no signature was asked for with token %d", ErrArgument, ev.Token)
	}
	rec := part.draft.records[part.index]
	msg := rec.SigningMessage()
	if !n.keys.Verify(n.cfg.Peer[:], msg[:], ev.Sig[:]) {
		return fmt.Errorf("%w: the signature for token %d does not verify", ErrArgument, ev.Token)
	}
	delete(n.drafts, ev.Token)
	rec.Sig = ev.Sig
	if part.draft.unsigned--; part.draft.unsigned > 0 {
		return nil
	}
	sp, err := n.spaceOf(rec.Space)
	if err != nil {
		return nil // left in the meantime: the records are dropped
	}
	n.storeOwn(sp, part.draft)
	return nil
}

// storeOwn admits this node's signed records and answers the put. While the host
// signed, a cut may have come: what it hides is not stored.
func (n *Node) storeOwn(sp *space, d *draft) {
	done := &codec.Stored{Req: d.req}
	for _, rec := range d.records {
		if err := sp.allows(rec); err != nil {
			n.refuse(rec.ID, err)
			continue
		}
		n.settle(sp, rec, sp.short(&rec.ID), 0, d.replicas > 0)
		done.IDs = append(done.IDs, rec.ID)
	}
	n.emit(done)
	if d.replicas > 0 {
		n.trackReplicas(sp, d)
	}
}

// latestOf is an author's record with the highest version, nil for none.
func (n *Node) latestOf(sp *space, author codec.PeerID) (latest *codec.Record) {
	var highest uint64
	n.store.Authors(sp.id, func(a codec.PeerID, version uint64) bool {
		if a == author {
			highest = version
		}
		return a.Compare(author) < 0
	})
	if highest > 0 {
		n.eachDot(sp, author, highest, func(rec *codec.Record) bool { latest = rec; return true })
	}
	return latest
}
