package compare

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine"
	"github.com/intersubjective/rapprochement/engine/store"
	"github.com/intersubjective/rapprochement/engine/store/memory"
)

// own is the caller's set.
type own struct {
	genesis []byte
	records []*codec.Record // in the order of time
}

// readOwn admits exported records into a node, which verifies them, and takes
// what it keeps.
func readOwn(genesis, envelopes []byte) (*own, error) {
	g, err := codec.ParseGenesis(genesis)
	if err != nil {
		return nil, &CaseError{"records", err.Error()}
	}
	st := memory.New(memory.NewArena())
	node, err := engine.Open(engine.Config{Key: [32]byte{2}}, st, engine.Options{})
	if err != nil {
		return nil, err
	}
	join, take := &codec.JoinSpace{Genesis: genesis}, &codec.Import{Space: g.ID(), Envelopes: envelopes}
	if _, err := node.Step(codec.Now{}, join, take); err != nil {
		return nil, &CaseError{"records", err.Error()}
	}
	o := &own{genesis: genesis}
	pin := st.Pin(g.ID())
	defer pin.Close()
	pin.Each(func(ref store.Ref, _ uint64, _ *codec.ID) bool {
		o.records = append(o.records, pin.Load(ref))
		return true
	})
	slices.SortFunc(o.records, func(a, b *codec.Record) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), a.ID.Compare(b.ID))
	})
	return o, nil
}

// prepareOwn draws a difference from the caller's records.
func (b *Bench) prepareOwn(c *Case) (*difference, error) {
	if b.own == nil {
		return nil, &CaseError{"workload", `"records" needs records`}
	}
	if b.base == nil || !b.base.own {
		if err := b.ownBase(); err != nil {
			return nil, err
		}
	}
	all := b.own.records
	if c.Differ >= len(all) {
		return nil, &CaseError{"differ", fmt.Sprintf("%d of %d records, want fewer", c.Differ, len(all))}
	}
	d := &difference{genesis: b.own.genesis, shared: true}
	rng := rand.New(rand.NewPCG(c.Seed, 0x6f776e))
	order := rng.Perm(len(all))[:c.Differ+1]
	for i, at := range order {
		d.without = append(d.without, all[at])
		if i == c.Differ {
			d.first = all[at]
		} else {
			d.parts[i%2] = append(d.parts[i%2], all[at])
		}
	}
	return d, nil
}

func (b *Bench) ownBase() error {
	g, err := codec.ParseGenesis(b.own.genesis)
	if err != nil {
		return err // unreachable: readOwn has parsed it
	}
	base := &base{n: len(b.own.records), own: true, space: g.ID(), salt: g.Salt, arena: memory.NewArena()}
	for _, rec := range b.own.records {
		base.add(rec)
	}
	b.base = base
	return base.summarise(b.own.genesis)
}
