package estest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TypeNames returns the names of the types in a catalogue, sorted.
func TypeNames[T any](catalogue []T) []string {
	var names []string
	for _, v := range catalogue {
		names = append(names, reflect.TypeOf(v).Name())
	}
	slices.Sort(names)
	return names
}

// TypesWith returns the names of the types in a directory's package that have a
// method, sorted, so that a catalogue can be held against the source.
func TypesWith(t *testing.T, dir, method string) []string {
	t.Helper()
	names := map[string]bool{}
	for _, d := range methods(t, dir) {
		if d.Name.Name == method {
			names[receiver(d)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// CasesOf returns the names of the types that a method's type switch has a case
// for, sorted.
func CasesOf(t *testing.T, dir, typeName, method string) []string {
	t.Helper()
	names := map[string]bool{}
	for _, d := range methods(t, dir) {
		if d.Name.Name != method || receiver(d) != typeName {
			continue
		}
		ast.Inspect(d.Body, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSwitchStmt)
			if !ok {
				return true
			}
			for _, clause := range s.Body.List {
				for _, e := range clause.(*ast.CaseClause).List {
					names[lastName(e)] = true
				}
			}
			return true
		})
	}
	if len(names) == 0 {
		t.Fatalf("%s in %s has no method %s with a type switch", typeName, dir, method)
	}
	return slices.Sorted(maps.Keys(names))
}

// methods returns the methods declared in a directory, tests left out.
func methods(t *testing.T, dir string) []*ast.FuncDecl {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []*ast.FuncDecl
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				found = append(found, f)
			}
		}
	}
	return found
}

func receiver(d *ast.FuncDecl) string { return lastName(d.Recv.List[0].Type) }

// lastName returns the name of a type without its package, its star and its
// arguments.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return lastName(e.X)
	case *ast.IndexExpr:
		return lastName(e.X)
	case *ast.IndexListExpr:
		return lastName(e.X)
	}
	return ""
}
