package riblt

import (
	"cmp"
	"math/bits"
	"slices"
)

// The irregular mapping. An item belongs to a class, which the low 8 bits of its
// checksum choose, and a class cuts the cells from 1 on into strata whose widths
// grow by a constant factor. Besides cell 0, an item is in one cell of each
// stratum of its class, any with the same probability.
//
// With several classes the first cells hold few enough items of the wide
// classes to start peeling, and the narrow ones, which are in many cells, keep
// it going: the idea of irregular codes, which the authors of RIBLT left as
// future work. One cell for each stratum, instead of independent draws, leaves
// no item with too few cells, which is what holds up the last items. No draw
// depends on the one before, so a processor works on several at once.
//
// The parameters were found by a random search that minimised the cells needed
// for 100, 300, 1000, 3000 and 10 000 differences together.

// A class is how a share of the items is placed. The edges of its strata are, for
// k = 0, 1, 2 …, those of first·ratio^k − origin rounded to a whole cell, but at
// least one more than the edge before. All but the share are in units of 2^-32.
type class struct{ share, first, ratio, origin uint64 }

const (
	classBits = 8 // of a checksum that choose the class
	classes   = 5
)

// classTable freezes the mapping.
var classTable = [classes]class{
	{13, 0x17b877902a, 0x10bc87b59, 0x1638e38e39},
	{102, 0x2a094ad10, 0x453d9dfb1, 0xaebe7893},
	{91, 0x61623d8cd, 0x1ab2b03e5, 0x1f4000000},
	{40, 0x73ac60063, 0x12c6b355c, 0x640000000},
	{10, 0x30fbac9c6, 0x23ae10c5d, 0x13f33b5f2},
}

// A stratum is a run of cells, of which an item is in one.
type stratum struct{ base, width uint32 }

// layout is the classes laid out.
var layout = layOut()

type tables struct {
	// strata are those of all classes, one after the other. The last one of each
	// class is empty and lies beyond MaxCells.
	strata  []stratum
	first   [classes]uint32       // where those of each class begin
	classOf [1 << classBits]uint8 // the class that the low bits of a checksum choose
	runs    [shareCells]run       // of the cells that most sessions have
}

// A run says how many of 2^32 items are in a cell, on the average, and where the
// cells end for which that is so.
type run struct{ share, end uint32 }

const shareCells = 1 << 14

func layOut() (t tables) {
	entry := 0
	for c, p := range classTable {
		for range p.share {
			t.classOf[entry] = uint8(c)
			entry++
		}
		t.first[c] = uint32(len(t.strata))
		distance, edge := p.first, max(1, p.edge(p.first))
		for edge < MaxCells {
			hi, lo := bits.Mul64(distance, p.ratio)
			distance = hi<<32 | lo>>32
			next := max(edge+1, p.edge(distance))
			t.strata = append(t.strata, stratum{edge, next - edge})
			edge = next
		}
		t.strata = append(t.strata, stratum{base: edge})
	}
	for i := uint32(1); i < shareCells; {
		run := t.runOf(i)
		for ; i < min(run.end, shareCells); i++ {
			t.runs[i] = run
		}
	}
	return t
}

// runOf returns the run that cell i > 0 is in.
func (t *tables) runOf(i uint32) run {
	r := run{end: MaxCells}
	for c, p := range classTable {
		s := t.strata[t.reaching(c, i)]
		if s.base > i {
			r.end = min(r.end, s.base)
			continue
		}
		r.share += uint32(p.share << (32 - classBits) / uint64(s.width))
		r.end = min(r.end, s.base+s.width)
	}
	return r
}

// reaching returns the first stratum of a class that does not end before cell i.
func (t *tables) reaching(c int, i uint32) uint32 {
	end := len(t.strata)
	if c+1 < classes {
		end = int(t.first[c+1])
	}
	own := t.strata[t.first[c] : end-1]
	at, _ := slices.BinarySearchFunc(own, i, func(s stratum, i uint32) int {
		return cmp.Compare(s.base+s.width, i+1)
	})
	return t.first[c] + uint32(at)
}

func (p *class) edge(distance uint64) uint32 { return uint32((distance - p.origin + 1<<31) >> 32) }

// pick is the cell of a stratum that an item in a state is in.
func (s stratum) pick(state uint64) uint64 {
	return uint64(s.base) + uint64(s.width)*(state>>32)>>32
}

// A cursor is a stratum and the power of multiplier that makes an item's state
// there of its checksum.
type cursor struct {
	at    uint32
	power uint64
}

// cursors returns the first stratum of each class that reaches to cell lo.
func cursors(lo uint32) (from [classes]cursor) {
	for c := range from {
		from[c] = cursor{layout.reaching(c, lo), 1}
		for range from[c].at - layout.first[c] + 1 {
			from[c].power *= multiplier
		}
	}
	return from
}

func (s *span) walkIrregular(dst []uint32, check uint64) []uint32 {
	if s.lo == 0 && s.hi > 0 {
		dst = append(dst, 0)
	}
	from := &s.from[layout.classOf[check%(1<<classBits)]]
	state := check * from.power
	for _, stratum := range layout.strata[from.at:] {
		index := stratum.pick(state)
		if index >= s.hi {
			break
		}
		if index >= s.lo {
			dst = append(dst, uint32(index))
		}
		state *= multiplier
	}
	return dst
}

// shareRun returns how many of 2^32 items are in cell i, on the average, and a
// cell up to which that stays the same.
func (m Mapping) shareRun(i int) (share uint64, end int) {
	switch {
	case i == 0:
		return 1 << 32, 1
	case m == Regular:
		return (2<<32 + uint64(i+2)/2) / uint64(i+2), i + 1
	case i < shareCells:
		return uint64(layout.runs[i].share), int(layout.runs[i].end)
	}
	r := layout.runOf(uint32(i))
	return uint64(r.share), int(r.end)
}
