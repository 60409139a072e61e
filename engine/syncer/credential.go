package syncer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/intersubjective/rapprochement/codec"
)

// A space of members is served to those whose grants are known, and the grants are
// in the space: a new member could begin with nobody but the owner. So a new member
// shows its grant to whomever it meets. Who does not know the space learns nothing
// from that; who knows it admits the grant like any record, serves the member from
// then on, and shows its own in turn.

// showCredential shows this node's own grant for a space on a link, once.
func (s *Syncer) showCredential(l *link, id codec.ID) {
	grant, batch := s.host.Credential(id, l.peer.id)
	if batch == nil || l.closing || slices.Contains(l.shown, grant) || len(l.shown) >= codec.SpacesPerLinkMax {
		return
	}
	l.shown = append(l.shown, grant)
	l.say(codec.MsgCredential, &codec.Credential{
		Blind:  blind(id, s.cfg.Self, l.peer.id, l.nonce),
		Sealed: seal(id, s.cfg.Self, l.peer.id, l.nonce, batch),
	})
}

// onCredential admits the grant that a peer shows. What names no space of ours is
// passed over in silence, as is what changes nothing.
func (s *Syncer) onCredential(l *link, m *codec.Credential) error {
	if l.seen++; l.seen > codec.SpacesPerLinkMax {
		return fmt.Errorf("credentials: more than %d on one link", codec.SpacesPerLinkMax)
	}
	for _, sp := range s.spaces {
		if blind(sp.id, l.peer.id, s.cfg.Self, l.theirs.Nonce) != m.Blind {
			continue
		}
		batch, err := unseal(sp.id, l.peer.id, s.cfg.Self, l.theirs.Nonce, m.Sealed)
		if err != nil {
			return err
		}
		if got := s.host.AdmitCredential(l.id, l.peer.id, sp.id, batch); got.Err != nil {
			s.fault(l, got.Fault, got.Err.Error())
		}
		return nil
	}
	return nil
}

// sealKey is a key for one direction of one link that only who knows the space
// can make.
func sealKey(space codec.ID, from, to codec.PeerID, nonce uint64) [32]byte {
	b := append([]byte("rapprochement/1 credential\x00"), space[:]...)
	b = append(append(b, from[:]...), to[:]...)
	return sha256.Sum256(binary.LittleEndian.AppendUint64(b, nonce))
}

// seal encrypts with ChaCha20-Poly1305 (RFC 8439). The nonce in front is the hash of
// key and text: it repeats only with the text.
func seal(space codec.ID, from, to codec.PeerID, nonce uint64, text []byte) []byte {
	key := sealKey(space, from, to, nonce)
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // unreachable: a key of 32 bytes
	}
	digest := sha256.Sum256(append(key[:], text...))
	head := digest[:chacha20poly1305.NonceSize]
	return aead.Seal(slices.Clone(head), head, text, nil)
}

var errSealed = errors.New("credential: does not open")

func unseal(space codec.ID, from, to codec.PeerID, nonce uint64, sealed []byte) ([]byte, error) {
	key := sealKey(space, from, to, nonce)
	aead, err := chacha20poly1305.New(key[:])
	if err != nil || len(sealed) < chacha20poly1305.NonceSize {
		return nil, errSealed
	}
	head, body := sealed[:chacha20poly1305.NonceSize], sealed[chacha20poly1305.NonceSize:]
	text, err := aead.Open(nil, head, body, nil)
	if err != nil {
		return nil, errSealed
	}
	return text, nil
}
