package liar

import (
	"slices"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
	"github.com/intersubjective/rapprochement/engine/rtt"
	"github.com/intersubjective/rapprochement/engine/service"
)

// Kind is what a plot is after.
type Kind uint8

const (
	// Collude: members claim a millisecond to each other and to be in the middle of
	// everything, name only each other, and hold back answers to all others.
	Collude Kind = iota + 1
	// Invent: members name peers that do not exist, unasked and without end.
	Invent
	// Besiege: members dial one peer, stay connected to it, and name each other to it.
	Besiege
	// Sybil: the first member praises the others, which it has made up, and they each
	// other; of all others they say nothing.
	Sybil
	// Slander: members publish of everybody else that they served as badly as can be.
	Slander
)

// Kinds are the names of all kinds in scenarios.
var Kinds = map[string]Kind{"collude": Collude, "invent": Invent, "besiege": Besiege, "sybil": Sybil, "slander": Slander}

// Region is how opinions run between the identities of a Sybil attack (Nasrulin,
// Ishmaev, Pouwelse, "MeritRank: Sybil Tolerant Reputation", 2022).
type Region uint8

const (
	Parallel Region = iota // from the attacker to each
	Path                   // from the attacker to the first, and from each to the next
	Cycle                  // from the attacker to each and back
)

// Regions are the names of all regions in scenarios.
var Regions = map[string]Region{"parallel": Parallel, "path": Path, "cycle": Cycle}

// A Plot is what several nodes are up to together.
type Plot struct {
	Kind    Kind
	Members []codec.PeerID // the attacker first
	DelayNs int64          // Collude: how long answers are held back
	EveryNs int64          // Invent, Besiege: between two moves
	Target  codec.PeerID   // Besiege
	Region  Region         // Sybil
}

func (p *Plot) member(peer codec.PeerID) bool { return slices.Contains(p.Members, peer) }

// moves reports whether members do something of themselves, every EveryNs.
func (p *Plot) moves() bool { return p.Kind == Invent || p.Kind == Besiege }

// move is what a member does every EveryNs.
func (p *Plot) move(l *Liar) {
	switch {
	case p.Kind == Invent:
		for _, peer := range l.up {
			if !p.member(peer) {
				list := make([]overlay.Introduction, rtt.IntroductionsMax)
				for i := range list {
					list[i] = l.invented()
				}
				l.introduce(peer, list)
			}
		}
	case !l.connected(p.Target):
		l.add(service.Dial{Peer: p.Target})
	default:
		l.introduce(p.Target, p.accomplices(l))
	}
}

// accomplices are introductions of other members.
func (p *Plot) accomplices(l *Liar) (list []overlay.Introduction) {
	others := slices.DeleteFunc(slices.Clone(p.Members), func(m codec.PeerID) bool { return m == l.self })
	for _, m := range l.some(others, rtt.IntroductionsMax) {
		list = append(list, overlay.Introduction{Peer: m, Address: "accomplice"})
	}
	return list
}

// bend makes of an effect of the honest service what the plot wants: the same,
// another one, or nothing, now or at all.
func (p *Plot) bend(l *Liar, ef service.Effect) service.Effect {
	switch ef := ef.(type) {
	case service.Send:
		switch {
		case p.Kind != Collude || p.member(ef.Peer):
		case rtt.IsIntroduction(ef.Body):
			l.Altered++
			ef.Body = rtt.Introduce(p.accomplices(l))
			return ef
		case rtt.IsAnswer(ef.Body) && p.DelayNs > 0:
			l.hold(ef, p.DelayNs)
			return nil
		}
	case service.HangUp:
		if p.Kind == Besiege && ef.Peer == p.Target {
			l.Altered++
			return nil
		}
	case service.Put:
		ef.Entries = p.published(l, ef.Entries)
		if len(ef.Entries) == 0 {
			return nil
		}
		return ef
	}
	return ef
}

// published is what a member publishes of what it really thinks.
func (p *Plot) published(l *Liar, entries []codec.PutEntry) (list []codec.PutEntry) {
	for _, e := range entries {
		if p.keepsQuiet(l.self, e.Key) {
			l.Altered++
			continue
		}
		var o rtt.Opinion
		if p.Kind == Slander && string(e.Key) != string(rtt.PlaceKey) && !p.about(e.Key) && codec.Unmarshal("opinion", e.Value, &o) == nil {
			l.Altered++
			o.Merit = -1000
			e = entry(e.Key, &o)
		}
		list = append(list, e)
	}
	return list
}

// keepsQuiet reports whether a member does not publish what it really thinks.
func (p *Plot) keepsQuiet(self codec.PeerID, key codec.Key) bool {
	place := string(key) == string(rtt.PlaceKey)
	switch p.Kind {
	case Collude:
		return place || p.about(key)
	case Sybil:
		return self != p.Members[0] && !place || p.about(key)
	}
	return false
}

// about reports whether a register is for the opinion of a member.
func (p *Plot) about(key codec.Key) bool {
	return slices.ContainsFunc(p.Members, func(m codec.PeerID) bool { return string(key) == string(rtt.OpinionKey(m)) })
}

// claims are the records of a member's lies.
func (p *Plot) claims(self codec.PeerID) (list []codec.PutEntry) {
	for _, m := range p.praised(self) {
		list = append(list, entry(rtt.OpinionKey(m), &rtt.Opinion{RTTUs: 1000, Merit: 1000}))
	}
	if p.Kind == Collude {
		list = append(list, entry(rtt.PlaceKey, &rtt.Place{Height: 100}))
	}
	return list
}

// praised are those to whom a member claims a millisecond without loss.
func (p *Plot) praised(self codec.PeerID) (list []codec.PeerID) {
	at := slices.Index(p.Members, self)
	for i, m := range p.Members {
		var edge bool
		switch {
		case i == at:
		case p.Kind == Collude:
			edge = true
		case p.Kind == Sybil && p.Region == Path:
			edge = i == at+1
		case p.Kind == Sybil:
			edge = at == 0 || p.Region == Cycle && i == 0
		}
		if edge {
			list = append(list, m)
		}
	}
	return list
}

func entry(key codec.Key, v any) codec.PutEntry {
	b, err := codec.Marshal(v)
	if err != nil {
		panic(err) // unreachable: plain fields
	}
	return codec.PutEntry{Key: key, Codec: codec.CodecDagCBOR, Value: b}
}
