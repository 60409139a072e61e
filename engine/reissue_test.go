package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/codec"
)

// machines are nodes that run one key, and a hub between them.
type machines struct {
	t     *testing.T
	space codec.ID
	hub   *Node
	nodes []*Node
	told  int // records that were written again
}

func newMachines(t *testing.T, count int, g *codec.Genesis) *machines {
	m := &machines{t: t, hub: openNode(t, 2, Config{}, newStore()), space: g.ID()}
	for i := range count {
		m.nodes = append(m.nodes, openNode(t, 1, Config{Seed: [32]byte{9, byte(i)}}, newStore()))
	}
	for _, n := range append([]*Node{m.hub}, m.nodes...) {
		join(t, n, g)
	}
	return m
}

// at steps a machine at a wall time in seconds.
func (m *machines) at(i, wall int, ev codec.Event) {
	m.t.Helper()
	n := m.nodes[i]
	if _, err := n.Step(codec.Now{Mono: n.now.Mono + 1, Wall: int64(wall) * 1e9}, ev); err != nil {
		m.t.Fatal(err)
	}
}

// settle lets everything reach everybody until nobody has anything new to say,
// and returns how many rounds that took.
func (m *machines) settle() (rounds int) {
	m.t.Helper()
	for changed := true; changed; rounds++ {
		if rounds == 50 {
			m.t.Fatal("they take turns for ever")
		}
		exchange(append([]*Node{m.hub}, m.nodes...), m.space)
		changed = false
		for i, n := range m.nodes {
			before := summaryOf(m.t, n, m.space)
			effects := do(m.t, m.nodes[i], &codec.Wake{})
			for _, s := range find[*codec.Stored](effects) {
				if s.Req != 0 {
					m.t.Fatal("answers a put that nobody made")
				}
				m.told += len(s.IDs)
			}
			changed = changed || summaryOf(m.t, n, m.space) != before
		}
	}
	return rounds
}

// value is what all agree on.
func (m *machines) value(key string) string {
	m.t.Helper()
	var values []string
	for _, n := range append([]*Node{m.hub}, m.nodes...) {
		got := find[*codec.Entries](do(m.t, n, &codec.Get{Space: m.space, Key: codec.MustKey(key)}))[0]
		if len(got.Entries) == 0 {
			values = append(values, "")
		} else {
			values = append(values, string(got.Entries[0].Value))
		}
	}
	for _, v := range values {
		if v != values[0] {
			m.t.Fatalf("they see %q", values)
		}
	}
	return values[0]
}

func (m *machines) put(key, value string) *codec.Put {
	return &codec.Put{Req: 1, Space: m.space, Entries: []codec.PutEntry{{Key: codec.MustKey(key), Codec: codec.CodecRaw, Value: []byte(value)}}}
}

// A machine that was set back writes with low versions: what it has written since
// is not lost to what its key wrote before, and a deletion is a write, too. A third
// machine, which only looks on, leaves it to the one whose write it is.
func TestReissue(t *testing.T) {
	for _, history := range []codec.History{codec.HistoryCurrent, codec.HistoryAll} {
		g := genesis(newAuthor(9))
		g.History = history
		m := newMachines(t, 3, g)
		for i := range 20 {
			m.at(1, 100+i, m.put("k", fmt.Sprint("old ", i)))
			m.at(1, 100+i, m.put("gone", fmt.Sprint("old ", i)))
		}
		m.at(0, 200, m.put("k", "new"))
		m.at(0, 200, m.put("gone", "new"))
		m.at(0, 201, &codec.Delete{Space: m.space, Keys: []codec.Key{codec.MustKey("gone")}})
		exchange([]*Node{m.nodes[0], m.nodes[2]}, m.space)
		exchange([]*Node{m.nodes[1], m.nodes[2]}, m.space)
		m.settle()
		if k, gone := m.value("k"), m.value("gone"); k != "new" || gone != "" || m.told != 2 {
			t.Fatalf("%v: %q, %q, %d written again", history, k, gone, m.told)
		}
		if !m.nodes[0].keyInUse || !m.nodes[1].keyInUse {
			t.Fatal("not both have noticed")
		}
		// The one that is later is left alone.
		m.at(1, 300, m.put("k", "newer"))
		m.settle()
		if v := m.value("k"); v != "newer" || m.told != 2 {
			t.Fatalf("%v: %q, %d written again", history, v, m.told)
		}
	}
}

// Whatever machines with one key write, they settle, on the latest write of each
// register, and nobody signs a version twice.
func TestReissueSettles(t *testing.T) {
	for seed := range uint64(16) {
		rng := rand.New(rand.NewPCG(seed, 11))
		g := genesis(newAuthor(9))
		g.History = codec.History(seed % 2)
		m := newMachines(t, 2+int(seed%3), g)
		latest, written := map[string]int{}, 0
		for at := 1; at < 40; at++ {
			key := fmt.Sprint("k", rng.IntN(3))
			m.at(rng.IntN(len(m.nodes)), at, m.put(key, fmt.Sprint(at)))
			latest[key] = at
			written++
			if rng.IntN(6) == 0 {
				m.settle()
			}
		}
		m.settle()
		for key, at := range latest {
			if v := m.value(key); v != fmt.Sprint(at) {
				t.Fatalf("seed %d: %s is %q, the latest write is %d", seed, key, v, at)
			}
		}
		if len(m.hub.spaces[m.space].flagged) > 0 || m.told > written {
			t.Fatalf("seed %d: %d written again of %d", seed, m.told, written)
		}
	}
}

// What a node must not write any more is not written again.
func TestReissueObeysCuts(t *testing.T) {
	owner := newAuthor(9)
	m := newMachines(t, 2, genesis(owner))
	m.at(1, 100, m.put("k", "old"))
	m.at(1, 100, m.put("k", "old"))
	m.at(0, 200, m.put("k", "new"))
	cut := owner.cut(m.space, 1, m.nodes[0].Peer(), codec.VersionMax>>1)
	bring(m.nodes[0], m.space, cut)
	m.settle()
	if m.told != 0 || m.value("k") != "old" {
		t.Fatalf("%q, %d written again", m.value("k"), m.told)
	}
}
