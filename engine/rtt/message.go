package rtt

import (
	"encoding/binary"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/overlay"
)

// What services say to each other. A ping and its answers are datagrams: the
// kind, then numbers of 8 bytes, little-endian. An answer proves by the number
// that it repeats that it is one. It carries a number of its own, which is
// answered in turn, so that one exchange measures the way for both sides.
const (
	kindPing   = 1 // number
	kindPong   = 2 // the ping's number, number
	kindDone   = 3 // the pong's number
	kindAsk    = 4 // the asker wants to be introduced to other peers
	kindTell   = 5 // CBOR list of [peer, address]
	kindPolicy = 6 // what the policies of two nodes say to each other
)

func datagram(kind byte, list ...uint64) []byte {
	b := []byte{kind}
	for _, n := range list {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// numbers reads exactly count numbers after the kind.
func numbers(b []byte, count int) (n [2]uint64, ok bool) {
	if len(b) != 1+8*count {
		return n, false
	}
	for i := range count {
		n[i] = binary.LittleEndian.Uint64(b[1+8*i:])
	}
	return n, true
}

// introductionsMax bounds an answer to kindAsk.
const introductionsMax = 8

func tell(list []overlay.Introduction) []byte {
	b, err := codec.Marshal(list)
	if err != nil {
		panic(err) // unreachable: plain fields
	}
	return append([]byte{kindTell}, b...)
}

func told(b []byte) (list []overlay.Introduction, err error) {
	if err = codec.Unmarshal("introductions", b, &list); err != nil {
		return nil, err
	}
	return list, overlay.CheckIntroductions(list)
}
