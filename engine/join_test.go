package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// pool draws records of a space, dishonest ones among them: one version signed
// twice in a register and across registers, control records at one key, records
// in the name of grants that come late or never.
func pool(rng *rand.Rand, g *codec.Genesis, owner author, cuts bool) (records []*codec.Record) {
	space := g.ID()
	members := []author{newAuthor(11), newAuthor(12), newAuthor(13)}
	var grants []codec.ID
	for i, m := range members {
		for k := range 2 {
			rec := owner.grant(space, uint64(1+i*4+k*2), m.peer)
			if k == 0 || rng.IntN(2) == 0 {
				records = append(records, rec)
			}
			grants = append(grants, rec.ID)
		}
	}
	twin := owner.sign(codec.Header{Kind: codec.KindGrant, Space: space, Version: 1, Codec: codec.CodecDagCBOR,
		Key: controlKey('g', members[0].peer, 1)}, codec.GrantValue{Member: members[1].peer}.Encode())
	records = append(records, twin)
	if cuts {
		for i, m := range members[:2] {
			records = append(records, owner.cut(space, uint64(2+i*4), m.peer, uint64(rng.IntN(4))))
		}
	}
	for range 60 {
		i := rng.IntN(len(members))
		var grant codec.ID
		if g.Write == codec.WriteMembers || rng.IntN(2) == 0 {
			grant = grants[2*i+rng.IntN(2)]
		}
		key, version := fmt.Sprint("k", rng.IntN(3)), uint64(1+rng.IntN(6))
		records = append(records, members[i].put(space, version, key, fmt.Sprint(rng.IntN(3)), grant))
	}
	return records
}

// scatter delivers records in a random order, some more than once, in random
// batches, and again what waited for its grant.
func scatter(rng *rand.Rand, n *Node, space codec.ID, records []*codec.Record) {
	order := append([]*codec.Record(nil), records...)
	for range len(records) / 3 {
		order = append(order, records[rng.IntN(len(records))])
	}
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for len(order) > 0 {
		k := min(1+rng.IntN(8), len(order))
		bring(n, space, order[:k]...)
		order = order[k:]
	}
	for _, rec := range records {
		bring(n, space, rec)
	}
}

// The set is a join: order, repetition and batches do not matter.
func TestSetIsAJoin(t *testing.T) {
	owner := newAuthor(10)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		g := genesis(owner)
		g.History, g.Write = codec.History(seed%2), codec.WritePolicy(seed/2%2)
		cuts := seed%3 == 0
		records := pool(rng, g, owner, cuts)
		var nodes []*Node
		for i := range byte(4) {
			n := openNode(t, i+1, Config{}, newStore())
			join(t, n, g)
			scatter(rng, n, g.ID(), records)
			nodes = append(nodes, n)
		}
		if cuts {
			// What a cut uncovers comes back from who still holds it.
			exchange(nodes, g.ID())
		}
		want := summaryOf(t, nodes[0], g.ID())
		for i, n := range nodes {
			if got := summaryOf(t, n, g.ID()); got != want {
				t.Fatalf("seed %d (cuts %t, history %s): node %d holds %s, node 0 %s", seed, cuts, g.History, i, got, want)
			}
			bounded(t, n, g)
		}
	}
}

// exchange lets every node give every other one what it holds, until nothing
// changes.
func exchange(nodes []*Node, space codec.ID) {
	for again := true; again; {
		again = false
		for _, from := range nodes {
			for _, to := range nodes {
				held := to.all(space)
				for id, rec := range from.all(space) {
					if held[id] == nil && bring(to, space, rec).New > 0 {
						again = true
					}
				}
			}
		}
	}
}

// bounded checks what holds of every set: at most two ids per register and
// version, nothing superseded with current history, nothing hidden.
func bounded(t *testing.T, n *Node, g *codec.Genesis) {
	t.Helper()
	sp := n.spaces[g.ID()]
	twins := map[string]int{}
	for _, rec := range n.all(g.ID()) {
		if err := sp.allows(rec); err != nil {
			t.Fatalf("the set holds a record although %v", err)
		}
		if rec.Key.IsControl() {
			continue
		}
		register := fmt.Sprint(rec.Author, rec.Key)
		if twins[fmt.Sprint(register, rec.Version)]++; twins[fmt.Sprint(register, rec.Version)] > 2 {
			t.Fatal("three records of one version")
		}
		if c := n.current(sp, rec); g.History == codec.HistoryCurrent && c.Version != rec.Version {
			t.Fatalf("version %d stays beside version %d", rec.Version, c.Version)
		}
	}
}

// Merging sets in any grouping gives the same set.
func TestSetIsAssociative(t *testing.T) {
	owner := newAuthor(10)
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		g := genesis(owner)
		g.History = codec.History(seed % 2)
		records := pool(rng, g, owner, false)
		var sums []string
		for range 3 {
			// Random parts are merged in random trees.
			var parts []*Node
			for i := range 4 {
				n := openNode(t, 1, Config{}, newStore())
				join(t, n, g)
				for k := i; k < len(records); k += 4 {
					bring(n, g.ID(), records[k])
				}
				parts = append(parts, n)
			}
			for len(parts) > 1 {
				rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
				for range 2 { // what waited for a grant comes the second time
					for _, rec := range parts[0].all(g.ID()) {
						bring(parts[1], g.ID(), rec)
					}
				}
				parts = parts[1:]
			}
			// What no part could admit without the grants of another.
			for _, rec := range records {
				bring(parts[0], g.ID(), rec)
			}
			sums = append(sums, summaryOf(t, parts[0], g.ID()))
		}
		if sums[0] != sums[1] || sums[0] != sums[2] {
			t.Fatalf("seed %d: %v", seed, sums)
		}
	}
}
