package links

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/intersubjective/rapprochement/engine/sim/draw"
)

func network(t testing.TB, model Model, p Params) *Net {
	t.Helper()
	n, err := New(42, model, p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever happens on other links, what one link does stays the same.
func TestLinksAreIndependent(t *testing.T) {
	p := Params{Jitter: 1e6, Loss: 200_000, Duplicate: 100_000, Reorder: 100_000, ReorderDelay: 5e6}
	alone, crowded := network(t, Exponential{1e6, 2e7}, p), network(t, Exponential{1e6, 2e7}, p)
	random := rand.New(rand.NewPCG(1, 1))
	for now := int64(0); now < 1000; now++ {
		for range random.IntN(4) {
			crowded.Send(now, random.Uint32N(50), 50+random.Uint32N(50), 10, nil)
		}
		a, dropA := alone.Send(now, 7, 3, 10, nil)
		b, dropB := crowded.Send(now, 7, 3, 10, nil)
		if !reflect.DeepEqual(a, b) || dropA != dropB {
			t.Fatalf("frame %d: %v %v alone, %v %v among others", now, a, dropA, b, dropB)
		}
	}
}

// A partition takes frames away and changes nothing for those before and after it.
func TestPartitionShiftsNoDraw(t *testing.T) {
	p := Params{Jitter: 1e9, Loss: 300_000}
	whole, cut := network(t, Constant{5}, p), network(t, Constant{5}, p)
	for now := int64(0); now < 300; now++ {
		switch now {
		case 100:
			cut.Cut(1, 2)
		case 200:
			cut.Heal(1, 2)
		}
		a, dropA := whole.Send(now, 1, 2, 0, nil)
		b, dropB := cut.Send(now, 1, 2, 0, nil)
		if now >= 100 && now < 200 {
			if dropB != DropPartition {
				t.Fatalf("frame %d passed the cut", now)
			}
		} else if !slices.Equal(a, b) || dropA != dropB {
			t.Fatalf("frame %d: %v %v, want %v %v", now, b, dropB, a, dropA)
		}
	}
}

func TestRates(t *testing.T) {
	const frames = 200_000
	n := network(t, Constant{1000}, Params{Loss: 100_000, Duplicate: 50_000, Reorder: 250_000, ReorderDelay: 1 << 40, Jitter: 100})
	var lost, doubled, together, late, sum, copies float64
	for range frames {
		d, drop := n.Send(0, 1, 2, 1, nil)
		if drop == DropLoss {
			lost++
			continue
		}
		if len(d) == 2 {
			doubled++
			copies += float64(d[1].At &^ (1 << 40))
			if d[0].At == d[1].At {
				together++
			}
			if d[0].Duplicate || !d[1].Duplicate {
				t.Fatal("the second one is the duplicate")
			}
		}
		if d[0].At >= 1<<40 {
			late++
			d[0].At -= 1 << 40
		}
		if d[0].At < 1000 || d[0].At > 1100 {
			t.Fatalf("jitter of %d", d[0].At-1000)
		}
		sum += float64(d[0].At)
	}
	arrived := frames - lost
	for what, c := range map[string][3]float64{
		"loss": {lost / frames, 0.1, 0.004}, "duplicates": {doubled / arrived, 0.05, 0.003}, "reordered": {late / arrived, 0.25, 0.006},
		"jitter": {sum / arrived, 1050, 0.5}, "jitter of duplicates": {copies / doubled, 1050, 2}, "arriving together": {together / doubled, 1.0 / 160, 0.004},
	} {
		if math.Abs(c[0]-c[1]) > c[2] {
			t.Errorf("%s: %g, want %g", what, c[0], c[1])
		}
	}
}

func TestQueue(t *testing.T) {
	// 1,000 bytes take a millisecond; 2,500 may be in line.
	const ms = 1_000_000
	n := network(t, Constant{10 * ms}, Params{Bandwidth: Bandwidth{1_000_000, 2_500}})
	for i, c := range []struct {
		now  int64
		size int
		at   int64 // 0: dropped
	}{
		{0, 1000, 11 * ms},
		{0, 1000, 12 * ms},
		{0, 501, 0},                       // 2,501 would be in line
		{0, 500, 12*ms + ms/2},            // exactly full
		{ms, 1001, 0},                     // 1,500 are left
		{ms, 1000, 13*ms + ms/2},          //
		{3*ms + ms/2, 9000, 22*ms + ms/2}, // idle: takes any frame
		{4 * ms, 1, 0},
		{100 * ms, 1, 110*ms + 1000},
	} {
		d, drop := n.Send(c.now, 1, 2, c.size, nil)
		if c.at == 0 {
			if len(d) != 0 || drop != DropQueue {
				t.Errorf("frame %d: %v %v, want a full queue", i, d, drop)
			}
		} else if len(d) != 1 || d[0].At != c.at || drop != Delivered {
			t.Errorf("frame %d: %v %v, want arrival at %d", i, d, drop, c.at)
		}
	}
	if d, _ := n.Send(0, 2, 1, 1000, nil); d[0].At != 11*ms {
		t.Errorf("the other direction has a queue of its own, yet the frame arrives at %d", d[0].At)
	}
}

// The uplink is shared by a node's links, the downlink by those towards it, in the order of arrival.
func TestNodeQueues(t *testing.T) {
	n := network(t, Uniform{0, 0}, Params{})
	b := Bandwidth{1_000_000_000, 3000}
	for _, err := range []error{n.SetUplink(1, b), n.SetDownlink(9, b)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, to := range []uint32{2, 3, 4} {
		if d, _ := n.Send(0, 1, to, 1000, nil); d[0].At != int64(i+1)*1000 {
			t.Errorf("frame to %d leaves at %d", to, d[0].At)
		}
	}
	if _, drop := n.Send(0, 1, 5, 1, nil); drop != DropQueue {
		t.Errorf("the uplink should be full: %v", drop)
	}
	if d, _ := n.Send(0, 2, 1, 1000, nil); d[0].At != 0 {
		t.Errorf("other nodes have no uplink queue: %v", d)
	}
	for i := range int64(3) {
		if at, drop := n.Arrive(500, 9, 1000); at != 500+1000*(i+1) || drop != Delivered {
			t.Errorf("frame %d is through at %d, %v", i, at, drop)
		}
	}
	if _, drop := n.Arrive(500, 9, 1); drop != DropQueue {
		t.Errorf("the downlink should be full: %v", drop)
	}
	if at, _ := n.Arrive(500, 8, 1000); at != 500 {
		t.Errorf("other nodes have no downlink queue: %d", at)
	}
}

// A queue never sends faster than its rate, nor holds more than it may, whatever the load and the changes of the rate.
func TestQueueProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		b := Bandwidth{1 + random.Int64N(1<<random.IntN(40)), 1 + random.Int64N(1<<random.IntN(30))}
		var free, previous int64
		for now := int64(0); now < 1<<40; now += 1 + random.Int64N(1<<random.IntN(40)) {
			size := random.Int64N(1 << random.IntN(31))
			before := free
			leaves, ok := b.pass(now, size, &free)
			line := new(big.Int).Mul(big.NewInt(max(before-now, 0)), big.NewInt(b.BytesPerSecond)) // in bytes × 10⁹
			full := new(big.Int).Add(line, big.NewInt(size*second)).Cmp(big.NewInt(b.QueueBytes*second)) > 0
			if ok == (line.Sign() > 0 && full) {
				t.Fatalf("%+v: a frame of %d with %v waiting: %v", b, size, line, ok)
			}
			if ok {
				takes := new(big.Int).Mul(big.NewInt(leaves-max(before, now)), big.NewInt(b.BytesPerSecond))
				if excess := takes.Sub(takes, big.NewInt(size*second)); excess.Sign() < 0 || excess.Cmp(big.NewInt(b.BytesPerSecond)) >= 0 || leaves < previous {
					t.Fatalf("%+v: a frame of %d, in line at %d, leaves at %d", b, size, max(before, now), leaves)
				}
				previous = leaves
			}
			if random.IntN(20) == 0 {
				b.BytesPerSecond = 1 + random.Int64N(1<<random.IntN(40))
			}
		}
	}
}

func TestPartitions(t *testing.T) {
	n := network(t, Constant{1}, Params{})
	passes := func(from, to uint32) bool {
		t.Helper()
		d, drop := n.Send(0, from, to, 1, nil)
		if (drop == DropPartition) != (len(d) == 0) || n.IsCut(from, to) != (drop == DropPartition) {
			t.Fatalf("%d to %d: %v, %v, IsCut %v", from, to, d, drop, n.IsCut(from, to))
		}
		return len(d) > 0
	}
	expect := func(when string, want map[[2]uint32]bool) {
		t.Helper()
		for pair, ok := range want {
			if passes(pair[0], pair[1]) != ok {
				t.Errorf("%s: %d to %d passes: %v", when, pair[0], pair[1], !ok)
			}
		}
	}
	n.Cut(1, 2)
	expect("one way", map[[2]uint32]bool{{1, 2}: false, {2, 1}: true, {1, 3}: true})
	for _, err := range []error{n.SetGroup(3, 63), n.SetGroup(4, 63), n.CutGroups(0, 63)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("groups, one way", map[[2]uint32]bool{{1, 3}: false, {3, 1}: true, {3, 4}: true, {100, 4}: false, {1, 100}: true})
	if err := n.CutGroups(63, 0); err != nil {
		t.Fatal(err)
	}
	expect("groups, two ways", map[[2]uint32]bool{{1, 3}: false, {3, 1}: false, {3, 4}: true, {4, 3}: true})
	if err := n.HealGroups(0, 63); err != nil {
		t.Fatal(err)
	}
	expect("half healed", map[[2]uint32]bool{{1, 3}: true, {3, 1}: false})
	n.Heal(1, 2)
	expect("pair healed", map[[2]uint32]bool{{1, 2}: true})
	n.Cut(1, 2)
	n.HealAll()
	expect("all healed", map[[2]uint32]bool{{1, 2}: true, {3, 1}: true, {1, 3}: true})
}

func TestSettings(t *testing.T) {
	n := network(t, Constant{100}, Params{Delay: 1})
	at := func(from, to uint32) int64 {
		d, _ := n.Send(0, from, to, 1, nil)
		return d[0].At
	}
	at(1, 2)
	for _, err := range []error{n.SetLink(3, 4, Params{Delay: 7}), n.SetDefault(Params{Delay: 2}), n.SetModel(Constant{200})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := [3]int64{at(1, 2), at(3, 4), at(4, 3)}; got != [3]int64{202, 207, 202} {
		t.Errorf("arrivals at %v", got)
	}
}

func TestParamErrors(t *testing.T) {
	n := network(t, Constant{}, Params{})
	matrix, err := NewMatrix(2, []int64{0, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	geo := func(r Route, places ...Place) error {
		_, err := Geographic(places, r)
		return err
	}
	dimensions := func(sites int, delays ...int64) error {
		_, err := NewMatrix(sites, delays)
		return err
	}
	for field, err := range map[string]error{
		"Delay":            n.SetDefault(Params{Delay: -1}),
		"Jitter":           n.SetDefault(Params{Jitter: MaxDelay + 1}),
		"Loss":             n.SetLink(1, 2, Params{Loss: draw.Million + 1}),
		"Duplicate":        n.SetLink(1, 2, Params{Duplicate: 1 << 31}),
		"Reorder":          n.SetLink(1, 2, Params{Reorder: draw.Million + 1}),
		"ReorderDelay":     n.SetLink(1, 2, Params{ReorderDelay: -5}),
		"BytesPerSecond":   n.SetUplink(1, Bandwidth{-1, 1}),
		"QueueBytes":       n.SetDownlink(1, Bandwidth{1, 0}),
		"group":            n.SetGroup(1, 64),
		"Hi":               n.SetModel(Uniform{2, 1}),
		"Lo":               n.SetModel(Uniform{-2, 1}),
		"Mean":             n.SetModel(Exponential{1, -1}),
		"Minimum":          n.SetModel(Pareto{-1, 1}),
		"Alpha":            n.SetModel(Pareto{1, 0}),
		"Median":           n.SetModel(LogNormal{1, -1, 1}),
		"Sigma":            n.SetModel(LogNormal{1, 1, draw.MaxSigma + 1}),
		"Sites":            n.SetModel(&Placed{matrix, []uint32{0, 2}}),
		"len(Sites)":       n.SetModel(&Placed{matrix, nil}),
		"PerKm":            geo(Route{PerKm: -1}, Place{}),
		"Fixed":            geo(Route{Fixed: -1}, Place{}),
		"places":           geo(Fibre),
		"places[1].Lat":    geo(Fibre, Place{}, Place{Lat: right + 1}),
		"places[0].Lon":    geo(Fibre, Place{Lon: -2*right - 1}),
		"sites":            dimensions(0),
		"number of delays": dimensions(2, 1, 2, 3),
		"delays":           dimensions(1, -1),
	} {
		var bad *ParamError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, err := range []error{n.CutGroups(0, -1), n.HealGroups(64, 0), n.SetUplink(1, Bandwidth{0, 5}), n.SetUplink(1, Bandwidth{MaxRate + 1, 5})} {
		if err == nil {
			t.Error("a bad parameter passed")
		}
	}
	if _, err := New(1, Constant{-1}, Params{}); err == nil {
		t.Error("New takes a bad model")
	}
	if d, _ := n.Send(0, 1, 2, 1, nil); d[0].At != 0 || len(n.up) > 0 || len(n.down) > 0 || len(n.groups) > 0 {
		t.Error("a refused setting has left traces")
	}
}

// Latencies stay in [0, MaxDelay] at the ends of the parameters' ranges.
func TestModelsAreBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, m := range []Model{Constant{MaxDelay}, Uniform{0, MaxDelay}, Exponential{MaxDelay, MaxDelay}, LogNormal{MaxDelay, MaxDelay, draw.MaxSigma},
		LogNormal{0, 0, 0}, Pareto{MaxDelay, 1}, Pareto{0, 1}, Pareto{1, math.MaxUint32}} {
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		for i := range 10_000 {
			x := random.Uint64() >> (i % 64)
			if d := m.Latency(1, 2, x); d < 0 || d > MaxDelay {
				t.Fatalf("%+v: %d", m, d)
			}
		}
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	n := bench(t)
	var dst []Delivery
	now := int64(0)
	if allocs := testing.AllocsPerRun(10, func() {
		for from := range uint32(1000) {
			for i := range uint32(8) {
				now++
				dst, _ = n.Send(now, from, from*7919%10_000+i, 300, dst[:0])
			}
		}
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// bench is the network of the budget: 10,000 nodes with 8 links each.
func bench(t testing.TB) *Net {
	n := network(t, Uniform{1e6, 9e7}, Params{Jitter: 1e6, Loss: 10_000, Duplicate: 1000, Bandwidth: Bandwidth{2_500_000, 1 << 20}})
	for from := range uint32(10_000) {
		for i := range uint32(8) {
			n.Send(0, from, from*7919%10_000+i, 300, nil)
		}
	}
	return n
}

func BenchmarkSend(b *testing.B) {
	n := bench(b)
	var dst []Delivery
	x, now := uint64(1), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		x = x*6364136223846793005 + 1
		now += 100
		from := uint32(x>>33) % 10_000
		dst, _ = n.Send(now, from, from*7919%10_000+uint32(x>>61), 300, dst[:0])
	}
}

func BenchmarkLink(b *testing.B) {
	n := bench(b)
	x := uint64(1)
	for b.Loop() {
		x = x*6364136223846793005 + 1
		from := uint32(x>>33) % 10_000
		n.link(from, from*7919%10_000+uint32(x>>61)).count++
	}
}
