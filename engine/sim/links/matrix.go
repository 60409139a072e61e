package links

// MaxSites bounds a matrix: 2,048 sites take 32 MiB.
const MaxSites = 2048

// Matrix is a latency for every ordered pair of sites. As a Model it puts node i at site i mod Sites. It is immutable,
// so worlds may share it. Two nodes of one site are as far apart as the diagonal says.
type Matrix struct {
	sites  int
	delays []int64 // row: from, column: to
}

// NewMatrix takes one-way latencies in nanoseconds, each in [0, MaxDelay], row by row: row = from, column = to.
// It keeps the slice.
func NewMatrix(sites int, delays []int64) (*Matrix, error) {
	if err := within("sites", int64(sites), 1, MaxSites); err != nil {
		return nil, err
	}
	square := int64(sites) * int64(sites)
	if err := within("number of delays", int64(len(delays)), square, square); err != nil {
		return nil, err
	}
	for _, d := range delays {
		if err := delay("delays", d); err != nil {
			return nil, err
		}
	}
	return &Matrix{sites: sites, delays: delays}, nil
}

// Sites is the number of rows and of columns.
func (m *Matrix) Sites() int { return m.sites }

// Between is the one-way latency from site i to site j in nanoseconds.
func (m *Matrix) Between(i, j int) int64 { return m.delays[i*m.sites+j] }

func (m *Matrix) Latency(from, to uint32, _ uint64) int64 {
	return m.Between(wrap(from, m.sites), wrap(to, m.sites))
}

func (m *Matrix) Validate() error { return nil }

// Placed is a Matrix with chosen places: node i is at site Sites[i mod len(Sites)].
type Placed struct {
	Matrix *Matrix
	Sites  []uint32
}

func (p *Placed) Latency(from, to uint32, _ uint64) int64 {
	return p.Matrix.Between(int(p.Sites[wrap(from, len(p.Sites))]), int(p.Sites[wrap(to, len(p.Sites))]))
}

func (p *Placed) Validate() error {
	if err := within("len(Sites)", int64(len(p.Sites)), 1, 1<<32); err != nil {
		return err
	}
	for _, s := range p.Sites {
		if err := within("Sites", int64(s), 0, int64(p.Matrix.sites)-1); err != nil {
			return err
		}
	}
	return nil
}

// wrap is node mod n, without the division where there is nothing to divide.
func wrap(node uint32, n int) int {
	if i := int(node); i < n {
		return i
	}
	return int(node) % n
}
