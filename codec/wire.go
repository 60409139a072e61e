package codec

import (
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// One encoder and one decoder, made once: the vocabulary has one spelling.
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

// Marshal returns the deterministic CBOR of a struct of this package or of a
// configuration.
func Marshal(v any) ([]byte, error) { return encMode.Marshal(v) }

// Unmarshal reads exactly one strict CBOR item into v, a pointer to a struct.
// what names the thing in errors.
func Unmarshal(what string, data []byte, v any) error {
	if err := ScanOne(data); err != nil {
		return renamed(what, err)
	}
	if err := decMode.Unmarshal(data, v); err != nil {
		return &FormatError{What: what, Field: typeErrorField(err), Detail: err.Error()}
	}
	return nil
}

func renamed(what string, err error) error {
	if fe, ok := err.(*FormatError); ok {
		return &FormatError{What: what, Field: fe.Field, Offset: fe.Offset, Detail: fe.Detail}
	}
	return fmt.Errorf("codec: %s: %w", what, err)
}

func typeErrorField(err error) string {
	if te, ok := err.(*cbor.UnmarshalTypeError); ok {
		return te.StructFieldName
	}
	return ""
}

// AppendEvent appends [kind, mono, wall, [fields]].
func AppendEvent(dst []byte, now Now, ev Event) ([]byte, error) {
	body, err := encMode.Marshal(ev)
	if err != nil {
		return dst, err
	}
	w := writer{b: dst}
	w.array(4)
	w.uint(uint64(ev.EventKind()))
	w.int(now.Mono)
	w.int(now.Wall)
	return append(w.b, body...), nil
}

// NextEvent reads the first event of a CBOR sequence and returns what follows
// it. Errors name the event and the field.
func NextEvent(data []byte) (now Now, ev Event, rest []byte, err error) {
	n, err := ScanItem(data)
	if err != nil {
		return now, nil, data, renamed("event", err)
	}
	if n > EventBytesMax {
		return now, nil, data, formatErr("event", "length", 0, "%d bytes, at most %d are allowed", n, EventBytesMax)
	}
	c := newCursor("event", data[:n])
	c.exactArray("list", 4)
	kind := EventKind(c.uint("kind", 1<<32))
	now.Mono, now.Wall = c.int("mono"), c.int("wall")
	if c.err != nil {
		return now, nil, data, c.err
	}
	if ev = NewEvent(kind); ev == nil {
		return now, nil, data, formatErr("event", "kind", 1, "kind %d is unknown", kind)
	}
	if err := decodeBody("event", ev, data[c.pos:n]); err != nil {
		return now, nil, data, err
	}
	return now, ev, data[n:], nil
}

// decodeBody fills a struct whose bytes the strict scanner has passed already.
func decodeBody(what string, v any, body []byte) error {
	if err := decMode.Unmarshal(body, v); err != nil {
		name := what + " " + reflect.TypeOf(v).Elem().Name()
		return &FormatError{What: name, Field: typeErrorField(err), Detail: err.Error()}
	}
	return nil
}

// AppendEffect appends [kind, [fields]].
func AppendEffect(dst []byte, ef Effect) ([]byte, error) {
	w := writer{b: dst}
	w.array(2)
	w.uint(uint64(ef.EffectKind()))
	if send, ok := ef.(*Send); ok { // most of what a node says, and its bytes are large
		w.array(2)
		w.uint(send.Link)
		w.bytes(send.Bytes)
		return w.b, nil
	}
	body, err := encMode.Marshal(ef)
	return append(w.b, body...), err
}

// NextEffect reads the first effect of a CBOR sequence and returns the rest.
func NextEffect(data []byte) (ef Effect, rest []byte, err error) {
	n, err := ScanItem(data)
	if err != nil {
		return nil, data, renamed("effect", err)
	}
	c := newCursor("effect", data[:n])
	c.exactArray("list", 2)
	kind := EffectKind(c.uint("kind", 1<<32))
	if c.err != nil {
		return nil, data, c.err
	}
	if ef = NewEffect(kind); ef == nil {
		return nil, data, formatErr("effect", "kind", 1, "kind %d is unknown", kind)
	}
	if err := decodeBody("effect", ef, data[c.pos:n]); err != nil {
		return nil, data, err
	}
	return ef, data[n:], nil
}

// AppendMessage appends [kind, [fields]]. Messages are structs of this package
// and always encode.
func AppendMessage(dst []byte, kind MessageKind, fields any) []byte {
	w := writer{b: dst}
	w.array(2)
	w.uint(uint64(kind))
	return append(w.b, must(encMode.Marshal(fields))...)
}

// AppendFrame appends a frame of encoded messages.
func AppendFrame(dst []byte, head FrameHead, messages [][]byte) []byte {
	w := writer{b: dst}
	w.array(4)
	w.uint(head.Seq)
	w.uint(head.Ack)
	w.bytes(head.Gaps)
	w.array(len(messages))
	for _, m := range messages {
		w.b = append(w.b, m...)
	}
	return w.b
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
	for i := 0; i < n && c.err == nil; i++ {
		c.exactArray("message", 2)
		kind := MessageKind(c.uint("message kind", 1<<32))
		start := c.pos
		if c.err == nil {
			if err := c.item(0); err != nil {
				c.err = renamed("frame", err)
			}
		}
		dst = append(dst, Message{Kind: kind, Body: data[start:c.pos]})
	}
	return head, dst, c.end()
}

// Decode fills a message struct of this package from the message's body.
func (m Message) Decode(into any) error { return decodeBody("message", into, m.Body) }
