package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/rbsr"
)

// A dealing is how two sets of n records differ: in the d newest, or in d drawn
// from all of them; half of them on each side.
type dealing struct {
	n, d   int
	recent bool
}

func (c dealing) pattern() string {
	if c.recent {
		return "recent"
	}
	return "uniform"
}

// deal makes the sets. Record i is of second i, its id the SHA-256 of the number.
func (c dealing) deal() (left, right []rbsr.Entry) {
	only, rng := make(map[int]bool, c.d), rand.New(rand.NewPCG(6, uint64(c.d)))
	for len(only) < c.d {
		if at := rng.IntN(c.n); c.recent {
			only[c.n-1-len(only)] = true
		} else {
			only[at] = true
		}
	}
	dealt := 0
	for i := range c.n {
		e := numbered(uint64(i))
		if only[i] {
			dealt++
		}
		if !only[i] || dealt%2 == 0 {
			left = append(left, e)
		}
		if !only[i] || dealt%2 == 1 {
			right = append(right, e)
		}
	}
	return left, right
}

func numbered(i uint64) rbsr.Entry {
	return rbsr.Entry{Time: 1_700_000_000 + i, ID: sha256.Sum256(binary.LittleEndian.AppendUint64(nil, i))}
}

var nineCases = []dealing{
	{1e6, 0, false}, {1e6, 10, false}, {1e6, 10, true}, {1e6, 100, false}, {1e6, 100, true},
	{1e6, 1000, false}, {1e6, 1000, true}, {1e6, 10_000, false}, {1e6, 10_000, true},
}

// rbsrNegentropy runs protocol V1 between two sets of a million records, without
// a frame limit: the processor time of both sides from the first message to the
// last. The reference's figures for the same sets are in docs/.
func rbsrNegentropy(rounds int) error {
	for _, c := range nineCases {
		left, right := c.deal()
		l, r := rbsr.Build(&codec.Salt{}, left), rbsr.Build(&codec.Salt{}, right)
		var ms []float64
		var bytes, trips int
		repeats := 1 + 20/(1+c.d/100) // a clock does not show microseconds
		for range 4 * rounds {
			watch := start()
			for range repeats {
				var err error
				if bytes, trips, err = negentropy(l, r, c.d); err != nil {
					return err
				}
			}
			_, cpu := watch.stop()
			ms = append(ms, cpu.Seconds()*1e3/float64(repeats))
		}
		emit("negentropy_ms", median(ms), "ms", parameters{
			"n": c.n, "d": c.d, "pattern": c.pattern(), "bytes": bytes, "round_trips": trips, "fastest": slices.Min(ms),
		})
	}
	return nil
}

// negentropy runs one session, pinning included.
func negentropy(l, r *rbsr.Tree, d int) (bytes, trips int, err error) {
	left, right := l.Pin(), r.Pin()
	defer left.Close()
	defer right.Close()
	client, err := rbsr.NewNegentropy(left, 0)
	if err != nil {
		return 0, 0, err
	}
	server, err := rbsr.NewNegentropy(right, 0)
	if err != nil {
		return 0, 0, err
	}
	message, err := client.Initiate()
	for err == nil && message != nil {
		var reply []byte
		if reply, err = server.Reconcile(message); err != nil {
			break
		}
		trips++
		bytes += len(message) + len(reply)
		message, err = client.Reconcile(reply)
	}
	if err == nil && len(client.Have())+len(client.Need()) != d {
		err = errWrong
	}
	return bytes, trips, err
}

// rbsrTree measures the storage: memory per record after it was built and after
// insertions at random places, and what an insertion takes, with and without a
// session that has pinned it.
func rbsrTree(rounds int) error {
	const n = 1_000_000
	left, _ := dealing{n: n}.deal()
	heap := heapBytes()
	built := rbsr.Build(&codec.Salt{}, left)
	emit("range_tree_bytes_per_record", float64(heapBytes()-heap)/n, "bytes", parameters{"n": n, "how": "built"})
	var plain, pinned []float64
	const chunk = 2000
	next := uint64(n)
	for range rounds * 10 {
		for _, times := range []*[]float64{&plain, &pinned} {
			var pin *rbsr.Snapshot
			if times == &pinned {
				pin = built.Pin()
			}
			watch := start()
			for range chunk {
				next++
				e := numbered(next)
				e.Time = 1_700_000_000 + binary.LittleEndian.Uint64(e.ID[:])%n
				built.Insert(e)
			}
			_, cpu := watch.stop()
			*times = append(*times, float64(cpu.Nanoseconds())/chunk)
			if pin != nil {
				pin.Close()
			}
		}
	}
	emit("range_tree_insert_ns", median(plain), "ns", parameters{"n": n, "place": "random", "fastest": slices.Min(plain)})
	emit("range_tree_insert_ns", median(pinned), "ns", parameters{"n": n, "place": "random", "pinned": true, "fastest": slices.Min(pinned)})
	runtime.KeepAlive(built)

	heap = heapBytes()
	grown := rbsr.NewTree(&codec.Salt{})
	for i := range left {
		grown.Insert(left[i*7919%n])
	}
	emit("range_tree_bytes_per_record", float64(heapBytes()-heap)/n, "bytes", parameters{"n": n, "how": "inserted at random"})
	runtime.KeepAlive(grown)
	runtime.KeepAlive(left)
	return nil
}

func heapBytes() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func rangeItems(entries []rbsr.Entry, salt *codec.Salt) []reconcile.Item {
	items := make([]reconcile.Item, len(entries))
	for i := range items {
		items[i] = reconcile.Item{Time: codec.HLC(entries[i].Time), ID: entries[i].ID, Short: codec.ShortID(salt, &entries[i].ID)}
	}
	return items
}

// rbsrSession runs whole sessions in the strategy's own mode.
func rbsrSession(rounds int) error {
	for _, c := range nineCases {
		left, right := c.deal()
		salt := codec.Salt{1, 2, 3} // that of warm sets
		a, b := newWarmSet(rbsr.Strategy{}, rangeItems(left, &salt)), newWarmSet(rbsr.Strategy{}, rangeItems(right, &salt))
		var micros []float64
		var last warmSession
		for range rounds * 4 {
			s, err := session(a, b)
			if err != nil {
				return err
			}
			if s.given+s.wanted+s.answered != c.d {
				return errWrong
			}
			micros, last = append(micros, s.micros), s
		}
		emit("session_warm_us", median(micros), "µs", parameters{
			"strategy": "rbsr", "n": c.n, "d": c.d, "pattern": c.pattern(), "bytes": last.bytes, "round_trips": last.rounds, "fastest": slices.Min(micros),
		})
	}
	return nil
}

// rbsrAdversary lets a responder claim cells of records that do not exist, of
// counts that make the initiator search longest or answer most, and measures what
// a byte of that costs it.
func rbsrAdversary(rounds int) error {
	const n, parts = 1 << 17, 128 // 1024 records in each of the cells of a first payload
	entries, _ := dealing{n: n}.deal()
	salt := codec.Salt{1, 2, 3}
	victim := newWarmSet(rbsr.Strategy{}, rangeItems(entries, &salt))
	for _, attack := range []struct {
		name string
		less int // records in each cell than the victim has
	}{{"search", 2}, {"divide", 200}} {
		var forged []rbsr.Entry
		for i, e := range entries {
			if e.ID[0] ^= 1; i%(n/parts) >= attack.less {
				forged = append(forged, e)
			}
		}
		liar := newWarmSet(rbsr.Strategy{}, rangeItems(forged, &salt))
		liar.pinned = liar.kept.Pin()
		var lie reconcile.Out
		liar.strategy.Accept(liar, reconcile.Peer{Count: 1 << 40}, &lie)
		var ns []float64
		answered := 0
		for range rounds * 4 {
			victim.pinned = victim.kept.Pin()
			session := victim.strategy.Open(victim, reconcile.Peer{}, nil)
			var out reconcile.Out
			watch := start()
			if err := session.Receive(lie.Payloads[0], &out); err != nil {
				return err
			}
			_, cpu := watch.stop()
			victim.pinned.Close()
			answered = 0
			for _, p := range out.Payloads {
				answered += len(p)
			}
			ns = append(ns, float64(cpu.Nanoseconds()))
		}
		size := float64(len(lie.Payloads[0]))
		emit("adversary_cost", median(ns)/size, "ns/byte", parameters{
			"strategy": "rbsr", "attack": attack.name, "bytes": size, "answer_bytes_per_byte": float64(answered) / size, "fastest": slices.Min(ns) / size,
		})
	}
	return nil
}
