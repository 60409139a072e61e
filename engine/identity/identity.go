// Package identity keeps a node's private seed in a file sealed with a
// passphrase: Argon2id (RFC 9106) makes a key of the passphrase, and
// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) seals the seed with it.
//
// The file, version 1, is 104 bytes; numbers are little-endian:
//
//	offset  length
//	     0       8  magic "rap-seed"
//	     8       1  version, 1
//	     9       1  Argon2id lanes (p), 1 to 16
//	    10       2  Argon2id passes (t), 1 to 16
//	    12       4  Argon2id memory (m) in KiB, 8·p to 1,048,576
//	    16      16  Argon2id salt
//	    32      24  XChaCha20-Poly1305 nonce
//	    56      48  the sealed seed: 32 bytes and a 16-byte tag
//
// The first 56 bytes are the associated data, so that nothing in the file can
// be altered unnoticed. The passphrase is taken as bytes: whoever reads it
// from a person should normalise it (Unicode NFC) first.
package identity

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	// SeedSize is the length of a seed in bytes.
	SeedSize = 32
	// FileSize is the length of an identity file in bytes.
	FileSize = nonceEnd + SeedSize + chacha20poly1305.Overhead
	// EntropySize is the number of random bytes that Seal needs.
	EntropySize = nonceEnd - saltStart

	magic   = "rap-seed"
	version = 1

	versionAt = len(magic)
	lanesAt   = versionAt + 1
	passesAt  = lanesAt + 1
	memoryAt  = passesAt + 2
	saltStart = memoryAt + 4
	saltEnd   = saltStart + 16
	nonceEnd  = saltEnd + chacha20poly1305.NonceSizeX
)

// Bounds on Params. The lower ones are Argon2's; the upper ones are what Open
// lets a file that somebody else wrote cost us: 1 GiB, and about half a minute
// on one slow core.
const (
	MaxMemoryKiB = 1 << 20
	MaxPasses    = 16
	MaxLanes     = 16
)

// Params is what each guess of the passphrase costs.
type Params struct {
	MemoryKiB uint32 // 8·Lanes to MaxMemoryKiB
	Passes    uint16 // 1 to MaxPasses
	Lanes     uint8  // 1 to MaxLanes: cores that can share the work
}

// DefaultParams is RFC 9106's choice for machines short of memory (section 4),
// on one lane: 64 MiB, 3 passes, about 0.27 s.
func DefaultParams() Params { return Params{MemoryKiB: 64 << 10, Passes: 3, Lanes: 1} }

var (
	// ErrFormat means that the bytes are no identity file of a version known
	// here, or ask for too much. Errors that wrap it are *FormatError.
	ErrFormat = errors.New("identity: bad file")
	// ErrPassphrase means that the passphrase is wrong, or that the file was
	// altered: the two cannot be told apart.
	ErrPassphrase = errors.New("identity: wrong passphrase, or altered file")
	// ErrArgument means that Seal was called with entropy of a wrong length, or
	// with Params out of bounds.
	ErrArgument = errors.New("identity: bad argument")
)

// FormatError says what is wrong with a file, and where.
type FormatError struct {
	Offset int    // of the field, in bytes
	Field  string // its name
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("identity: bad file: %s at byte %d: %s", e.Field, e.Offset, e.Reason)
}

// Unwrap is ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

// Seal returns the identity file for the seed. The entropy is EntropySize
// bytes from a cryptographic random source, never used before: they become the
// salt and the nonce. Any passphrase is taken, even an empty one. The error
// wraps ErrArgument.
func Seal(seed *[SeedSize]byte, passphrase []byte, p Params, entropy []byte) ([]byte, error) {
	if len(entropy) != EntropySize {
		return nil, fmt.Errorf("%w: entropy of %d bytes, want %d", ErrArgument, len(entropy), EntropySize)
	}
	if e := p.check(); e != nil {
		return nil, fmt.Errorf("%w: %s %s", ErrArgument, e.Field, e.Reason)
	}
	header := make([]byte, 0, FileSize)
	header = append(header, magic...)
	header = append(header, version, p.Lanes)
	header = binary.LittleEndian.AppendUint16(header, p.Passes)
	header = binary.LittleEndian.AppendUint32(header, p.MemoryKiB)
	header = append(header, entropy...)
	return p.cipher(passphrase, header).Seal(header, header[saltEnd:], seed[:], header), nil
}

// Open returns the seed in an identity file. The error is a *FormatError,
// before any work has been done, or ErrPassphrase.
func Open(file, passphrase []byte) (seed [SeedSize]byte, err error) {
	p, err := ReadParams(file)
	if err != nil {
		return seed, err
	}
	header := file[:nonceEnd]
	plain, err := p.cipher(passphrase, header).Open(nil, header[saltEnd:], file[nonceEnd:], header)
	if err != nil {
		return seed, ErrPassphrase
	}
	copy(seed[:], plain)
	clear(plain)
	return seed, nil
}

// ReadParams returns what opening the file would cost, without paying it. The
// error is a *FormatError.
func ReadParams(file []byte) (Params, error) {
	// Magic and version come first: a file of another kind or of a later
	// version should be called that, not too short or too long.
	if len(file) < versionAt || string(file[:versionAt]) != magic {
		return Params{}, &FormatError{0, "magic", fmt.Sprintf("is not %q", magic)}
	}
	if len(file) > versionAt && file[versionAt] != version {
		return Params{}, &FormatError{versionAt, "version", fmt.Sprintf("is %d, want %d", file[versionAt], version)}
	}
	if len(file) != FileSize {
		return Params{}, &FormatError{min(len(file), FileSize), "length", fmt.Sprintf("is %d, want %d", len(file), FileSize)}
	}
	p := Params{
		Lanes:     file[lanesAt],
		Passes:    binary.LittleEndian.Uint16(file[passesAt:]),
		MemoryKiB: binary.LittleEndian.Uint32(file[memoryAt:]),
	}
	if e := p.check(); e != nil {
		return Params{}, e
	}
	return p, nil
}

// check returns the first field that is out of bounds, or nil.
func (p Params) check() *FormatError {
	outside := func(at int, field string, value, low, high uint32) *FormatError {
		return &FormatError{at, field, fmt.Sprintf("is %d, want %d to %d", value, low, high)}
	}
	// Argon2 would silently raise a memory below 8 KiB a lane.
	leastMemory := 8 * uint32(p.Lanes)
	switch {
	case p.Lanes < 1 || p.Lanes > MaxLanes:
		return outside(lanesAt, "lanes", uint32(p.Lanes), 1, MaxLanes)
	case p.Passes < 1 || p.Passes > MaxPasses:
		return outside(passesAt, "passes", uint32(p.Passes), 1, MaxPasses)
	case p.MemoryKiB < leastMemory || p.MemoryKiB > MaxMemoryKiB:
		return outside(memoryAt, "memory in KiB", p.MemoryKiB, leastMemory, MaxMemoryKiB)
	}
	return nil
}

// cipher does the work of p: it makes the key for the salt in the header.
func (p Params) cipher(passphrase, header []byte) cipher.AEAD {
	key := argon2.IDKey(passphrase, header[saltStart:saltEnd], uint32(p.Passes), p.MemoryKiB, p.Lanes, chacha20poly1305.KeySize)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // only a wrong length
	}
	clear(key)
	return aead
}
