package overlay

import (
	"encoding/binary"
	"errors"

	"github.com/intersubjective/rapprochement/codec"
)

// What PeerSwap's messages say: the kind, then its fields. Numbers are of 8 bytes,
// little-endian; peers are 32 bytes; an address is its length in one byte and itself.
// An end always is the sender's own.
const (
	swapOffer   = iota + 1 // swap, end, handed ends: the sender offers its place
	swapAccept             // swap, handed ends: the place is taken, here is the other one
	swapRefuse             // swap
	swapHold               // end, version, theirs: the sender holds it, and takes the receiver for the other end's holder
	swapLink               // end: the same of a new edge, all versions 0
	swapGone               // end: the sender neither holds it nor knows who does
	swapReplace            // end, version, peer, address: it was passed to that peer
	swapSeek               // hops in a byte, peer, address: that peer is short of edges
)

// A swapMessage is one of them; fields that its kind does not have are zero.
type swapMessage struct {
	kind    byte
	swap    uint64
	end     uint64
	version uint64 // of end, in the hands of the sender, or of peer
	theirs  uint64 // of the other end, in the hands of the receiver
	ends    []handedEnd
	peer    place
	hops    byte
}

// A place is a peer and where it can be dialed; the address may be empty.
type place struct {
	id      codec.PeerID
	address string
}

// A handedEnd is an end that changes hands, and who holds the other end of its edge,
// each with its version.
type handedEnd struct {
	end, version uint64
	other        place
	theirs       uint64
}

// Bounds of what a message holds. Together they stay below [TellMax].
const (
	swapDegreeMax  = 32  // edges of a peer
	swapAddressMax = 128 // bytes
)

var errSwapMessage = errors.New("overlay: malformed message of PeerSwap")

// append writes a message after what is in b.
func (m *swapMessage) append(b []byte) []byte {
	b = append(b, m.kind)
	switch m.kind {
	case swapOffer, swapAccept, swapRefuse:
		b = binary.LittleEndian.AppendUint64(b, m.swap)
	case swapSeek:
		b = append(b, m.hops)
	}
	switch m.kind {
	case swapOffer, swapHold, swapLink, swapGone, swapReplace:
		b = binary.LittleEndian.AppendUint64(b, m.end)
	}
	switch m.kind {
	case swapHold, swapReplace:
		b = binary.LittleEndian.AppendUint64(b, m.version)
	}
	switch m.kind {
	case swapHold:
		b = binary.LittleEndian.AppendUint64(b, m.theirs)
	case swapOffer, swapAccept:
		for i := range m.ends {
			b = m.ends[i].append(b)
		}
	case swapReplace, swapSeek:
		b = m.peer.append(b)
	}
	return b
}

func (h *handedEnd) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, h.end)
	b = binary.LittleEndian.AppendUint64(b, h.version)
	b = h.other.append(b)
	return binary.LittleEndian.AppendUint64(b, h.theirs)
}

func (p *place) append(b []byte) []byte {
	b = append(b, p.id[:]...)
	b = append(b, byte(len(p.address)))
	return append(b, p.address...)
}

// read decodes a message. What it held before is overwritten.
func (m *swapMessage) read(b []byte) error {
	*m = swapMessage{ends: m.ends[:0]}
	if len(b) == 0 {
		return errSwapMessage
	}
	r := swapReader{b: b[1:]}
	switch m.kind = b[0]; m.kind {
	case swapOffer:
		m.swap, m.end = r.number(), r.number()
		m.ends = r.handed(m.ends)
	case swapAccept:
		m.swap = r.number()
		m.ends = r.handed(m.ends)
	case swapRefuse:
		m.swap = r.number()
	case swapHold:
		m.end, m.version, m.theirs = r.number(), r.number(), r.number()
	case swapLink, swapGone:
		m.end = r.number()
	case swapReplace:
		m.end, m.version, m.peer = r.number(), r.number(), r.place()
	case swapSeek:
		m.hops, m.peer = r.byte(), r.place()
	default:
		r.bad = true
	}
	if r.bad || len(r.b) > 0 {
		return errSwapMessage
	}
	return nil
}

// A swapReader takes fields off a message. After the first that is not there it
// reads zeroes.
type swapReader struct {
	b   []byte
	bad bool
}

func (r *swapReader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *swapReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *swapReader) number() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *swapReader) place() (p place) {
	copy(p.id[:], r.take(len(p.id)))
	n := int(r.byte())
	r.bad = r.bad || n > swapAddressMax
	p.address = string(r.take(n))
	return p
}

func (r *swapReader) handed(list []handedEnd) []handedEnd {
	for len(r.b) > 0 && len(list) < swapDegreeMax {
		list = append(list, handedEnd{r.number(), r.number(), r.place(), r.number()})
	}
	return list
}
