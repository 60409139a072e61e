package codec

// writer appends strict CBOR. Its zero value is ready.
type writer struct{ b []byte }

func (w *writer) head(major byte, arg uint64) {
	m := major << 5
	if arg < 24 { // most heads
		w.b = append(w.b, m|byte(arg))
		return
	}
	switch shortestWidth(arg) {
	case 1:
		w.b = append(w.b, m|24, byte(arg))
	case 2:
		w.b = append(w.b, m|25, byte(arg>>8), byte(arg))
	case 4:
		w.b = append(w.b, m|26, byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
	default:
		w.b = append(w.b, m|27, byte(arg>>56), byte(arg>>48), byte(arg>>40), byte(arg>>32),
			byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
	}
}

func (w *writer) uint(v uint64)  { w.head(majorUint, v) }
func (w *writer) array(n int)    { w.head(majorArray, uint64(n)) }
func (w *writer) bytes(v []byte) { w.head(majorBytes, uint64(len(v))); w.b = append(w.b, v...) }
func (w *writer) text(v string)  { w.head(majorText, uint64(len(v))); w.b = append(w.b, v...) }
func (w *writer) null()          { w.b = append(w.b, simpleNull) }

func (w *writer) bool(v bool) {
	if v {
		w.b = append(w.b, simpleTrue)
	} else {
		w.b = append(w.b, simpleFalse)
	}
}

// key writes a key, or the empty prefix.
func (w *writer) key(k Key) {
	if len(k) == 0 {
		w.array(0)
		return
	}
	w.b = append(w.b, k...)
}

func (w *writer) int(v int64) {
	if v < 0 {
		w.head(majorNeg, uint64(-(v + 1)))
		return
	}
	w.head(majorUint, uint64(v))
}

// cursor reads strict CBOR field by field. The first error sticks and every
// later read returns zero values, so that a decoder reads like the format.
type cursor struct {
	scanner
	what string
	err  *FormatError
}

func newCursor(what string, data []byte) cursor {
	return cursor{scanner: scanner{data: data}, what: what}
}

func (c *cursor) refuse(field string, at int, detail string, args ...any) {
	if c.err == nil {
		c.err = formatErr(c.what, field, at, detail, args...)
	}
}

// pass takes over what the scanner refused.
func (c *cursor) pass(field string, err *FormatError) {
	if err != nil {
		c.refuse(field, err.Offset, "%s", err.Detail)
	}
}

// failure is the first error, as the nil interface when there is none.
func (c *cursor) failure() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

var majorNames = [8]string{"unsigned integer", "negative integer", "byte string", "text", "array", "map", "tag", "simple value"}

// expect reads a head of one major type.
func (c *cursor) expect(field string, want byte) uint64 {
	if c.err != nil {
		return 0
	}
	at := c.pos
	major, arg, err := c.head()
	if c.pass(field, err); err != nil {
		return 0
	}
	if major != want {
		c.refuse(field, at, "want %s, got %s", majorNames[want], majorNames[major])
		return 0
	}
	return arg
}

func (c *cursor) uint(field string, max uint64) uint64 {
	at := c.pos
	v := c.expect(field, majorUint)
	if v > max {
		c.refuse(field, at, "%d is over the limit %d", v, max)
		return 0
	}
	return v
}

func (c *cursor) int(field string) int64 {
	if c.nextIs(majorNeg) {
		at := c.pos
		v := c.expect(field, majorNeg)
		if v > 1<<63-1 {
			c.refuse(field, at, "below the 64-bit range")
			return 0
		}
		return -1 - int64(v)
	}
	return int64(c.uint(field, 1<<63-1))
}

func (c *cursor) array(field string, max int) int {
	at := c.pos
	n := c.expect(field, majorArray)
	if n > uint64(max) {
		c.refuse(field, at, "%d elements, at most %d are allowed", n, max)
		return 0
	}
	return int(n)
}

func (c *cursor) exactArray(field string, n int) {
	at := c.pos
	if got := c.expect(field, majorArray); c.err == nil && got != uint64(n) {
		c.refuse(field, at, "%d elements, want %d", got, n)
	}
}

func (c *cursor) bytes(field string, max int) []byte {
	at := c.pos
	n := c.expect(field, majorBytes)
	if c.err != nil {
		return nil
	}
	if n > uint64(max) {
		c.refuse(field, at, "%d bytes, at most %d are allowed", n, max)
		return nil
	}
	if n > uint64(len(c.data)-c.pos) {
		c.refuse(field, at, "%d bytes announced, %d remain", n, len(c.data)-c.pos)
		return nil
	}
	v := c.data[c.pos : c.pos+int(n) : c.pos+int(n)]
	c.pos += int(n)
	return v
}

func (c *cursor) fixed(field string, to []byte) {
	at := c.pos
	v := c.bytes(field, len(to))
	if c.err == nil && len(v) != len(to) {
		c.refuse(field, at, "%d bytes, want %d", len(v), len(to))
	}
	copy(to, v)
}

func (c *cursor) text(field string, max int) string {
	at := c.pos
	n := c.expect(field, majorText)
	if c.err != nil {
		return ""
	}
	if n > uint64(max) {
		c.refuse(field, at, "%d bytes, at most %d are allowed", n, max)
		return ""
	}
	start := c.pos
	if err := c.str(majorText, n); err != nil {
		c.pass(field, err)
		return ""
	}
	return string(c.data[start:c.pos])
}

func (c *cursor) bool(field string) bool {
	at := c.pos
	v := c.take(simpleTrue)
	if !v && !c.take(simpleFalse) {
		c.refuse(field, at, "want true or false")
	}
	return v
}

// nextIs reports whether an item of that major type comes next.
func (c *cursor) nextIs(major byte) bool {
	return c.err == nil && c.pos < len(c.data) && c.data[c.pos]>>5 == major
}

// take consumes one byte if it is b and reports whether it was.
func (c *cursor) take(b byte) bool {
	if c.err == nil && c.pos < len(c.data) && c.data[c.pos] == b {
		c.pos++
		return true
	}
	return false
}

func (c *cursor) isNull() bool { return c.take(simpleNull) }

func (c *cursor) end() error {
	if c.err == nil && c.pos != len(c.data) {
		c.refuse("trailing bytes", c.pos, "%d bytes follow", len(c.data)-c.pos)
	}
	return c.failure()
}
