package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/intersubjective/rapprochement/codec"
)

// vocabulary is what the generated files say, in the order of the sources.
type vocabulary struct {
	limits   []value
	enums    []enum
	values   []structure // structs inside events, effects and messages, inner ones first
	events   []structure
	effects  []structure
	messages []structure
	commands []structure // of worlds
	answers  []structure
	orders   []structure                  // to rankings
	replies  []structure                  // of rankings
	docs     map[string]string            // of types
	fields   map[string]map[string]string // docs of fields, by type
}

type enum struct {
	typeName string // "" for the multicodecs, which are plain numbers
	prefix   string // first word of every constant
	doc      string
	values   []value
}

type value struct {
	name  string // without the prefix
	value constant.Value
	doc   string
}

type structure struct {
	kind   uint64 // 0 for a struct that stands inside another
	name   string
	doc    string
	fields []fieldInfo
}

type fieldInfo struct {
	name string // in Go
	doc  string
	typ  reflect.Type
}

// read makes the vocabulary from the tables of package codec, whose sources,
// which hold constants and comments, are in dir.
func read(dir string) (*vocabulary, error) {
	v := &vocabulary{docs: map[string]string{}, fields: map[string]map[string]string{}}
	if err := v.readSources(dir); err != nil {
		return nil, err
	}
	for kind := codec.EventKind(1); codec.NewEvent(kind) != nil; kind++ {
		v.events = append(v.events, v.structure(uint64(kind), codec.NewEvent(kind)))
	}
	for kind := codec.EffectKind(1); codec.NewEffect(kind) != nil; kind++ {
		v.effects = append(v.effects, v.structure(uint64(kind), codec.NewEffect(kind)))
	}
	for kind := codec.MessageKind(1); codec.NewMessage(kind) != nil; kind++ {
		v.messages = append(v.messages, v.structure(uint64(kind), codec.NewMessage(kind)))
	}
	for kind := codec.WorldCommandKind(1); codec.NewWorldCommand(kind) != nil; kind++ {
		v.commands = append(v.commands, v.structure(uint64(kind), codec.NewWorldCommand(kind)))
	}
	for kind := codec.WorldAnswerKind(1); codec.NewWorldAnswer(kind) != nil; kind++ {
		v.answers = append(v.answers, v.structure(uint64(kind), codec.NewWorldAnswer(kind)))
	}
	for kind := codec.RankCommandKind(1); codec.NewRankCommand(kind) != nil; kind++ {
		v.orders = append(v.orders, v.structure(uint64(kind), codec.NewRankCommand(kind)))
	}
	for kind := codec.RankAnswerKind(1); codec.NewRankAnswer(kind) != nil; kind++ {
		v.replies = append(v.replies, v.structure(uint64(kind), codec.NewRankAnswer(kind)))
	}
	return v, v.checkNames()
}

// checkNames refuses two things of one name: in Python they share a module.
func (v *vocabulary) checkNames() error {
	seen := map[string]bool{}
	for _, e := range v.enums {
		seen[e.typeName] = true
	}
	for _, s := range slices.Concat(v.values, v.events, v.effects, v.commands, v.answers, v.orders, v.replies) {
		if seen[s.name] {
			return fmt.Errorf("two types of the vocabulary are called %s", s.name)
		}
		seen[s.name] = true
	}
	return nil
}

var word = regexp.MustCompile(`\b[A-Z]\w+\b`)

// translate puts another language's names in place of Go's.
func translate(doc string, names map[string]string) string {
	return word.ReplaceAllStringFunc(doc, func(w string) string {
		if to, ok := names[w]; ok {
			return to
		}
		return w
	})
}

func (v *vocabulary) structure(kind uint64, pointer any) structure {
	t := reflect.TypeOf(pointer).Elem()
	s := structure{kind: kind, name: t.Name(), doc: v.docs[t.Name()]}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		s.fields = append(s.fields, fieldInfo{f.Name, v.fields[t.Name()][f.Name], f.Type})
		v.addInner(f.Type)
	}
	return s
}

// addInner adds the struct that a field holds, once.
func (v *vocabulary) addInner(t reflect.Type) {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for _, s := range v.values {
		if s.name == t.Name() {
			return
		}
	}
	s := v.structure(0, reflect.New(t).Interface())
	v.values = append(v.values, s)
}

func (v *vocabulary) readSources(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, path, source, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if d, ok := decl.(*ast.GenDecl); ok {
				if err := v.declaration(fset, filepath.Base(path), d); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (v *vocabulary) declaration(fset *token.FileSet, file string, d *ast.GenDecl) error {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			v.docs[s.Name.Name] = comment(s.Doc, d.Doc)
			if st, ok := s.Type.(*ast.StructType); ok {
				v.fieldDocs(s.Name.Name, st)
			}
		case *ast.ValueSpec:
			if d.Tok == token.CONST {
				if err := v.constant(fset, file, d, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (v *vocabulary) fieldDocs(typeName string, st *ast.StructType) {
	docs := map[string]string{}
	for _, f := range st.Fields.List {
		for _, name := range f.Names {
			docs[name.Name] = comment(f.Doc, f.Comment)
		}
	}
	v.fields[typeName] = docs
}

// constant sorts an exported constant into limits and enumerations.
func (v *vocabulary) constant(fset *token.FileSet, file string, d *ast.GenDecl, s *ast.ValueSpec) error {
	name := s.Names[0].Name
	typeName := ""
	if id, ok := s.Type.(*ast.Ident); ok {
		typeName = id.Name
	}
	isLimit := file == "limits.go" || strings.HasSuffix(name, "Max")
	isCodec := strings.HasPrefix(name, "Codec")
	if !ast.IsExported(name) || typeName == "" && !isLimit && !isCodec {
		return nil
	}
	val, err := types.Eval(fset, nil, token.NoPos, types.ExprString(s.Values[0]))
	if err != nil {
		return fmt.Errorf("constant %s: %w", name, err)
	}
	c := value{name, val.Value, comment(s.Doc, s.Comment)}
	if len(d.Specs) == 1 && c.doc == "" {
		c.doc = comment(d.Doc)
	}
	if isLimit {
		v.limits = append(v.limits, c)
		return nil
	}
	c.name = strings.TrimPrefix(name, firstWord(name))
	if n := len(v.enums); n == 0 || v.enums[n-1].typeName != typeName || v.enums[n-1].prefix != firstWord(name) {
		doc := v.docs[typeName]
		if isCodec {
			doc = comment(d.Doc)
		}
		v.enums = append(v.enums, enum{typeName, firstWord(name), doc, nil})
	}
	e := &v.enums[len(v.enums)-1]
	e.values = append(e.values, c)
	return nil
}

// firstWord is the first word of a CamelCase name.
func firstWord(name string) string {
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			return name[:i]
		}
	}
	return name
}

// comment is the text of the first comment there is, on one line per paragraph.
func comment(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if g == nil {
			continue
		}
		paragraphs := strings.Split(strings.TrimSpace(g.Text()), "\n\n")
		for i, p := range paragraphs {
			paragraphs[i] = strings.Join(strings.Fields(p), " ")
		}
		return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(paragraphs, "\n"))
	}
	return ""
}
