package riblt

import "github.com/intersubjective/rapprochement/engine/reconcile/riblt/pinsketch"

// A tail is the power sums of the difference, less what was recovered.
type tail struct {
	sums   pinsketch.Sketch
	folded int // items of the list that are out of the sums
	again  int // cells to wait for before the next attempt
}

// SetTail gives the decoder the sums of the symmetric difference of both sets. It
// keeps them.
func (d *Decoder) SetTail(sums pinsketch.Sketch) { d.tail = tail{sums: sums} }

// Finish recovers what is left by the tail, if it is little enough, and returns
// whether the decoder is Done. holds says whether the local set has a symbol.
// If the sums name items that do not empty all cells, nothing has changed: they
// are those of more items, or made up.
//
// An attempt costs as much as decoding thousands of items, so that there is one
// at first, and then one whenever a quarter more cells have come.
func (d *Decoder) Finish(holds func(symbol uint64) bool) bool {
	t := &d.tail
	if d.Done() || len(t.sums) == 0 || d.received < t.again || d.Remaining() > 2*len(t.sums) {
		return d.Done()
	}
	t.again = d.received + d.received/4
	for _, item := range d.list[t.folded:] {
		t.sums.Toggle(item.symbol)
	}
	t.folded = len(d.list)
	symbols, ok := t.sums.Decode()
	if !ok {
		return false
	}
	return d.finish(symbols, holds)
}

// finish removes the symbols, which are different and not zero, from the cells,
// and restores them if that leaves any cell occupied.
func (d *Decoder) finish(symbols []uint64, holds func(symbol uint64) bool) bool {
	items := make([]recovered, len(symbols))
	d.seen.reserve(d.list, len(d.list)+len(symbols)+1)
	for i, symbol := range symbols {
		if _, known := d.seen.find(symbol, d.list); known {
			d.strange = true // the other side's sums contradict its cells
			return false
		}
		if items[i] = (recovered{symbol, 1}); holds(symbol) {
			items[i].sign = -1
		}
	}
	all := d.opt.Mapping.span(0, len(d.cells))
	for _, item := range items {
		d.apply(item, all, 1)
	}
	d.zeros = 0
	if d.look(); !d.Done() {
		for _, item := range items {
			d.apply(item, all, -1)
		}
		d.zeros = 0
		return false
	}
	for _, item := range items {
		slot, _ := d.seen.find(item.symbol, d.list)
		d.add(item, slot)
	}
	d.tail = tail{}
	return d.Done()
}
