package engine

import (
	"encoding/binary"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/lthash"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/store"
)

// A space this node has joined.
type space struct {
	id      codec.ID
	genesis *codec.Genesis
	block   []byte

	grants  map[codec.ID]grant
	members []codec.PeerID // with a grant that no cut has ended, sorted
	cuts    map[codec.PeerID][]cut
	flagged map[codec.PeerID]proof // authors who signed one version twice
	pending []pendingRecord

	writer  writer
	watches []watch
	summary summary
}

// A grant lets its member write. version is the owner's, and orders grants
// and cuts.
type grant struct {
	id      codec.ID
	member  codec.PeerID
	version uint64
}

// A proof is what an author cannot deny: two records with one version. The
// records themselves are kept beside the set, which may have moved on.
type proof struct {
	version uint64
	ids     [2]codec.ID // ascending
}

// A cut hides what a member wrote above last in the name of grants older than
// the cut.
type cut struct {
	last    uint64
	version uint64
}

// A pendingRecord waits for its grant. Only its name is kept.
type pendingRecord struct {
	id    codec.ID
	short uint64
	grant codec.ID
	link  uint64
}

// pendingPerLinkMax bounds what one peer can make a node remember.
const pendingPerLinkMax = 1024

// forgetPending drops what a link that is gone has delivered too early. Sessions
// with whoever holds it bring it again.
func (sp *space) forgetPending(link uint64) {
	sp.pending = slices.DeleteFunc(sp.pending, func(p pendingRecord) bool { return p.link == link })
}

// A watch reports changes under a prefix, to the host or to a service.
type watch struct {
	req     uint64
	service *running // nil for the host
	prefix  codec.Key
	changed []codec.Entry
}

func newSpace(block []byte) (*space, error) {
	genesis, err := codec.ParseGenesis(block)
	if err != nil {
		return nil, err
	}
	return &space{
		id: genesis.ID(), genesis: genesis, block: slices.Clone(block),
		grants: map[codec.ID]grant{}, cuts: map[codec.PeerID][]cut{}, flagged: map[codec.PeerID]proof{},
	}, nil
}

func (sp *space) short(id *codec.ID) uint64 { return codec.ShortID(&sp.genesis.Salt, id) }

// isMember reports whether a peer is the owner or holds a grant.
func (sp *space) isMember(p codec.PeerID) bool {
	_, found := slices.BinarySearchFunc(sp.members, p, codec.PeerID.Compare)
	return found || p == sp.genesis.Owner
}

// grantFor is the newest grant of a member that no cut has ended.
func (sp *space) grantFor(p codec.PeerID) (best grant, ok bool) {
	for _, g := range sp.grants { // unordered: the maximum is unique
		if g.member == p && !sp.isCut(p, 1<<63, g.version) && g.version > best.version {
			best, ok = g, true
		}
	}
	return best, ok
}

// isCut reports whether a record of a member is beyond a cut, given the version
// of the grant it names (0 for none).
func (sp *space) isCut(member codec.PeerID, version, grantVersion uint64) bool {
	for _, c := range sp.cuts[member] {
		if version > c.last && grantVersion < c.version {
			return true
		}
	}
	return false
}

// learn takes in an admitted grant or cut.
func (sp *space) learn(rec *codec.Record) {
	switch rec.Kind {
	case codec.KindGrant:
		if v, err := codec.ParseGrantValue(rec.Value); err == nil {
			sp.grants[rec.ID] = grant{id: rec.ID, member: v.Member, version: rec.Version}
			sp.updateMember(v.Member)
		}
	case codec.KindCut:
		if v, err := codec.ParseCutValue(rec.Value); err == nil {
			sp.cuts[v.Member] = append(sp.cuts[v.Member], cut{last: v.Last, version: rec.Version})
			sp.updateMember(v.Member)
		}
	}
}

func (sp *space) updateMember(p codec.PeerID) {
	at, found := slices.BinarySearchFunc(sp.members, p, codec.PeerID.Compare)
	switch _, granted := sp.grantFor(p); {
	case granted && !found:
		sp.members = slices.Insert(sp.members, at, p)
	case !granted && found:
		sp.members = slices.Delete(sp.members, at, at+1)
	}
}

// summary keeps the fingerprint and the strategies' sketches beside the set.
// All are made at first use and then follow every change. The fingerprint
// follows lazily: expanding an id costs more than admitting a record, and most
// records are only ever fingerprinted in bulk, when a session asks.
type summary struct {
	expander *lthash.Expander
	state    *lthash.State // nil until the first use
	folds    []fold
	digest   codec.ID
	fresh    bool // digest is that of state and there are no folds
	kept     []keptBy
	changes  uint64 // counts the changes of the set since this boot
}

type fold struct {
	id     codec.ID
	remove bool
}

// Bounds of the changes that wait, 33 bytes each. Where expansions are shared,
// waiting saves little, and every node of a world would take the memory.
const (
	foldsMax       = 1 << 16
	foldsMaxShared = 1 << 8
)

// saveEvery is after how many changes the summaries are written down again, so
// that after a crash no more than these have to be caught up on. It is a
// variable for the tests.
var saveEvery uint64 = 1 << 16

// lagMax bounds the changes that the store remembers for a summary that nobody
// has asked for since it was written down.
const lagMax = 1 << 17

// keptBy is a strategy's sketch.
type keptBy struct {
	strategy string
	reconcile.Kept
}

func (sp *space) item(rec *codec.Record, short uint64) reconcile.Item {
	return reconcile.Item{
		Short: short, ID: rec.ID, Version: rec.Version, Time: rec.Time,
		Key: codec.RegisterID(&sp.genesis.Salt, &rec.Author, rec.Key),
	}
}

func (n *Node) noteAdded(sp *space, rec *codec.Record, short uint64) {
	n.note(sp, fold{id: rec.ID})
	if len(sp.summary.kept) > 0 {
		item := sp.item(rec, short)
		for _, k := range sp.summary.kept {
			k.Add(&item)
		}
	}
}

func (n *Node) noteRemoved(sp *space, rec *codec.Record) {
	n.note(sp, fold{id: rec.ID, remove: true})
	if len(sp.summary.kept) > 0 {
		item := sp.item(rec, sp.short(&rec.ID))
		for _, k := range sp.summary.kept {
			k.Remove(&item)
		}
	}
}

func (n *Node) note(sp *space, f fold) {
	s := &sp.summary
	s.changes++
	s.fresh = false
	if s.changes%saveEvery == 0 {
		n.unsaved = append(n.unsaved, sp)
	}
	if s.state == nil {
		return
	}
	s.folds = append(s.folds, f)
	if len(s.folds) >= foldsMax || n.shared != nil && len(s.folds) >= foldsMaxShared {
		n.fold(sp)
	}
}

// fold brings the fingerprint up to date.
func (n *Node) fold(sp *space) {
	s := &sp.summary
	for i := range s.folds {
		e := n.expand(sp, &s.folds[i].id)
		if s.folds[i].remove {
			s.state.SubState(e)
		} else {
			s.state.AddState(e)
		}
	}
	if s.folds = s.folds[:0]; cap(s.folds) > 2*foldsMaxShared {
		s.folds = nil
	}
}

func (n *Node) expand(sp *space, id *codec.ID) *lthash.State {
	if sp.summary.expander == nil {
		sp.summary.expander = lthash.NewExpander((*[32]byte)(&sp.id))
	}
	if n.shared != nil {
		return n.shared.expand(sp.summary.expander, id)
	}
	return sp.summary.expander.Expand((*[32]byte)(id))
}

// fingerprint is the digest and size of the set as it is now.
func (n *Node) fingerprint(sp *space) (codec.ID, uint64) {
	s := &sp.summary
	count := n.store.Count(sp.id)
	if s.state == nil {
		n.loadSummary(sp)
	}
	if !s.fresh {
		n.fold(sp)
		s.digest, s.fresh = s.state.Digest(), true
	}
	return s.digest, count
}

// loadSummary makes the fingerprint: from what was saved and the changes since,
// or from every record.
func (n *Node) loadSummary(sp *space) {
	s := &sp.summary
	s.state = new(lthash.State)
	if log, ok := n.store.(store.ChangeLog); ok {
		if saved := n.store.Meta(metaSummary(sp.id)); len(saved) == 8+lthash.Size {
			seq := binary.LittleEndian.Uint64(saved)
			_ = s.state.UnmarshalBinary(saved[8:]) // the length is right
			if log.Changes(sp.id, seq, func(c *store.Change) {
				s.folds = append(s.folds, fold{id: c.ID, remove: !c.Added})
			}) {
				return
			}
			s.folds = nil
		}
	}
	n.rebuild(sp)
}

// rebuild makes the fingerprint of every record.
func (n *Node) rebuild(sp *space) {
	s := &sp.summary
	s.state = new(lthash.State)
	pin := n.store.Pin(sp.id)
	defer pin.Close()
	pin.Each(func(_ store.Ref, _ uint64, id *codec.ID) bool {
		s.state.AddState(n.expand(sp, id))
		return true
	})
}

// saveSummary writes the fingerprint and what the strategies keep down beside the
// data they belong to.
func (n *Node) saveSummary(sp *space) {
	log, ok := n.store.(store.ChangeLog)
	if !ok || sp.summary.state == nil {
		return
	}
	n.fold(sp)
	seq := log.Seq(sp.id)
	saved, _ := sp.summary.state.AppendBinary(binary.LittleEndian.AppendUint64(nil, seq))
	n.store.SetMeta(metaSummary(sp.id), saved)
	for _, k := range sp.summary.kept {
		if saver, ok := k.Kept.(reconcile.Saver); ok {
			n.store.SetMeta(metaKepts(sp.id)+k.strategy, saver.Save(binary.LittleEndian.AppendUint64(nil, seq)))
		}
	}
	log.TrimChanges(sp.id, n.oldestKept(sp, seq))
}

// oldestKept returns from where on the changes are needed for summaries that
// were written down, and forgets those that are too old.
func (n *Node) oldestKept(sp *space, seq uint64) uint64 {
	oldest := seq
	var forget []string
	n.store.EachMeta(metaKepts(sp.id), func(key string, saved []byte) bool {
		if len(saved) < 8 || seq-binary.LittleEndian.Uint64(saved) > lagMax {
			forget = append(forget, key)
		} else {
			oldest = min(oldest, binary.LittleEndian.Uint64(saved))
		}
		return true
	})
	for _, key := range forget {
		n.store.SetMeta(key, nil)
	}
	return oldest
}

// loadKept returns what a strategy keeps of the set as it is now, from what was
// saved and the changes since; nil if that cannot be had.
func (n *Node) loadKept(sp *space, st reconcile.Strategy) reconcile.Kept {
	loader, ok := st.(reconcile.Loader)
	log, logs := n.store.(store.ChangeLog)
	if !ok || !logs {
		return nil
	}
	saved := n.store.Meta(metaKepts(sp.id) + st.Name())
	if len(saved) < 8 {
		return nil
	}
	k, err := loader.LoadKept(saved[8:], &sp.genesis.Salt)
	if err != nil {
		return nil // of another version: it is made anew
	}
	if !log.Changes(sp.id, binary.LittleEndian.Uint64(saved), func(c *store.Change) {
		item := reconcile.Item{
			Short: c.Short, ID: c.ID, Version: c.Version, Time: c.Time,
			Key: codec.RegisterID(&sp.genesis.Salt, &c.Author, c.Key),
		}
		if c.Added {
			k.Add(&item)
		} else {
			k.Remove(&item)
		}
	}) {
		return nil
	}
	return k
}

// view is a pinned set for one session.
type view struct {
	node    *Node
	space   *space
	pin     store.Pin
	summary codec.ID
	changes uint64 // of the set when it was pinned
	kept    []pinnedBy
	refs    []store.Ref
}

// pinnedBy is a strategy's sketch as it was when the session began.
type pinnedBy struct {
	strategy string
	reconcile.Pinned
}

// Kept loads or makes a summary that nobody has asked for before, and leaves it
// to later sessions unless the set has moved on meanwhile.
func (v *view) Kept(st reconcile.Strategy) reconcile.Pinned {
	for _, k := range v.kept {
		if k.strategy == st.Name() {
			return k.Pinned
		}
	}
	s := &v.space.summary
	current := s.changes == v.changes
	var k reconcile.Kept
	if current {
		k = v.node.loadKept(v.space, st)
	}
	if k == nil {
		k = st.NewKept(v)
	}
	if k == nil {
		return nil
	}
	if current {
		s.kept = append(s.kept, keptBy{st.Name(), k})
	}
	pinned := k.Pin()
	v.kept = append(v.kept, pinnedBy{st.Name(), pinned})
	return pinned
}

func (v *view) Count() uint64     { return v.pin.Len() }
func (v *view) Summary() codec.ID { return v.summary }
func (v *view) Salt() *codec.Salt { return &v.space.genesis.Salt }

// KeepsAll implements reconcile.Keeper.
func (v *view) KeepsAll() bool { return v.space.genesis.History == codec.HistoryAll }

func (v *view) Close() {
	for _, k := range v.kept {
		k.Close()
	}
	v.pin.Close()
}

func (v *view) Items(fn func(item *reconcile.Item) bool) {
	v.pin.Each(func(ref store.Ref, short uint64, _ *codec.ID) bool {
		item := v.space.item(v.pin.Load(ref), short)
		return fn(&item)
	})
}

func (v *view) Each(fn func(short uint64, id *codec.ID) bool) {
	v.pin.Each(func(_ store.Ref, short uint64, id *codec.ID) bool { return fn(short, id) })
}

// Under implements reconcile.SplitView.
func (v *view) Under(prefix codec.Key, fn func(item *reconcile.Item) bool) {
	v.node.store.Scan(v.space.id, prefix, nil, func(_ store.Ref, rec *codec.Record) bool {
		item := v.space.item(rec, v.space.short(&rec.ID))
		return fn(&item)
	})
}

func (v *view) Has(short uint64) bool {
	v.refs = v.pin.Find(short, v.refs[:0])
	return len(v.refs) > 0
}

// Authors shows the set as it is now: a version vector is a hint in any case.
func (v *view) Authors(fn func(author codec.PeerID, highest uint64) bool) {
	v.node.store.Authors(v.space.id, fn)
}

func (v *view) Above(author codec.PeerID, version uint64, fn func(short uint64) bool) {
	v.node.store.Dots(v.space.id, author, version, func(_ store.Ref, rec *codec.Record) bool {
		return fn(v.space.short(&rec.ID))
	})
}
