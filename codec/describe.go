package codec

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What Describe shows of anything long.
const (
	describedItems = 4  // of a list
	describedRunes = 64 // of a text
	describedText  = 24 // bytes of a byte string that is text
	describedBytes = 8  // of one that is not
)

// Describe is the one-line human form of a value of this package, the same in
// transcripts, logs and Python's repr: the type's name and the fields that are
// not zero. Ids show eight hex digits, byte strings their length and beginning,
// nanoseconds a duration, keys a path.
//
//	Put req=7 space=1f2e3d4c entries=[{key=rtt/x codec=raw value=5B:"hello"}]
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case Message:
		return v.describe()
	case *Message:
		return v.describe()
	case Now:
		at := time.Unix(0, v.Wall).UTC().Format("2006-01-02T15:04:05.000000000Z")
		return fmt.Sprintf("Now mono=%s wall=%s", time.Duration(v.Mono), at)
	case Record:
		return v.describe()
	case *Record:
		return v.describe()
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	var d describer
	if rv.Kind() == reflect.Struct {
		d.WriteString(rv.Type().Name())
		d.fields(rv, " ")
	} else {
		d.value("", rv)
	}
	return d.String()
}

// describe shows the message inside, or the bytes of one that cannot be read.
func (m Message) describe() string {
	into := NewMessage(m.Kind)
	if into == nil || m.Decode(into) != nil {
		return fmt.Sprintf("Message kind=%s body=%s", m.Kind, describeBytes(m.Body))
	}
	return Describe(into)
}

// describe shows the id first, and the value instead of its length and hash
// where the value is here.
func (r *Record) describe() string {
	h := r.Header
	if r.Value != nil {
		h.ValueLen, h.ValueHash = 0, ID{}
	}
	d := describer{}
	d.WriteString("Record")
	d.fields(reflect.ValueOf(struct {
		ID ID
		Header
		Value []byte
	}{r.ID, h, r.Value}), " ")
	return d.String()
}

type describer struct{ strings.Builder }

// fields shows what is not zero, each after a separator; embedded structs as if
// their fields stood here.
func (d *describer) fields(v reflect.Value, before string) {
	for i := firstField(v); i < v.NumField(); i++ {
		field := v.Type().Field(i)
		if field.Anonymous {
			d.fields(v.Field(i), before)
			before = " "
			continue
		}
		if v.Field(i).IsZero() || isEmpty(v.Field(i)) {
			continue
		}
		d.WriteString(before)
		d.WriteString(strings.TrimSuffix(SnakeName(field.Name), "_ns"))
		if v.Field(i).Kind() != reflect.Bool {
			d.WriteByte('=')
			d.value(field.Name, v.Field(i))
		}
		before = " "
	}
}

func isEmpty(v reflect.Value) bool { return v.Kind() == reflect.Slice && v.Len() == 0 }

// value shows one value; name is that of its field.
func (d *describer) value(name string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case ID:
		d.WriteString(x.Short())
		return
	case PeerID:
		d.WriteString(x.Short())
		return
	case fmt.Stringer: // keys, clocks and enumerations
		d.WriteString(x.String())
		return
	}
	switch v.Kind() {
	case reflect.Uint64:
		d.WriteString(describeUint(name, v.Uint()))
	case reflect.Int64:
		d.WriteString(describeInt(name, v.Int()))
	case reflect.String:
		d.WriteString(describeString(v.String()))
	case reflect.Array:
		d.WriteString(hex.EncodeToString(bytesOf(v)[:4]))
	case reflect.Struct:
		d.WriteByte('{')
		d.fields(v, "")
		d.WriteByte('}')
	case reflect.Slice:
		d.slice(name, v)
	default:
		fmt.Fprint(d, v.Interface())
	}
}

// bytesOf copies an array that may not be addressable.
func bytesOf(array reflect.Value) []byte {
	b := make([]byte, array.Len())
	reflect.Copy(reflect.ValueOf(b), array)
	return b
}

func (d *describer) slice(name string, v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		d.WriteString(describeBytes(v.Bytes()))
		return
	}
	d.WriteByte('[')
	for i := range min(v.Len(), describedItems) {
		if i > 0 {
			d.WriteByte(' ')
		}
		d.value(name, v.Index(i))
	}
	if more := v.Len() - describedItems; more > 0 {
		fmt.Fprintf(d, " …+%d", more)
	}
	d.WriteByte(']')
}

func describeUint(name string, v uint64) string {
	if name == "Codec" {
		return CodecName(v)
	}
	return strconv.FormatUint(v, 10)
}

func describeInt(name string, v int64) string {
	if IsNanoseconds(name) {
		return time.Duration(v).String()
	}
	return strconv.FormatInt(v, 10)
}

// IsNanoseconds reports whether a signed field of that name is a span of time,
// or an instant counted from some start, in nanoseconds.
func IsNanoseconds(name string) bool {
	switch name {
	case "Mono", "Wall", "Now", "Until":
		return true
	}
	return strings.HasSuffix(name, "Ns") || strings.HasSuffix(name, "At") ||
		strings.HasPrefix(name, "Latency") || strings.HasPrefix(name, "Spread")
}

// CodecName names a value's multicodec.
func CodecName(codec uint64) string {
	switch codec {
	case CodecNone:
		return "none"
	case CodecRaw:
		return "raw"
	case CodecDagCBOR:
		return "dag-cbor"
	}
	return "0x" + strconv.FormatUint(codec, 16)
}

// describeMs shows milliseconds since 1970 as UTC.
func describeMs(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// String is the human form: components joined by slashes, in hex where they are
// not plain text.
func (k Key) String() string {
	var d describer
	for i, p := range k.Parts() {
		if i > 0 {
			d.WriteByte('/')
		}
		d.WriteString(describePart(p))
	}
	return d.String()
}

func describePart(p []byte) string {
	switch text := string(p); {
	case len(p) == 0:
		return `""`
	case !isPlain(text) || strings.ContainsAny(text, `/ "\`):
		return describeHex(p)
	case len(p) > describedText:
		return cut(text, describedText) + "…"
	default:
		return text
	}
}

func describeHex(b []byte) string {
	if len(b) > describedBytes {
		return "0x" + hex.EncodeToString(b[:describedBytes]) + "…"
	}
	return "0x" + hex.EncodeToString(b)
}

// describeBytes shows length and beginning.
func describeBytes(b []byte) string {
	size := strconv.Itoa(len(b)) + "B"
	switch text := string(b); {
	case len(b) == 0:
		return size
	case !isPlain(text):
		return size + ":" + describeHex(b)
	case len(b) > describedText:
		return size + ":" + quote(cut(text, describedText)) + "…"
	default:
		return size + ":" + quote(text)
	}
}

// describeString shows a text in quotes.
func describeString(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if runes := []rune(s); len(runes) > describedRunes {
		return quote(string(runes[:describedRunes])) + "…"
	}
	return quote(s)
}

// cut shortens valid UTF-8 to at most n bytes.
func cut(s string, n int) string {
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// quote puts a text in quotes and escapes whatever could mislead the eye.
func quote(s string) string {
	var sb strings.Builder
	sb.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			sb.WriteByte('\\')
			sb.WriteRune(r)
		case isPlainRune(r):
			sb.WriteRune(r)
		default:
			fmt.Fprintf(&sb, `\u{%x}`, r)
		}
	}
	sb.WriteByte('"')
	return sb.String()
}

func isPlain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !isPlainRune(r) {
			return false
		}
	}
	return true
}

// isPlainRune refuses control characters and what is invisible or turns the
// direction of writing. It is a short list instead of Unicode's, so that every
// language and every version agrees.
func isPlainRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0xa0, r == 0xad:
		return false
	case r >= 0x2000 && r <= 0x200f, r >= 0x2028 && r <= 0x202f, r >= 0x205f && r <= 0x206f:
		return false
	case r == 0xfeff, r >= 0xfff0 && r <= 0xffff, r >= 0xe0000:
		return false
	}
	return true
}

// enumName names a value of an enumeration.
func enumName(kind string, names []string, v uint64) string {
	if v < uint64(len(names)) && names[v] != "" {
		return names[v]
	}
	return kind + "(" + strconv.FormatUint(v, 10) + ")"
}

// SnakeName is the name of a field outside Go: BytesOut is bytes_out.
func SnakeName(name string) string {
	name = acronyms.Replace(name)
	var sb strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				sb.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		sb.WriteRune(r)
	}
	return sb.String()
}

var acronyms = strings.NewReplacer("RTT", "Rtt", "IDs", "Ids", "ID", "Id", "CBOR", "Cbor")
