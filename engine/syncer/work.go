package syncer

// What a peer may make this node do beyond what sessions cost otherwise: read the
// records below a key prefix, or walk through a set for a sketch of one session.
const (
	readNs = 1000 // about what reading a record takes
	saltNs = 100  // about what a record takes in such a sketch, once made twice as large
	// workShare is the part of one core that a peer may use that way: a tenth.
	workShare = 10
	// workAheadNs is how long before its time a peer may have used it.
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

// worked notes work for a peer, in nanoseconds of one core. It is an estimate, as
// what happens must not depend on the machine.
func (s *Syncer) worked(p *peer, ns int64) {
	at := s.debt(p)
	*at = max(*at, s.now) + workShare*ns
}
