package links

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadText(t *testing.T) {
	for name, c := range map[string]struct {
		read func(io.Reader) (*Matrix, error)
		text string
		want []int64
	}{
		"csv":             {ReadCSV, "3.700,308.417\n155.733,0.000001\n", []int64{1_850_000, 154_208_500, 77_866_500, 0}},
		"no last newline": {ReadCSV, "1", []int64{500_000}},
		"CRLF":            {ReadCSV, "1,2\r\n3,4\r\n", []int64{500_000, 1_000_000, 1_500_000, 2_000_000}},
		"an hour":         {ReadCSV, "3600000", []int64{1_800_000_000_000}},
		"rounded down":    {ReadCSV, "0.000003", []int64{1}},
		"tabs":            {ReadColumns, "0\t0.175\n2.553\t1000\n", []int64{0, 87_500, 1_276_500, 500_000_000}},
		"spaces":          {ReadColumns, "  0   1 \n 2\t 3\n", []int64{0, 500_000, 1_000_000, 1_500_000}},
	} {
		m, err := c.read(strings.NewReader(c.text))
		if err != nil || !slices.Equal(m.delays, c.want) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestMalformedText(t *testing.T) {
	long := strings.Repeat("1,", MaxSites) + "1\n"
	for _, c := range []struct {
		text         string
		line, column int
		want         string
	}{
		{"", 1, 1, "milliseconds"},
		{"\n", 1, 1, "milliseconds"},
		{"1,2\n3\n", 2, 2, "2 columns"},
		{"1,2\n3,4,5\n", 2, 3, "2 columns"},
		{"1,2\n", 2, 1, "2 lines"},
		{"1,2\n3,4\n5,6\n", 3, 1, "the end after 2 lines"},
		{"1,2\n3,4\n\n", 3, 1, "the end after 2 lines"},
		{"1,2\n\n3,4\n", 2, 2, "2 columns"},
		{"1,x\n3,4\n", 1, 2, "milliseconds"},
		{"1,2\n,4\n", 2, 1, "milliseconds"},
		{"1,2\n3,-4\n", 2, 2, "milliseconds"},
		{"1,2\n3,+4\n", 2, 2, "milliseconds"},
		{"1,2\n3,4.\n", 2, 2, "milliseconds"},
		{"1,2\n3,.4\n", 2, 2, "milliseconds"},
		{"1,2\n3,1.2.3\n", 2, 2, "milliseconds"},
		{"1,2\n3, 4\n", 2, 2, "milliseconds"},
		{"1,2\n3,0.1234567\n", 2, 2, "milliseconds"},
		{"1,2\n3,3600000.000001\n", 2, 2, "milliseconds"},
		{"1,2\n3,99999999999999999999\n", 2, 2, "milliseconds"},
		{"1,2\n3,NaN\n", 2, 2, "milliseconds"},
		{long, 1, MaxSites + 1, "at most 2048 columns"},
	} {
		_, err := ReadCSV(strings.NewReader(c.text))
		var bad *ParseError
		if !errors.As(err, &bad) || bad.Line != c.line || bad.Column != c.column || !strings.HasPrefix(bad.Want, c.want) {
			t.Errorf("%.40q: %v", c.text, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("%.40q: an error of %d bytes", c.text, len(err.Error()))
		}
	}
}

func pings(records ...[4]uint32) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, records)
	return b.Bytes()
}

func TestReadPing(t *testing.T) {
	data := pings([4]uint32{1, 2, 4, 9}, [4]uint32{10, 11, 12, 0}, [4]uint32{20, 22, 23, 0}, [4]uint32{0, 0, 0, 0})
	for pick, want := range map[Statistic][]int64{
		Minimum: {500, 5000, 10_000, 0}, Average: {1000, 5500, 11_000, 0}, Maximum: {2000, 6000, 11_500, 0},
	} {
		if m, err := ReadPing(bytes.NewReader(data), pick); err != nil || !slices.Equal(m.delays, want) {
			t.Errorf("statistic %d: %v, %v", pick, m, err)
		}
	}
	bad := slices.Clone(data)
	bad[16] = 200 // row 1, column 2: the minimum is beyond the average
	worse := slices.Clone(data)
	worse[36] = 200 // row 2, column 1: the average is beyond the maximum
	for name, c := range map[string]struct {
		data         []byte
		line, column int
	}{
		"empty": {nil, 0, 0}, "cut short": {data[:63], 0, 0}, "not square": {data[:48], 0, 0}, "odd bytes": {data[:17], 0, 0},
		"order": {bad, 1, 2}, "order of the others": {worse, 2, 1}, "too long": {pings([4]uint32{0, 0, math.MaxUint32, 0}), 1, 1},
	} {
		_, err := ReadPing(bytes.NewReader(c.data), Average)
		var parse *ParseError
		if !errors.As(err, &parse) || parse.Line != c.line || parse.Column != c.column {
			t.Errorf("%s: %v", name, err)
		}
	}
	var param *ParamError
	if _, err := ReadPing(bytes.NewReader(data), 3); !errors.As(err, &param) {
		t.Errorf("statistic 3: %v", err)
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestReadersFaults(t *testing.T) {
	broken := errors.New("broken")
	for name, read := range map[string]func(io.Reader) (*Matrix, error){
		"csv": ReadCSV, "columns": ReadColumns,
		"ping": func(r io.Reader) (*Matrix, error) { return ReadPing(r, Average) },
	} {
		if _, err := read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		var parse *ParseError
		if _, err := read(endless{}); !errors.As(err, &parse) || parse.Line != 0 {
			t.Errorf("%s of an endless file: %v", name, err)
		}
	}
}

func TestPlacing(t *testing.T) {
	m, err := ReadCSV(strings.NewReader("0,2\n4,6\n"))
	if err != nil {
		t.Fatal(err)
	}
	placed := &Placed{m, []uint32{1, 1, 0}}
	for _, c := range []struct {
		model    Model
		from, to uint32
		ms       int64
	}{{m, 0, 1, 1}, {m, 1, 0, 2}, {m, 7, 6, 2}, {m, 9, 5, 3}, {placed, 0, 2, 2}, {placed, 5, 3, 1}, {placed, 3, 4, 3}, {placed, 1<<32 - 1, 0, 1}} {
		want := c.ms * 1_000_000
		if c.from == 1<<32-1 { // 2³²-1 is a multiple of three
			want = 3_000_000
		}
		if got := c.model.Latency(c.from, c.to, 0); got != want {
			t.Errorf("%d to %d: %d, want %d", c.from, c.to, got, want)
		}
	}
}

// fuzzed checks what every accepted file must fulfil, and that every refusal is one of ours.
func fuzzed(t *testing.T, m *Matrix, err error) {
	if err != nil {
		var parse *ParseError
		if !errors.As(err, &parse) || parse.Want == "" || parse.Got == "" || (parse.Line == 0) != (parse.Column == 0) {
			t.Fatalf("an error of another kind: %v", err)
		}
		return
	}
	if m.Sites() < 1 || m.Sites() > MaxSites || len(m.delays) != m.Sites()*m.Sites() {
		t.Fatalf("%d sites, %d delays", m.Sites(), len(m.delays))
	}
	for _, d := range m.delays {
		if d < 0 || d > maxRTT/2 {
			t.Fatalf("a delay of %d", d)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("3.700,308.417\r\n155.733,3.7\n"))
	f.Add([]byte("1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadCSV(bytes.NewReader(data))
		fuzzed(t, m, err)
	})
}

func FuzzReadColumns(f *testing.F) {
	f.Add([]byte("0\t0.175\n2.553\t1000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadColumns(bytes.NewReader(data))
		fuzzed(t, m, err)
	})
}

func FuzzReadPing(f *testing.F) {
	f.Add(pings([4]uint32{1, 2, 3, 4}), 1)
	f.Fuzz(func(t *testing.T, data []byte, pick int) {
		m, err := ReadPing(bytes.NewReader(data), Statistic(uint(pick)%3))
		fuzzed(t, m, err)
	})
}

func TestSquareRoot(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	check := func(n uint64) {
		r := squareRoot(n)
		if r*r > n || r < math.MaxUint32 && (r+1)*(r+1) <= n || r > math.MaxUint32 {
			t.Fatalf("root of %d: %d", n, r)
		}
	}
	for n := range uint64(1000) {
		check(n)
		check(math.MaxUint64 - n)
	}
	for i := range 100_000 {
		n := random.Uint64() >> (i % 64)
		check(n)
		r := uint64(uint32(n))
		check(r * r)
		check(r*r - 1)
	}
}

// The integers against the library's floats, everywhere on the globe.
func TestDistance(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	point := func(near Place, reach int32) Place {
		lat := max(-right, min(right, near.Lat+random.Int32N(2*reach+1)-reach))
		return Place{Lat: lat, Lon: int32((int64(near.Lon)+int64(random.Int32N(2*reach+1)-reach)+540_000_000)%360_000_000 - 180_000_000)}
	}
	for i := range 20_000 {
		a := point(Place{}, 180_000_000)
		b := point(a, 180_000_000>>(i%24))
		rad := func(x int32) float64 { return float64(x) * math.Pi / 180e6 }
		h := math.Pow(math.Sin((rad(a.Lat)-rad(b.Lat))/2), 2) +
			math.Cos(rad(a.Lat))*math.Cos(rad(b.Lat))*math.Pow(math.Sin((rad(a.Lon)-rad(b.Lon))/2), 2)
		want := 2 * radius * math.Asin(math.Sqrt(min(h, 1)))
		tolerance := 2.0
		if want > 0.99*math.Pi*radius {
			tolerance = 1500 // the chord of nearly opposite points is flat
		}
		if got := Distance(a, b); math.Abs(float64(got)-want) > tolerance {
			t.Fatalf("%+v to %+v: %d m, want %.1f", a, b, got, want)
		}
		if Distance(a, b) != Distance(b, a) || Distance(a, a) != 0 {
			t.Fatalf("%+v and %+v: not a distance", a, b)
		}
	}
}

func TestCities(t *testing.T) {
	places := Cities()
	names := map[string]bool{}
	at := map[string]Place{}
	for _, p := range places {
		names[p.Name] = true
		at[p.Name] = p
	}
	if len(names) != len(places) || len(places) < 220 {
		t.Errorf("%d places, %d names", len(places), len(names))
	}
	// Published great-circle distances in kilometres.
	for _, c := range []struct {
		a, b string
		km   int64
	}{{"London", "New York", 5570}, {"Tokyo", "Sydney", 7820}, {"Cape Town", "Cairo", 7240}, {"Sao Paulo", "Lisbon", 7940}, {"Paris", "Berlin", 878}} {
		if km := Distance(at[c.a], at[c.b]) / 1000; km < c.km*99/100 || km > c.km*101/100 {
			t.Errorf("%s to %s: %d km, want about %d", c.a, c.b, km, c.km)
		}
	}
	m, err := Geographic(places, Fibre)
	if err != nil {
		t.Fatal(err)
	}
	var rtt []int64
	for i := range places {
		for j := range places {
			if d := m.Between(i, j); i != j {
				rtt = append(rtt, 2*d)
			} else if d != Fibre.Fixed {
				t.Fatalf("%s is %d from itself", places[i].Name, d)
			}
		}
	}
	slices.Sort(rtt)
	// Published measurements between 222 cities: 35, 142 and 280 ms.
	for _, c := range [][3]int64{{10, 30, 45}, {50, 135, 150}, {90, 230, 290}} {
		if ms := rtt[int64(len(rtt))*c[0]/100] / 1_000_000; ms < c[1] || ms > c[2] {
			t.Errorf("percentile %d of the round trips: %d ms, want %d to %d", c[0], ms, c[1], c[2])
		}
	}
}
