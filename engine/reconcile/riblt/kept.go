package riblt

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt/pinsketch"
)

const (
	// tailSums is the capacity of the tail, 128 bytes in a session's first payload.
	tailSums = 16
	// A new kept sketch has a cell for 64 items within these bounds, 6 to 384 KiB,
	// and grows when a session needs more.
	keptCellsMin = 1 << 8
	keptCellsMax = 1 << 14
	// growthMax bounds the growth, 3 MiB: cells beyond belong to the session that
	// wants them.
	growthMax = 1 << 17
	// undoMin is how many changes are remembered at least before the sessions
	// that are older get copies of their own.
	undoMin = 1 << 10
)

// kept is the sketch of a space that all sessions share. A session sees it as it
// was when it began: what came later is undone in the cells it asks for, which
// costs nothing if nothing came. Only when more has changed than is worth
// undoing does a session get a copy.
type kept struct {
	sketch *Sketch
	tail   pinsketch.Sketch
	undo   []change // since the oldest pin
	begin  uint64   // number of undo[0]
	pins   []*pinned
}

// A change is an item that came (sign 1) or went (-1).
type change struct {
	symbol uint64
	sign   int64
}

func (k *kept) Add(item *reconcile.Item)    { k.toggle(item.Short, 1) }
func (k *kept) Remove(item *reconcile.Item) { k.toggle(item.Short, -1) }

func (k *kept) toggle(symbol uint64, sign int64) {
	k.sketch.toggle(symbol, sign)
	k.tail.Toggle(symbol)
	if len(k.pins) == 0 {
		return
	}
	k.undo = append(k.undo, change{symbol, sign})
	if len(k.undo) > max(undoMin, len(k.sketch.cells)/4) {
		for len(k.pins) > 0 {
			k.pins[0].detach()
		}
	}
}

func (k *kept) Pin() reconcile.Pinned {
	p := &pinned{kept: k, at: k.begin + uint64(len(k.undo)), tail: slices.Clone(k.tail)}
	k.pins = append(k.pins, p)
	return p
}

// unpin forgets the changes that only p could ask for.
func (k *kept) unpin(p *pinned) {
	k.pins = slices.DeleteFunc(k.pins, func(q *pinned) bool { return p == q })
	oldest := k.begin + uint64(len(k.undo))
	for _, q := range k.pins {
		oldest = min(oldest, q.at)
	}
	k.undo = slices.Delete(k.undo, 0, int(oldest-k.begin))
	k.begin = oldest
}

// pinned is a sketch as one session sees it.
type pinned struct {
	kept *kept   // nil once the session has a copy
	at   uint64  // number of the first change that came later
	own  *Sketch // the copy
	tail pinsketch.Sketch
	buf  []Cell
}

// Close implements reconcile.Pinned.
func (p *pinned) Close() {
	if p.kept != nil {
		p.kept.unpin(p)
	}
	p.kept, p.own, p.buf = nil, nil, nil
}

func (p *pinned) sketch() *Sketch {
	if p.own != nil {
		return p.own
	}
	return p.kept.sketch
}

// later are the changes since the pin.
func (p *pinned) later() []change {
	if p.kept == nil {
		return nil
	}
	return p.kept.undo[p.at-p.kept.begin:]
}

// apply adds (times 1) or takes away (times -1) changes in a range of cells, of
// which lo is the first.
func apply(s *Sketch, cells []Cell, lo int, changes []change, times int64) {
	span := s.Mapping().span(lo, lo+len(cells))
	for _, c := range changes {
		check := Checksum(s.salt, c.symbol)
		s.walk = span.walk(s.walk[:0], check)
		for _, i := range s.walk {
			cells[int(i)-lo].toggle(c.symbol, check, times*c.sign)
		}
	}
}

// cells returns cells [lo,hi) as of the pin, from a set that is as of the pin.
// They are good until the next call or change.
func (p *pinned) cells(set iter.Seq[uint64], lo, hi int) ([]Cell, error) {
	if hi > len(p.sketch().cells) {
		if err := p.grow(set, hi); err != nil {
			return nil, err
		}
	}
	live, later := p.sketch().cells[lo:hi], p.later()
	if len(later) == 0 {
		return live, nil
	}
	p.buf = append(p.buf[:0], live...)
	apply(p.kept.sketch, p.buf, lo, later, -1)
	return p.buf, nil
}

// grow extends the shared sketch, or the copy, to at least m cells.
func (p *pinned) grow(set iter.Seq[uint64], m int) error {
	if p.kept != nil && m > growthMax {
		p.detach()
	}
	s := p.sketch()
	m = max(m, 2*len(s.cells))
	if p.own != nil {
		return s.Grow(min(m, MaxCells), set)
	}
	m = min(m, growthMax)
	was, later := len(s.cells), p.later()
	zero := slices.Clone(s.cells[:1])
	apply(s, zero, 0, later, -1)
	then := newSketch(s.Mapping(), s.salt, make([]Cell, m))
	if got := fold(s.Mapping(), then.cells, was, s.salt, set); got != zero[0] {
		return misuse(ErrStale, "cell 0 is %v, the symbols make %v", zero[0], got)
	}
	copy(then.cells, s.cells)
	apply(s, then.cells[was:], was, later, 1)
	*s = *then
	return nil
}

// detach gives the session a copy.
func (p *pinned) detach() {
	own := p.kept.sketch.Clone(len(p.kept.sketch.cells))
	apply(own, own.cells, 0, p.later(), -1)
	p.kept.unpin(p)
	p.kept, p.own = nil, own
}

func checkSalt(salt *codec.Salt) uint64 { return binary.LittleEndian.Uint64(salt[8:]) }

// symbolsOf are the symbols of a view's set.
func symbolsOf(view reconcile.View) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		view.Each(func(short uint64, _ *codec.ID) bool { return yield(short) })
	}
}

// NewKept implements reconcile.Strategy.
func (Strategy) NewKept(view reconcile.View) reconcile.Kept {
	m := min(max(int(view.Count()/64), keptCellsMin), keptCellsMax)
	tail := make(pinsketch.Sketch, tailSums)
	s, err := Build(mapping, checkSalt(view.Salt()), m, func(yield func(uint64) bool) {
		symbolsOf(view)(func(short uint64) bool {
			tail.Toggle(short)
			return yield(short)
		})
	})
	if err != nil {
		panic(err) // unreachable: a constant size
	}
	return &kept{sketch: s, tail: tail}
}

// Save implements reconcile.Saver: the sums of the tail, then the sketch.
func (k *kept) Save(dst []byte) []byte { return k.sketch.Append(k.tail.Append(dst)) }

// LoadKept implements reconcile.Loader.
func (Strategy) LoadKept(saved []byte, salt *codec.Salt) (reconcile.Kept, error) {
	tail := make(pinsketch.Sketch, tailSums)
	rest, ok := tail.Read(saved)
	if !ok {
		return nil, refuse(len(saved), ErrTruncated)
	}
	s, err := Unmarshal(rest, growthMax)
	if err != nil {
		return nil, err
	}
	if s.Mapping() != mapping || s.salt != checkSalt(salt) {
		return nil, misuse(ErrStale, "a sketch of another space or version")
	}
	return &kept{sketch: s, tail: tail}, nil
}
