package riblt

import "github.com/intersubjective/rapprochement/engine/reconcile"

// Salted is Strategy with cells that are placed by a salt of the session. The kept
// sketch is placed by the space's salt, which every member knows: who hashes some
// 100,000 records finds 40 pairs that share all of the first 900 cells, and no
// peeling tells two of a pair apart. Nobody can find such pairs for a salt that did
// not exist when the records were written, so this is what a session falls back to.
//
// Nothing is kept: both sides make their cells of the whole set, 40 ns a record, and
// again whenever the difference needs twice as many. There is no tail, whose sums
// would take five times as long, and no more than saltedMax cells, 3 MiB: the
// full exchange takes over.
type Salted struct{}

const (
	// saltedCells are made at first, for differences of 3,500 records.
	saltedCells = 1 << 12
	saltedMax   = 1 << 17
)

// Name implements reconcile.Strategy.
func (Salted) Name() string { return reconcile.SaltedName }

// NewKept implements reconcile.Strategy: what is kept could be attacked.
func (Salted) NewKept(reconcile.View) reconcile.Kept { return nil }

// Open implements reconcile.Strategy.
func (Salted) Open(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return initiate(salted(view, peer), saltedMax, out)
}

// Accept implements reconcile.Strategy.
func (Salted) Accept(view reconcile.View, peer reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return accept(salted(view, peer), peer, saltedMax, out)
}

// salted is the own set with cells of the session alone.
func salted(view reconcile.View, peer reconcile.Peer) local {
	own, err := Build(mapping, peer.Salt, saltedCells, symbolsOf(view))
	if err != nil {
		panic(err) // unreachable: a constant size
	}
	return local{view, peer.Salt, &pinned{own: own}}
}
