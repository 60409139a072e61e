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

// A Record is what strategies see of one, and whose it is.
type Record struct {
	reconcile.Item
	Author codec.PeerID
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
	rec.Time = codec.NewHLC(1_700_000_000_000+int64(n), 0)
	rec.Key = r.Uint64()
	return rec
}

// Update is a newer version of r: another record of the same register.
func Update(r Record, n uint64) Record {
	newer := NewRecord(n)
	newer.Author, newer.Key, newer.Version = r.Author, r.Key, r.Version+n<<16
	return newer
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
	changes int
	newest  map[uint64]Record // by key, where only the newest version stays; else nil
}

// NewSet returns a set of records for a strategy. Half of them are there when
// the summary is made, the others are added to it.
func NewSet(st reconcile.Strategy, records ...Record) *Set {
	s := &Set{records: map[codec.ID]Record{}, named: map[uint64][]Record{}}
	for i, r := range records {
		if i == len(records)/2 {
			s.kept = st.NewKept(s.Pin())
		}
		s.Add(r)
	}
	return s
}

// NewRegisters returns a set that keeps the highest version of each key alone,
// as spaces of current versions do.
func NewRegisters(st reconcile.Strategy, records ...Record) *Set {
	s := NewSet(st)
	s.newest = map[uint64]Record{}
	for i, r := range records {
		if i == len(records)/2 {
			s.kept = st.NewKept(s.Pin())
		}
		s.Add(r)
	}
	return s
}

// Add inserts a record that may be there already, or may be outdated.
func (s *Set) Add(r Record) {
	if _, held := s.records[r.ID]; held {
		return
	}
	if s.newest != nil {
		old, known := s.newest[r.Key]
		if known && old.Version >= r.Version {
			return
		}
		if s.newest[r.Key] = r; known {
			s.Remove(old)
		}
	}
	s.records[r.ID] = r
	list := append(s.named[r.Short], r)
	slices.SortFunc(list, byID)
	s.named[r.Short] = list
	s.changes++
	if s.kept != nil {
		s.kept.Add(&r.Item)
	}
}

// Remove takes a record out.
func (s *Set) Remove(r Record) {
	if _, held := s.records[r.ID]; !held {
		return
	}
	delete(s.records, r.ID)
	s.named[r.Short] = slices.DeleteFunc(s.named[r.Short], func(x Record) bool { return x.ID == r.ID })
	s.changes++
	if s.kept != nil {
		s.kept.Remove(&r.Item)
	}
}

// Holds reports whether a record is in the set.
func (s *Set) Holds(r Record) bool {
	_, held := s.records[r.ID]
	return held
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
	v := &View{records: s.sorted(), shorts: map[uint64]struct{}{}, set: s, changes: s.changes}
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
	set     *Set
	changes int
	kept    reconcile.Pinned
}

// Kept implements reconcile.View, as a node does.
func (v *View) Kept(st reconcile.Strategy) reconcile.Pinned {
	if v.kept == nil {
		k := st.NewKept(v)
		if k == nil {
			return nil
		}
		if v.changes == v.set.changes {
			v.set.kept = k
		}
		v.kept = k.Pin()
	}
	return v.kept
}

// Close ends the session that the view was for.
func (v *View) Close() {
	if v.kept != nil {
		v.kept.Close()
	}
}

// Items implements reconcile.View.
func (v *View) Items(fn func(item *reconcile.Item) bool) {
	for i := range v.records {
		item := v.records[i].Item
		if !fn(&item) {
			return
		}
	}
}

// Count implements reconcile.View.
func (v *View) Count() uint64 { return uint64(len(v.records)) }

// Salt implements reconcile.View.
func (v *View) Salt() *codec.Salt { return &Salt }

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
