package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
	"github.com/intersubjective/rapprochement/engine/sign"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/syncer"
)

// A Node is one peer. It is used by one goroutine at a time.
type Node struct {
	cfg      Config
	store    store.Store
	shared   *Shared
	observer Observer
	key      *sign.PrivateKey // nil: the host signs
	keys     *sign.KeyCache
	verifier *sign.Batch
	rng      *rand.ChaCha8
	sync     *syncer.Syncer

	now        codec.Now
	clock      codec.HLC
	savedClock codec.HLC
	tag        uint64   // low bits of this boot's versions
	tags       []uint64 // and of every boot, oldest first
	keyInUse   bool
	lost       []byte // names the boot that found the store lost; nil: all is well

	spaces map[codec.ID]*space
	order  []*space // by id

	effects   []codec.Effect
	wake      codec.WakeAt
	mustSync  bool  // this step's commit must survive a power loss
	failed    error // the store failed: nothing works until the node is reopened
	audit     uint64
	counters  codec.Counters
	drafts    map[uint64]draftPart
	nextToken uint64
	replicas  []*replicas // oldest first
	tracked   map[trackedName]*tracked
	refused   []refusal
	watched   bool
	closed    bool
	services  []*running
	inbox     []letter
	// lostWrites are own records that others of this key have won over in this step.
	lostWrites []*codec.Record

	// Scratch of one step.
	batch    []candidate
	unsaved  []*space // whose summaries are to be written down with this step
	checking []int
	refs     []store.Ref
	buf      []byte
	digest   xxhash.Digest
}

// An Observer sees what a node admits, outside of everything that is audited.
type Observer interface {
	// Admitted is called for each record that is new to the node; link is 0 for
	// its own.
	Admitted(rec *codec.Record, link uint64)
}

// Options are what a host inside the same program can add. All may be nil.
type Options struct {
	Shared   *Shared
	Observer Observer
	// Services run on the node besides those of its configuration.
	Services []service.Service
}

// Names of a node's metadata. Ids are in hex, so that keys sort and print.
const (
	metaNode  = "node"
	metaClock = "clock"
	metaTags  = "tags"
	metaPeers = "peer/"
	metaSpace = "space/"
	metaLost  = "lost"
)

func metaReserved(id codec.ID) string     { return "reserved/" + hex.EncodeToString(id[:]) }
func metaSummary(id codec.ID) string      { return "summary/" + hex.EncodeToString(id[:]) }
func metaKepts(id codec.ID) string        { return "kept/" + hex.EncodeToString(id[:]) + "/" }
func metaControls(id codec.ID) string     { return "control/" + hex.EncodeToString(id[:]) + "/" }
func metaControl(id, rec codec.ID) string { return metaControls(id) + hex.EncodeToString(rec[:]) }
func metaRegained(id codec.ID) string     { return "regained/" + hex.EncodeToString(id[:]) }
func metaFlags(id codec.ID) string        { return "flag/" + hex.EncodeToString(id[:]) + "/" }
func metaFlag(id codec.ID, author codec.PeerID) string {
	return metaFlags(id) + hex.EncodeToString(author[:])
}

// tagsMax bounds how many boots are remembered by their tags.
const tagsMax = 4096

// Open makes a node on a store. The store may hold what an earlier boot of the
// same node left; the boot is committed durably before Open returns.
func Open(cfg Config, st store.Store, opt Options) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	strategies, err := cfg.strategies()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, store: st, shared: opt.Shared, observer: opt.Observer,
		keys: sign.NewKeyCache(1024), rng: rand.NewChaCha8(cfg.Seed),
		spaces: map[codec.ID]*space{}, drafts: map[uint64]draftPart{}, nextToken: 1,
		tracked: map[trackedName]*tracked{},
	}
	if cfg.Key != [32]byte{} {
		n.key = sign.KeyFromSeed(&cfg.Key)
	}
	n.verifier = sign.NewBatch(n.subSeed(), n.keys)
	n.sync = syncer.New(syncer.Config{
		Self: cfg.Peer, Strategies: strategies, IntervalNs: cfg.IntervalNs, IdleNs: cfg.IdleNs,
		TimeoutNs: cfg.TimeoutNs, PullNs: cfg.PullNs, AnnounceNs: cfg.AnnounceNs, DialNs: cfg.DialNs,
		FrameBytes: cfg.FrameBytes, Announce: !cfg.PushAll,
	}, n, *n.subSeed())
	if err := n.restore(); err != nil {
		return nil, err
	}
	services, err := cfg.newServices()
	if err != nil {
		return nil, err
	}
	if err := n.startServices(append(services, opt.Services...)); err != nil {
		return nil, err
	}
	if err := st.Commit(true); err != nil {
		return nil, fmt.Errorf("engine: open: %w", err)
	}
	return n, nil
}

func (n *Node) subSeed() *[32]byte {
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], n.rng.Uint64())
	}
	return &seed
}

// restore brings back what the store holds and notes this boot.
func (n *Node) restore() error {
	n.tag = n.rng.Uint64() & (1<<versionTagBits - 1)
	next := uint64(0) // the boot that should come
	if saved := n.store.Meta(metaNode); len(saved) == 40 {
		if codec.PeerID(saved[8:]) != n.cfg.Peer {
			return fmt.Errorf("%w: the store belongs to peer %x", errConfig, saved[8:12])
		}
		last := binary.LittleEndian.Uint64(saved)
		if n.cfg.Boot <= last {
			return fmt.Errorf("%w: Boot is %d, the store has seen boot %d", errConfig, n.cfg.Boot, last)
		}
		next = last + 1
	}
	mark := binary.LittleEndian.AppendUint64(nil, n.cfg.Boot)
	if n.cfg.Boot > next { // boots are missing: the store was lost, or rolled back
		n.store.SetMeta(metaLost, mark)
	}
	n.lost = n.store.Meta(metaLost)
	n.store.SetMeta(metaNode, append(mark, n.cfg.Peer[:]...))
	if saved := n.store.Meta(metaClock); len(saved) == 8 {
		n.clock = codec.HLC(binary.LittleEndian.Uint64(saved))
		n.savedClock = n.clock
	}
	n.restoreTags()
	var err error
	n.store.EachMeta(metaSpace, func(_ string, block []byte) bool {
		err = n.restoreSpace(block)
		return err == nil
	})
	n.store.EachMeta(metaPeers, func(key string, value []byte) bool {
		raw, bad := hex.DecodeString(key[len(metaPeers):])
		if bad == nil && len(raw) == 32 && err == nil {
			err = n.sync.RestorePeer(codec.PeerID(raw), value)
		}
		return err == nil
	})
	return err
}

func (n *Node) restoreTags() {
	saved := n.store.Meta(metaTags)
	for i := 0; i+2 <= len(saved); i += 2 {
		n.tags = append(n.tags, uint64(binary.LittleEndian.Uint16(saved[i:])))
	}
	n.tags = append(n.tags, n.tag)
	if len(n.tags) > tagsMax {
		n.tags = n.tags[1:]
	}
	packed := make([]byte, 0, 2*len(n.tags))
	for _, t := range n.tags {
		packed = binary.LittleEndian.AppendUint16(packed, uint16(t))
	}
	n.store.SetMeta(metaTags, packed)
}

func (n *Node) restoreSpace(block []byte) error {
	sp, err := n.addSpace(block)
	if err != nil {
		return err
	}
	each := func(prefix string, fn func(name, value []byte)) {
		n.store.EachMeta(prefix, func(key string, value []byte) bool {
			if name, err := hex.DecodeString(key[len(prefix):]); err == nil && len(name) == 32 {
				fn(name, value)
			}
			return true
		})
	}
	each(metaControls(sp.id), func(name, _ []byte) {
		id := codec.ID(name)
		if at := n.find(sp, sp.short(&id), &id); at >= 0 {
			sp.learn(n.store.Load(sp.id, n.refs[at]))
		}
	})
	each(metaFlags(sp.id), func(name, value []byte) { sp.restoreProof(codec.PeerID(name), value) })
	return nil
}

// addSpace enters a space that the node has not joined. Versions that were
// reserved before, also before it was left, stay used.
func (n *Node) addSpace(block []byte) (*space, error) {
	sp, err := newSpace(block)
	if err != nil {
		return nil, err
	}
	n.spaces[sp.id] = sp
	at, _ := slices.BinarySearchFunc(n.order, sp, func(a, b *space) int { return a.id.Compare(b.id) })
	n.order = slices.Insert(n.order, at, sp)
	sp.writer = writer{next: 1, refused: n.lost != nil && !bytes.Equal(n.lost, n.store.Meta(metaRegained(sp.id)))}
	if saved := n.store.Meta(metaReserved(sp.id)); len(saved) == 8 {
		sp.writer.reserved = binary.LittleEndian.Uint64(saved)
		sp.writer.next = max(sp.writer.reserved, 1)
	}
	n.sync.SpaceJoined(sp.id)
	return sp, nil
}

func (n *Node) spaceOf(id codec.ID) (*space, error) {
	if sp := n.spaces[id]; sp != nil {
		return sp, nil
	}
	return nil, fmt.Errorf("%w %s", ErrUnknownSpace, id.Short())
}

// Peer is the node's public key.
func (n *Node) Peer() codec.PeerID { return n.cfg.Peer }

// Audit is the chain over everything that entered and left so far.
func (n *Node) Audit() uint64 { return n.audit }

// Step takes a batch of events at one instant and returns what the host is to
// do, in order; the last effect is always WakeAt. When it returns, everything
// the effects depend on is committed. The slice and its effects belong to the
// caller until the next Step.
//
// A refused event ends the batch: what came before it has happened, its effects
// are returned with an *[EventError], and nothing of it remains.
func (n *Node) Step(now codec.Now, events ...codec.Event) ([]codec.Effect, error) {
	if n.closed {
		return nil, ErrClosed
	}
	n.effects = n.effects[:0]
	if n.failed != nil {
		return n.storeFailed(), nil
	}
	if now.Mono < n.now.Mono {
		return nil, &EventError{0, fmt.Errorf("%w from %d to %d", ErrTime, n.now.Mono, now.Mono)}
	}
	n.now = now
	n.sync.Begin(now.Mono, onlyFrame(events))
	var refused error
	for i, ev := range events {
		if err := n.handle(ev); err != nil {
			refused = &EventError{i, err}
			events = events[:i]
			break
		}
	}
	n.reissue()
	n.wakeServices()
	n.sync.End()
	n.tellWatches()
	for n.runServices() {
		n.sync.End()
		n.tellWatches()
	}
	if err := n.commit(); err != nil {
		n.failed = err
		return n.storeFailed(), nil
	}
	n.wake.Mono = n.nextWake()
	n.emit(&n.wake)
	if !n.cfg.NoAudit {
		n.chain(events)
	}
	return n.effects, refused
}

func onlyFrame(events []codec.Event) bool {
	if len(events) != 1 {
		return false
	}
	_, is := events[0].(*codec.Frame)
	return is
}

func (n *Node) storeFailed() []codec.Effect {
	n.effects = append(n.effects[:0], &codec.StoreFailed{Detail: n.failed.Error()}, &codec.WakeAt{})
	return n.effects
}

func (n *Node) commit() error {
	if n.clock != n.savedClock {
		n.savedClock = n.clock
		n.buf = binary.LittleEndian.AppendUint64(n.buf[:0], uint64(n.clock))
		n.store.SetMeta(metaClock, n.buf)
	}
	for _, sp := range n.unsaved {
		if n.spaces[sp.id] == sp {
			n.saveSummary(sp)
		}
	}
	n.unsaved = n.unsaved[:0]
	err := n.store.Commit(n.cfg.Durable || n.mustSync)
	n.mustSync = false
	return err
}

func (n *Node) emit(e codec.Effect) { n.effects = append(n.effects, e) }

// auditVersion is part of every chain: a change of what is hashed changes it.
const auditVersion = 1

// chain folds a step into the audit hash: the instant, the events and the
// effects, in order (xxhash64 of the previous value and their bytes).
func (n *Node) chain(events []codec.Event) {
	b := binary.LittleEndian.AppendUint64(n.buf[:0], n.audit)
	b = append(b, auditVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(n.now.Mono))
	b = binary.LittleEndian.AppendUint64(b, uint64(n.now.Wall))
	n.digest.Reset()
	for _, ev := range events {
		if f, ok := ev.(*codec.Frame); ok {
			b = append(b, byte(codec.EvFrame))
			b = binary.LittleEndian.AppendUint64(b, f.Link)
			b = n.absorb(b, f.Bytes)
			continue
		}
		b, _ = codec.AppendEvent(b, codec.Now{}, ev)
	}
	for _, ef := range n.effects {
		if s, ok := ef.(*codec.Send); ok {
			b = append(b, byte(codec.EfSend))
			b = binary.LittleEndian.AppendUint64(b, s.Link)
			b = n.absorb(b, s.Bytes)
			continue
		}
		b, _ = codec.AppendEffect(b, ef)
	}
	b = n.absorb(b, nil)
	n.buf = b
	n.audit = n.digest.Sum64()
}

// absorb hashes what has been gathered, then bulk without copying it.
func (n *Node) absorb(gathered, bulk []byte) []byte {
	_, _ = n.digest.Write(gathered)
	_, _ = n.digest.Write(bulk)
	return gathered[:0]
}

// handle acts on one event. An error means that nothing of it has happened.
func (n *Node) handle(ev codec.Event) error {
	switch ev := ev.(type) {
	case *codec.Frame:
		if !n.sync.Frame(ev.Link, ev.Bytes) {
			return fmt.Errorf("%w %d", ErrUnknownLink, ev.Link)
		}
		n.counters.FramesIn++
		n.counters.BytesIn += uint64(len(ev.Bytes))
		return nil
	case *codec.Wake:
		return nil
	case *codec.Put:
		return n.put(ev)
	case *codec.Delete:
		return n.delete(ev)
	case *codec.Get:
		return n.get(ev)
	case *codec.Scan:
		return n.scan(ev)
	case *codec.Watch:
		return n.watch(ev)
	case *codec.Unwatch:
		return n.unwatch(ev)
	case *codec.Signed:
		return n.signed(ev)
	case *codec.Grant:
		return n.grant(ev)
	case *codec.Cut:
		return n.cut(ev)
	case *codec.Explain:
		return n.explain(ev)
	case *codec.Export:
		return n.export(ev)
	case *codec.Import:
		return n.importEnvelopes(ev)
	case *codec.GetStatus:
		return n.status(ev)
	}
	return n.handleNetwork(ev)
}

// handleNetwork acts on the events about spaces, peers and links.
func (n *Node) handleNetwork(ev codec.Event) error {
	switch ev := ev.(type) {
	case *codec.LinkUp:
		return n.linkUp(ev)
	case *codec.LinkDown:
		if !n.sync.LinkDown(ev.Link) {
			return fmt.Errorf("%w %d", ErrUnknownLink, ev.Link)
		}
		for _, sp := range n.order {
			sp.forgetPending(ev.Link)
		}
		return nil
	case *codec.CreateSpace:
		return n.createSpace(ev)
	case *codec.JoinSpace:
		return n.joinSpace(ev.Req, ev.Genesis)
	case *codec.LeaveSpace:
		return n.leaveSpace(ev)
	case *codec.AddPeer:
		switch {
		case ev.Peer == n.cfg.Peer:
			return fmt.Errorf("%w: the peer is this node itself", ErrArgument)
		case len(ev.Address) > codec.TextMax:
			return fmt.Errorf("%w: an address of %d bytes, at most %d are allowed", ErrArgument, len(ev.Address), codec.TextMax)
		case ev.IntervalNs > 1<<55:
			return fmt.Errorf("%w: interval of %d ns, at most 2^55", ErrArgument, ev.IntervalNs)
		}
		n.sync.AddPeer(ev.Peer, ev.Address, ev.IntervalNs)
		return n.done(ev.Req, true, ev.Peer)
	case *codec.RemovePeer:
		return n.done(ev.Req, n.sync.RemovePeer(ev.Peer), ev.Peer)
	case *codec.PausePeer:
		return n.done(ev.Req, n.sync.PausePeer(ev.Peer, ev.Paused), ev.Peer)
	case *codec.SetInterval:
		if ev.IntervalNs > 1<<55 {
			return fmt.Errorf("%w: interval of %d ns", ErrArgument, ev.IntervalNs)
		}
		return n.done(ev.Req, n.sync.SetInterval(ev.Peer, ev.IntervalNs), ev.Peer)
	case *codec.SyncNow:
		return n.syncNow(ev, nil)
	case *codec.SyncPart:
		if err := ev.Part.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrArgument, err)
		}
		return n.syncNow(&codec.SyncNow{Req: ev.Req, Peer: ev.Peer, Space: ev.Space, Strategy: ev.Strategy}, &ev.Part)
	case *codec.Ask:
		return n.ask(ev)
	case *codec.AcceptLoss:
		n.acceptLoss()
		n.emit(&codec.Done{Req: ev.Req})
		return nil
	}
	return fmt.Errorf("%w: event of type %T", ErrArgument, ev)
}

// syncNow starts a session on a part of a space, nil for all of it.
func (n *Node) syncNow(ev *codec.SyncNow, part *codec.Part) error {
	if _, err := n.spaceOf(ev.Space); err != nil {
		return err
	}
	if ev.Strategy != "" && !n.sync.HasStrategy(ev.Strategy) {
		return fmt.Errorf("%w: strategy %q, have %v", ErrArgument, ev.Strategy, n.cfg.Strategies)
	}
	n.sync.SyncNow(ev, part)
	return nil
}

func (n *Node) done(req uint64, known bool, peer codec.PeerID) error {
	if !known {
		return fmt.Errorf("%w %s", ErrUnknownPeer, peer.Short())
	}
	n.emit(&codec.Done{Req: req})
	return nil
}

func (n *Node) linkUp(ev *codec.LinkUp) error {
	switch {
	case ev.Peer == n.cfg.Peer:
		return fmt.Errorf("%w: the peer is this node itself", ErrArgument)
	case ev.Link == 0 || ev.Link == importLink:
		return fmt.Errorf("%w: link number %d, want 1 to 2^64 - 2", ErrArgument, ev.Link)
	}
	if err := sign.CheckKey(ev.Peer[:]); err != nil {
		return fmt.Errorf("%w: peer: %v", ErrArgument, err)
	}
	if !n.sync.LinkUp(ev.Peer, ev.Link, ev.Dialed, ev.Observed) {
		return fmt.Errorf("%w: %d", ErrLinkInUse, ev.Link)
	}
	return nil
}

func (n *Node) createSpace(ev *codec.CreateSpace) error {
	g := codec.Genesis{
		Owner: n.cfg.Peer, Write: ev.Write, Read: ev.Read, History: ev.History,
		Salt: ev.Salt, ValueMax: ev.ValueMax, Name: ev.Name,
	}
	if g.ValueMax == 0 {
		g.ValueMax = codec.ValueInlineMax
	}
	if _, err := n.joinable(g.Encode()); err != nil {
		return err // before the seed is drawn from: a refused event leaves no trace
	}
	if g.Salt == (codec.Salt{}) {
		binary.LittleEndian.PutUint64(g.Salt[:], n.rng.Uint64())
		binary.LittleEndian.PutUint64(g.Salt[8:], n.rng.Uint64())
	}
	return n.joinSpace(ev.Req, g.Encode())
}

// spacesMax bounds the spaces of one node: all fit into one link's names.
const spacesMax = codec.SpacesPerLinkMax / 2

// joinable reports whether a genesis block names a space that is new to the
// node, or why the node cannot join it.
func (n *Node) joinable(block []byte) (fresh bool, err error) {
	g, err := codec.ParseGenesis(block)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if n.spaces[g.ID()] != nil {
		return false, nil
	}
	if len(n.spaces) >= spacesMax {
		return false, fmt.Errorf("%w: a node joins at most %d spaces, leave one first", ErrNotAllowed, spacesMax)
	}
	return true, nil
}

func (n *Node) joinSpace(req uint64, block []byte) error {
	fresh, err := n.joinable(block)
	if err != nil {
		return err
	}
	if fresh {
		sp, err := n.addSpace(block)
		if err != nil {
			return err // unreachable: the block has been parsed
		}
		n.store.SetMeta(metaSpace+hex.EncodeToString(sp.id[:]), sp.block)
		n.mustSync = true
		n.tellServices(service.Joined{Space: sp.id})
	}
	n.emit(&codec.SpaceReady{Req: req, Space: sha256.Sum256(block), Genesis: slices.Clone(block)})
	return nil
}

func (n *Node) leaveSpace(ev *codec.LeaveSpace) error {
	sp, err := n.spaceOf(ev.Space)
	if err != nil {
		return err
	}
	n.sync.SpaceLeft(sp.id)
	delete(n.spaces, sp.id)
	n.order = slices.DeleteFunc(n.order, func(s *space) bool { return s == sp })
	n.store.DropSpace(sp.id)
	// The reservation stays: the versions have been used.
	var forget []string
	for _, prefix := range []string{metaControls(sp.id), metaFlags(sp.id), metaKepts(sp.id)} {
		n.store.EachMeta(prefix, func(key string, _ []byte) bool {
			forget = append(forget, key)
			return true
		})
	}
	for _, key := range forget {
		n.store.SetMeta(key, nil)
	}
	n.untrack(func(t *replicas) bool { return t.space == sp.id })
	n.tellServices(service.Left{Space: sp.id})
	n.store.SetMeta(metaSummary(sp.id), nil)
	n.store.SetMeta(metaSpace+hex.EncodeToString(sp.id[:]), nil)
	n.emit(&codec.Done{Req: ev.Req})
	return nil
}

// acceptLoss lets a node whose store was lost write without having synced.
func (n *Node) acceptLoss() {
	n.lost = nil
	n.store.SetMeta(metaLost, nil)
	for _, sp := range n.order {
		sp.writer.refused = false
	}
}

// Close saves what a later boot can use and closes the store.
func (n *Node) Close() error {
	if n.closed {
		return nil
	}
	n.closed = true
	if n.failed == nil {
		for _, sp := range n.order {
			n.saveSummary(sp)
		}
		n.failed = n.store.Commit(true)
	}
	return errors.Join(n.failed, n.store.Close())
}

// The rest implements syncer.Host.

// Spaces implements syncer.Host.
func (n *Node) Spaces(fn func(codec.ID)) {
	for _, sp := range n.order {
		fn(sp.id)
	}
}

// MayRead implements syncer.Host. A space of members is served to members, and
// by members to its owner.
func (n *Node) MayRead(id codec.ID, peer codec.PeerID) bool {
	sp := n.spaces[id]
	return sp != nil && (sp.genesis.Read == codec.ReadAnyone || sp.isMember(peer))
}

// Credential implements syncer.Host. Who is no reader yet is shown one by nodes
// that know of no other member: somebody has to begin, and the others need not say
// to everybody who has learned of the space that they hold it.
func (n *Node) Credential(id codec.ID, peer codec.PeerID) (codec.ID, []byte) {
	sp := n.spaces[id]
	if sp == nil || sp.genesis.Read != codec.ReadMembers || sp.genesis.Owner == n.cfg.Peer ||
		!sp.isMember(peer) && len(sp.members) > 1 {
		return codec.ID{}, nil
	}
	g, ok := sp.grantFor(n.cfg.Peer)
	if !ok {
		return codec.ID{}, nil
	}
	at := n.find(sp, sp.short(&g.id), &g.id)
	if at < 0 {
		return codec.ID{}, nil // unreachable: controls stay
	}
	return g.id, codec.AppendBatch(nil, []*codec.Record{n.store.Load(id, n.refs[at])})
}

// AdmitCredential implements syncer.Host. Only a grant is one: the peer may not be
// a reader yet.
func (n *Node) AdmitCredential(link uint64, peer codec.PeerID, id codec.ID, batch []byte) (got syncer.Admission) {
	var rec, more codec.Record
	r := codec.NewBatchReader(id, batch)
	switch {
	case !r.Next(&rec) || r.Next(&more) || r.Err() != nil:
		got.Blame(codec.FaultRecord, errors.New("a credential is one record"))
	case rec.Kind != codec.KindGrant:
		got.Blame(codec.FaultRecord, errors.New("a credential is a grant"))
	default:
		got = n.Admit(link, peer, id, batch)
	}
	return got
}

// Holds implements syncer.Host.
func (n *Node) Holds(id codec.ID, short uint64) bool {
	n.refs = n.store.Find(id, short, n.refs[:0])
	return len(n.refs) > 0
}

// Records implements syncer.Host.
func (n *Node) Records(id codec.ID, short uint64, dst []*codec.Record) []*codec.Record {
	n.refs = n.store.Find(id, short, n.refs[:0])
	for _, ref := range n.refs {
		dst = append(dst, n.store.Load(id, ref))
	}
	return dst
}

// Summary implements syncer.Host.
func (n *Node) Summary(id codec.ID) (codec.ID, uint64) { return n.fingerprint(n.spaces[id]) }

// Count is the number of records in a space, 0 for one not joined.
func (n *Node) Count(id codec.ID) uint64 { return n.store.Count(id) }

// Pin implements syncer.Host.
func (n *Node) Pin(id codec.ID) syncer.View {
	sp := n.spaces[id]
	v := &view{node: n, space: sp, pin: n.store.Pin(id), changes: sp.summary.changes}
	v.summary, _ = n.fingerprint(sp)
	for _, k := range sp.summary.kept {
		v.kept = append(v.kept, pinnedBy{k.strategy, k.Pin()})
	}
	return v
}

// Emit implements syncer.Host.
func (n *Node) Emit(e codec.Effect) {
	switch e := e.(type) {
	case *codec.Send:
		n.counters.FramesOut++
		n.counters.BytesOut += uint64(len(e.Bytes))
	case *codec.PeerFault:
		n.tellServices(service.PeerFault{Peer: e.Peer})
	}
	n.emit(e)
}

// SavePeer implements syncer.Host.
func (n *Node) SavePeer(peer codec.PeerID, value []byte) {
	n.store.SetMeta(metaPeers+hex.EncodeToString(peer[:]), value)
}

// Synced implements syncer.Host: after a complete session the node knows which
// versions of its own are out there, as far as anybody can.
func (n *Node) Synced(id codec.ID, peer codec.PeerID, equal bool) {
	if sp := n.spaces[id]; sp.writer.refused {
		sp.writer.refused = false
		n.store.SetMeta(metaRegained(id), n.lost)
	}
	if equal && n.Tracking() {
		n.reachedAll(id, peer)
	}
}

// Counters implements syncer.Host.
func (n *Node) Counters() *codec.Counters { return &n.counters }
