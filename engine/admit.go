package engine

import (
	"errors"
	"fmt"
	"math/bits"

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
	for rec := n.next(r); rec != nil; rec = n.next(r) {
		n.candidate(sp, rec, link, peer, &got)
		// A grant or cut counts for what follows it in the batch.
		if rec.Kind == codec.KindGrant || rec.Kind == codec.KindCut || len(n.batch) == batchRecordsVerify {
			n.admitBatch(sp, link, &got)
		}
	}
	n.admitBatch(sp, link, &got)
	if err := r.Err(); err != nil {
		got.Blame(codec.FaultRecord, err)
	}
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
		got.Zeros = max(got.Zeros, bits.TrailingZeros64(short))
		got.Duplicate++
		n.counters.Duplicate++
		n.Reached(sp.id, short, peer)
		return
	}
	switch err := sp.allows(rec); {
	case err == nil:
		n.batch = append(n.batch, candidate{rec, short})
	case errors.Is(err, errPending):
		n.remember(sp, rec, short, link)
	default:
		n.refuse(rec.ID, err)
		if !errors.Is(err, errHidden) { // who has not seen the cut is not to blame
			got.Blame(codec.FaultRecord, fmt.Errorf("record %s: %w", rec.ID.Short(), err))
		}
	}
}

// allows checks a record against its space's rules, without its signature.
func (sp *space) allows(rec *codec.Record) error {
	owner := rec.Author == sp.genesis.Owner
	switch {
	case rec.Kind == codec.KindGrant || rec.Kind == codec.KindCut: // of whatever size: their form is fixed
		if !owner {
			return errors.New("only the owner grants and cuts")
		}
		return sp.checkControl(rec)
	case rec.ValueLen > sp.genesis.ValueMax:
		return fmt.Errorf("value of %d bytes, the space allows %d", rec.ValueLen, sp.genesis.ValueMax)
	}
	if rec.Grant.IsZero() {
		if sp.genesis.Write == codec.WriteMembers && !owner {
			return errors.New("names no grant in a space of members")
		}
		return sp.checkCuts(rec, 0)
	}
	// Even where nobody needs a grant the one that is named has to be known:
	// cuts look at it.
	g, known := sp.grants[rec.Grant]
	switch {
	case !known:
		return errPending
	case g.member != rec.Author:
		return errors.New("names a grant of somebody else")
	}
	return sp.checkCuts(rec, g.version)
}

func (sp *space) checkCuts(rec *codec.Record, grantVersion uint64) error {
	if sp.isCut(rec.Author, rec.Version, grantVersion) {
		return errHidden
	}
	return nil
}

// checkControl reads the value of a grant or cut. The owner cannot be cut: the
// cut would hide itself.
func (sp *space) checkControl(rec *codec.Record) error {
	if rec.Kind == codec.KindGrant {
		_, err := codec.ParseGrantValue(rec.Value)
		return err
	}
	v, err := codec.ParseCutValue(rec.Value)
	if err == nil && v.Member == sp.genesis.Owner {
		err = errors.New("cuts the owner")
	}
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
			got.Blame(codec.FaultSignature, errForged)
			continue
		}
		// A record may stand in one batch twice.
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
	n.batch = n.batch[:0]
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

// settle gives a verified and allowed record its place in the set and tells
// everybody who has to know. It returns false for one that the set does not keep.
func (n *Node) settle(sp *space, rec *codec.Record, short, link uint64, urgent bool) bool {
	n.observe(rec.Time)
	var lost *codec.Record
	if rec.Author == n.cfg.Peer && link != 0 {
		n.seenOwn(sp, rec)
		lost = n.outdone(sp, rec)
	}
	n.checkEquivocation(sp, rec)
	if !n.place(sp, rec, short) {
		return false
	}
	if lost != nil {
		n.lostWrites = append(n.lostWrites, lost)
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
// supersedes: of a register the highest version stays (with full history every
// version), and of one version that was signed more than once the two highest
// ids, as proof. Control records all stay: who may write must not depend on
// which of them came first.
func (n *Node) place(sp *space, rec *codec.Record, short uint64) bool {
	refs := n.store.Register(sp.id, rec.Author, rec.Key, n.refs[:0])
	n.refs = refs
	keepVersions := sp.genesis.History == codec.HistoryAll
	if rec.Key.IsControl() {
		refs = nil
	}
	// The register's records come by (version, id).
	if len(refs) > 0 && !keepVersions && n.store.Load(sp.id, refs[len(refs)-1]).Version > rec.Version {
		return false
	}
	same, twins := store.Ref(0), 0 // the lowest id of this version, and their number
	for _, ref := range refs {
		switch held := n.store.Load(sp.id, ref); {
		case held.Version < rec.Version && !keepVersions:
			n.remove(sp, ref)
		case held.Version == rec.Version:
			if twins == 0 {
				same = ref
			}
			twins++
		}
	}
	if twins >= 2 {
		if n.store.Load(sp.id, same).ID.Compare(rec.ID) > 0 {
			return false
		}
		n.remove(sp, same)
	}
	n.store.Insert(rec, short)
	n.noteAdded(sp, rec, short)
	return true
}

func (n *Node) remove(sp *space, ref store.Ref) {
	rec := n.store.Load(sp.id, ref)
	n.noteRemoved(sp, rec)
	n.store.Remove(sp.id, ref)
}

// checkEquivocation flags an author of whom the set holds another record with
// the same version, and keeps both records as proof: the set itself will let go
// of them when their registers move on.
func (n *Node) checkEquivocation(sp *space, rec *codec.Record) {
	if _, known := sp.flagged[rec.Author]; known {
		return
	}
	n.eachDot(sp, rec.Author, rec.Version, func(other *codec.Record) bool {
		first, second := rec, other
		if first.ID.Compare(second.ID) > 0 {
			first, second = second, first
		}
		sp.flagged[rec.Author] = proof{rec.Version, [2]codec.ID{first.ID, second.ID}}
		n.store.SetMeta(metaFlag(sp.id, rec.Author), second.AppendEnvelope(first.AppendEnvelope(nil)))
		n.emit(&codec.Equivocation{Space: sp.id, Author: rec.Author, Version: rec.Version, First: first.ID, Second: second.ID})
		return false
	})
}

// restoreProof brings back what checkEquivocation wrote down.
func (sp *space) restoreProof(author codec.PeerID, envelopes []byte) {
	records, err := parseEnvelopes(sp, envelopes)
	if err == nil && len(records) == 2 {
		sp.flagged[author] = proof{records[0].Version, [2]codec.ID{records[0].ID, records[1].ID}}
	}
}

// eachDot calls fn for the held records of one author and version, by id.
func (n *Node) eachDot(sp *space, author codec.PeerID, version uint64, fn func(*codec.Record) bool) {
	n.store.Dots(sp.id, author, version-1, func(_ store.Ref, rec *codec.Record) bool {
		return rec.Version == version && fn(rec)
	})
}

// seenOwn handles a record of this node's own key that came from elsewhere:
// writing continues above it. Unless the store was lost, and the record is our
// own past, somebody else uses the key.
func (n *Node) seenOwn(sp *space, rec *codec.Record) {
	fresh := rec.Version>>versionTagBits >= sp.writer.next
	n.jumpAbove(sp, rec.Version)
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

// hideBeyondCuts removes what a new cut hides. Where that uncovers an older
// version that this node has let go, sessions bring it back from whoever still
// holds it.
func (n *Node) hideBeyondCuts(sp *space, rec *codec.Record) {
	v, err := codec.ParseCutValue(rec.Value)
	if err != nil {
		return // unreachable: admitted
	}
	var refs []store.Ref
	var hidden []*codec.Record
	n.store.Dots(sp.id, v.Member, v.Last, func(ref store.Ref, held *codec.Record) bool {
		if sp.isCut(held.Author, held.Version, sp.grants[held.Grant].version) {
			refs, hidden = append(refs, ref), append(hidden, held)
		}
		return true
	})
	for i, ref := range refs {
		n.refuse(hidden[i].ID, errHidden)
		n.remove(sp, ref)
	}
	for _, held := range hidden {
		n.uncovered(sp, held)
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
