package prolly

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// ErrFormat marks a saved tree that is none.
var ErrFormat = errors.New("prolly: not a saved tree")

// savedVersion is the first byte of a saved tree. The keys follow in order, 24
// bytes each, and the root, 16 bytes. Pages are not written: to hash them again
// takes less time than to read them would.
const savedVersion = 1

// Save appends the tree to dst, 17 + 24·n bytes.
func (s *Set) Save(dst []byte) []byte {
	dst = append(dst, savedVersion)
	s.Keys(func(k *Key) bool {
		dst = append(dst, k[:]...)
		return true
	})
	root := s.Root()
	return append(dst, root[:]...)
}

// Load makes the tree that Save wrote for a space of that salt. What cannot be
// one gives ErrFormat; a root that is not that of the keys, too.
func Load(saved []byte, salt *codec.Salt) (*Set, error) {
	size := len(saved) - 1 - sumBytes
	if size < 0 || size%keySize != 0 || saved[0] != savedVersion {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(saved))
	}
	keys := saved[1 : 1+size]
	for at := keySize; at < size; at += keySize {
		if bytes.Compare(keys[at-keySize:at], keys[at:at+keySize]) >= 0 {
			return nil, fmt.Errorf("%w: keys are not sorted or repeat", ErrFormat)
		}
	}
	s := newSet(salt, func(yield func([]byte) bool) {
		for at := 0; at < size; at += keySize {
			yield(keys[at : at+keySize])
		}
	})
	if s.Root() != [sumBytes]byte(saved[1+size:]) {
		return nil, fmt.Errorf("%w: another root", ErrFormat)
	}
	return s, nil
}

// LoadKept reads a summary back that was saved beside a set.
func (Strategy) LoadKept(saved []byte, salt *codec.Salt) (reconcile.Kept, error) {
	s, err := Load(saved, salt)
	if err != nil {
		return nil, err
	}
	return kept{s}, nil
}
