package codec

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// The structs of the vocabulary are lists of their fields, in order. What a
// field may be decides how it is written, and there is one way for each:
//
//	uint64 and named kinds   unsigned integer
//	int64                    integer: nanoseconds
//	bool, string             false or true, text
//	[]byte, [n]byte          byte string, of exactly n bytes
//	Key                      list of byte strings
//	slices, structs          list
//
// The CBOR library would read null as any of these, a list of numbers as
// bytes, and make room for as many elements as a list announces.

var keyType = reflect.TypeFor[Key]()

// firstField skips the blank field that carries the toarray tag.
func firstField(v reflect.Value) int {
	if v.NumField() > 0 && v.Field(0).Kind() == reflect.Struct && v.Field(0).NumField() == 0 {
		return 1
	}
	return 0
}

// fields writes v, a pointer to a struct of the vocabulary or such a struct.
func (w *writer) fields(v any) {
	switch v := v.(type) { // two that nearly every step has
	case *Wake:
		w.array(0)
		return
	case *WakeAt:
		w.array(1)
		w.int(v.Mono)
		return
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer {
		rv = reflect.New(rv.Type()) // arrays are only readable where addressable
		rv.Elem().Set(reflect.ValueOf(v))
	}
	w.value(rv.Elem())
}

func (w *writer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Uint64:
		w.uint(v.Uint())
	case reflect.Int64:
		w.int(v.Int())
	case reflect.Bool:
		w.bool(v.Bool())
	case reflect.String:
		// Texts often quote what somebody else sent; one bad byte must not make
		// the whole sequence unreadable.
		w.text(strings.ToValidUTF8(v.String(), "\ufffd"))
	case reflect.Array:
		w.bytes(v.Bytes())
	case reflect.Slice:
		w.slice(v)
	case reflect.Struct:
		first := firstField(v)
		w.array(v.NumField() - first)
		for i := first; i < v.NumField(); i++ {
			w.value(v.Field(i))
		}
	default:
		panic("codec: no encoding for " + v.Type().String()) // a test covers every type
	}
}

func (w *writer) slice(v reflect.Value) {
	switch {
	case v.Type() == keyType:
		w.key(v.Bytes())
	case v.Type().Elem().Kind() == reflect.Uint8:
		w.bytes(v.Bytes())
	default:
		w.array(v.Len())
		for i := range v.Len() {
			w.value(v.Index(i))
		}
	}
}

// fields reads what [writer.fields] writes into v, a pointer to a struct. Byte
// strings are copied; empty ones and empty lists become nil.
func (c *cursor) fields(v any) {
	c.value(reflect.ValueOf(v).Elem())
}

func (c *cursor) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Uint64:
		v.SetUint(c.uint("", 1<<64-1))
	case reflect.Int64:
		v.SetInt(c.int(""))
	case reflect.Bool:
		v.SetBool(c.bool(""))
	case reflect.String:
		v.SetString(c.text("", math.MaxInt))
	case reflect.Array:
		c.fixed("", v.Bytes())
	case reflect.Slice:
		c.slice(v)
	case reflect.Struct:
		c.structure(v)
	default:
		panic("codec: no encoding for " + v.Type().String()) // a test covers every type
	}
}

func (c *cursor) structure(v reflect.Value) {
	first := firstField(v)
	c.exactArray("", v.NumField()-first)
	for i := first; i < v.NumField() && c.err == nil; i++ {
		if c.value(v.Field(i)); c.err != nil {
			c.err.within(v.Type().Field(i).Name)
		}
	}
}

func (c *cursor) slice(v reflect.Value) {
	switch {
	case v.Type() == keyType:
		v.SetBytes(bytes.Clone(c.prefix("")))
	case v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes(nilIfEmpty(c.bytes("", math.MaxInt)))
	default:
		c.list(v)
	}
}

func (c *cursor) list(v reflect.Value) {
	at := c.pos
	n := c.expect("", majorArray)
	// No list is longer than its bytes allow, so that what is allocated stays in
	// proportion to what has arrived.
	if left := len(c.data) - c.pos; n > uint64(left/leastBytes(v.Type().Elem())) {
		c.refuse("", at, "%d elements announced, %d bytes remain", n, left)
		return
	}
	if n == 0 {
		v.SetZero()
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
	for i := 0; i < int(n) && c.err == nil; i++ {
		if c.value(v.Index(i)); c.err != nil {
			c.err.within("[" + strconv.Itoa(i) + "]")
		}
	}
}

func nilIfEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

// leastBytes is the length of the shortest encoding of a type.
func leastBytes(t reflect.Type) int {
	switch t.Kind() {
	case reflect.Array:
		return 1 + shortestWidth(uint64(t.Len())) + t.Len()
	case reflect.Struct:
		n := 1
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" {
				n += leastBytes(f.Type)
			}
		}
		return n
	default:
		return 1
	}
}
