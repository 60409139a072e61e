package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"reflect"
	"strings"

	"github.com/intersubjective/rapprochement/codec"
)

// schemaHead describes the formats that are coded by hand.
//
//go:embed schema.cddl
var schemaHead string

func cddl(v *vocabulary) []byte {
	b := bytes.NewBufferString(schemaHead)
	words := v.cddlWords()
	b.WriteString("\n; ---- Enumerations: later releases add to them ----\n")
	for _, e := range v.enums {
		if hasRule(e.typeName) {
			cddlEnum(b, e)
		}
	}
	b.WriteString("\n; ---- Inside events, effects and messages ----\n")
	for _, s := range v.values {
		cddlStruct(b, v, words, s, kebab(s.name), "")
	}
	for _, part := range []struct {
		title, union, prefix, head, more string
		list                             []structure
	}{
		{"Messages between nodes: [kind, [fields]]", "message", "msg-", "", " / unknown-message", v.messages},
		{"Events: [kind, monotonic time, wall time, [fields]]", "event", "ev-", "mono: nanoseconds, wall: nanoseconds, ", "", v.events},
		{"Effects: [kind, [fields]]", "effect", "ef-", "", "", v.effects},
		{"Commands to a world: [kind, 0, 0, [fields]]", "world-command", "wc-", "0, 0, ", "", v.commands},
		{"Answers of a world: [kind, [fields]]", "world-answer", "wa-", "", "", v.answers},
		{"Commands to a ranking: [kind, 0, 0, [fields]]", "rank-command", "rc-", "0, 0, ", "", v.orders},
		{"Answers of a ranking: [kind, [fields]]", "rank-answer", "ra-", "", "", v.replies},
	} {
		fmt.Fprintf(b, "\n; ---- %s ----\n\n", part.title)
		var names []string
		for _, s := range part.list {
			names = append(names, part.prefix+kebab(s.name))
		}
		fmt.Fprintf(b, "%s = %s%s\n", part.union, strings.Join(names, " / "), part.more)
		for i, s := range part.list {
			cddlStruct(b, v, words, s, names[i], fmt.Sprintf("%d, %s", s.kind, part.head))
		}
	}
	return b.Bytes()
}

// hasRule leaves out multicodecs, and the kinds that stand in the rules below as
// their first element.
func hasRule(typeName string) bool {
	switch typeName {
	case "", "EventKind", "EffectKind", "MessageKind", "WorldCommandKind", "WorldAnswerKind", "RankCommandKind", "RankAnswerKind":
		return false
	}
	return true
}

func cddlEnum(b *bytes.Buffer, e enum) {
	cddlComment(b, e.doc)
	var choices []string
	for _, c := range e.values {
		choices = append(choices, fmt.Sprintf("%s: %d", kebab(c.name), c.uint()))
	}
	fmt.Fprintf(b, "%s = &(%s) / uint\n", kebab(e.typeName), strings.Join(choices, ", "))
}

// cddlStruct writes one rule; head, when there is one, stands before the list of
// fields.
func cddlStruct(b *bytes.Buffer, v *vocabulary, words map[string]string, s structure, name, head string) {
	cddlComment(b, translate(s.doc, words))
	open, shut := "[", "]"
	if head != "" {
		open, shut = "["+head+"[", "]]"
	}
	if len(s.fields) == 0 {
		fmt.Fprintf(b, "%s = %s%s\n", name, open, shut)
		return
	}
	fmt.Fprintf(b, "%s = %s\n", name, open)
	for i, f := range s.fields {
		comma := ","
		if i == len(s.fields)-1 {
			comma = ""
		}
		fmt.Fprintf(b, "  %s: %s%s", kebab(f.name), v.cddlType(f.name, f.typ), comma)
		if f.doc != "" {
			fmt.Fprintf(b, " ; %s", strings.ReplaceAll(translate(f.doc, words), "\n", " "))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%s\n", shut)
}

// cddlWords has numbers for constants and the schema's names for fields.
func (v *vocabulary) cddlWords() map[string]string {
	words := map[string]string{}
	for _, list := range [][]structure{v.values, v.events, v.effects, v.messages, v.commands, v.answers, v.orders, v.replies} {
		for _, s := range list {
			for _, f := range s.fields {
				if name := kebab(f.name); strings.Contains(name, "-") {
					words[f.name] = name
				}
			}
		}
	}
	for _, c := range v.limits {
		words[c.name] = fmt.Sprint(c.uint())
	}
	for _, e := range v.enums {
		for _, c := range e.values {
			words[e.prefix+c.name] = fmt.Sprintf("%s (%d)", kebab(c.name), c.uint())
		}
	}
	return words
}

func cddlComment(b *bytes.Buffer, doc string) {
	b.WriteByte('\n')
	for _, line := range wrap(doc, 78) {
		b.WriteString(strings.TrimRight("; "+line, " ") + "\n")
	}
}

func (v *vocabulary) cddlType(name string, t reflect.Type) string {
	switch t {
	case reflect.TypeFor[codec.Key]():
		return "prefix"
	case reflect.TypeFor[codec.HLC]():
		return "hlc"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "text"
	case reflect.Int64:
		if codec.IsNanoseconds(name) {
			return "nanoseconds"
		}
		return "int"
	case reflect.Uint64:
		if v.named(t) && hasRule(t.Name()) {
			return kebab(t.Name())
		}
		return "uint"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[* " + v.cddlType(name, t.Elem()) + "]"
	case reflect.Array, reflect.Struct:
		return kebab(t.Name())
	}
	panic("no CDDL for " + t.String())
}
