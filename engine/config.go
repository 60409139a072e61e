package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/presence"
	"github.com/intersubjective/rapprochement/engine/reconcile"
	"github.com/intersubjective/rapprochement/engine/reconcile/auto"
	"github.com/intersubjective/rapprochement/engine/reconcile/bloom"
	"github.com/intersubjective/rapprochement/engine/reconcile/frontier"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/kvriblt"
	"github.com/intersubjective/rapprochement/engine/reconcile/prolly"
	"github.com/intersubjective/rapprochement/engine/reconcile/rbsr"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/service"
	"github.com/intersubjective/rapprochement/engine/sign"
)

// Config is what a node is opened with. Times are in nanoseconds; zero means
// the default that each field names.
type Config struct {
	// Key is the Ed25519 seed that signs this node's records. All zero: the
	// host signs, and Peer is the node's public key.
	Key  [32]byte
	Peer codec.PeerID
	// Seed is the node's only source of randomness: jitter, nonces, salts and
	// the tag in its versions. Fresh entropy at every boot in production; two
	// machines with one key need different seeds to stay honest.
	Seed [32]byte
	// Boot counts how often the host has opened this node, from 0. A store
	// that knows of fewer boots has been lost or rolled back.
	Boot uint64
	// Durable syncs every commit before effects leave. Without it a power loss
	// may cost the latest records, never honesty: versions are reserved durably.
	Durable bool
	// Strategies in order of preference, the first is the default. Empty:
	// riblt, frontier. full comes last in any case: whatever two nodes prefer,
	// they have that one in common.
	Strategies []string

	IntervalNs int64 // between sessions with a peer; 10 s
	IdleNs     int64 // a session follows a burst after this silence; 1 s; negative: never
	TimeoutNs  int64 // a session without progress ends; 30 s
	PullNs     int64 // wait for an announced record before asking; 300 ms
	AnnounceNs int64 // announcements are collected this long; 50 ms
	DialNs     int64 // first pause between dials, doubles up to 64 times; 1 s
	SkewNs     int64 // how far ahead of our wall clock other clocks are believed; 10 min
	// FrameBytes is the size up to which frames are filled, 512 to 131,072;
	// 16 KiB.
	FrameBytes int
	// PushAll pushes every record over every link. By default links that bring
	// duplicates are demoted to announcements.
	PushAll bool
	// Services run on the node: "presence", "rtt".
	Services []string
	// RTT is how the service "rtt" behaves.
	RTT rtt.Config
	// NoAudit leaves the audit chain out, for hosts that never compare runs.
	NoAudit bool
}

const second = int64(1e9)

var errConfig = errors.New("engine: config")

// withDefaults fills in the defaults and checks the ranges.
func (c Config) withDefaults() (Config, error) {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.IntervalNs, 10*second)
	def(&c.IdleNs, second)
	def(&c.TimeoutNs, 30*second)
	def(&c.PullNs, 300e6)
	def(&c.AnnounceNs, 50e6)
	def(&c.DialNs, second)
	def(&c.SkewNs, 600*second)
	if c.FrameBytes == 0 {
		c.FrameBytes = 16 << 10
	}
	if c.FrameBytes < 512 || c.FrameBytes > 128<<10 {
		return c, fmt.Errorf("%w: FrameBytes is %d, want 512 to %d", errConfig, c.FrameBytes, 128<<10)
	}
	for _, t := range []struct {
		name string
		ns   int64
	}{
		{"IntervalNs", c.IntervalNs}, {"TimeoutNs", c.TimeoutNs}, {"PullNs", c.PullNs},
		{"AnnounceNs", c.AnnounceNs}, {"DialNs", c.DialNs}, {"SkewNs", c.SkewNs},
	} {
		if t.ns < 0 || t.ns > 1<<55 {
			return c, fmt.Errorf("%w: %s is %d, want 0 to 2^55", errConfig, t.name, t.ns)
		}
	}
	if len(c.Strategies) == 0 {
		c.Strategies = []string{"riblt", "frontier"}
	}
	for _, name := range []string{reconcile.FullName, reconcile.SaltedName} {
		if !slices.Contains(c.Strategies, name) {
			c.Strategies = append(slices.Clone(c.Strategies), name)
		}
	}
	if c.Key != [32]byte{} {
		c.Peer = sign.KeyFromSeed(&c.Key).Public()
	} else if err := sign.CheckKey(c.Peer[:]); err != nil {
		return c, fmt.Errorf("%w: Peer: %v", errConfig, err)
	}
	return c, nil
}

// StrategyNames lists every strategy that a node can run.
func StrategyNames() []string {
	var names []string
	for _, s := range allStrategies {
		names = append(names, s.Name())
	}
	return names
}

// allStrategies are those that a node can run, one a line.
var allStrategies = []reconcile.Strategy{
	riblt.Strategy{},
	kvriblt.Strategy{},
	auto.New(auto.Parts{
		Sketch: kvriblt.Strategy{}, PerDifference: 14, Dense: bloom.Strategy{}, PerRecord: 4,
		Order: func(view reconcile.View) auto.Order { return rbsr.Set(view) },
	}),
	rbsr.Strategy{},
	rbsr.Compatible{},
	prolly.Strategy{},
	bloom.Strategy{},
	frontier.Strategy{},
	full.Strategy{},
	riblt.Salted{},
}

func (c *Config) strategies() ([]reconcile.Strategy, error) {
	var list []reconcile.Strategy
next:
	for _, name := range c.Strategies {
		for _, s := range allStrategies {
			if s.Name() == name {
				list = append(list, s)
				continue next
			}
		}
		return nil, fmt.Errorf("%w: Strategies: %q is unknown, have %v", errConfig, name, StrategyNames())
	}
	return list, nil
}

// ServiceNames lists the services that a configuration can name.
func ServiceNames() []string { return []string{presence.Name, rtt.Name} }

// newServices makes the services that a configuration names.
func (c *Config) newServices() (list []service.Service, err error) {
	for _, name := range c.Services {
		switch name {
		case presence.Name:
			list = append(list, presence.New())
		case rtt.Name:
			s, err := rtt.New(c.RTT)
			if err != nil {
				return nil, fmt.Errorf("%w: RTT: %v", errConfig, err)
			}
			list = append(list, s)
		default:
			return nil, fmt.Errorf("%w: Services: %q is unknown, have %v", errConfig, name, ServiceNames())
		}
	}
	return list, nil
}
