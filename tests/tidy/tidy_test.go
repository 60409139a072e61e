// Package tidy checks the source as a test: what would make a run depend on the
// machine, and the order of the rooms. It reads the tree, it runs nothing of it.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/intersubjective/rapprochement/"

// outside lists the packages below engine and codec that are not part of the
// deterministic core, and why.
var outside = []string{
	"engine/identity",               // argon2 starts goroutines; only hosts use it
	"engine/overlay/lab",            // draws noise as the experiments of papers do
	"engine/sim/kernel/kernelbench", // measures real time
	"engine/store/storebench",       // measures real time
	"engine/store/pebble",           // files and pebble's own goroutines
	"engine/store/storetest",        // runs only in tests
	"engine/reconcile/reconciletest",
	"engine/sim/compare", // measures real time
	"engine/sim/swarm",   // draws scenarios for tests
	"engine/sim/disks",   // pebble stores for worlds
	"codec/gen",          // a program
}

// A source is one parsed file that is not a test.
type source struct {
	path string // relative to the module
	dir  string
	file *ast.File
	set  *token.FileSet
	text []string // lines
}

func sources(t *testing.T, roots ...string) []source {
	t.Helper()
	var list []source
	for _, root := range roots {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, data, parser.ParseComments)
			if err != nil {
				return err
			}
			rel := filepath.ToSlash(strings.TrimPrefix(path, filepath.Join("..", "..")+string(filepath.Separator)))
			list = append(list, source{rel, filepath.ToSlash(filepath.Dir(rel)), file, set, strings.Split(string(data), "\n")})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func core(t *testing.T) []source {
	return slices.DeleteFunc(sources(t, "codec", "engine"), func(s source) bool {
		return slices.Contains(outside, s.dir)
	})
}

func (s *source) line(pos token.Pos) int { return s.set.Position(pos).Line }

func (s *source) imports() []string {
	var list []string
	for _, spec := range s.file.Imports {
		list = append(list, strings.Trim(spec.Path.Value, `"`))
	}
	return list
}

// Clocks, chance, the environment and the scheduler enter a node as events, not
// by themselves.
func TestCoreImportsNothingThatVaries(t *testing.T) {
	forbidden := []string{"os", "net", "sync", "math/rand", "crypto/rand", "C", "unsafe", "runtime", "syscall"}
	for _, s := range core(t) {
		for _, path := range s.imports() {
			if slices.Contains(forbidden, path) || strings.HasPrefix(path, "net/") || strings.HasPrefix(path, "os/") {
				t.Errorf("%s imports %s: the core has no clock, chance, files or threads of its own", s.path, path)
			}
		}
	}
}

var forbiddenCalls = map[string][]string{
	"time": {"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"},
	"rand": {"Int", "IntN", "Int64", "Int64N", "Uint32", "Uint64", "Float64", "Perm", "Shuffle", "N"},
}

func TestCoreHasNoClockGoroutineOrSelect(t *testing.T) {
	for _, s := range core(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType:
				t.Errorf("%s:%d: goroutines, select and channels order things by chance", s.path, s.line(n.Pos()))
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Obj == nil && slices.Contains(forbiddenCalls[pkg.Name], n.Sel.Name) {
					t.Errorf("%s:%d: %s.%s: time and chance are given", s.path, s.line(n.Pos()), pkg.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

// Go's order of a map differs from run to run, so every range over one says why
// that does not matter. Maps are recognised by their declarations: fields,
// variables and composite literals of a map type.
func TestMapRangesSayWhyOrderDoesNotMatter(t *testing.T) {
	all := core(t)
	maps := map[[2]string]bool{} // package and name of what is declared with a map type
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				if _, ok := n.Type.(*ast.MapType); ok {
					for _, name := range n.Names {
						maps[[2]string{s.dir, name.Name}] = true
					}
				}
			case *ast.ValueSpec:
				if _, ok := n.Type.(*ast.MapType); ok {
					for _, name := range n.Names {
						maps[[2]string{s.dir, name.Name}] = true
					}
				}
			case *ast.AssignStmt:
				for i, right := range n.Rhs {
					if name, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident); ok && makesMap(right) {
						maps[[2]string{s.dir, name.Name}] = true
					}
				}
			}
			return true
		})
	}
	if len(maps) == 0 {
		t.Fatal("found no map in the core: this test looks in the wrong place")
	}
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			r, ok := n.(*ast.RangeStmt)
			if !ok || !maps[[2]string{s.dir, lastName(r.X)}] {
				return true
			}
			line := s.line(r.Pos())
			if !strings.Contains(s.text[line-1], "// unordered: ") && !isSlice(s, r.X) {
				t.Errorf("%s:%d: range over %s, a map by name: add `// unordered: ` and a reason, or sort", s.path, line, lastName(r.X))
			}
			return true
		})
	}
}

func makesMap(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		_, ok := e.Type.(*ast.MapType)
		return ok
	case *ast.CallExpr:
		if fn, ok := e.Fun.(*ast.Ident); ok && fn.Name == "make" && len(e.Args) > 0 {
			_, ok := e.Args[0].(*ast.MapType)
			return ok
		}
	}
	return false
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// isSlice reports whether a name that is a map somewhere is declared as a slice
// in this very file.
func isSlice(s source, e ast.Expr) bool {
	name, found := lastName(e), false
	ast.Inspect(s.file, func(n ast.Node) bool {
		var names []*ast.Ident
		var typ ast.Expr
		switch n := n.(type) {
		case *ast.Field:
			names, typ = n.Names, n.Type
		case *ast.ValueSpec:
			names, typ = n.Names, n.Type
		}
		if _, ok := typ.(*ast.ArrayType); ok {
			for _, ident := range names {
				found = found || ident.Name == name
			}
		}
		return !found
	})
	return found
}

// Only one room each knows the libraries that are dear to replace.
func TestLibrariesStayInTheirRooms(t *testing.T) {
	rooms := map[string][]string{
		"github.com/fxamacker/cbor":     {"codec"},
		"github.com/cockroachdb/pebble": {"engine/store/pebble"},
		"github.com/ebitengine/purego":  {"capi"},
		"C":                             {"capi"},
	}
	for _, s := range sources(t, "codec", "engine", "capi", "tests") {
		for _, path := range s.imports() {
			for library, allowed := range rooms { // unordered: every pair is checked
				if (path == library || strings.HasPrefix(path, library+"/")) && !slices.Contains(allowed, s.dir) {
					t.Errorf("%s imports %s, which only %v may", s.path, path, allowed)
				}
			}
		}
	}
}

// layers from the bottom up (DESIGN §5): a package imports only what stands
// below it, and leaves do not know each other.
var layers = [][]string{
	{
		"codec",
	},
	{
		"engine/lthash",
		"engine/sign",
		"engine/identity",
		"engine/store",
		"engine/reconcile",
		"engine/service",
		"engine/meritrank",
		"engine/overlay",
		"engine/sim/draw",
		"engine/sim/kernel",
		"engine/reconcile/riblt/pinsketch",
		"engine/reconcile/riblt/compat",
		"engine/sim/swarm",
	},
	{
		"engine/store/memory",
		"engine/store/pebble",
		"engine/store/storetest",
		"engine/reconcile/full",
		"engine/reconcile/frontier",
		"engine/reconcile/riblt",
		"engine/reconcile/kvriblt",
		"engine/reconcile/rbsr",
		"engine/reconcile/prolly",
		"engine/reconcile/bloom",
		"engine/reconcile/auto",
		"engine/reconcile/reconciletest",
		"engine/sim/links",
		"engine/sim/adversary",
		"engine/sim/kernel/kernelbench",
	},
	{
		"engine/syncer",
		"engine/store/storebench",
		"engine/presence",
		"engine/rtt",
	},
	{
		"engine",
		"engine/overlay/lab",
		"engine/sim/liar",
	},
	{
		"engine/sim",
	},
	{
		"engine/sim/disks",
		"engine/sim/compare",
	},
	{
		"capi",
	},
}

func TestImportsPointDown(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, dir := range layer {
			level[dir] = i
		}
	}
	for _, s := range sources(t, "codec", "engine", "capi") {
		own, known := level[s.dir]
		if !known && s.dir != "codec/gen" {
			t.Errorf("%s: package %s has no layer; give it one in this test", s.path, s.dir)
			continue
		}
		for _, path := range s.imports() {
			dir, inside := strings.CutPrefix(path, module)
			if at, ok := level[dir]; inside && s.dir != "codec/gen" && (!ok || at >= own) {
				t.Errorf("%s imports %s, which does not stand below %s", s.path, dir, s.dir)
			}
		}
	}
}

func TestExportsAreDocumented(t *testing.T) {
	for _, s := range sources(t, "codec", "engine") {
		if strings.HasSuffix(s.dir, "bench") {
			continue // measured, not used
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !isPlain(d) {
					t.Errorf("%s:%d: %s has no comment", s.path, s.line(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil && ts.Comment == nil {
						t.Errorf("%s:%d: type %s has no comment", s.path, s.line(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	name, ok := typ.(*ast.Ident)
	return !ok || name.IsExported()
}

// isPlain reports methods whose name says it all: those that fix a kind, the
// errors' texts and the like.
func isPlain(d *ast.FuncDecl) bool {
	plain := []string{"EventKind", "EffectKind", "WorldCommandKind", "WorldAnswerKind", "RankCommandKind", "RankAnswerKind", "Error", "Unwrap", "Is", "String",
		"Latency", "Validate", "Len", "Less", "Swap", "Hint"}
	return d.Recv != nil && slices.Contains(plain, d.Name.Name)
}

// A function fits a screen.
func TestFunctionsAreShort(t *testing.T) {
	const most = 70
	for _, s := range sources(t, "codec", "engine", "capi") {
		for _, decl := range s.file.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok {
				if lines := s.line(d.End()) - s.line(d.Pos()) + 1; lines > most {
					t.Errorf("%s:%d: %s has %d lines, at most %d", s.path, s.line(d.Pos()), d.Name.Name, lines, most)
				}
			}
		}
	}
}

func TestNoLeftovers(t *testing.T) {
	for _, s := range sources(t, "codec", "engine", "capi", "tests") {
		if s.dir == "tests/tidy" { // the marks stand here by name
			continue
		}
		for i, line := range s.text {
			for _, mark := range []string{"TODO", "FIXME", "XXX", "HACK"} {
				if strings.Contains(line, mark) {
					t.Errorf("%s:%d: %s left behind", s.path, i+1, mark)
				}
			}
		}
	}
}
