package codec

import (
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// The encoder and the decoder of configurations, made once.
var (
	encMode = must(cbor.EncOptions{
		Sort: cbor.SortCoreDeterministic, ShortestFloat: cbor.ShortestFloatNone,
		NaNConvert: cbor.NaNConvertReject, InfConvert: cbor.InfConvertReject,
		IndefLength: cbor.IndefLengthForbidden, NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		MaxNestedLevels: NestingMax, MaxArrayElements: 1 << 20, MaxMapPairs: 1 << 16,
		UTF8: cbor.UTF8RejectInvalid, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options: fails at start or never
	}
	return v
}

// Marshal returns the deterministic CBOR of a configuration.
func Marshal(v any) ([]byte, error) { return encMode.Marshal(v) }

// Unmarshal reads exactly one strict CBOR item into v, a pointer to a struct.
// what names the thing in errors.
func Unmarshal(what string, data []byte, v any) error {
	if err := scanOne(what, data); err != nil {
		return err
	}
	if err := decMode.Unmarshal(data, v); err != nil {
		return misfit(what, "", data, 0, reflect.TypeOf(v).Elem(), err)
	}
	return nil
}

// misfit says which field of a configuration does not fit its type: the library
// names Go's types, and of nested structs the outermost field.
func misfit(what, path string, data []byte, at int, t reflect.Type, err error) *FormatError {
	s := scanner{data: data, pos: at}
	major, pairs, _ := s.head() // has been scanned
	switch want := configType(t); {
	case want == "": // what reads itself says itself what is wrong
		return formatErr(what, path, at, "%s", err)
	case want != majorNames[majorMap] || major != majorMap || t.Kind() != reflect.Struct:
		return formatErr(what, path, at, "want %s, got %s", want, majorNames[major])
	}
	for ; pairs > 0; pairs-- {
		key := s.pos
		_, n, _ := s.head()
		name := string(data[s.pos : s.pos+int(n)])
		s.pos += int(n)
		start := s.pos
		_ = s.item(0)
		shown := strconv.Quote(name[:min(len(name), 64)]) // it may be anything
		field := strings.TrimPrefix(path+"."+shown[1:len(shown)-1], ".")
		ft := fieldType(t, name)
		if ft == nil {
			return formatErr(what, field, key, "there is no such field")
		}
		if err := decMode.Unmarshal(data[start:s.pos], reflect.New(ft).Interface()); err != nil {
			return misfit(what, field, data, start, ft, err)
		}
	}
	return formatErr(what, path, at, "%s", err)
}

// fieldType is the type of the field that a configuration calls name.
func fieldType(t reflect.Type, name string) reflect.Type {
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, _, _ := strings.Cut(f.Tag.Get("cbor"), ","); tag == name || tag == "" && f.Name == name {
			return f.Type
		}
	}
	return nil
}

// configType is what CBOR calls a type, "" for one that has a way of its own.
func configType(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[cbor.Unmarshaler]()) {
		return ""
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return majorNames[majorText]
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return majorNames[majorBytes]
		}
		return "array of " + configType(t.Elem())
	case reflect.Struct:
		if t.NumField() > 0 && t.Field(0).Name == "_" { // toarray
			return ""
		}
		return majorNames[majorMap]
	case reflect.Map:
		return majorNames[majorMap]
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return majorNames[majorUint]
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "integer of 64 bits"
	}
	return ""
}

// AppendEvent appends [kind, mono, wall, [fields]].
func AppendEvent(dst []byte, now Now, ev Event) ([]byte, error) {
	return appendTimed(dst, "event", uint64(ev.EventKind()), now, ev)
}

// NextEvent reads the first event of a CBOR sequence and returns what follows
// it. Errors name the event and the field.
func NextEvent(data []byte) (now Now, ev Event, rest []byte, err error) {
	ev, rest, err = next("event", data, &now, NewEvent)
	return now, ev, rest, err
}

// AppendEffect appends [kind, [fields]].
func AppendEffect(dst []byte, ef Effect) ([]byte, error) {
	return appendKind(dst, uint64(ef.EffectKind()), ef), nil
}

// NextEffect reads the first effect of a CBOR sequence and returns the rest.
func NextEffect(data []byte) (ef Effect, rest []byte, err error) {
	return next("effect", data, nil, NewEffect)
}

// appendKind appends [kind, [fields]] of a struct of the vocabulary.
func appendKind(dst []byte, kind uint64, v any) []byte {
	w := writer{b: dst}
	w.array(2)
	w.uint(kind)
	w.fields(v)
	return w.b
}

// appendTimed appends [kind, mono, wall, [fields]].
func appendTimed(dst []byte, what string, kind uint64, now Now, v any) ([]byte, error) {
	w := writer{b: dst}
	w.array(4)
	w.uint(kind)
	w.int(now.Mono)
	w.int(now.Wall)
	w.fields(v)
	if n := len(w.b) - len(dst); n > EventBytesMax {
		return dst, formatErr(what+" "+typeName(v), "length", 0, "%d bytes, at most %d are allowed", n, EventBytesMax)
	}
	return w.b, nil
}

// next reads [kind, [fields]], or [kind, mono, wall, [fields]] where there is a
// place for the times, and returns the rest. create makes an empty struct, nil
// for an unknown kind.
func next[K ~uint64, T any](what string, data []byte, now *Now, create func(K) T) (v T, rest []byte, err error) {
	var none T
	c := newCursor(what, data)
	if now != nil {
		c.exactArray("list", 4)
	} else {
		c.exactArray("list", 2)
	}
	at := c.pos
	kind := K(c.uint("kind", 1<<32))
	if v = create(kind); any(v) == nil {
		c.refuse("kind", at, "kind %d is unknown", uint64(kind))
		return none, data, c.failure()
	}
	if now != nil {
		now.Mono, now.Wall = c.int("mono"), c.int("wall")
	}
	if c.fields(v); now != nil && c.pos > EventBytesMax {
		c.refuse("length", 0, "%d bytes, at most %d are allowed", c.pos, EventBytesMax)
	}
	if c.err != nil {
		c.err.What += " " + typeName(v)
		return none, data, c.err
	}
	return v, data[c.pos:], nil
}

func typeName(pointer any) string { return reflect.TypeOf(pointer).Elem().Name() }

// AppendMessage appends [kind, [fields]]. Messages are structs of this package
// and always encode.
func AppendMessage(dst []byte, kind MessageKind, fields any) []byte {
	return appendKind(dst, uint64(kind), fields)
}

// AppendRecords appends a Records message: the same bytes as [AppendMessage],
// without the detour, as most of what nodes say is this.
func AppendRecords(dst []byte, index uint64, session int64, batch []byte) []byte {
	w := writer{b: dst}
	w.array(2)
	w.uint(uint64(MsgRecords))
	w.array(3)
	w.uint(index)
	w.int(session)
	w.bytes(batch)
	return w.b
}

// Append appends a message as it came in a frame.
func (m Message) Append(dst []byte) []byte {
	w := writer{b: dst}
	w.array(2)
	w.uint(uint64(m.Kind))
	return append(w.b, m.Body...)
}

// AppendFrame appends a frame; messages holds count encoded messages.
func AppendFrame(dst []byte, head FrameHead, count int, messages []byte) []byte {
	w := writer{b: dst}
	w.array(4)
	w.uint(head.Seq)
	w.uint(head.Ack)
	w.bytes(head.Gaps)
	w.array(count)
	return append(w.b, messages...)
}

// ParseFrame reads exactly one frame and appends its messages to dst. Their
// bodies alias data and have passed the strict scanner.
func ParseFrame(data []byte, dst []Message) (FrameHead, []Message, error) {
	var head FrameHead
	if len(data) > FrameMax {
		return head, dst, formatErr("frame", "length", 0, "%d bytes, at most %d are allowed", len(data), FrameMax)
	}
	c := newCursor("frame", data)
	c.exactArray("list", 4)
	head.Seq = c.uint("seq", 1<<62)
	head.Ack = c.uint("ack", 1<<62)
	head.Gaps = c.bytes("gaps", GapsMax)
	n := c.array("messages", MessagesPerFrameMax)
	messages := dst
	for i := 0; i < n && c.err == nil; i++ {
		c.exactArray("message", 2)
		kind := MessageKind(c.uint("message kind", 1<<32))
		start := c.pos
		if c.err == nil {
			c.pass("message", c.item(0))
		}
		messages = append(messages, Message{Kind: kind, Body: data[start:c.pos]})
	}
	if err := c.end(); err != nil {
		return head, dst, err
	}
	return head, messages, nil
}

// Decode fills a message struct of this package from the message's body.
func (m Message) Decode(into any) error {
	c := newCursor("message", m.Body)
	c.fields(into)
	err := c.end()
	if err != nil {
		c.err.What += " " + typeName(into)
	}
	return err
}

// Records decodes a Records message as [Message.Decode] does, without the
// detour and without copying: Batch aliases the body.
func (m Message) Records() (v Records, err error) {
	c := newCursor("message", m.Body)
	c.exactArray("", 3)
	v.Index, v.Session, v.Batch = c.uint("", math.MaxUint64), c.int(""), c.bytes("", math.MaxInt)
	if c.end() != nil {
		err = m.Decode(&v) // which says what is wrong, and where
	}
	return v, err
}

// Have is [Message.Records] for Have messages: Short aliases the body.
func (m Message) Have() (v Have, err error) {
	c := newCursor("message", m.Body)
	c.exactArray("", 2)
	v.Index, v.Short = c.uint("", math.MaxUint64), c.bytes("", math.MaxInt)
	if c.end() != nil {
		err = m.Decode(&v)
	}
	return v, err
}
