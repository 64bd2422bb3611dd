// Package arch holds the import rules, as tests.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/millrace/millrace/"
)

// thirdParty stands in a rule for every module but this one. The standard library
// is open to all.
const thirdParty = "third-party"

// rule says what the packages below a folder may import. The rule with the
// longest folder counts.
type rule struct {
	folder string
	allows []string // folders of this module, or thirdParty; its own folder is not among them
	tests  []string // what its tests may import besides
}

// testing tools that tests of the inner layers may use.
var testTools = []string{"pgregory.net/rapid", "go.uber.org/goleak"}

// testKits hold suites that tests share. Only tests import them.
var testKits = []string{"internal/servertest", "internal/fleet", "internal/es/estest", "adapters/sqlstore/viewtest"}

// rules go from the inside out. A package may always import those below its own
// folder, except that each adapter and each port stands alone.
var rules = []rule{
	{folder: "domain", allows: []string{"domain"}, tests: append([]string{"internal/es"}, testTools...)},
	{folder: "internal/es", allows: []string{"internal/es"}, tests: testTools},
	{folder: "app", allows: []string{"app", "domain", "internal/es"}, tests: testTools},
	{folder: "adapters", allows: []string{thirdParty, "app", "domain", "internal"}},
	{folder: "adapters/broker", allows: []string{thirdParty, "app", "domain", "internal"}, tests: []string{"adapters/sqlstore"}},
	{folder: "ports", allows: []string{thirdParty, "app", "domain", "internal", "api", "ports/httpkit"}}, // httpkit is what ports for HTTP are made of
	{folder: "ports/httpkit", allows: []string{thirdParty, "app", "domain", "internal"}},
	{folder: "cmd", allows: []string{thirdParty, "adapters", "api", "app", "cmd", "domain", "internal", "ports"}},
	{folder: "internal", allows: []string{thirdParty, "internal"}},
	{folder: "api", allows: []string{"api"}, tests: []string{thirdParty}},
	{folder: "deploy", tests: []string{thirdParty, "internal/servertest"}},
	{folder: "docs"},
	{folder: "examples"},
}

// source is a file and what it imports.
type source struct {
	name      string // from the root, with slashes
	imports   []string
	generated bool
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// objection says why a file may not import a package, or "" if it may.
func objection(s source, imported string) string {
	r, ok := ruleFor(s.name)
	if !ok {
		return "no rule says what may be imported here"
	}
	production := !s.test() && !anyUnder(s.name, testKits)
	if own, inside := strings.CutPrefix(imported, module); inside {
		switch {
		case production && anyUnder(own, testKits):
			return "test helpers are for tests"
		case under(own, unit(s.name)):
			return ""
		case anyUnder(own, r.allows), s.test() && anyUnder(own, r.tests):
			return ""
		}
		return r.folder + " may import " + strings.Join(r.allows, ", ") + " of this module"
	}
	switch {
	case standard(imported):
		if production && under(imported, "testing") {
			return "test helpers are for tests"
		}
		return ""
	case slices.Contains(r.allows, thirdParty), s.generated:
		return ""
	case s.test() && (slices.Contains(r.tests, thirdParty) || anyUnder(imported, r.tests)):
		return ""
	}
	return r.folder + " may import the standard library only"
}

// unit is the part of the module that stands alone: one adapter, one port, or
// the package's own folder.
func unit(name string) string {
	parts := strings.Split(path.Dir(name), "/")
	if len(parts) > 2 && (parts[0] == "adapters" || parts[0] == "ports") {
		parts = parts[:2]
	}
	return strings.Join(parts, "/")
}

func ruleFor(name string) (found rule, ok bool) {
	for _, r := range rules {
		if under(name, r.folder) && len(r.folder) > len(found.folder) {
			found, ok = r, true
		}
	}
	return found, ok
}

func under(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func anyUnder(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return under(name, f) })
}

// standard reports whether a package is of the standard library, whose import
// paths do not begin with a domain name.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func TestEveryImportKeepsToTheRules(t *testing.T) {
	t.Parallel()
	applied := map[string]bool{}
	for _, s := range sources(t) {
		r, _ := ruleFor(s.name)
		applied[r.folder] = true
		for _, imported := range s.imports {
			if why := objection(s, imported); why != "" {
				t.Errorf("%s imports %s: %s", s.name, imported, why)
			}
		}
	}
	for _, r := range rules {
		if !applied[r.folder] {
			t.Errorf("no file is under the rule for %s", r.folder)
		}
	}
}

func TestRulesTellRightFromWrong(t *testing.T) {
	t.Parallel()
	const sql, rapid = "modernc.org/sqlite", "pgregory.net/rapid"
	for _, test := range []struct {
		file, imported string
		ok             bool
	}{
		{"domain/order/pay.go", "time", true},
		{"domain/order/pay.go", "testing", false},
		{"domain/order/pay.go", sql, false},
		{"domain/order/pay.go", rapid, false},
		{"domain/order/pay.go", module + "internal/es", false},
		{"domain/payment/charge.go", module + "domain/order", true},
		{"domain/order/pay_test.go", rapid, true},
		{"domain/order/pay_test.go", sql, false},
		{"domain/order/pay_test.go", module + "internal/es/estest", true},
		{"domain/order/pay_test.go", module + "app/command", false},
		{"internal/es/relay.go", "log/slog", true},
		{"internal/es/relay.go", rapid, false},
		{"internal/es/relay.go", module + "domain/order", false},
		{"internal/es/relay.go", module + "internal/crash", false},
		{"internal/es/relay.go", module + "internal/es/estest", false},
		{"internal/es/estest/scenario.go", "testing", true},
		{"internal/es/estest/scenario.go", module + "internal/es", true},
		{"internal/es/estest/scenario.go", rapid, false},
		{"internal/telemetry/trace.go", sql, true},
		{"internal/telemetry/trace.go", module + "app/command", false},
		{"app/command/pay.go", module + "domain/order", true},
		{"app/command/pay.go", module + "internal/es", true},
		{"app/command/pay.go", module + "internal/crash", false},
		{"app/command/pay.go", module + "adapters/sqlstore", false},
		{"app/command/pay.go", module + "ports/messages", false},
		{"app/command/pay.go", sql, false},
		{"app/command/pay_test.go", module + "adapters/sqlstore", false},
		{"adapters/sqlstore/store.go", sql, true},
		{"adapters/sqlstore/store.go", module + "app/query", true},
		{"adapters/sqlstore/store.go", module + "internal/crash", true},
		{"adapters/sqlstore/store.go", module + "adapters/sqlstore/dialect", true},
		{"adapters/sqlstore/dialect/mysql.go", module + "adapters/sqlstore", true},
		{"adapters/sqlstore/store.go", module + "adapters/broker", false},
		{"adapters/sqlstore/store.go", module + "ports/messages", false},
		{"adapters/sqlstore/store.go", module + "internal/es/estest", false},
		{"adapters/sqlstore/store_test.go", module + "internal/es/estest", true},
		{"ports/httpapi/server.go", sql, true},
		{"ports/httpapi/server.go", module + "ports/httpapi/contract", true},
		{"ports/httpapi/server.go", module + "api", true},
		{"ports/httpapi/server.go", module + "ports/messages", false},
		{"ports/httpapi/server.go", module + "ports/httpkit", true},
		{"ports/adminapi/refunds.go", module + "ports/httpkit", true},
		{"ports/adminapi/refunds.go", module + "ports/httpapi", false},
		{"ports/httpkit/writes.go", module + "ports/httpapi", false},
		{"ports/httpkit/writes.go", module + "ports/httpapi/contract", false},
		{"ports/httpapi/server.go", module + "adapters/sqlstore", false},
		{"ports/httpapi/server_test.go", module + "adapters/sqlstore", false},
		{"cmd/millrace/wire.go", module + "adapters/sqlstore", true},
		{"cmd/millrace/wire.go", module + "ports/messages", true},
		{"cmd/millrace/wire.go", module + "internal/es/estest", false},
		{"deploy/compose_test.go", module + "internal/servertest", true},
		{"deploy/compose_test.go", module + "cmd/millrace", false},
		{"somewhere/else.go", "time", false},
	} {
		if why := objection(source{name: test.file}, test.imported); (why == "") != test.ok {
			t.Errorf("%s imports %s: the objection is %q, want ok: %t", test.file, test.imported, why, test.ok)
		}
	}
	if why := objection(source{name: "api/client/client.gen.go", generated: true}, sql); why != "" {
		t.Errorf("a generated client may not import what it needs: %s", why)
	}
}

// sources reads every Go file of the module, whatever it is built for.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	tree := os.DirFS(filepath.FromSlash(root))
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{name: name, generated: ast.IsGenerated(file)}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		found = append(found, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
