package codec

import "bytes"

// A Key is a path of 1 to [KeyPartsMax] byte-string components, held as its
// canonical CBOR list. Keys are ordered component by component, each bytewise;
// a key that is a prefix of another comes first.
type Key []byte

// ControlPrefix starts the first component of keys that only grants, cuts and
// other control records may use.
const ControlPrefix = 0x00

// NewKey makes a key of components. It returns a [FormatError] when there are
// none or too many, or when they are too long together.
func NewKey(parts ...[]byte) (Key, error) {
	w := writer{b: make([]byte, 0, 16)}
	w.array(len(parts))
	for _, p := range parts {
		w.bytes(p)
	}
	c := newCursor("key", w.b)
	key := c.key("key")
	return key, c.end()
}

// MustKey is [NewKey] for texts known to be valid; it panics otherwise.
func MustKey(parts ...string) Key {
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		raw[i] = []byte(p)
	}
	key, err := NewKey(raw...)
	if err != nil {
		panic(err) // unreachable for keys written in the program
	}
	return key
}

// key reads a key and checks its bounds.
func (c *cursor) key(field string) Key {
	start := c.pos
	n := c.array(field, KeyPartsMax)
	if c.err == nil && n == 0 {
		c.refuse(field, start, "a key has at least one component")
	}
	total := 0
	for i := 0; i < n && c.err == nil; i++ {
		total += len(c.bytes(field, KeyBytesMax))
	}
	if total > KeyBytesMax {
		c.refuse(field, start, "%d bytes, at most %d are allowed", total, KeyBytesMax)
	}
	if c.err != nil {
		return nil
	}
	return Key(c.data[start:c.pos:c.pos])
}

// prefix reads a key or an empty list, the prefix of every key.
func (c *cursor) prefix(field string) Key {
	if c.take(emptyList) {
		return nil
	}
	return c.key(field)
}

const emptyList = majorArray << 5

// ParseKey checks that data is exactly one canonical key.
func ParseKey(data []byte) (Key, error) {
	c := newCursor("key", data)
	key := c.key("key")
	return key, c.end()
}

// next splits off the first component of a key's components.
func nextPart(b []byte) (part, rest []byte) {
	s := scanner{data: b}
	_, n, _ := s.head()
	return b[s.pos : s.pos+int(n)], b[s.pos+int(n):]
}

func (k Key) components() []byte {
	if len(k) == 0 {
		return nil
	}
	return k[1:] // at most 16 components: the head is one byte
}

// Parts returns the components. They alias the key.
func (k Key) Parts() [][]byte {
	var parts [][]byte
	for rest := k.components(); len(rest) > 0; {
		var p []byte
		p, rest = nextPart(rest)
		parts = append(parts, p)
	}
	return parts
}

// IsControl reports whether the key is reserved for control records.
func (k Key) IsControl() bool {
	rest := k.components()
	if len(rest) == 0 {
		return false
	}
	first, _ := nextPart(rest)
	return len(first) > 0 && first[0] == ControlPrefix
}

// Compare orders keys by components.
func (k Key) Compare(other Key) int {
	a, b := k.components(), other.components()
	for len(a) > 0 && len(b) > 0 {
		var p, q []byte
		p, a = nextPart(a)
		q, b = nextPart(b)
		if c := bytes.Compare(p, q); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// HasPrefix reports whether the key starts with all components of prefix. An
// empty prefix (nil) is a prefix of every key.
func (k Key) HasPrefix(prefix Key) bool {
	a, b := k.components(), prefix.components()
	return bytes.HasPrefix(a, b)
}

// Ordered appends a form of the key whose bytewise order is the order of keys:
// 0x00 becomes 0x00 0xff, every component ends with 0x00 0x01.
func (k Key) Ordered(dst []byte) []byte {
	for rest := k.components(); len(rest) > 0; {
		var p []byte
		p, rest = nextPart(rest)
		for _, b := range p {
			dst = append(dst, b)
			if b == 0 {
				dst = append(dst, 0xff)
			}
		}
		dst = append(dst, 0, 1)
	}
	return dst
}

// MarshalCBOR writes the key as it is: it is CBOR already.
func (k Key) MarshalCBOR() ([]byte, error) {
	var w writer
	w.key(k)
	return w.b, nil
}

// UnmarshalCBOR reads a key; an empty list is the empty prefix.
func (k *Key) UnmarshalCBOR(data []byte) error {
	c := newCursor("key", data)
	*k = bytes.Clone(c.prefix("key"))
	return c.end()
}
