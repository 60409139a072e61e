package sign

import (
	"errors"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"golang.org/x/crypto/blake2b"
)

const (
	// MaxBatch is the largest number of signatures in a Batch. The gain per
	// signature has flattened out by then, and a batch of good signatures takes
	// no longer than about 20 ms.
	MaxBatch = 1024

	// minSum is the number of signatures from which the sum is the cheaper way.
	minSum = 3
)

// ErrBatchFull means that Verify is due before the next Add.
var ErrBatchFull = errors.New("sign: batch is full")

// Batch verifies many signatures by checking one random combination of their
// equations (Bernstein, Duif, Lange, Schwabe, Yang, "High-speed high-security
// signatures", 2011, section 5):
//
//	[8](Σ zᵢ·Rᵢ + Σ zᵢ·kᵢ·Aᵢ − Σ zᵢ·sᵢ·B) = 0
//
// with 128-bit zᵢ. The terms of one author are gathered into a single
// multiplication, so a batch by few authors costs about half.
//
// If all equations hold, so does the sum: nothing good is ever refused. If any
// fails, the sum still holds for at most one in 2^128 choices of the zᵢ. They
// are the output of BLAKE2Xb, keyed with the owner's secret seed, over every
// Aᵢ, Rᵢ, sᵢ and kᵢ, which is all that enters the sum (the message does so
// through kᵢ alone). To whoever lacks the seed they are as good as drawn after
// the batch was fixed, and that is all the argument asks for; whoever has the
// seed can only change the batch, draw all the zᵢ afresh, and expect to do so
// 2^128 times. Fresh randomness would add nothing, and the verdict of Verify,
// signature by signature, is the same on every node and under every seed.
//
// Not safe for concurrent use.
type Batch struct {
	keys    *KeyCache
	z       blake2b.XOF // absorbs the batch, then yields the zᵢ
	claims  []batchClaim
	authors []batchAuthor
	index   map[[KeySize]byte]int32 // key → author; looked up, never iterated

	// Kept for their memory: what passes through z, and the sum's operands.
	buf     [KeySize + Size + scalar.ScalarSize]byte
	scalars []*scalar.Scalar
	points  []*curve.EdwardsPoint
}

type batchClaim struct {
	claim
	decoded bool // else the signature is refused, and not part of the sum
	author  int32
	z       scalar.Scalar
}

type batchAuthor struct {
	negA curve.EdwardsPoint
	zk   scalar.Scalar // −Σ zᵢ·kᵢ over the author's claims
}

// NewBatch returns an empty batch. The seed is its owner's secret, and may be
// the same for all the owner's batches. The cache spares decoding the keys of
// authors met before; it may have other users on the same goroutine.
func NewBatch(seed *[32]byte, keys *KeyCache) *Batch {
	z, err := blake2b.NewXOF(blake2b.OutputLengthUnknown, seed[:])
	if err != nil {
		panic(err) // only a key or a length out of range; both are constants
	}
	return &Batch{keys: keys, z: z, index: map[[KeySize]byte]int32{}}
}

// Len is the number of signatures added since the last Verify.
func (b *Batch) Len() int { return len(b.claims) }

// Add puts a signature into the batch; nothing of the arguments is kept. The
// only error is ErrBatchFull: whatever is wrong with the arguments is for
// Verify to tell.
func (b *Batch) Add(pub, msg, sig []byte) error {
	if len(b.claims) == MaxBatch {
		return ErrBatchFull
	}
	b.claims = append(b.claims, batchClaim{})
	c := &b.claims[len(b.claims)-1]
	author, err := b.author(pub)
	if err != nil || !c.decode(pub, msg, sig) {
		return nil
	}
	c.decoded, c.author = true, author
	b.absorb(pub, sig, &c.k)
	return nil
}

// Verify reports whether every signature added is accepted and, if not, the
// positions of those that are refused: ascending, in the order of Add from 0.
// An empty batch is accepted. The batch is empty afterwards, for use again.
//
// At worst it costs one sum and one single check for each signature.
func (b *Batch) Verify() (allOK bool, bad []int) {
	sumHolds := len(b.claims) >= minSum && b.sumHolds()
	for i := range b.claims {
		c := &b.claims[i]
		if !c.decoded || !sumHolds && !c.holds(&b.authors[c.author].negA) {
			bad = append(bad, i)
		}
	}
	b.claims, b.authors = b.claims[:0], b.authors[:0]
	clear(b.index)
	b.z.Reset()
	return bad == nil, bad
}

// author returns the index of a good key in b.authors, entering it if it is
// new there.
func (b *Batch) author(pub []byte) (int32, error) {
	if len(pub) != KeySize {
		return 0, ErrKeyLength
	}
	key := [KeySize]byte(pub)
	if i, ok := b.index[key]; ok {
		return i, nil
	}
	slot, _, err := b.keys.get(pub)
	if err != nil {
		return 0, err
	}
	// A copy of the point, since the cache may forget the key before Verify.
	b.authors = append(b.authors, batchAuthor{negA: slot.negA})
	i := int32(len(b.authors) - 1)
	b.index[key] = i
	return i, nil
}

// absorb ties the zᵢ to a claim. The parts have fixed lengths, so that
// different batches are different bytes.
func (b *Batch) absorb(pub, sig []byte, k *scalar.Scalar) {
	copy(b.buf[:], pub)
	copy(b.buf[KeySize:], sig)
	if err := k.ToBytes(b.buf[KeySize+Size:]); err != nil {
		panic(err) // only a wrong length
	}
	b.z.Write(b.buf[:])
}

// sumHolds checks the sum over the decoded claims. Its coefficients are reduced
// modulo L, which changes the sum at most by a point of small order.
func (b *Batch) sumHolds() bool {
	var zs, term scalar.Scalar // zs is −Σ zᵢ·sᵢ
	b.scalars = append(b.scalars[:0], &zs)
	b.points = append(b.points[:0], curve.ED25519_BASEPOINT_POINT)
	for i := range b.claims {
		c := &b.claims[i]
		if !c.decoded {
			continue
		}
		b.drawZ(&c.z)
		zs.Sub(&zs, term.Mul(&c.z, &c.s))
		a := &b.authors[c.author]
		a.zk.Sub(&a.zk, term.Mul(&c.z, &c.k))
		b.scalars = append(b.scalars, &c.z)
		b.points = append(b.points, &c.r)
	}
	for i := range b.authors {
		b.scalars = append(b.scalars, &b.authors[i].zk)
		b.points = append(b.points, &b.authors[i].negA)
	}
	return new(curve.EdwardsPoint).MultiscalarMulVartime(b.scalars, b.points).IsSmallOrder()
}

// drawZ sets z to the next 128 bits of the stream.
func (b *Batch) drawZ(z *scalar.Scalar) {
	low := (*[scalar.ScalarSize]byte)(b.buf[:])
	clear(low[16:])
	b.z.Read(low[:16]) // cannot fail: the stream has 256 GiB
	setBits(z, low)
}
