package overlay

import "github.com/intersubjective/rapprochement/codec"

// Static leaves the connections as the host makes them.
type Static struct{ table *Table }

// NewStatic returns the policy of a table.
func NewStatic(table *Table) *Static { return &Static{table} }

// Handle implements [Policy].
func (*Static) Handle(int64, Event) []Effect { return nil }

// NextWake implements [Policy].
func (*Static) NextWake() int64 { return 0 }

// Chosen are all who are connected.
func (s *Static) Chosen() (list []codec.PeerID) {
	for _, p := range s.table.All() {
		if p.Up {
			list = append(list, p.ID)
		}
	}
	return list
}
