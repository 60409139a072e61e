package sign

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

var update = flag.Bool("update", false, "rewrite the golden vectors")

const vectorFile = "../../tests/vectors/ed25519.json"

// vector is one line of the golden file. Accept follows from how the vector
// was built, never from what the package answered.
type vector struct {
	Pub    string `json:"pub"`
	Msg    string `json:"msg"`
	Sig    string `json:"sig"`
	Accept bool   `json:"accept"`
	Why    string `json:"why"`

	pub, msg, sig []byte
}

func vec(pub, msg, sig []byte, accept bool, why string, args ...any) vector {
	return vector{
		Pub: hex.EncodeToString(pub), Msg: hex.EncodeToString(msg), Sig: hex.EncodeToString(sig),
		Accept: accept, Why: fmt.Sprintf(why, args...),
		pub: pub, msg: msg, sig: sig,
	}
}

// loadVectors reads the golden file, after rewriting it if asked to.
func loadVectors(t testing.TB) []vector {
	if *update {
		lines := []byte("[\n")
		for i, v := range buildVectors() {
			if i > 0 {
				lines = append(lines, ",\n"...)
			}
			line, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line...)
		}
		if err := os.WriteFile(vectorFile, append(lines, "\n]\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(raw, &vs); err != nil {
		t.Fatal(err)
	}
	for i := range vs {
		vs[i].pub, vs[i].msg, vs[i].sig = unhex(vs[i].Pub), unhex(vs[i].Msg), unhex(vs[i].Sig)
	}
	return vs
}

func buildVectors() []vector {
	return slices.Concat(honestVectors(), damagedVectors(), smallOrderVectors(), mixedOrderVectors(), badKeyVectors(), badSVectors(), lengthVectors())
}

func honestVectors() (vs []vector) {
	for i, n := range []int{0, 1, 32, 64, 127, 1000} {
		key, msg := KeyFromSeed(&[SeedSize]byte{byte(i)}), make([]byte, n)
		pub, sig := key.Public(), key.Sign(msg)
		vs = append(vs, vec(pub[:], msg, sig[:], true, "honest, message of %d bytes", n))
	}
	return vs
}

func damagedVectors() (vs []vector) {
	key, msg := KeyFromSeed(&[SeedSize]byte{'d'}), []byte("damage")
	pub, sig := key.Public(), key.Sign(msg)
	flip := func(b []byte, bit int) []byte {
		b = slices.Clone(b)
		b[bit/8] ^= 1 << (bit % 8)
		return b
	}
	for _, bit := range []int{0, 100, 255} {
		vs = append(vs,
			vec(flip(pub[:], bit), msg, sig[:], false, "bit %d of the key flipped", bit),
			vec(pub[:], msg, flip(sig[:], bit), false, "bit %d of R flipped", bit),
			vec(pub[:], msg, flip(sig[:], 256+bit), false, "bit %d of S flipped", bit))
	}
	other := KeyFromSeed(&[SeedSize]byte{'e'}).Public()
	return append(vs,
		vec(pub[:], flip(msg, 3), sig[:], false, "bit of the message flipped"),
		vec(pub[:], append(msg, 0), sig[:], false, "message longer by a zero"),
		vec(other[:], msg, sig[:], false, "another author's signature"))
}

// smallOrderVectors are all pairs of the 14 encodings of small-order points.
// With S = 0 the equation holds for each of them, so ZIP-215 accepts all 196;
// here the key is refused. As R, under a good key, they are welcome.
func smallOrderVectors() (vs []vector) {
	msg := []byte("Zcash")
	encodings := smallOrderEncodings()
	for i, a := range encodings {
		for j, r := range encodings {
			vs = append(vs, vec(a, msg, append(slices.Clone(r), make([]byte, 32)...), false, "small-order key %d, small-order R %d: ZIP-215 would accept", i, j))
		}
	}
	for j, r := range encodings {
		pub := encode(basepointTimes(number(5)))
		vs = append(vs, vec(pub, msg, forge(number(5), number(0), pub, r, msg), true, "small-order R %d, good key", j))
	}
	return vs
}

// mixedOrderVectors have a small-order part in the key, in R or in both. The
// cofactor removes it from the equation.
func mixedOrderVectors() (vs []vector) {
	msg := []byte("mixed")
	torsion := torsionPoints()
	for i, ta := range torsion {
		pub := encode(new(curve.EdwardsPoint).Add(basepointTimes(number(11)), ta))
		for j, tr := range torsion {
			r := encode(new(curve.EdwardsPoint).Add(basepointTimes(number(13)), tr))
			sig := forge(number(11), number(13), pub, r, msg)
			vs = append(vs, vec(pub, msg, sig, true, "key plus torsion %d, R plus torsion %d", i, j))
		}
		for j, r := range smallOrderEncodings() {
			sig := forge(number(11), number(0), pub, r, msg)
			vs = append(vs, vec(pub, msg, sig, true, "key plus torsion %d, small-order R %d", i, j))
		}
		wrong := forge(number(11), number(14), pub, encode(basepointTimes(number(13))), msg)
		vs = append(vs, vec(pub, msg, wrong, false, "key plus torsion %d, equation off by the base point", i))
	}
	return vs
}

func badKeyVectors() (vs []vector) {
	msg := []byte("bad key")
	sig := forge(number(5), number(7), encode(basepointTimes(number(5))), encode(basepointTimes(number(7))), msg)
	for y := int64(0); y < 19; y++ { // the y that have a second encoding, y + p
		for sign := range byte(2) {
			enc := littleEndian(new(big.Int).Add(fieldPrime(), big.NewInt(y)))
			enc[31] |= sign << 7
			vs = append(vs, vec(enc, msg, sig, false, "key encodes y = p + %d, sign %d", y, sign))
			noPoint := littleEndian(big.NewInt(y))
			noPoint[31] |= sign << 7
			if new(curve.EdwardsPoint).UnmarshalBinary(noPoint) != nil {
				pub := encode(basepointTimes(number(5)))
				vs = append(vs,
					vec(noPoint, msg, sig, false, "key is no point: y = %d, sign %d", y, sign),
					vec(pub, msg, append(noPoint, sig[32:]...), false, "R is no point: y = %d, sign %d", y, sign))
			}
		}
	}
	return vs
}

func badSVectors() (vs []vector) {
	msg := []byte("bad S")
	pub, r := encode(basepointTimes(number(5))), encode(basepointTimes(number(7)))
	good := forge(number(5), number(7), pub, r, msg)
	s := fromLittleEndian(good[32:])
	for times := int64(1); times <= 15; times++ { // 15 L is the last below 2^256
		sum := new(big.Int).Add(s, new(big.Int).Mul(groupOrder(), big.NewInt(times)))
		if sum.BitLen() <= 256 {
			vs = append(vs, vec(pub, msg, append(slices.Clone(r), littleEndian(sum)...), false, "S plus %d L: the equation holds", times))
		}
	}
	for _, c := range []struct {
		s   *big.Int
		why string
	}{
		{big.NewInt(0), "S = 0"},
		{new(big.Int).Sub(groupOrder(), big.NewInt(1)), "S = L - 1"},
		{groupOrder(), "S = L"},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), "S all ones"},
	} {
		vs = append(vs, vec(pub, msg, append(slices.Clone(r), littleEndian(c.s)...), false, "%s", c.why))
	}
	return vs
}

func lengthVectors() (vs []vector) {
	key, msg := KeyFromSeed(&[SeedSize]byte{'l'}), []byte("length")
	pub, sig := key.Public(), key.Sign(msg)
	for _, n := range []int{0, 31, 33} {
		vs = append(vs, vec(append(pub[:], 0)[:n], msg, sig[:], false, "key of %d bytes", n))
	}
	for _, n := range []int{0, 32, 63, 65} {
		vs = append(vs, vec(pub[:], msg, append(sig[:], 0)[:n], false, "signature of %d bytes", n))
	}
	return vs
}

// forge solves the equation for S, given the logarithms of the key and of R
// without their small-order parts.
func forge(a, r *scalar.Scalar, pub, encodedR, msg []byte) []byte {
	digest := sha512.Sum512(slices.Concat(encodedR, pub, msg))
	k, err := scalar.NewFromBytesModOrderWide(digest[:])
	if err != nil {
		panic(err)
	}
	s := new(scalar.Scalar).Add(r, new(scalar.Scalar).Mul(k, a))
	sig := append(slices.Clone(encodedR), make([]byte, 32)...)
	if err := s.ToBytes(sig[32:]); err != nil {
		panic(err)
	}
	return sig
}

// torsionPoints are the multiples 0 to 7 of a point of order 8.
func torsionPoints() []*curve.EdwardsPoint {
	generator := new(curve.EdwardsPoint)
	if err := generator.UnmarshalBinary(unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")); err != nil {
		panic(err)
	}
	points := []*curve.EdwardsPoint{new(curve.EdwardsPoint).Identity()}
	for len(points) < 8 {
		points = append(points, new(curve.EdwardsPoint).Add(points[len(points)-1], generator))
	}
	return points
}

// smallOrderEncodings are the 8 canonical encodings, then the other 6: y = 1
// and y = -1 (x = 0) with the sign of x set, and y = 0 and 1 written as p and
// p + 1 with either sign.
func smallOrderEncodings() (encodings [][]byte) {
	for _, p := range torsionPoints() {
		encodings = append(encodings, encode(p))
	}
	for _, y := range []*big.Int{big.NewInt(1), new(big.Int).Sub(fieldPrime(), big.NewInt(1))} {
		enc := littleEndian(y)
		enc[31] |= 0x80
		encodings = append(encodings, enc)
	}
	for y := int64(0); y < 2; y++ {
		for sign := range byte(2) {
			enc := littleEndian(new(big.Int).Add(fieldPrime(), big.NewInt(y)))
			enc[31] |= sign << 7
			encodings = append(encodings, enc)
		}
	}
	return encodings
}

func fieldPrime() *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
}

func groupOrder() *big.Int {
	c, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return c.Add(c, new(big.Int).Lsh(big.NewInt(1), 252))
}

func number(n uint64) *scalar.Scalar { return scalar.NewFromUint64(n) }

func basepointTimes(s *scalar.Scalar) *curve.EdwardsPoint {
	return new(curve.EdwardsPoint).Mul(curve.ED25519_BASEPOINT_POINT, s)
}

func encode(p *curve.EdwardsPoint) []byte {
	b, err := p.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func fromLittleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
