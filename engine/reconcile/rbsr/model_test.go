package rbsr

import (
	"bytes"
	"crypto/sha256"
	"math"
	"math/big"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
)

// model speaks protocol V1 as its description reads: it knows no cursors, no
// trees and no sums but those it adds up. Its bytes are those of Negentropy.
type model struct {
	items  []Entry // sorted
	limit  int
	client bool
	have   map[codec.ID]bool
	need   map[codec.ID]bool
	lastIn uint64
	last   uint64
}

func newModel(items []Entry, limit int) *model {
	return &model{items: sorted(items), limit: limit, have: map[codec.ID]bool{}, need: map[codec.ID]bool{}}
}

func modelVarint(v uint64) []byte {
	digits := []byte{byte(v % 128)}
	for v /= 128; v > 0; v /= 128 {
		digits = append([]byte{byte(v%128) + 128}, digits...)
	}
	return digits
}

func (m *model) bound(time uint64, prefix []byte) []byte {
	shown := uint64(0)
	if time != math.MaxUint64 {
		shown = time - m.last + 1
	}
	m.last = time
	return slices.Concat(modelVarint(shown), modelVarint(uint64(len(prefix))), prefix)
}

func modelFingerprint(items []Entry) []byte {
	total := new(big.Int)
	for _, it := range items {
		be := slices.Clone(it.ID[:])
		slices.Reverse(be)
		total.Add(total, new(big.Int).SetBytes(be))
	}
	total.Mod(total, new(big.Int).Lsh(big.NewInt(1), 256))
	le := total.FillBytes(make([]byte, 32))
	slices.Reverse(le)
	digest := sha256.Sum256(append(le, modelVarint(uint64(len(items)))...))
	return digest[:16]
}

func modelList(items []Entry) []byte {
	out := append([]byte{2}, modelVarint(uint64(len(items)))...)
	for _, it := range items {
		out = append(out, it.ID[:]...)
	}
	return out
}

func (m *model) split(items []Entry, time uint64, prefix []byte) []byte {
	if len(items) < 32 {
		return append(m.bound(time, prefix), modelList(items)...)
	}
	var out []byte
	at := 0
	for i := range 16 {
		size := len(items) / 16
		if i < len(items)%16 {
			size++
		}
		part := items[at : at+size]
		at += size
		switch {
		case i == 15:
			out = append(out, m.bound(time, prefix)...)
		case items[at-1].Time != items[at].Time:
			out = append(out, m.bound(items[at].Time, nil)...)
		default:
			k := 0
			for items[at-1].ID[k] == items[at].ID[k] {
				k++
			}
			out = append(out, m.bound(items[at].Time, items[at].ID[:k+1])...)
		}
		out = append(append(out, 1), modelFingerprint(part)...)
	}
	return out
}

func (m *model) initiate() []byte {
	m.client = true
	m.last = 0
	return append([]byte{0x61}, m.split(m.items, math.MaxUint64, nil)...)
}

func (m *model) full(size int) bool { return m.limit > 0 && size > m.limit-200 }

// reconcile answers an honest message.
func (m *model) reconcile(message []byte) []byte {
	m.lastIn, m.last = 0, 0
	out := []byte{0x61}
	in := bytes.NewBuffer(message[1:])
	number := func() (v uint64) {
		for {
			b, _ := in.ReadByte()
			v = v*128 + uint64(b%128)
			if b < 128 {
				return v
			}
		}
	}
	lower := 0
	pending := false
	var previousTime uint64
	var previousPrefix []byte
	for in.Len() > 0 {
		time := number()
		switch {
		case time == 0, time-1 > math.MaxUint64-m.lastIn:
			time = math.MaxUint64
		default:
			time += m.lastIn - 1
		}
		m.lastIn = time
		prefix := slices.Clone(in.Next(int(number())))
		e := Entry{Time: time}
		copy(e.ID[:], prefix)
		upper := lower
		for upper < len(m.items) && m.items[upper].compare(&e) < 0 {
			upper++
		}
		var o []byte
		flush := func() {
			if pending {
				o = append(m.bound(previousTime, previousPrefix), 0)
				pending = false
			}
		}
		switch number() {
		case 0:
			pending = true
		case 1:
			if bytes.Equal(in.Next(16), modelFingerprint(m.items[lower:upper])) {
				pending = true
			} else {
				flush()
				o = append(o, m.split(m.items[lower:upper], time, prefix)...)
			}
		case 2:
			theirs := map[codec.ID]bool{}
			for range number() {
				theirs[codec.ID(in.Next(32))] = true
			}
			if m.client {
				pending = true
				for _, it := range m.items[lower:upper] {
					if !theirs[it.ID] {
						m.have[it.ID] = true
					}
					delete(theirs, it.ID)
				}
				for id := range theirs {
					m.need[id] = true
				}
				break
			}
			flush()
			count := 0
			boundTime, boundPrefix := time, prefix
			for lower+count < upper {
				if m.full(len(out) + 32*count) {
					upper = lower + count
					boundTime, boundPrefix = m.items[upper].Time, m.items[upper].ID[:]
					break
				}
				count++
			}
			o = append(o, m.bound(boundTime, boundPrefix)...)
			out = append(append(out, o...), modelList(m.items[lower:lower+count])...)
			o = nil
		}
		if m.full(len(out) + len(o)) {
			out = append(append(out, 0, 0, 1), modelFingerprint(m.items[upper:])...)
			break
		}
		out = append(out, o...)
		lower, previousTime, previousPrefix = upper, time, prefix
	}
	if m.client && len(out) == 1 {
		return nil
	}
	return out
}
