package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

func TestSingleAgainstVectors(t *testing.T) {
	vs := loadVectors(t)
	if len(vs) < 400 {
		t.Fatalf("only %d vectors", len(vs))
	}
	cache := NewKeyCache(1000)
	for i, v := range vs {
		if got := Verify(v.pub, v.msg, v.sig); got != v.Accept {
			t.Errorf("vector %d (%s): Verify says %v", i, v.Why, got)
		}
		for round := range 3 { // unknown, known, known with multiples
			if got := cache.Verify(v.pub, v.msg, v.sig); got != v.Accept {
				t.Errorf("vector %d (%s): cache says %v in round %d", i, v.Why, got, round)
			}
		}
	}
}

func TestVectorsAreCurrent(t *testing.T) {
	if !slices.EqualFunc(loadVectors(t), buildVectors(), func(a, b vector) bool {
		return a.Pub == b.Pub && a.Msg == b.Msg && a.Sig == b.Sig && a.Accept == b.Accept && a.Why == b.Why
	}) {
		t.Fatal("the golden file is not what the builders make")
	}
}

// The vectors bite only if they hold what the cofactorless rule refuses.
func TestVectorsTellRulesApart(t *testing.T) {
	apart := 0
	for _, v := range loadVectors(t) {
		if v.Accept && !ed25519.Verify(v.pub, v.msg, v.sig) {
			apart++
		}
	}
	if apart < 50 {
		t.Fatalf("only %d accepted vectors are refused by the cofactorless rule", apart)
	}
}

func TestRFC8032(t *testing.T) { // section 7.1, tests 1 to 3
	for i, c := range []struct{ seed, pub, msg, sig string }{
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	} {
		key := KeyFromSeed((*[SeedSize]byte)(unhex(c.seed)))
		pub, sig := key.Public(), key.Sign(unhex(c.msg))
		if !bytes.Equal(pub[:], unhex(c.pub)) || !bytes.Equal(sig[:], unhex(c.sig)) || !Verify(pub[:], unhex(c.msg), sig[:]) {
			t.Errorf("test %d differs", i+1)
		}
	}
}

func TestAgreesWithStdlibOnHonest(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	batch := NewBatch(&[32]byte{2}, NewKeyCache(8))
	for range MaxBatch {
		var seed [SeedSize]byte
		r.Read(seed[:])
		key, msg := KeyFromSeed(&seed), make([]byte, r.Uint64()%200)
		r.Read(msg)
		pub, sig := key.Public(), key.Sign(msg)
		if CheckKey(pub[:]) != nil || !Verify(pub[:], msg, sig[:]) || !ed25519.Verify(pub[:], msg, sig[:]) {
			t.Fatalf("honest signature refused: seed %x", seed)
		}
		if err := batch.Add(pub[:], msg, sig[:]); err != nil {
			t.Fatal(err)
		}
	}
	if !batch.sumHolds() {
		t.Fatal("the sum of honest signatures does not hold")
	}
}

func TestCheckKey(t *testing.T) {
	cache := NewKeyCache(4)
	check := func(what string, pub []byte, want error) {
		if got := CheckKey(pub); !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
		if got := cache.CheckKey(pub); !errors.Is(got, want) {
			t.Errorf("%s: cache says %v, want %v", what, got, want)
		}
	}
	check("short", make([]byte, 31), ErrKeyLength)
	check("long", make([]byte, 33), ErrKeyLength)
	for i, enc := range smallOrderEncodings() {
		if i < 8 {
			check("small order", enc, ErrKeySmallOrder)
		} else {
			check("small order, other encoding", enc, ErrKeyEncoding)
		}
	}
	check("y = 2", append([]byte{2}, make([]byte, 31)...), ErrKeyNoPoint)
	for _, v := range badKeyVectors() {
		if strings.HasPrefix(v.Why, "key encodes") {
			check(v.Why, v.pub, ErrKeyEncoding)
		}
	}
	for _, tp := range torsionPoints() {
		check("mixed order", encode(new(curve.EdwardsPoint).Add(basepointTimes(number(3)), tp)), nil)
	}
}

func TestBatchAgreesOnEveryVector(t *testing.T) {
	vs := loadVectors(t)
	honest := honestVectors()
	batch := NewBatch(&[32]byte{3}, NewKeyCache(16))
	for i, v := range vs {
		for _, group := range [][]vector{{v}, {v, v}, {honest[1], v, honest[2]}, {v, v, v, honest[0]}} {
			checkBatch(t, batch, group, v.Why)
		}
		if t.Failed() {
			t.Fatalf("at vector %d", i)
		}
	}
}

func TestBatchAgreesOnMixtures(t *testing.T) {
	vs := loadVectors(t)
	good := slices.DeleteFunc(slices.Clone(vs), func(v vector) bool { return !v.Accept })
	r := rand.New(rand.NewChaCha8([32]byte{4}))
	for round := range byte(30) {
		batch := NewBatch(&[32]byte{5, round}, NewKeyCache(1+r.IntN(64)))
		for range 3 { // used again each time
			mixture := slices.Clone(good)
			r.Shuffle(len(mixture), func(i, j int) { mixture[i], mixture[j] = mixture[j], mixture[i] })
			mixture = mixture[:1+r.IntN(len(mixture))]
			for range r.IntN(4) { // few bad ones: a sum of one error, or of several
				mixture = slices.Insert(mixture, r.IntN(len(mixture)+1), vs[r.IntN(len(vs))])
			}
			checkBatch(t, batch, mixture, "mixture")
		}
	}
}

// checkBatch also asks the sum itself, which the single checks of the fall-back
// would otherwise cover for.
func checkBatch(t *testing.T, batch *Batch, group []vector, what string) {
	t.Helper()
	var want []int
	undecoded := 0
	for i, v := range group {
		if err := batch.Add(v.pub, v.msg, v.sig); err != nil {
			t.Fatal(err)
		}
		if !batch.claims[i].decoded {
			undecoded++
		}
		if !v.Accept {
			want = append(want, i)
		}
	}
	if batch.Len() != len(group) {
		t.Fatalf("Len %d, want %d", batch.Len(), len(group))
	}
	if undecoded == 0 && batch.copySumHolds() != (want == nil) {
		t.Errorf("%s: the sum disagrees with single verification", what)
	}
	if ok, bad := batch.Verify(); ok != (want == nil) || !slices.Equal(bad, want) {
		t.Errorf("%s: batch says %v %v, want %v", what, ok, bad, want)
	}
}

// copySumHolds is sumHolds, leaving the batch as it was.
func (b *Batch) copySumHolds() bool {
	c := *b
	c.z = b.z.Clone()
	c.claims, c.authors = slices.Clone(b.claims), slices.Clone(b.authors)
	c.scalars, c.points = nil, nil
	return c.sumHolds()
}

// Errors that cancel in a plain sum must not cancel in the weighted one.
func TestBatchRefusesCancellingErrors(t *testing.T) {
	msg := []byte("cancel")
	off := func(author uint64, by *scalar.Scalar) vector {
		pub, r := encode(basepointTimes(number(author))), encode(basepointTimes(number(author+100)))
		return vec(pub, msg, forge(number(author), new(scalar.Scalar).Add(number(author+100), by), pub, r, msg), false, "off")
	}
	one, minusOne := number(1), new(scalar.Scalar).Neg(number(1))
	batch := NewBatch(&[32]byte{6}, NewKeyCache(8))
	for _, group := range [][]vector{
		{off(5, one), off(5, minusOne), off(7, number(0))},
		{off(5, one), off(6, minusOne), off(7, number(0))},
		{off(5, number(2)), off(6, minusOne), off(8, minusOne)},
	} {
		for i := range group {
			group[i].Accept = Verify(group[i].pub, group[i].msg, group[i].sig)
		}
		checkBatch(t, batch, group, "cancelling errors")
	}
}

func TestBatchCoefficientsFollowSeedAndContents(t *testing.T) {
	pubs, msgs, sigs := signed(6, 3)
	coefficients := func(seed byte, change func(pub, msg, sig []byte)) string {
		batch := NewBatch(&[32]byte{seed}, NewKeyCache(8))
		for i := range pubs {
			pub, msg, sig := slices.Clone(pubs[i]), slices.Clone(msgs[i]), slices.Clone(sigs[i])
			if i == len(pubs)-1 {
				change(pub, msg, sig)
			}
			batch.Add(pub, msg, sig)
		}
		batch.sumHolds()
		var all []byte
		highHalves := map[string]bool{}
		for i := range batch.claims {
			var z [32]byte
			batch.claims[i].z.ToBytes(z[:])
			if !bytes.Equal(z[16:], make([]byte, 16)) {
				t.Fatalf("z is above 128 bits: %x", z)
			}
			highHalves[string(z[8:16])] = true
			all = append(all, z[:16]...)
		}
		if len(highHalves) != len(pubs) {
			t.Fatal("the high halves of the coefficients repeat")
		}
		return string(all)
	}
	same := func(_, _, _ []byte) {}
	base := coefficients(1, same)
	if base != coefficients(1, same) {
		t.Fatal("the same batch drew other coefficients")
	}
	for what, other := range map[string]string{
		"seed":    coefficients(2, same),
		"message": coefficients(1, func(_, msg, _ []byte) { msg[0] ^= 1 }),
		"S":       coefficients(1, func(_, _, sig []byte) { sig[32] ^= 1 }),
		"R":       coefficients(1, func(_, _, sig []byte) { copy(sig, sigs[0][:32]) }),
		"key":     coefficients(1, func(pub, _, _ []byte) { copy(pub, pubs[0]) }),
	} {
		for i := 0; i < len(base); i += 16 { // the last claim changes all of them
			if base[i:i+16] == other[i:i+16] {
				t.Errorf("another %s left coefficient %d as it was", what, i/16)
			}
		}
	}
}

// Each part is absorbed for itself, though k alone is a hash of key and R.
func TestBatchAbsorbsEveryPart(t *testing.T) {
	firstZ := func(pub, r, s byte, k uint64) string {
		batch := NewBatch(new([32]byte), NewKeyCache(1))
		sig := slices.Concat(bytes.Repeat([]byte{r}, 32), bytes.Repeat([]byte{s}, 32))
		batch.absorb(bytes.Repeat([]byte{pub}, 32), sig, number(k))
		var z scalar.Scalar
		batch.drawZ(&z)
		return string(batch.buf[:16])
	}
	base := firstZ(1, 2, 3, 4)
	if slices.Contains([]string{firstZ(0, 2, 3, 4), firstZ(1, 0, 3, 4), firstZ(1, 2, 0, 4), firstZ(1, 2, 3, 0)}, base) {
		t.Fatal("a part was not absorbed")
	}
}

func TestBatchLimits(t *testing.T) {
	batch := NewBatch(new([32]byte), NewKeyCache(1))
	if ok, bad := batch.Verify(); !ok || bad != nil {
		t.Fatal("the empty batch is refused")
	}
	pubs, msgs, sigs := signed(MaxBatch, 9) // more authors than the cache holds
	for round := range 2 {
		for i := range pubs {
			if err := batch.Add(pubs[i], msgs[i], sigs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Add(pubs[0], msgs[0], sigs[0]); !errors.Is(err, ErrBatchFull) {
			t.Fatalf("full batch says %v", err)
		}
		if ok, bad := batch.Verify(); !ok || bad != nil || batch.Len() != 0 {
			t.Fatalf("round %d: %v %v, %d left", round, ok, bad, batch.Len())
		}
	}
}

func TestKeyCacheIsLRU(t *testing.T) {
	const limit, authors = 5, 12
	pubs, msgs, sigs := signed(authors, authors)
	cache := NewKeyCache(limit)
	r := rand.New(rand.NewChaCha8([32]byte{7}))
	var model []int // oldest first
	for range 2000 {
		i := r.IntN(authors)
		if !cache.Verify(pubs[i], msgs[i], sigs[i]) {
			t.Fatal("honest signature refused")
		}
		model = append(slices.DeleteFunc(model, func(j int) bool { return j == i }), i)
		model = model[max(0, len(model)-limit):]
		var held []int
		for s := cache.slots[0].prev; s != 0; s = cache.slots[s].prev {
			held = append(held, slices.IndexFunc(pubs, func(p []byte) bool { return bytes.Equal(p, cache.slots[s].key[:]) }))
		}
		if !slices.Equal(held, model) || cache.Len() != len(model) {
			t.Fatalf("cache holds %v, want %v", held, model)
		}
		cache.CheckKey(smallOrderEncodings()[0]) // refused keys leave no trace
	}
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	pubs, msgs, sigs := signed(1, 1)
	cache := NewKeyCache(1)
	cache.Verify(pubs[0], msgs[0], sigs[0])
	cache.Verify(pubs[0], msgs[0], sigs[0])
	if n := testing.AllocsPerRun(20, func() {
		Verify(pubs[0], msgs[0], sigs[0])
		cache.Verify(pubs[0], msgs[0], sigs[0])
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestPrivateKeyStringHidesSeed(t *testing.T) {
	seed := [SeedSize]byte{0xab, 0xcd, 0xef}
	key := KeyFromSeed(&seed)
	pub := key.Public()
	want := "private key of " + hex.EncodeToString(pub[:8])
	for _, got := range []string{fmt.Sprint(key), fmt.Sprint(*key), fmt.Sprintf("%+v", *key), fmt.Sprintf("%#v", *key)} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func FuzzVerifyAgrees(f *testing.F) {
	for i, v := range buildVectors() {
		if i%9 == 0 {
			f.Add(v.pub, v.msg, v.sig)
		}
	}
	honest := honestVectors()[:3]
	batch, cache := NewBatch(&[32]byte{8}, NewKeyCache(4)), NewKeyCache(4)
	f.Fuzz(func(t *testing.T, pub, msg, sig []byte) {
		single := Verify(pub, msg, sig)
		if CheckKey(pub) == nil && ed25519.Verify(pub, msg, sig) && !single {
			t.Fatal("refused what the stricter equation accepts")
		}
		if single && CheckKey(pub) != nil {
			t.Fatal("accepted under a refused key")
		}
		for range 3 {
			if cache.Verify(pub, msg, sig) != single {
				t.Fatal("the cache disagrees")
			}
		}
		v := vec(pub, msg, sig, single, "fuzz")
		checkBatch(t, batch, append([]vector{v}, honest...), "fuzz")
	})
}
