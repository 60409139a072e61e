package links

import "github.com/intersubjective/rapprochement/engine/sim/draw"

// MaxDelay bounds every delay that can be configured, in nanoseconds: 2⁵⁰, about 13 days. Latencies are cut to it.
const MaxDelay = draw.Max

// Model gives the one-way latency between two nodes.
type Model interface {
	// Latency is in nanoseconds, in [0, MaxDelay]. It depends on its arguments only; x is one draw of 64 bits, fresh for
	// every frame.
	Latency(from, to uint32, x uint64) int64
	// Validate returns a *ParamError that names the bad field, or nil.
	Validate() error
}

// Constant is the same latency everywhere.
type Constant struct{ Delay int64 }

func (m Constant) Latency(_, _ uint32, _ uint64) int64 { return m.Delay }

func (m Constant) Validate() error { return delay("Delay", m.Delay) }

// Uniform is evenly spread over [Lo, Hi].
type Uniform struct{ Lo, Hi int64 }

func (m Uniform) Latency(_, _ uint32, x uint64) int64 { return draw.Uniform(x, m.Lo, m.Hi) }

func (m Uniform) Validate() error {
	return first(delay("Lo", m.Lo), within("Hi", m.Hi, m.Lo, MaxDelay))
}

// Exponential is Minimum and an exponential excess with the given mean.
type Exponential struct{ Minimum, Mean int64 }

func (m Exponential) Latency(_, _ uint32, x uint64) int64 {
	return min(m.Minimum+draw.Exponential(x, m.Mean), MaxDelay)
}

func (m Exponential) Validate() error {
	return first(delay("Minimum", m.Minimum), delay("Mean", m.Mean))
}

// LogNormal is Minimum and a log-normal excess: Median, and Sigma in thousandths, up to draw.MaxSigma.
type LogNormal struct {
	Minimum, Median int64
	Sigma           uint32
}

func (m LogNormal) Latency(_, _ uint32, x uint64) int64 {
	return min(m.Minimum+draw.LogNormal(x, m.Median, m.Sigma), MaxDelay)
}

func (m LogNormal) Validate() error {
	return first(delay("Minimum", m.Minimum), delay("Median", m.Median), within("Sigma", int64(m.Sigma), 0, draw.MaxSigma))
}

// Pareto is at least Minimum and has a heavy tail: the smaller Alpha, in thousandths and at least 1, the heavier.
type Pareto struct {
	Minimum int64
	Alpha   uint32
}

func (m Pareto) Latency(_, _ uint32, x uint64) int64 { return draw.Pareto(x, m.Minimum, m.Alpha) }

func (m Pareto) Validate() error {
	return first(delay("Minimum", m.Minimum), within("Alpha", int64(m.Alpha), 1, 1<<32-1))
}
