package engine

import (
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/syncer"
)

// Admission decides what becomes part of a set. It looks at the record, its
// genesis and the grant it names, at nothing else: not at who brought it, when,
// or what a clock says (DESIGN C7). What the set keeps of the admitted records
// is a join: it does not depend on their order.

var (
	errForged  = errors.New("signature does not verify")
	errPending = errors.New("its grant has not arrived")
	errHidden  = errors.New("beyond a cut of its author")
)

// batchRecordsVerify is how many signatures are verified together.
const batchRecordsVerify = 256

// Admit implements syncer.Host.
func (n *Node) Admit(link uint64, peer codec.PeerID, id codec.ID, batch []byte) (got syncer.Admission) {
	sp := n.spaces[id]
	r := codec.NewBatchReader(id, batch)
	for more := true; more; {
		n.batch = n.batch[:0]
		for more = len(n.batch) < batchRecordsVerify; more; {
			rec := n.next(r)
			if more = rec != nil; !more {
				break
			}
			n.candidate(sp, rec, link, peer, &got)
			more = len(n.batch) < batchRecordsVerify
		}
		full := len(n.batch) >= batchRecordsVerify
		n.admitBatch(sp, link, &got)
		more = full
	}
	if err := r.Err(); err != nil {
		got.Err = err
	}
	n.stale = n.stale[:0]
	return got
}

// next reads a record, or recognises one that was verified before.
func (n *Node) next(r *codec.BatchReader) *codec.Record {
	if n.shared != nil {
		return r.Share(n.shared.known)
	}
	if rec := new(codec.Record); r.Next(rec) {
		return rec
	}
	return nil
}

// A candidate has passed every check but its signature.
type candidate struct {
	rec   *codec.Record
	short uint64
}

// candidate sorts a record out or puts it into the batch.
func (n *Node) candidate(sp *space, rec *codec.Record, link uint64, peer codec.PeerID, got *syncer.Admission) {
	n.counters.RecordsIn++
	short := sp.short(&rec.ID)
	if n.held(sp, short, &rec.ID) {
		got.Duplicate++
		n.counters.Duplicate++
		n.Reached(sp.id, short, peer)
		return
	}
	switch err := sp.allows(rec); {
	case errors.Is(err, errPending):
		n.remember(sp, rec, short, link)
	case err != nil:
		n.refuse(rec.ID, err)
		got.Err = fmt.Errorf("record %s: %w", rec.ID.Short(), err)
	default:
		n.batch = append(n.batch, candidate{rec, short})
	}
}

// allows checks a record against its space's rules, without its signature.
func (sp *space) allows(rec *codec.Record) error {
	if rec.ValueLen > sp.genesis.ValueMax {
		return fmt.Errorf("value of %d bytes, the space allows %d", rec.ValueLen, sp.genesis.ValueMax)
	}
	owner := rec.Author == sp.genesis.Owner
	switch rec.Kind {
	case codec.KindGrant, codec.KindCut:
		if !owner {
			return errors.New("only the owner grants and cuts")
		}
		return checkControl(rec)
	}
	if sp.genesis.Write == codec.WriteOpen || owner {
		return nil
	}
	if rec.Grant.IsZero() {
		return errors.New("names no grant in a space of members")
	}
	g, known := sp.grants[rec.Grant]
	if !known {
		return errPending
	}
	if g.member != rec.Author {
		return errors.New("names a grant of somebody else")
	}
	return nil
}

func checkControl(rec *codec.Record) error {
	if rec.Kind == codec.KindGrant {
		_, err := codec.ParseGrantValue(rec.Value)
		return err
	}
	_, err := codec.ParseCutValue(rec.Value)
	return err
}

// remember keeps the name of a record whose grant has not arrived, so that it
// can be asked for then.
func (n *Node) remember(sp *space, rec *codec.Record, short, link uint64) {
	count := 0
	for i := range sp.pending {
		if sp.pending[i].id == rec.ID {
			return
		}
		if sp.pending[i].link == link {
			count++
		}
	}
	if count < pendingPerLinkMax {
		sp.pending = append(sp.pending, pendingRecord{rec.ID, short, rec.Grant, link})
	}
}

// admitBatch verifies the candidates together and settles the good ones.
func (n *Node) admitBatch(sp *space, link uint64, got *syncer.Admission) {
	n.verify(n.batch)
	for i := range n.batch {
		c := &n.batch[i]
		if c.rec == nil {
			continue
		}
		// A record may stand in one batch twice, and a grant before its use.
		if n.held(sp, c.short, &c.rec.ID) {
			got.Duplicate++
			n.counters.Duplicate++
			continue
		}
		if n.settle(sp, c.rec, c.short, link, false) {
			got.New++
			n.counters.Useful++
		} else {
			got.Duplicate++
			n.counters.Duplicate++
		}
	}
	for i := range n.batch {
		if n.batch[i].rec == nil {
			got.Err = errForged
		}
	}
}

// verify checks the signatures of a batch and clears the forged ones.
func (n *Node) verify(batch []candidate) {
	n.checking = n.checking[:0]
	for i := range batch {
		rec := batch[i].rec
		n.counters.Verified++
		if n.shared != nil && n.shared.isVerified(rec) {
			continue
		}
		msg := rec.SigningMessage()
		n.checking = append(n.checking, i)
		if err := n.verifier.Add(rec.Author[:], msg[:], rec.Sig[:]); err != nil {
			panic(err) // unreachable: batchRecordsVerify is below its bound
		}
	}
	if len(n.checking) == 0 {
		return
	}
	_, bad := n.verifier.Verify()
	for _, at := range bad {
		c := &batch[n.checking[at]]
		n.refuse(c.rec.ID, errForged)
		c.rec = nil
	}
	if n.shared != nil {
		for _, i := range n.checking {
			if rec := batch[i].rec; rec != nil {
				n.shared.noteVerified(rec)
			}
		}
	}
}

func (n *Node) held(sp *space, short uint64, id *codec.ID) bool {
	return n.find(sp, short, id) >= 0
}

// find returns the index in n.refs of the held record of that id, or −1.
func (n *Node) find(sp *space, short uint64, id *codec.ID) int {
	n.refs = n.store.Find(sp.id, short, n.refs[:0])
	for i, ref := range n.refs {
		if n.store.Load(sp.id, ref).ID == *id {
			return i
		}
	}
	return -1
}

// settle gives a verified record its place in the set and tells everybody who
// has to know. It returns false for one that the set does not keep.
func (n *Node) settle(sp *space, rec *codec.Record, short, link uint64, urgent bool) bool {
	n.observe(rec.Time)
	own := rec.Author == n.cfg.Peer
	if own && link != 0 {
		n.seenOwn(sp, rec)
	}
	if sp.hides(rec) {
		n.refuse(rec.ID, errHidden)
		return false
	}
	n.checkEquivocation(sp, rec)
	if !n.place(sp, rec, short) {
		n.stale = append(n.stale, rec)
		return false
	}
	n.changed(sp, rec)
	if n.observer != nil {
		n.observer.Admitted(rec, link)
	}
	n.sync.Publish(rec, short, link, urgent)
	if rec.Kind == codec.KindGrant || rec.Kind == codec.KindCut {
		n.control(sp, rec)
	}
	return true
}

// place inserts a record if it belongs into the set, and removes what it
// supersedes: of a register the highest version, of one version the two highest
// ids. Spaces with full history only bound the ids per version.
func (n *Node) place(sp *space, rec *codec.Record, short uint64) bool {
	refs := n.store.Register(sp.id, rec.Author, rec.Key, n.refs[:0])
	n.refs = refs
	var same []store.Ref // of the same version, by id
	for _, ref := range refs {
		held := n.store.Load(sp.id, ref)
		switch {
		case held.Version == rec.Version:
			same = append(same, ref)
		case held.Version > rec.Version && sp.genesis.History == codec.HistoryCurrent:
			if !sp.isProof(held) || n.newestIn(sp, refs) > rec.Version {
				return sp.isProof(rec) && n.insert(sp, rec, short)
			}
		}
	}
	if len(same) >= 2 {
		if n.store.Load(sp.id, same[0]).ID.Compare(rec.ID) > 0 {
			return false
		}
		n.remove(sp, same[0])
	}
	n.insert(sp, rec, short)
	if sp.genesis.History == codec.HistoryCurrent {
		for _, ref := range refs {
			if held := n.store.Load(sp.id, ref); held.Version < rec.Version && !sp.isProof(held) {
				n.remove(sp, ref)
			}
		}
	}
	return true
}

// newestIn is the highest version among a register's records.
func (n *Node) newestIn(sp *space, refs []store.Ref) (version uint64) {
	for _, ref := range refs {
		version = max(version, n.store.Load(sp.id, ref).Version)
	}
	return version
}

func (sp *space) isProof(rec *codec.Record) bool {
	p, ok := sp.proofs[rec.Author]
	return ok && (p.ids[0] == rec.ID || p.ids[1] == rec.ID)
}

func (n *Node) insert(sp *space, rec *codec.Record, short uint64) bool {
	n.store.Insert(rec, short)
	n.noteAdded(sp, short, &rec.ID)
	return true
}

func (n *Node) remove(sp *space, ref store.Ref) {
	rec := n.store.Load(sp.id, ref)
	n.noteRemoved(sp, sp.short(&rec.ID), &rec.ID)
	n.store.Remove(sp.id, ref)
}

// checkEquivocation looks for another record of the same author and version:
// held, or seen in this batch and not kept.
func (n *Node) checkEquivocation(sp *space, rec *codec.Record) {
	var other *codec.Record
	n.eachDot(sp, rec.Author, rec.Version, func(held *codec.Record) {
		if held.ID != rec.ID {
			other = held
		}
	})
	for _, seen := range n.stale {
		if other == nil && seen.Author == rec.Author && seen.Version == rec.Version && seen.ID != rec.ID {
			other = seen
		}
	}
	if other == nil {
		return
	}
	p := proof{version: rec.Version, ids: [2]codec.ID{rec.ID, other.ID}}
	if rec.ID.Compare(other.ID) > 0 {
		p.ids[0], p.ids[1] = p.ids[1], p.ids[0]
	}
	n.keepProof(sp, rec.Author, p, rec, other)
}

// keepProof replaces an author's proof by a better one: of a higher version, or
// of higher ids. Records that only the old proof held are let go.
func (n *Node) keepProof(sp *space, author codec.PeerID, p proof, pair ...*codec.Record) {
	old, known := sp.proofs[author]
	if known && (old.version > p.version || old.version == p.version &&
		(old.ids[1].Compare(p.ids[1]) > 0 || old.ids[1] == p.ids[1] && old.ids[0].Compare(p.ids[0]) >= 0)) {
		return
	}
	sp.proofs[author] = p
	n.store.SetMeta(metaProof(sp.id, author), append(p.ids[0][:], p.ids[1][:]...))
	for _, rec := range pair {
		if short := sp.short(&rec.ID); rec != pair[0] && !n.held(sp, short, &rec.ID) {
			n.insert(sp, rec, short)
		}
	}
	if known {
		n.releaseProof(sp, old)
	} else {
		n.emit(&codec.Equivocation{Space: sp.id, Author: author, Version: p.version, First: p.ids[0], Second: p.ids[1]})
	}
}

// releaseProof removes the records of a proof that the set does not need.
func (n *Node) releaseProof(sp *space, old proof) {
	if sp.genesis.History == codec.HistoryAll {
		return
	}
	for i := range old.ids {
		at := n.find(sp, sp.short(&old.ids[i]), &old.ids[i])
		if at < 0 {
			continue
		}
		ref := n.refs[at]
		rec := n.store.Load(sp.id, ref)
		refs := n.store.Register(sp.id, rec.Author, rec.Key, nil)
		if !sp.isProof(rec) && n.newestIn(sp, refs) > rec.Version {
			n.remove(sp, ref)
		}
	}
}

// eachDot calls fn for the held records of one author and version.
func (n *Node) eachDot(sp *space, author codec.PeerID, version uint64, fn func(*codec.Record)) {
	n.store.Dots(sp.id, author, version-1, func(_ store.Ref, rec *codec.Record) bool {
		if rec.Version != version {
			return false
		}
		fn(rec)
		return true
	})
}

// seenOwn handles a record of this node's own key that came from elsewhere:
// writing continues above it. Unless the store was lost, and the record is our
// own past, somebody else uses the key.
func (n *Node) seenOwn(sp *space, rec *codec.Record) {
	fresh := rec.Version>>versionTagBits >= sp.writer.next
	sp.jumpAbove(rec.Version)
	if !sp.writer.refused && (fresh || rec.Version&(1<<versionTagBits-1) != n.tag && !n.wasOurs(rec.Version)) {
		if !n.keyInUse {
			n.keyInUse = true
			n.emit(&codec.KeyInUse{Space: sp.id, Version: rec.Version})
		}
	}
}

// wasOurs reports whether an earlier boot of this node used the version's tag.
func (n *Node) wasOurs(version uint64) bool {
	tag := version & (1<<versionTagBits - 1)
	for _, t := range n.tags {
		if t == tag {
			return true
		}
	}
	return false
}

// control acts on a grant or cut: who may read, what waits, what is hidden.
func (n *Node) control(sp *space, rec *codec.Record) {
	sp.learn(rec)
	n.store.SetMeta(metaControl(sp.id, rec.ID), []byte{})
	n.sync.ReadersChanged(sp.id)
	if rec.Kind == codec.KindCut {
		n.hideBeyondCuts(sp, rec)
		return
	}
	kept := sp.pending[:0]
	for _, p := range sp.pending {
		if p.grant == rec.ID {
			n.sync.Want(sp.id, p.short, p.link)
		} else {
			kept = append(kept, p)
		}
	}
	sp.pending = kept
}

// hideBeyondCuts removes what a new cut hides.
func (n *Node) hideBeyondCuts(sp *space, rec *codec.Record) {
	v, err := codec.ParseCutValue(rec.Value)
	if err != nil {
		return // unreachable: admitted
	}
	var hidden []store.Ref
	n.store.Dots(sp.id, v.Member, v.Last, func(ref store.Ref, held *codec.Record) bool {
		if sp.hides(held) {
			hidden = append(hidden, ref)
		}
		return true
	})
	for _, ref := range hidden {
		held := n.store.Load(sp.id, ref)
		n.refuse(held.ID, errHidden)
		n.remove(sp, ref)
		n.changedTo(sp, held, codec.CodecNone, nil)
	}
}

// refusedMax bounds what Explain remembers of refused records.
const refusedMax = 1024

type refusal struct {
	id     codec.ID
	reason error
}

// refuse remembers why a record is not in the set, for Explain.
func (n *Node) refuse(id codec.ID, reason error) {
	n.counters.Refused++
	if len(n.refused) < refusedMax {
		n.refused = append(n.refused, refusal{id, reason})
		return
	}
	n.refused[n.counters.Refused%refusedMax] = refusal{id, reason}
}
