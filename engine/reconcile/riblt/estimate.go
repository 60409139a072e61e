package riblt

import "math/bits"

// estimateWindow is how many of the last cells Remaining looks at: enough for
// 5 % of standard error, few enough to be free.
const estimateWindow = 1024

// crookedCells is how many of the first cells Remaining leaves out if it can:
// the mapping misses the law there by up to 4 %, which a large one-sided
// difference would make look like variance.
const crookedCells = 12

// shareBits is the precision of p, enough for MaxCells and little enough for
// 64-bit products with counts.
const shareBits = 26

// Remaining estimates how many items of the difference are still to be
// recovered. It is 0 iff Done, otherwise at least 1 (also before cell 0) and
// never more than both sets hold. The relative standard error after k cells is
// about sqrt(2/k), 30 % at 32; below some ten the figure means little.
//
// Of r items, each in cell i with probability p and sign ±1, the count c of that
// cell has mean p·net, where net is the count of cell 0, and variance
// r·p·(1-p), whatever the signs are. So every cell gives an estimate
// (c - p·net)² / (p·(1-p)) of r; take their mean.
func (d *Decoder) Remaining() int {
	if d.Done() {
		return 0
	}
	if d.received == 0 {
		return 1
	}
	net := d.cells[0].count()
	lo := max(1, min(crookedCells, d.received/4), d.received-estimateWindow)
	sum, carry := uint64(0), uint64(0)
	for i := lo; i < d.received && carry == 0; {
		share, end := d.opt.Mapping.shareRun(i)
		end = min(end, d.received)
		sum, carry = bits.Add64(sum, d.spread(i, end, int64(share>>(32-shareBits)), net), 0)
		i = end
	}
	most := d.items - min(d.items, uint64(len(d.list)))
	if carry != 0 {
		return int(max(1, most))
	}
	mean := sum / uint64(max(1, d.received-lo))
	return int(max(1, min(most, max(mean, uint64(max(net, -net))))))
}

// spread returns the sum of (c - p·net)² / (p·(1-p)) over cells [lo,hi), which are
// at most estimateWindow, or the largest number if that does not fit. p is in
// units of 2^-shareBits.
func (d *Decoder) spread(lo, hi int, p, net int64) uint64 {
	var high, low uint64 // the sum of squares, below 2^124
	for i := lo; i < hi; i++ {
		dev := d.cells[i].count()<<shareBits - p*net
		a := uint64(max(dev, -dev))
		h, l := bits.Mul64(a, a)
		var carry uint64
		low, carry = bits.Add64(low, l, 0)
		high += h + carry
	}
	by := uint64(p * (1<<shareBits - p))
	if high >= by {
		return ^uint64(0)
	}
	q, _ := bits.Div64(high, low, by)
	return q
}

// Want suggests how many more cells to ask for: what the estimated difference
// usually takes, less what was received. It stays half a standard error below
// the estimate, as cells too many are lost and too few cost another round, and
// asks for a sixteenth of those received at least. From 32 cells on that makes
// about four rounds and 5 % more cells than the fewest possible at d = 1000.
// It is 0 iff Done or at the limit of cells, and 1 before cell 0.
func (d *Decoder) Want() int {
	if d.Done() {
		return 0
	}
	need := 1
	if d.received > 0 {
		items := len(d.list) + d.Remaining()
		items -= items / int(2*isqrt(uint64(d.received)))
		need = max(need, d.received/16, d.opt.Mapping.CellsFor(items)-d.received)
	}
	return min(need, d.opt.MaxCells-d.received)
}

// Stalled reports that more cells have come than the estimated difference can
// need: four times as many as usual, which chance does not bring about. Somebody
// has chosen records that share their cells, or the cells are made up.
func (d *Decoder) Stalled() bool {
	return !d.Done() && d.received > stalledMin &&
		d.received > stalledMin+4*d.opt.Mapping.CellsFor(len(d.list)+d.Remaining())
}

// stalledMin is how many cells are cheap enough to go on in any case.
const stalledMin = 512

// CellsFor returns how many cells d differences usually take, at least 1: enough
// in about three of four sessions from d = 100 on. It is 1.35·d + 1.5·√d for
// Regular and, with a tail, d + 1.6·d^(2/3) for Irregular.
func (m Mapping) CellsFor(d int) int {
	if d >= MaxCells {
		return MaxCells
	}
	more := 7*d/20 + int(3*isqrt(uint64(d)))/2
	if m == Irregular {
		root := icbrt(uint64(d) << 9) // 8·d^(1/3)
		more = int(root * root / 40)
	}
	return min(MaxCells, max(1, d+more))
}

// icbrt returns floor(cbrt(x)), bit by bit. x is below 2^60.
func icbrt(x uint64) (r uint64) {
	for bit := uint64(1) << 20; bit > 0; bit /= 2 {
		if next := r + bit; next*next*next <= x {
			r = next
		}
	}
	return r
}
