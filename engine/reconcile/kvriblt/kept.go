package kvriblt

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// kept is what all sessions of a space share: the sketch, the index of records by
// key, and the changes since the oldest session began.
type kept struct {
	byRecord bool // every record is a key of its own
	index    index
	sketch   *Sketch
	log      []change
	open     []*pinned
	repeats  repeats
}

// A change is a value that was put at a key, or taken from it.
type change struct {
	key, value uint32
	sign       int32
}

const (
	// keptCells is where a kept sketch begins, 6 KiB; it doubles when a session
	// needs more.
	keptCells = 512
	// logMax bounds the changes that wait for the oldest session to end, 12 bytes
	// each: sessions get cells of their own then.
	logMax = 1 << 15
)

func newKept(byRecord bool, cells int) *kept {
	return &kept{byRecord: byRecord, sketch: NewSketch(cells)}
}

// place is where a record goes.
func (k *kept) place(item *reconcile.Item) (key, value uint32) {
	hash := item.Key
	if k.byRecord {
		hash = item.Short
	}
	return keyID(hash), pack(item.Version, item.Short)
}

// Add implements reconcile.Kept.
func (k *kept) Add(item *reconcile.Item) {
	key, value := k.place(item)
	k.index.add(key, value, item.Short)
	k.change(key, value, 1)
}

// Remove implements reconcile.Kept.
func (k *kept) Remove(item *reconcile.Item) {
	if key, value := k.place(item); k.index.remove(key, value, item.Short) {
		k.change(key, value, -1)
	}
}

func (k *kept) change(key, value uint32, sign int) {
	if len(k.open) > 0 {
		k.note(change{key, value, int32(sign)})
	}
	k.sketch.change(key, value, sign)
}

func (k *kept) note(c change) {
	if len(k.log) < logMax {
		k.log = append(k.log, c)
		return
	}
	for _, p := range k.open {
		p.freeze()
	}
	k.log, k.open = nil, nil
}

// grow extends the prefix to at least m cells from the index.
func (k *kept) grow(m int) {
	lo := k.sketch.Len()
	cells := make([]Cell, min(max(m, 2*lo), MaxCells))
	copy(cells, k.sketch.cells)
	k.index.each(func(e *entry) {
		r := routeOf(e.key)
		addFrom(cells[lo:], lo, &r, contents(&r, e.key, e.value, 1))
	})
	k.sketch.cells = cells
}

// pinned is a session's view: the kept summary less what has changed since. Cells
// and sums are exactly those of the pinned set, and so are the values unless the
// log has run over.
//
// The records behind a key are the live ones, as they have to be there when they
// are given. A record that came or went during the session may make it misread
// who is newer at that one key; the session after it reads it right.
type pinned struct {
	kept   *kept
	at     int // changes of the log before the session
	sums   PowerSums
	digest Digest
	frozen []Cell // if the log had no room left
	undone []change
}

// Pin implements reconcile.Kept: it copies 160 bytes.
func (k *kept) Pin() reconcile.Pinned {
	p := &pinned{kept: k, at: len(k.log), sums: k.sketch.sums, digest: k.sketch.digest}
	k.open = append(k.open, p)
	return p
}

// Close implements reconcile.Pinned.
func (p *pinned) Close() {
	k := p.kept
	k.open = slices.DeleteFunc(k.open, func(o *pinned) bool { return o == p })
	if len(k.open) == 0 {
		k.log = k.log[:0]
	}
}

// since returns the changes to undo.
func (p *pinned) since() []change {
	if p.frozen != nil {
		return p.undone
	}
	return p.kept.log[p.at:]
}

func (p *pinned) freeze() {
	cells := make([]Cell, p.kept.sketch.Len())
	p.read(cells[1:], 1)
	p.undone, p.frozen = slices.Clone(p.since()), cells
}

// read fills dst with the cells from lo ≥ 1 on.
func (p *pinned) read(dst []Cell, lo int) {
	hi := lo + len(dst)
	if p.frozen != nil {
		copy(dst, p.frozen[lo:hi])
		return
	}
	if hi > p.kept.sketch.Len() {
		p.kept.grow(hi)
	}
	copy(dst, p.kept.sketch.cells[lo:hi])
	for _, c := range p.since() {
		r := routeOf(c.key)
		addFrom(dst, lo, &r, contents(&r, c.key, c.value, -int(c.sign)))
	}
}

// most is how many cells can be read.
func (p *pinned) most() int {
	if p.frozen != nil {
		return len(p.frozen)
	}
	return MaxCells
}

// values returns the keys of the set and the sums of their values, by key.
func (p *pinned) values() []unknown {
	list := make([]unknown, 0, p.kept.index.count)
	p.kept.index.each(func(e *entry) { list = append(list, unknown{e.key, e.value}) })
	for _, c := range p.since() {
		list = append(list, unknown{c.key, signed(c.value, -int(c.sign))})
	}
	slices.SortFunc(list, func(a, b unknown) int { return int(a.key) - int(b.key) })
	n := 0
	for _, u := range list {
		if n == 0 || list[n-1].key != u.key {
			list[n] = unknown{key: u.key}
			n++
		}
		if list[n-1].delta = add(list[n-1].delta, u.delta); list[n-1].delta == 0 {
			n-- // nothing is there, or what looks like nothing
		}
	}
	return list[:n]
}

// The persistent form: version (1 byte), 1 where every record is a key of its own
// (1), number of cells (4), number of records (4), then key, value (4 each) and
// short id (8) of every record, all little-endian. Everything else follows from
// the records.
const (
	persistVersion = 1
	persistHeader  = 1 + 1 + 4 + 4
	persistEntry   = 4 + 4 + 8
)

// errSaved is what LoadKept says of bytes that Save has not written.
var errSaved = errors.New("kvriblt: not a saved summary")

// Save appends the persistent form, 10 bytes and 16 a record, to dst.
func (k *kept) Save(dst []byte) []byte {
	dst = append(dst, persistVersion, 0)
	if k.byRecord {
		dst[len(dst)-1] = 1
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(k.sketch.Len()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(k.index.count))
	k.index.each(func(e *entry) {
		dst = binary.LittleEndian.AppendUint32(dst, e.key)
		dst = binary.LittleEndian.AppendUint32(dst, e.value)
		dst = binary.LittleEndian.AppendUint64(dst, e.name())
	})
	return dst
}

// LoadKept reads what Save wrote and nothing else. The cells are summed up again,
// about 0.1 µs a record.
func (Strategy) LoadKept(saved []byte, _ *codec.Salt) (reconcile.Kept, error) {
	if len(saved) < persistHeader || saved[0] != persistVersion || saved[1] > 1 {
		return nil, errSaved
	}
	cells, count := binary.LittleEndian.Uint32(saved[2:]), binary.LittleEndian.Uint32(saved[6:])
	rest := saved[persistHeader:]
	if cells < 1 || cells > MaxCells || len(rest)%persistEntry != 0 || uint64(len(rest)/persistEntry) != uint64(count) {
		return nil, errSaved
	}
	k := newKept(saved[1] == 1, int(cells))
	for ; len(rest) > 0; rest = rest[persistEntry:] {
		key, value := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		if key == 0 || key >= prime || value == 0 || value >= prime {
			return nil, errSaved
		}
		k.index.add(key, value, binary.LittleEndian.Uint64(rest[8:]))
		k.sketch.Add(key, value)
	}
	return k, nil
}
