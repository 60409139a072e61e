package full

import (
	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Part implements reconcile.Splitter. It reads every record below the prefix.
func (Strategy) Part(view reconcile.SplitView, part *codec.Part) reconcile.Part {
	p := &portion{salt: view.Salt()}
	p.read = reconcile.EachIn(view, part, func(item *reconcile.Item) {
		p.records = append(p.records, name{item.Short, item.ID})
	})
	return p
}

// A portion is a part of a view's set.
type portion struct {
	salt    *codec.Salt
	records []name
	read    int
}

type name struct {
	short uint64
	id    codec.ID
}

func (p *portion) Count() uint64     { return uint64(len(p.records)) }
func (p *portion) Read() int         { return p.read }
func (p *portion) Salt() *codec.Salt { return p.salt }

func (p *portion) Each(fn func(short uint64, id *codec.ID) bool) {
	for i := range p.records {
		if !fn(p.records[i].short, &p.records[i].id) {
			return
		}
	}
}

func (p *portion) Open(reconcile.Peer, *reconcile.Out) reconcile.Session { return &initiator{set: p} }

func (p *portion) Accept(_ reconcile.Peer, out *reconcile.Out) reconcile.Session {
	return accept(p, out)
}
