// Package engine is a node: the part of a peer that decides. It keeps signed
// records, finds out with its neighbours what each of them lacks, and passes new
// records on. It has no clock, no randomness of its own, no goroutine and no
// socket: everything enters as an event, everything leaves as an effect.
//
// A host drives it:
//
//	node, err := engine.Open(engine.Config{Key: key, Seed: entropy, Boot: boots, Durable: true}, store, engine.Options{})
//	…
//	var timer <-chan time.Time
//	for err == nil {
//		var ev codec.Event
//		select {
//		case f := <-frames: // bytes that arrived on a link
//			ev = &codec.Frame{Link: f.link, Bytes: f.bytes}
//		case ev = <-requests: // Put, Get, LinkUp, …
//		case <-timer:
//			ev = &codec.Wake{}
//		}
//		var effects []codec.Effect
//		effects, err = node.Step(codec.Now{Mono: mono(), Wall: time.Now().UnixNano()}, ev)
//		for _, ef := range effects {
//			switch ef := ef.(type) {
//			case *codec.Send:
//				links[ef.Link].send(ef.Bytes) // may be lost
//			case *codec.WakeAt:
//				timer = after(ef.Mono)
//			default:
//				answers <- ef
//			}
//		}
//	}
//
// # The invariant
//
// Carry out all effects of a step before the next step. What they depend on is
// committed when Step returns; a host that drops a Send loses a frame, which the
// protocol mends, but a host that reorders, repeats or forgets other effects has
// forgotten what it was told.
//
// # What holds
//
//   - Same events, same bytes: on every platform, with either store, for any
//     number of processors. [Node.Audit] is a hash chain over both.
//   - Persist before send: when a step returns, what its effects depend on is
//     committed. If the store fails, no effect leaves, and the node answers only
//     StoreFailed until it is opened again.
//   - The host's mistake is an error ([EventError] names the event), a peer's
//     mistake is a PeerFault effect. A panic is a bug.
//   - The set is a function of the admitted records: order, repetition and
//     transport do not matter.
//
// # The rooms
//
//	node.go     opening, Step, the audit chain
//	write.go    versions, clocks, own records, the host's signer
//	admit.go    what becomes of records: rules, signatures, equivocation, cuts
//	space.go    spaces, their fingerprint, the views that sessions see
//	read.go     get, scan, watch, explain, export
//	services.go the applications on the node
//	status.go   what a node says of itself; replicas
//	syncer/     links, live push, sessions
//	reconcile/  the strategies
//	service/    what an application sees of the node
//	store/      where records live
//	sim/        the world
package engine
