package rbsr

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Strategy reconciles ranges in our own mode.
type Strategy struct{}

// Name implements reconcile.Strategy.
func (Strategy) Name() string { return "rbsr" }

// kept is the tree that all sessions of a space share.
type kept struct{ *Tree }

// entryOf is a record's place: by its time, which is its author's claim.
func entryOf(item *reconcile.Item) Entry {
	return Entry{min(uint64(item.Time), Infinity-1), item.ID}
}

func (k kept) Add(item *reconcile.Item)    { k.Insert(entryOf(item)) }
func (k kept) Remove(item *reconcile.Item) { k.Delete(entryOf(item)) }
func (k kept) Pin() reconcile.Pinned       { return k.Tree.Pin() }

// NewKept implements reconcile.Strategy.
func (Strategy) NewKept(view reconcile.View) reconcile.Kept {
	entries := make([]Entry, 0, view.Count())
	view.Items(func(item *reconcile.Item) bool {
		entries = append(entries, entryOf(item))
		return true
	})
	return kept{Build(view.Salt(), entries)}
}

// Set returns a view's records in order, to run a session on a part of them. The
// view closes it.
func Set(view reconcile.View) *Snapshot { return view.Kept(Strategy{}).(*Snapshot) }

// Open implements reconcile.Strategy.
func (Strategy) Open(view reconcile.View, _ reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return OpenOn(view, Set(view))
}

// Accept implements reconcile.Strategy.
func (Strategy) Accept(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return AcceptOn(view, Set(view), peer, out)
}

// Part implements reconcile.Splitter. A window of time is cut out of the tree that
// is kept; for a key prefix a tree is made of the records below it.
func (Strategy) Part(view reconcile.SplitView, part *codec.Part) reconcile.Part {
	p := portion{view: view}
	if len(part.Prefix) == 0 {
		from, to := part.Window()
		p.set = Set(view).Between(uint64(from), uint64(to))
		return p
	}
	var entries []Entry
	p.read = reconcile.EachIn(view, part, func(item *reconcile.Item) { entries = append(entries, entryOf(item)) })
	p.set = Build(view.Salt(), entries).Pin()
	return p
}

// A portion is a part of a view's set.
type portion struct {
	view reconcile.View
	set  *Snapshot
	read int
}

func (p portion) Count() uint64 { return uint64(p.set.Len()) }
func (p portion) Read() int     { return p.read }

func (p portion) Open(reconcile.Peer, *reconcile.Out) reconcile.Session {
	return OpenOn(p.view, p.set)
}

func (p portion) Accept(peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return AcceptOn(p.view, p.set, peer, out)
}

// Compatible is protocol V1 as a strategy: each payload is one message, the frame
// limit is a payload's. Records of one time and id order are those of Strategy;
// the timestamps are whole hybrid clocks.
type Compatible struct{}

// Name implements reconcile.Strategy.
func (Compatible) Name() string { return "negentropy" }

// NewKept implements reconcile.Strategy: it uses the tree of Strategy.
func (Compatible) NewKept(reconcile.View) reconcile.Kept { return nil }

// Open implements reconcile.Strategy.
func (Compatible) Open(view reconcile.View, _ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	s := newCompatible(view)
	first, err := s.n.Initiate()
	if err != nil {
		panic(err) // unreachable: it is the first time
	}
	out.Payloads = append(out.Payloads, first)
	return s
}

// Accept implements reconcile.Strategy.
func (Compatible) Accept(view reconcile.View, _ reconcile.Peer, _ *reconcile.Out) reconcile.Session {
	return newCompatible(view)
}

type compatible struct {
	salt *codec.Salt
	n    *Negentropy
	done bool
}

func newCompatible(view reconcile.View) *compatible {
	n, err := NewNegentropy(Set(view), reconcile.PayloadMax)
	if err != nil {
		panic(err) // unreachable: a constant limit
	}
	return &compatible{salt: view.Salt(), n: n}
}

// Receive implements reconcile.Session.
func (s *compatible) Receive(payload []byte, out *reconcile.Out) error {
	if len(payload) > reconcile.PayloadMax || s.done {
		return ErrCount
	}
	answer, err := s.n.Reconcile(payload)
	switch {
	case err != nil:
		return err
	case answer != nil:
		out.Payloads = append(out.Payloads, answer)
	default:
		s.done, out.Done = true, true
		out.Give = s.shorts(out.Give, s.n.Have())
		out.Want = s.shorts(out.Want, s.n.Need())
	}
	return nil
}

func (s *compatible) shorts(dst []uint64, ids []codec.ID) []uint64 {
	for i := range ids {
		dst = append(dst, codec.ShortID(s.salt, &ids[i]))
	}
	return dst
}

var _ reconcile.Kept = kept{}
