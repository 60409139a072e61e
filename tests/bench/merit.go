package main

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/intersubjective/rapprochement/engine/meritrank"
)

const meritWalks = 10_000

// onOTC runs a measurement on the trust network, or says that it is not there.
func onOTC(name string, run func(edges []meritrank.Edge) error) error {
	edges, err := bitcoinOTC()
	if err != nil {
		return err
	}
	if edges == nil {
		progress("%s: left out, -data names no folder with bitcoin_otc", name)
		return nil
	}
	return run(edges)
}

func meritGraph(edges []meritrank.Edge, cfg meritrank.Config) (*meritrank.Graph, error) {
	cfg.Walks = meritWalks
	g, err := meritrank.New(cfg)
	if err != nil {
		return nil, err
	}
	return g, g.Load(edges)
}

// someEgos are the sources of edges drawn at random: who is active counts more.
func someEgos(edges []meritrank.Edge, n int, random *rand.Rand) []meritrank.Node {
	var egos []meritrank.Node
	for len(egos) < n {
		if v := edges[random.IntN(len(edges))].From; !slices.Contains(egos, v) {
			egos = append(egos, v)
		}
	}
	return egos
}

// draws makes the egos' walks if they are not there, or lets them follow the next
// changes as well if they are.
func draws(g *meritrank.Graph, egos ...meritrank.Node) error {
	for _, ego := range egos {
		if _, _, err := g.Hits(ego, ego); err != nil {
			return err
		}
	}
	return nil
}

// meritCalculate measures how long the walks of one ego take with all that is
// kept about them, on a graph where others have walked before.
func meritCalculate(rounds int) error {
	return onOTC("meritrank_calculate", func(edges []meritrank.Edge) error {
		if err := calculate("bitcoin_otc", edges, rounds); err != nil {
			return err
		}
		return calculate("scale_free_1M", scaleFree(100_000, 1_000_000, 1), rounds)
	})
}

func calculate(name string, edges []meritrank.Edge, rounds int) error {
	const egos = 40
	g, err := meritGraph(edges, meritrank.Config{Egos: 1})
	if err != nil {
		return err
	}
	list := someEgos(edges, egos, rand.New(rand.NewPCG(1, 2)))
	var times, perNode, bytes []float64
	for round := range rounds + 1 {
		for _, ego := range list {
			watch := start()
			if err := draws(g, ego); err != nil {
				return err
			}
			_, cpu := watch.stop()
			if round == 0 {
				continue // the graph is not prepared yet
			}
			u := g.Usage()
			times = append(times, cpu.Seconds()*1e3)
			perNode = append(perNode, float64(cpu.Nanoseconds())/float64(u.WalkNodes))
			bytes = append(bytes, float64(u.Bytes)/float64(u.WalkNodes))
		}
	}
	p := parameters{"graph": name, "walks": meritWalks, "egos": egos, "rounds": rounds}
	emit("meritrank_calculate_ms", median(times), "ms", p)
	emit("meritrank_ns_per_walk_node", median(perNode), "ns", p)
	emit("meritrank_bytes_per_walk_node", median(bytes), "B", p)
	return nil
}

// scaleFree is a signed graph in which the k-th node is chosen, as source and as
// target, with a chance that falls with the root of k.
func scaleFree(nodes, count int, seed uint64) []meritrank.Edge {
	random := rand.New(rand.NewPCG(seed, 7))
	pick := func() meritrank.Node {
		u := random.Float64()
		return meritrank.Node(float64(nodes) * u * u)
	}
	edges := make([]meritrank.Edge, 0, count)
	for len(edges) < count {
		e := meritrank.Edge{From: pick(), To: pick(), Weight: float64(1 + random.IntN(10))}
		if random.IntN(10) == 0 {
			e.Weight = -e.Weight
		}
		if e.From != e.To {
			edges = append(edges, e)
		}
	}
	return edges
}

// meritUpdate measures what an edge costs that is added, changed or deleted, with
// all egos' walks following. One ego is not like another, so that alone they need
// more rounds.
func meritUpdate(rounds int) error {
	return onOTC("meritrank_update", func(edges []meritrank.Edge) error {
		for _, egos := range []int{1, 20} {
			if err := updates("bitcoin_otc", edges, egos, rounds*max(20/egos, 1)); err != nil {
				return err
			}
		}
		return updates("scale_free_1M", scaleFree(100_000, 1_000_000, 1), 1, rounds)
	})
}

// A workload is one kind of change.
type workload struct {
	kind  string
	edges []meritrank.Edge
}

// workloads are n changes of each kind, to be made in this order: the last edges
// of the data as they came; trust between nodes chosen at random; other weights of
// edges chosen at random, whose sign may change; the end of such edges.
func workloads(edges []meritrank.Edge, n int, random *rand.Rand) (before []meritrank.Edge, list []workload) {
	before, last := edges[:len(edges)-n], edges[len(edges)-n:]
	weight := func() float64 { return edges[random.IntN(len(edges))].Weight }
	nodes := meritrank.Node(0)
	known := map[[2]meritrank.Node]bool{}
	for _, e := range edges {
		nodes = max(nodes, e.From+1, e.To+1)
		known[[2]meritrank.Node{e.From, e.To}] = true
	}
	var fresh, changed, gone []meritrank.Edge
	for len(fresh) < n {
		e := meritrank.Edge{From: random.Uint32N(nodes), To: random.Uint32N(nodes), Weight: weight()}
		if pair := [2]meritrank.Node{e.From, e.To}; e.From != e.To && !known[pair] {
			known[pair] = true
			fresh = append(fresh, e)
		}
	}
	for i, at := range random.Perm(len(before))[:2*n] {
		if e := before[at]; i < n {
			e.Weight = weight()
			changed = append(changed, e)
		} else {
			e.Weight = 0
			gone = append(gone, e)
		}
	}
	return before, []workload{{"replay", last}, {"add", fresh}, {"change", changed}, {"delete", gone}}
}

func updates(name string, edges []meritrank.Edge, egos, rounds int) error {
	const sample = 4000
	means, tails, redrawn, kinds := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}, []string(nil)
	for round := range rounds {
		random := rand.New(rand.NewPCG(uint64(round), 3))
		before, list := workloads(edges, sample, random)
		g, err := meritGraph(before, meritrank.Config{Seed: uint64(round)})
		if err != nil {
			return err
		}
		watching := someEgos(edges, egos, random)
		if err := draws(g, watching...); err != nil {
			return err
		}
		kinds = kinds[:0]
		for _, w := range list {
			drawn := g.Usage().Redrawn
			mean, tail, err := timeUpdates(g, watching, w.edges)
			if err != nil {
				return err
			}
			kinds = append(kinds, w.kind)
			redrawn[w.kind] = append(redrawn[w.kind], float64(g.Usage().Redrawn-drawn)/sample)
			means[w.kind], tails[w.kind] = append(means[w.kind], mean), append(tails[w.kind], tail)
		}
	}
	for _, kind := range kinds {
		emit("meritrank_update_us", mean(means[kind]), "us", parameters{
			"graph": name, "kind": kind, "egos": egos, "walks": meritWalks, "updates": sample, "rounds": rounds,
			"p99_us": median(tails[kind]), "walks_redrawn": mean(redrawn[kind]),
		})
	}
	return nil
}

// timeUpdates sets all edges, asks for all egos after each, and returns the mean and
// the 99th percentile of what one takes, in microseconds. The first tenth lets arrays grow that were as long as
// their content; then the mean is measured, then each one alone, as looking at the
// clock takes as long as an update.
func timeUpdates(g *meritrank.Graph, egos []meritrank.Node, list []meritrank.Edge) (mean, tail float64, err error) {
	set := func(list []meritrank.Edge, done func()) {
		for _, e := range list {
			if err == nil {
				err = errors.Join(g.Set(e.From, e.To, e.Weight), draws(g, egos...))
				done()
			}
		}
	}
	warm, half := len(list)/10, len(list)*6/10
	set(list[:warm], func() {})
	watch := start()
	set(list[warm:half], func() {})
	_, cpu := watch.stop()
	each := make([]time.Duration, 0, len(list)-half)
	began := time.Now()
	set(list[half:], func() {
		now := time.Now()
		each = append(each, now.Sub(began))
		began = now
	})
	slices.Sort(each)
	return cpu.Seconds() * 1e6 / float64(half-warm), each[len(each)*99/100].Seconds() * 1e6, err
}

// meritJoin measures what an opinion costs a node that hears 50,000 of them in a
// network of 1,000 peers, one after the other, while it asks for its scores now and
// then: after each so many. At 0 its walks never get anywhere, as it has no opinion
// of its own.
func meritJoin(rounds int) error {
	const peers, opinions = 1_000, 50_000
	edges := scaleFree(peers, opinions, 1)
	for _, every := range []int{0, 10, 100, 1_000, opinions} {
		var times []float64
		for round := range rounds {
			ego := meritrank.Node(round)
			if every == 0 {
				ego = peers
			}
			g, err := meritGraph(nil, meritrank.Config{Seed: uint64(round), Egos: 1})
			if err != nil {
				return err
			}
			var scores []meritrank.Score
			watch := start()
			for i, e := range edges {
				err = errors.Join(err, g.Set(e.From, e.To, e.Weight))
				if every == 0 {
					err = errors.Join(err, draws(g, ego))
				} else if (i+1)%every == 0 {
					var failed error
					scores, failed = g.Scores(scores[:0], ego)
					err = errors.Join(err, failed)
				}
			}
			_, cpu := watch.stop()
			if err != nil {
				return err
			}
			times = append(times, cpu.Seconds()*1e6/opinions)
		}
		emit("meritrank_join_us", median(times), "us", parameters{
			"peers": peers, "opinions": opinions, "walks": meritWalks, "asks_every": every, "rounds": rounds,
		})
	}
	return nil
}

// meritScores measures reading all scores, sorted, and the 50 highest.
func meritScores(rounds int) error {
	for _, peers := range []int{5_000, 50_000} {
		// Enough walks to meet about so many.
		edges := scaleFree(peers*27/25, peers*15, 5)
		g, err := meritrank.New(meritrank.Config{Walks: peers * 5 / 2})
		if err != nil {
			return err
		}
		if err := g.Load(edges); err != nil {
			return err
		}
		var list []meritrank.Score
		var all, top []float64
		for range 20*rounds + 1 {
			watch := start()
			if list, err = g.Scores(list[:0], edges[0].From); err != nil {
				return err
			}
			_, cpu := watch.stop()
			all = append(all, cpu.Seconds()*1e3)
			met := len(list)
			watch = start()
			if list, err = g.Top(list[:0], edges[0].From, 50); err != nil {
				return err
			}
			_, cpu = watch.stop()
			top = append(top, cpu.Seconds()*1e3)
			list = list[:0]
			peers = met
		}
		p := parameters{"peers": peers, "rounds": 20 * rounds}
		emit("meritrank_scores_ms", median(all[1:]), "ms", p)
		emit("meritrank_top50_ms", median(top[1:]), "ms", p)
	}
	return nil
}

// meritLoad measures loading a million edges and the memory that they take.
func meritLoad(rounds int) error {
	edges := scaleFree(100_000, 1_000_000, 1)
	var times, sizes []float64
	for range rounds {
		before := heapInUse()
		watch := start()
		g, err := meritGraph(edges, meritrank.Config{})
		if err != nil {
			return err
		}
		_, cpu := watch.stop()
		times = append(times, cpu.Seconds())
		sizes = append(sizes, (heapInUse()-before)/1e6)
		runtime.KeepAlive(g)
	}
	p := parameters{"edges": len(edges), "nodes": 100_000, "rounds": rounds}
	emit("meritrank_load_s", median(times), "s", p)
	emit("meritrank_load_mb", median(sizes), "MB", p)
	return nil
}
