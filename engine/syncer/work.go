package syncer

// What a peer may make this node read beyond what sessions cost otherwise: the
// records below a key prefix.
const (
	// workRate is in records a second: at about a microsecond each, a tenth of a
	// core.
	workRate = 100_000
	// workAheadNs is how much of that a peer may have used before its time.
	workAheadNs = 1e9
)

// debt is the time from which a peer has nothing to pay for any more. Peers that
// the host has not named share one, or whoever comes back under another key would
// pay nothing.
func (s *Syncer) debt(p *peer) *int64 {
	if p.kept {
		return &p.debt
	}
	return &s.debtOfStrangers
}

// mayWork reports whether a peer may cause such work now.
func (s *Syncer) mayWork(p *peer) bool { return *s.debt(p) <= s.now+workAheadNs }

// worked notes how many records were read for a peer.
func (s *Syncer) worked(p *peer, records int) {
	at := s.debt(p)
	*at = max(*at, s.now) + int64(records)*(1e9/workRate)
}
