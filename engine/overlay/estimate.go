package overlay

import "slices"

// window is how many round trips an estimate looks back on: enough to shrug off
// spikes, few enough to follow a change of route within a minute or two.
const window = 9

// An Estimate smooths the round trips to one peer. The zero value knows nothing.
type Estimate struct {
	recent [window]int64 // ns, a ring
	count  int           // samples so far
	rtt    int64         // the estimate of what is in the ring
	sent   uint32        // pings of late
	lost   uint32        // of them without an answer
}

// longest is what any round trip beyond counts as: the peer was asleep.
const longest = 60e9

// Sample takes in a round trip, in ns; less than a microsecond counts as one,
// more than a minute as a minute.
func (e *Estimate) Sample(rttNs int64) {
	e.recent[e.count%window] = min(max(rttNs, 1000), longest)
	e.count++
	e.outcome(0)
	e.rtt = e.smooth()
}

// Lost takes in a ping without an answer.
func (e *Estimate) Lost() { e.outcome(1) }

// lossWindow is how many pings the loss rate looks back on, more or less.
const lossWindow = 64

func (e *Estimate) outcome(lost uint32) {
	if e.sent >= lossWindow {
		e.sent, e.lost = e.sent/2, e.lost/2
	}
	e.sent++
	e.lost += lost
}

// smooth is the mean of the window without its largest third: delays have a
// floor and a long tail, and a median of two or three is a coin toss.
func (e *Estimate) smooth() int64 {
	held := e.recent
	list := held[:min(e.count, window)]
	slices.Sort(list)
	list = list[:len(list)-len(list)/3]
	sum := int64(0)
	for _, v := range list {
		sum += v
	}
	return sum / int64(len(list))
}

// Samples is how many round trips were taken in.
func (e Estimate) Samples() int { return e.count }

// RTT is the smoothed round trip in ns, 0 while there is none.
func (e Estimate) RTT() int64 { return e.rtt }

// Loss is the share of pings lost of late, in parts per million.
func (e Estimate) Loss() int64 {
	if e.sent == 0 {
		return 0
	}
	return int64(e.lost) * 1_000_000 / int64(e.sent)
}

// Cost is what a message to the peer takes, in ns: the round trip, and for each
// lost ping of a hundred a twentieth more, as what is lost is sent again after a
// time-out of several round trips. 0 while nothing was measured.
func (e Estimate) Cost() int64 {
	return e.rtt + e.rtt/1000*(e.Loss()/200)
}
