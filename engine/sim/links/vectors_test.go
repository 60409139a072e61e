package links

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

const vectorFile = "../../../tests/vectors/links.json"

// scenario is a network, what is done to it, and what comes of it. Python replays the same file.
type scenario struct {
	Name  string      `json:"name"`
	Seed  uint64      `json:"seed"`
	Model vectorModel `json:"model"`
	All   Params      `json:"all"`
	Steps []step      `json:"steps"`
}

// vectorModel has the fields of the model that Kind names.
type vectorModel struct {
	Kind    string
	Delay   int64    `json:",omitempty"`
	Lo, Hi  int64    `json:",omitempty"`
	Minimum int64    `json:",omitempty"`
	Mean    int64    `json:",omitempty"`
	Median  int64    `json:",omitempty"`
	Sigma   uint32   `json:",omitempty"`
	Alpha   uint32   `json:",omitempty"`
	CSV     string   `json:",omitempty"`
	Sites   []uint32 `json:",omitempty"`
	Places  []Place  `json:",omitempty"`
	Route   *Route   `json:",omitempty"`
}

func (m vectorModel) model(t *testing.T) Model {
	t.Helper()
	switch m.Kind {
	case "constant":
		return Constant{m.Delay}
	case "uniform":
		return Uniform{m.Lo, m.Hi}
	case "exponential":
		return Exponential{m.Minimum, m.Mean}
	case "logNormal":
		return LogNormal{m.Minimum, m.Median, m.Sigma}
	case "pareto":
		return Pareto{m.Minimum, m.Alpha}
	case "geographic":
		matrix, err := Geographic(m.Places, *m.Route)
		if err != nil {
			t.Fatal(err)
		}
		return matrix
	}
	matrix, err := ReadCSV(strings.NewReader(m.CSV))
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind == "placed" {
		return &Placed{matrix, m.Sites}
	}
	return matrix
}

// step is one call and its result. Op is send, arrive, cut, heal, group, cutGroups, healGroups, healAll, link, default,
// uplink or downlink; for groups, From and To are the node and the group, or the two groups.
type step struct {
	Op         string     `json:"op"`
	Now        int64      `json:"now,omitempty"`
	From       uint32     `json:"from"`
	To         uint32     `json:"to"`
	Size       int        `json:"size,omitempty"`
	Params     *Params    `json:"params,omitempty"`
	Bandwidth  *Bandwidth `json:"bandwidth,omitempty"`
	Deliveries []Delivery `json:"deliveries,omitempty"`
	At         int64      `json:"at,omitempty"`
	Drop       string     `json:"drop,omitempty"`
}

// do performs the step and fills in its result.
func (s *step) do(t *testing.T, n *Net) {
	t.Helper()
	var drop Drop
	var err error
	switch s.Op {
	case "send":
		s.Deliveries, drop = n.Send(s.Now, s.From, s.To, s.Size, nil)
		s.Drop = drop.String()
	case "arrive":
		s.At, drop = n.Arrive(s.Now, s.To, s.Size)
		s.Drop = drop.String()
	case "cut":
		n.Cut(s.From, s.To)
	case "heal":
		n.Heal(s.From, s.To)
	case "group":
		err = n.SetGroup(s.From, int(s.To))
	case "cutGroups":
		err = n.CutGroups(int(s.From), int(s.To))
	case "healGroups":
		err = n.HealGroups(int(s.From), int(s.To))
	case "healAll":
		n.HealAll()
	case "link":
		err = n.SetLink(s.From, s.To, *s.Params)
	case "default":
		err = n.SetDefault(*s.Params)
	case "uplink":
		err = n.SetUplink(s.From, *s.Bandwidth)
	case "downlink":
		err = n.SetDownlink(s.From, *s.Bandwidth)
	default:
		t.Fatalf("unknown step %q", s.Op)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	data, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var scenarios []scenario
	if err := json.Unmarshal(data, &scenarios); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range scenarios {
		n, err := New(s.Seed, s.Model.model(t), s.All)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range s.Steps {
			got := want
			got.Deliveries, got.At, got.Drop = nil, 0, ""
			got.do(t, n)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, step %d: %+v, want %+v", s.Name, i, got, want)
			}
			seen[got.Op+" "+got.Drop] = true
			if len(got.Deliveries) == 2 {
				seen["duplicate"] = true
			}
		}
		seen[s.Model.Kind] = true
	}
	for _, want := range []string{"send delivered", "send loss", "send queue", "send partition", "arrive delivered", "arrive queue", "duplicate",
		"constant", "uniform", "exponential", "logNormal", "pareto", "matrix", "placed", "geographic", "healAll ", "default "} {
		if !seen[want] {
			t.Errorf("the vectors have no %q", want)
		}
	}
}

func writeVectors(t *testing.T) {
	const ms, toTheByte = 1_000_000, "queues full to the byte"
	rough := Params{Jitter: 7 * ms, Loss: 100_000, Duplicate: 200_000, Reorder: 150_000, ReorderDelay: 90 * ms}
	slow := Params{Delay: 3 * ms, Loss: 20_000, Bandwidth: Bandwidth{BytesPerSecond: 250_000, QueueBytes: 4_000}}
	csv := "0.1,20.25,300.000001\n19.75,0.1,155\n290,160.5,0.1\n"
	scenarios := []scenario{
		{Name: "rough links of constant latency", Seed: 1, Model: vectorModel{Kind: "constant", Delay: 25 * ms}, All: rough},
		{Name: "nothing but bandwidth", Seed: 2, Model: vectorModel{Kind: "constant"}, All: Params{Bandwidth: Bandwidth{333_333, 5_000}}},
		{Name: "uniform", Seed: 3, Model: vectorModel{Kind: "uniform", Lo: 10 * ms, Hi: 60 * ms}, All: slow},
		{Name: "exponential", Seed: 1 << 63, Model: vectorModel{Kind: "exponential", Minimum: 5 * ms, Mean: 30 * ms}, All: rough},
		{Name: "log-normal", Seed: 5, Model: vectorModel{Kind: "logNormal", Minimum: ms, Median: 40 * ms, Sigma: 600}},
		{Name: "pareto", Seed: 6, Model: vectorModel{Kind: "pareto", Minimum: 15 * ms, Alpha: 1500}, All: Params{Loss: 500_000}},
		{Name: "matrix", Seed: 7, Model: vectorModel{Kind: "matrix", CSV: csv}, All: Params{Jitter: ms}},
		{Name: "placed", Seed: 8, Model: vectorModel{Kind: "placed", CSV: csv, Sites: []uint32{2, 2, 0, 1, 0}}, All: slow},
		{Name: "geographic", Seed: 9, Model: vectorModel{Kind: "geographic", Places: Cities()[:12], Route: &Fibre}},
		{Name: "the ends of the globe", Seed: 10, Model: vectorModel{Kind: "geographic", Route: &Route{PerKm: 1_000_000}, Places: []Place{
			{"north pole", right, 0}, {"south pole", -right, 77}, {"date line east", 0, 2 * right}, {"date line west", 0, -2 * right},
			{"zero", 0, 0}, {"one micro-degree", 1, -1}}}},
		{Name: toTheByte, Seed: 11, Model: vectorModel{Kind: "constant", Delay: ms}, All: Params{Bandwidth: Bandwidth{1_000_000, 2_500}}},
	}
	for i := range scenarios {
		s := &scenarios[i]
		n, err := New(s.Seed, s.Model.model(t), s.All)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(s.Seed, 0))
		for now := int64(0); len(s.Steps) < 120; now += random.Int64N(8 * ms) {
			x := randomStep(random, now, rough, slow)
			if s.Name == toTheByte { // 1,000 bytes take a millisecond
				x = step{Op: "send", Now: now / (4 * ms) * ms, Size: random.IntN(4)*500 + random.IntN(12)/11}
			}
			x.do(t, n)
			s.Steps = append(s.Steps, x)
		}
	}
	data, err := json.Marshal(scenarios)
	if err == nil {
		data = bytes.ReplaceAll(data, []byte("},{\"op"), []byte("},\n{\"op"))
		err = os.WriteFile(vectorFile, append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func randomStep(random *rand.Rand, now int64, rough, slow Params) step {
	s := step{Op: "send", From: random.Uint32N(6), To: random.Uint32N(6)}
	switch r := random.IntN(60); {
	case r < 44:
		s.Now, s.Size = now, random.IntN(3000)
	case r < 50:
		s.Op, s.Now, s.To, s.Size = "arrive", now, s.To%2, random.IntN(6000)
	case r < 56:
		s.Op = strings.Fields("cut heal group cutGroups healGroups healAll")[r-50]
		if r > 51 {
			s.From, s.To = s.From%6, s.To%3
		}
	case r == 56:
		s.Op, s.Params = "link", []*Params{&rough, &slow, {}}[random.IntN(3)]
	case r == 57:
		s.Op, s.Params = "default", []*Params{&rough, &slow}[random.IntN(2)]
	default:
		s.Op, s.From = []string{"uplink", "downlink"}[r-58], s.From%2
		s.Bandwidth = &Bandwidth{BytesPerSecond: 30_000 + random.Int64N(100_000), QueueBytes: 6000}
	}
	return s
}

func ExampleParseError() {
	_, err := ReadCSV(strings.NewReader("1,2\n3,4e1\n"))
	fmt.Println(err)
	// Output: links: line 2, column 2: want milliseconds up to an hour with at most 6 decimals, got "4e1"
}
