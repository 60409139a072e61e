package riblt

import (
	"iter"
	"math/bits"
)

// foldBatch is how many symbols are walked side by side: enough to hide the
// latency of a step, few enough to stay in the first-level cache (8 KiB).
const foldBatch = 256

// fold adds all symbols to cells[lo:], lo ≥ 1, and returns their cell 0.
func fold(mapping Mapping, cells []Cell, lo int, salt uint64, symbols iter.Seq[uint64]) (zero Cell) {
	some := foldRegular
	if mapping == Irregular {
		some = foldIrregular
	}
	batch := make([]uint64, 0, foldBatch)
	for symbol := range symbols {
		if batch = append(batch, symbol); len(batch) == foldBatch {
			some(cells, &zero, lo, salt, batch)
			batch = batch[:0]
		}
	}
	some(cells, &zero, lo, salt, batch)
	return zero
}

// walker is one item on its way through the cells.
type walker struct {
	symbol, check, state, index uint64
}

// foldRegular is fold for at most foldBatch symbols. All items take one step in
// each round, and those that left the cells drop out by arithmetic instead of a
// branch: walking item by item mispredicts the end of every walk and waits for
// every product, a quarter of the whole time.
func foldRegular(cells []Cell, zero *Cell, lo int, salt uint64, symbols []uint64) {
	var walkers [foldBatch]walker
	live, end := uint64(0), uint64(len(cells))
	for _, symbol := range symbols {
		check := Checksum(salt, symbol)
		zero.toggle(symbol, check, 1)
		index, state := step(0, check)
		for index < uint64(lo) {
			index, state = step(index, state)
		}
		walkers[live%foldBatch] = walker{symbol, check, state, index}
		_, inside := bits.Sub64(index, end, 0)
		live += inside
	}
	for live > 0 {
		walking := walkers[:live]
		live = 0
		for _, w := range walking {
			cells[w.index].toggle(w.symbol, w.check, 1)
			w.index, w.state = step(w.index, w.state)
			walkers[live%foldBatch] = w
			_, inside := bits.Sub64(w.index, end, 0)
			live += inside
		}
	}
}

// strider is a walker from stratum to stratum. place is the next stratum in its
// upper half and the index below.
type strider struct {
	symbol, check, state, place uint64
}

// stride goes to the next stratum. It takes no pointer, so that a walker stays in
// registers.
func stride(place, state uint64) (uint64, uint64) {
	at := place >> 32
	return (at+1)<<32 | layout.strata[at].pick(state), state * multiplier
}

// foldIrregular is foldRegular by strata.
func foldIrregular(cells []Cell, zero *Cell, lo int, salt uint64, symbols []uint64) {
	var walkers [foldBatch]strider
	from, live, end := cursors(uint32(lo)), uint64(0), uint64(len(cells))
	for _, symbol := range symbols {
		check := Checksum(salt, symbol)
		zero.toggle(symbol, check, 1)
		start := &from[layout.classOf[check%(1<<classBits)]]
		place, state := stride(uint64(start.at)<<32, check*start.power)
		if uint32(place) < uint32(lo) {
			place, state = stride(place, state)
		}
		walkers[live%foldBatch] = strider{symbol, check, state, place}
		_, inside := bits.Sub64(uint64(uint32(place)), end, 0)
		live += inside
	}
	for live > 0 {
		walking := walkers[:live]
		live = 0
		for _, w := range walking {
			cells[uint32(w.place)].toggle(w.symbol, w.check, 1)
			w.place, w.state = stride(w.place, w.state)
			walkers[live%foldBatch] = w
			_, inside := bits.Sub64(uint64(uint32(w.place)), end, 0)
			live += inside
		}
	}
}
