package engine

import (
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/rtt"
)

// Settings is a [Config] as data, for hosts in other languages: the same fields
// under the names given here, each of them optional.
type Settings struct {
	Key        []byte     `cbor:"key,omitempty"`
	Peer       []byte     `cbor:"peer,omitempty"`
	Seed       []byte     `cbor:"seed,omitempty"`
	Boot       uint64     `cbor:"boot,omitempty"`
	Durable    bool       `cbor:"durable,omitempty"`
	Strategies []string   `cbor:"strategies,omitempty"`
	IntervalNs int64      `cbor:"interval_ns,omitempty"`
	IdleNs     int64      `cbor:"idle_ns,omitempty"`
	TimeoutNs  int64      `cbor:"timeout_ns,omitempty"`
	PullNs     int64      `cbor:"pull_ns,omitempty"`
	AnnounceNs int64      `cbor:"announce_ns,omitempty"`
	DialNs     int64      `cbor:"dial_ns,omitempty"`
	SkewNs     int64      `cbor:"skew_ns,omitempty"`
	FrameBytes int        `cbor:"frame_bytes,omitempty"`
	PushAll    bool       `cbor:"push_all,omitempty"`
	Services   []string   `cbor:"services,omitempty"`
	RTT        rtt.Config `cbor:"rtt"`
	NoAudit    bool       `cbor:"no_audit,omitempty"`
}

// Settings returns the configuration as data.
func (c Config) Settings() Settings {
	return Settings{
		Key: c.Key[:], Peer: c.Peer[:], Seed: c.Seed[:], Boot: c.Boot, Durable: c.Durable, Strategies: c.Strategies,
		IntervalNs: c.IntervalNs, IdleNs: c.IdleNs, TimeoutNs: c.TimeoutNs, PullNs: c.PullNs,
		AnnounceNs: c.AnnounceNs, DialNs: c.DialNs, SkewNs: c.SkewNs, FrameBytes: c.FrameBytes,
		PushAll: c.PushAll, Services: c.Services, RTT: c.RTT, NoAudit: c.NoAudit,
	}
}

// Config checks the lengths of keys and seeds; Open checks the rest.
func (s Settings) Config() (c Config, err error) {
	for _, f := range []struct {
		name string
		from []byte
		to   []byte
	}{{"key", s.Key, c.Key[:]}, {"peer", s.Peer, c.Peer[:]}, {"seed", s.Seed, c.Seed[:]}} {
		if len(f.from) != 0 && len(f.from) != len(f.to) {
			return c, fmt.Errorf("%w: %s of %d bytes, want %d", errConfig, f.name, len(f.from), len(f.to))
		}
	}
	copy(c.Key[:], s.Key)
	copy(c.Seed[:], s.Seed)
	if len(s.Peer) == len(c.Peer) {
		c.Peer = codec.PeerID(s.Peer)
	}
	c.Boot, c.Durable, c.Strategies = s.Boot, s.Durable, s.Strategies
	c.IntervalNs, c.IdleNs, c.TimeoutNs, c.PullNs = s.IntervalNs, s.IdleNs, s.TimeoutNs, s.PullNs
	c.AnnounceNs, c.DialNs, c.SkewNs = s.AnnounceNs, s.DialNs, s.SkewNs
	c.FrameBytes, c.PushAll, c.NoAudit = s.FrameBytes, s.PushAll, s.NoAudit
	c.Services, c.RTT = s.Services, s.RTT
	return c, nil
}
