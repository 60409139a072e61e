// Package reconciletest is the conformance suite of reconciliation strategies:
// what every one of them must do on any two sets, against any other side, and
// what it costs.
package reconciletest

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Salt is the salt of every set in the suite.
var Salt = codec.Salt{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// A Record is what strategies see of one.
type Record struct {
	ID      codec.ID
	Short   uint64
	Author  codec.PeerID
	Version uint64
}

// NewRecord is the record of that number: everybody's number 7 is the same.
func NewRecord(n uint64) Record {
	r := rand.New(rand.NewPCG(n, 7))
	var rec Record
	for i := 0; i < 32; i += 8 {
		binary.LittleEndian.PutUint64(rec.ID[i:], r.Uint64())
	}
	rec.Short = codec.ShortID(&Salt, &rec.ID)
	rec.Author = codec.PeerID{byte(n % 16), 1}
	rec.Version = n + 1
	return rec
}

// Twin is another record of r's short id. Nobody can make one, as ids are hashes;
// two of 2^32 records may be.
func Twin(r Record, n uint64) Record {
	twin := NewRecord(n)
	binary.LittleEndian.PutUint64(twin.ID[:], 0)
	salt := binary.LittleEndian.Uint64(Salt[:])
	// ShortID mixes the first word in last, by a bijection.
	rest := unmix64(codec.ShortID(&Salt, &twin.ID)) - salt
	binary.LittleEndian.PutUint64(twin.ID[:], (unmix64(r.Short)-rest)^salt)
	twin.Short = codec.ShortID(&Salt, &twin.ID)
	return twin
}

// unmix64 inverts the finaliser of splitmix64.
func unmix64(x uint64) uint64 {
	x ^= x>>31 ^ x>>62
	x *= 0x319642b2d24d8ec3
	x ^= x>>27 ^ x>>54
	x *= 0x96de1b173f119089
	return x ^ x>>30 ^ x>>60
}

// A Set is one side's records, with the summary that the strategy keeps.
type Set struct {
	records map[codec.ID]Record
	named   map[uint64][]Record // by short id, each by id
	kept    reconcile.Kept
}

// NewSet returns a set of records for a strategy.
func NewSet(st reconcile.Strategy, records ...Record) *Set {
	s := &Set{records: map[codec.ID]Record{}, named: map[uint64][]Record{}, kept: st.NewKept(&Salt)}
	for _, r := range records {
		s.Add(r)
	}
	return s
}

// Add inserts a record that may be there already.
func (s *Set) Add(r Record) {
	if _, held := s.records[r.ID]; held {
		return
	}
	s.records[r.ID] = r
	list := append(s.named[r.Short], r)
	slices.SortFunc(list, byID)
	s.named[r.Short] = list
	if s.kept != nil {
		s.kept.Add(r.Short)
	}
}

// Remove takes a record out.
func (s *Set) Remove(r Record) {
	if _, held := s.records[r.ID]; !held {
		return
	}
	delete(s.records, r.ID)
	s.named[r.Short] = slices.DeleteFunc(s.named[r.Short], func(x Record) bool { return x.ID == r.ID })
	if s.kept != nil {
		s.kept.Remove(r.Short)
	}
}

// Equal reports whether two sets hold the same records.
func (s *Set) Equal(t *Set) bool {
	for id := range s.records { // unordered: a conjunction
		if _, held := t.records[id]; !held {
			return false
		}
	}
	return len(s.records) == len(t.records)
}

func byID(a, b Record) int { return a.ID.Compare(b.ID) }

func (s *Set) sorted() []Record {
	list := make([]Record, 0, len(s.records))
	for _, r := range s.records { // unordered: sorted below
		list = append(list, r)
	}
	slices.SortFunc(list, byID)
	return list
}

// Pin returns a view that later changes do not touch.
func (s *Set) Pin() *View {
	v := &View{records: s.sorted(), shorts: map[uint64]struct{}{}}
	for _, r := range v.records {
		v.shorts[r.Short] = struct{}{}
	}
	if s.kept != nil {
		v.kept = s.kept.Pin()
	}
	return v
}

// A View implements [reconcile.View].
type View struct {
	records []Record
	shorts  map[uint64]struct{}
	kept    reconcile.Kept
}

// Count implements reconcile.View.
func (v *View) Count() uint64 { return uint64(len(v.records)) }

// Salt implements reconcile.View.
func (v *View) Salt() *codec.Salt { return &Salt }

// Kept implements reconcile.View.
func (v *View) Kept() reconcile.Kept { return v.kept }

// Has implements reconcile.View.
func (v *View) Has(short uint64) bool {
	_, held := v.shorts[short]
	return held
}

// Each implements reconcile.View.
func (v *View) Each(fn func(short uint64, id *codec.ID) bool) {
	for i := range v.records {
		if !fn(v.records[i].Short, &v.records[i].ID) {
			return
		}
	}
}

// Authors implements reconcile.View.
func (v *View) Authors(fn func(author codec.PeerID, highest uint64) bool) {
	highest := map[codec.PeerID]uint64{}
	for _, r := range v.records {
		highest[r.Author] = max(highest[r.Author], r.Version)
	}
	authors := make([]codec.PeerID, 0, len(highest))
	for a := range highest { // unordered: sorted below
		authors = append(authors, a)
	}
	slices.SortFunc(authors, codec.PeerID.Compare)
	for _, a := range authors {
		if !fn(a, highest[a]) {
			return
		}
	}
}

// Above implements reconcile.View.
func (v *View) Above(author codec.PeerID, version uint64, fn func(short uint64) bool) {
	for _, r := range v.records {
		if r.Author == author && r.Version > version && !fn(r.Short) {
			return
		}
	}
}
