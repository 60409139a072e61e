// Package sign is Ed25519 for records: which signatures count, and how to
// check many of them cheaply.
//
// # The rule
//
// A public key is refused unless it is the canonical encoding (RFC 8032,
// section 5.1.3) of a point whose order is not 1, 2, 4 or 8: a key must be one
// string of bytes, and nobody may own a key under which a signature fits every
// message. With such a key A, a signature (R, S) of M is accepted under ZIP-215
// (https://zips.z.cash/zip-0215): R decodes to a point, canonically or not;
// S < L; and
//
//	[8](S·B − R − k·A) = 0 where k = SHA-512(R ‖ A ‖ M) mod L.
//
// The factor 8 is what makes one verdict possible: without it a batch and a
// single check disagree on points with a small-order part (Chalkias, Garillot,
// Nikolaenko, "Taming the Many EdDSAs", 2020), and two honest nodes would
// admit different records.
//
// # The library
//
// Points and scalars are curve25519-voi's; signing, which handles secrets, is
// the standard library's. Both candidates and this package, measured side by
// side on one core of a 2.1 GHz Xeon with AVX2 (64-byte messages, medians of
// one run, µs per signature):
//
//	                                 single  batch of 8   64   256  1024
//	ed25519consensus 0.2.0               56          31   27    27    30
//	  with edwards25519 1.2.0            54          29   26    24    27
//	crypto/ed25519 (another rule)        52           –    –     –     –
//	curve25519-voi, its own batch        37          25   23    18    15
//	this package, authors not met before 37          24   22    20    18
//	  authors in the cache               31          20   18    16    13
//	  all by one author                  31          15   11    10     9
//
// edwards25519 is smaller and better kept (curve25519-voi has had no release
// since 2023), but 45 % slower alone and 20 to 50 % in batches, for want of
// half-size scalars, bucketed multiplication and vector instructions; and
// ed25519consensus draws its coefficients from the system, which the engine
// must not. Only the curve package of curve25519-voi is used: its task does not
// change any more, and tests/vectors/ed25519.json pins what it must answer.
package sign

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

const (
	// SeedSize is the length of a private seed in bytes.
	SeedSize = 32
	// KeySize is the length of a public key in bytes.
	KeySize = 32
	// Size is the length of a signature in bytes.
	Size = 64
)

// Why a public key is refused.
var (
	ErrKeyLength     = errors.New("sign: public key is not 32 bytes")
	ErrKeyEncoding   = errors.New("sign: public key is not a canonical encoding")
	ErrKeyNoPoint    = errors.New("sign: public key is not a point of the curve")
	ErrKeySmallOrder = errors.New("sign: public key has small order")
)

// PrivateKey signs. It holds the seed: keep it out of logs.
type PrivateKey struct{ key ed25519.PrivateKey }

// KeyFromSeed derives the key of a 32-byte seed (RFC 8032, section 5.1.5). Its
// public half always passes CheckKey.
func KeyFromSeed(seed *[SeedSize]byte) *PrivateKey {
	return &PrivateKey{ed25519.NewKeyFromSeed(seed[:])}
}

// Public is the public key: the peer id of whoever holds k.
func (k *PrivateKey) Public() [KeySize]byte {
	return [KeySize]byte(k.key[SeedSize:])
}

// Sign returns the signature of msg: the same every time (RFC 8032, section
// 5.1.6), in constant time.
func (k *PrivateKey) Sign(msg []byte) [Size]byte {
	return [Size]byte(ed25519.Sign(k.key, msg))
}

// String shows 8 bytes of the public key, and nothing else.
func (k PrivateKey) String() string {
	return fmt.Sprintf("private key of %x", []byte(k.key[SeedSize:SeedSize+8]))
}

// GoString is String, so that %#v does not show the seed either.
func (k PrivateKey) GoString() string { return k.String() }

// CheckKey says why pub cannot be anybody's key: ErrKeyLength, ErrKeyEncoding,
// ErrKeyNoPoint or ErrKeySmallOrder; nil if it can.
func CheckKey(pub []byte) error {
	var negA curve.EdwardsPoint
	return decodeKey(&negA, pub)
}

// Verify reports whether sig is a signature of msg under pub by the rule of
// this package. Any lengths are allowed; wrong ones are not accepted.
func Verify(pub, msg, sig []byte) bool {
	var negA curve.EdwardsPoint
	var c claim
	if decodeKey(&negA, pub) != nil || !c.decode(pub, msg, sig) {
		return false
	}
	return c.holds(&negA)
}

// decodeKey sets negA to −A, the form in which the equation uses the key.
func decodeKey(negA *curve.EdwardsPoint, pub []byte) error {
	if len(pub) != KeySize {
		return ErrKeyLength
	}
	enc := curve.CompressedEdwardsY(pub)
	if !enc.IsCanonicalVartime() {
		return ErrKeyEncoding
	}
	if _, err := negA.SetCompressedY(&enc); err != nil {
		return ErrKeyNoPoint
	}
	if negA.IsSmallOrder() {
		return ErrKeySmallOrder
	}
	negA.Neg(negA)
	return nil
}

// claim is a signature decoded together with its message and key: what
// remains is whether [8](s·B − r − k·A) is zero. Single and batch verification
// start from the same claim, so they cannot differ in what they decode.
type claim struct {
	r    curve.EdwardsPoint
	s, k scalar.Scalar
}

// decode reports whether sig can be a signature at all: its length is right,
// R is a point and S < L. The key's bytes enter the hash as they are; whether
// they are a good key is decodeKey's concern.
func (c *claim) decode(pub, msg, sig []byte) bool {
	if len(sig) != Size || !scalar.ScMinimalVartime(sig[32:]) {
		return false
	}
	enc := curve.CompressedEdwardsY(sig[:32])
	if _, err := c.r.SetCompressedY(&enc); err != nil {
		return false
	}
	h := sha512.New()
	h.Write(enc[:])
	h.Write(pub)
	h.Write(msg)
	var digest [sha512.Size]byte
	setWide(&c.k, h.Sum(digest[:0]))
	setBits(&c.s, (*[32]byte)(sig[32:]))
	return true
}

// holds checks the equation for the key whose negation is negA. The library
// multiplies it by a unit of its own choice, which changes no answer.
func (c *claim) holds(negA *curve.EdwardsPoint) bool {
	var diff curve.EdwardsPoint
	return diff.TripleScalarMulBasepointVartime(&c.k, negA, &c.s, &c.r).IsSmallOrder()
}

// holdsExpanded is holds for a key whose multiples have been worked out.
func (c *claim) holdsExpanded(negA *curve.ExpandedEdwardsPoint) bool {
	var diff curve.EdwardsPoint
	return diff.ExpandedTripleScalarMulBasepointVartime(&c.k, negA, &c.s, &c.r).IsSmallOrder()
}

// setBits sets s to a number that is known to be below 2^255.
func setBits(s *scalar.Scalar, b *[32]byte) {
	if _, err := s.SetBits(b[:]); err != nil {
		panic(err) // only a wrong length
	}
}

// setWide sets s to a 64-byte little-endian number modulo L.
func setWide(s *scalar.Scalar, b []byte) {
	if _, err := s.SetBytesModOrderWide(b); err != nil {
		panic(err) // only a wrong length
	}
}
