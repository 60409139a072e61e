package engine

import (
	"fmt"
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/service"
)

// running is a service on this node.
type running struct {
	service.Service
	name string
}

// A letter is an event that a service has not seen yet.
type letter struct {
	to *running
	ev service.Event
}

// metaService names what a service has saved.
func metaService(name string) string { return "service/" + name }

// startServices enters the services of this boot. They hear of it in the first
// step, as Open has no effects.
func (n *Node) startServices(services []service.Service) error {
	for _, s := range services {
		r := &running{s, s.Name()}
		if len(r.name) == 0 || len(r.name) > service.NameMax || n.serviceNamed(r.name) != nil {
			return fmt.Errorf("%w: Services: %q is no name, or stands there twice", errConfig, r.name)
		}
		n.services = append(n.services, r)
		n.deliver(r, service.Started{Self: n.cfg.Peer, Seed: *n.subSeed(), Saved: n.store.Meta(metaService(r.name))})
		for _, sp := range n.order {
			n.deliver(r, service.Joined{Space: sp.id})
		}
	}
	return nil
}

func (n *Node) serviceNamed(name string) *running {
	for _, r := range n.services {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (n *Node) deliver(to *running, ev service.Event) { n.inbox = append(n.inbox, letter{to, ev}) }

// tellServices delivers an event to all services.
func (n *Node) tellServices(ev service.Event) {
	for _, r := range n.services {
		n.deliver(r, ev)
	}
}

// wakeServices delivers a wake to those whose time has come.
func (n *Node) wakeServices() {
	for _, r := range n.services {
		if at := r.NextWake(); at != 0 && at <= n.now.Mono {
			n.deliver(r, service.Wake{})
		}
	}
}

// nextWake is the monotonic time of the next thing to do, 0 for none.
func (n *Node) nextWake() int64 {
	at := n.sync.NextWake()
	for _, r := range n.services {
		if wake := r.NextWake(); wake != 0 && (at == 0 || wake < at) {
			at = wake
		}
	}
	return at
}

// runServices gives the services what waits for them. It returns false when
// there was nothing, true when the other parts of the node may have work again.
func (n *Node) runServices() bool {
	if len(n.inbox) == 0 {
		return false
	}
	for i := 0; i < len(n.inbox); i++ { // effects may add to it
		d := n.inbox[i]
		for _, ef := range d.to.Handle(n.now, d.ev) {
			n.serve(d.to, ef)
		}
	}
	clear(n.inbox)
	n.inbox = n.inbox[:0]
	return true
}

// serve carries out an effect of a service.
func (n *Node) serve(r *running, ef service.Effect) {
	switch ef := ef.(type) {
	case service.Send:
		if most := bodyMax(ef.Datagram); len(ef.Body) > most {
			panic(fmt.Sprintf("engine: service %s sends %d bytes, at most %d are allowed", r.name, len(ef.Body), most))
		}
		n.sync.SendService(ef.Peer, &codec.Service{Name: r.name, Body: ef.Body}, ef.Datagram)
	case service.Put:
		if err := n.put(&codec.Put{Space: ef.Space, Entries: ef.Entries}); err != nil {
			n.deliver(r, service.Refused{Space: ef.Space, Err: err})
		}
	case service.Watch:
		n.watchFor(r, ef)
	case service.Dial:
		n.emit(&codec.Dial{Peer: ef.Peer, Address: ef.Address})
	case service.HangUp:
		n.sync.HangUpPeer(ef.Peer, ef.Reason)
	case service.Save:
		n.store.SetMeta(metaService(r.name), slices.Clone(ef.Value))
	case service.Answer:
		n.emit(&codec.Answered{Req: ef.Req, Service: r.name, Body: ef.Body, Error: ef.Err})
	}
}

func bodyMax(datagram bool) int {
	if datagram {
		return service.DatagramMax
	}
	return service.BodyMax
}

// watchFor gives a service what stands under a prefix now, and then what changes.
func (n *Node) watchFor(r *running, ef service.Watch) {
	sp, err := n.spaceOf(ef.Space)
	if err == nil && len(sp.watches) >= watchesMax {
		err = fmt.Errorf("%w: more than %d watches on one space", ErrArgument, watchesMax)
	}
	if err != nil {
		n.deliver(r, service.Refused{Space: ef.Space, Err: err})
		return
	}
	w := watch{service: r, prefix: slices.Clone(ef.Prefix)}
	n.registers(sp, w.prefix, nil, func(rec *codec.Record) bool {
		w.changed = append(w.changed, entryOf(rec))
		return true
	})
	sp.watches = append(sp.watches, w)
	n.watched = n.watched || len(w.changed) > 0
}

// ask puts the host's question to a service.
func (n *Node) ask(ev *codec.Ask) error {
	r := n.serviceNamed(ev.Service)
	if r == nil {
		return fmt.Errorf("%w: no service %q on this node", ErrArgument, ev.Service)
	}
	if len(ev.Body) > service.BodyMax {
		return fmt.Errorf("%w: a question of %d bytes, at most %d are allowed", ErrArgument, len(ev.Body), service.BodyMax)
	}
	n.deliver(r, service.Asked{Req: ev.Req, Body: ev.Body})
	return nil
}

// PeerUp implements syncer.Host.
func (n *Node) PeerUp(peer codec.PeerID, address string, dialed bool) {
	n.tellServices(service.PeerUp{Peer: peer, Address: address, Dialed: dialed})
}

// PeerDown implements syncer.Host.
func (n *Node) PeerDown(peer codec.PeerID) { n.tellServices(service.PeerDown{Peer: peer}) }

// Service implements syncer.Host. A service that this node does not run is no
// fault of the peer's.
func (n *Node) Service(peer codec.PeerID, m *codec.Service, datagram bool) {
	r := n.serviceNamed(m.Name)
	switch {
	case r == nil:
	case len(m.Body) > bodyMax(datagram):
		n.Emit(&codec.PeerFault{Peer: peer, Fault: codec.FaultQuota, Detail: fmt.Sprintf("%d bytes for service %s", len(m.Body), r.name)})
	default:
		n.deliver(r, service.Message{Peer: peer, Body: m.Body, Datagram: datagram})
	}
}
