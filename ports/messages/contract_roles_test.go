package messages_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/app/process"
)

// by returns what a role sends, or receives, of the commands and events.
func (c contract) by(role string, receives bool) (commands, events []string) {
	c.Helper()
	all, happened := catalogues()
	for _, o := range c.operations() {
		if o.receives != receives || !slices.Contains(o.roles, role) {
			continue
		}
		for _, m := range o.messages {
			if _, ok := all[m]; ok {
				commands = append(commands, m)
			}
			if _, ok := happened[m]; ok {
				events = append(events, m)
			}
		}
	}
	slices.Sort(commands)
	slices.Sort(events)
	return commands, events
}

func TestProcessesHearWhatTheContractSays(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for role, want := range map[string][]string{
		"processes":  process.NewCheckout(process.Patience{}).Events,
		"payments":   process.NewCashier(process.Till{}).Events,
		"restaurant": process.NewKitchen(process.HouseRule{}).Events,
	} {
		_, got := c.by(role, true)
		if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
			t.Errorf("%s hears\n\t%v by the contract, and asks for\n\t%v", role, got, want)
		}
	}
}

func TestProcessesSendWhatTheContractSays(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for role, files := range map[string]string{
		"processes": "checkout*.go", "payments": "cashier*.go", "restaurant": "kitchen*.go",
	} {
		got, _ := c.by(role, false)
		if want := commandsMadeIn(t, "../../app/process/"+files); !slices.Equal(got, want) {
			t.Errorf("%s sends\n\t%v by the contract, and the code makes\n\t%v", role, got, want)
		}
	}
}

func TestRolesCarryOutTheCommandsForTheirOwnAggregates(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for role, category := range map[string]string{"commands": "order.", "payments": "payment.", "restaurant": "ticket."} {
		carriedOut, _ := c.by(role, true)
		_, said := c.by(role, false)
		for _, name := range append(carriedOut, said...) {
			if !strings.HasPrefix(name, category) {
				t.Errorf("%s answers for %s, want %s only", role, name, category)
			}
		}
		if len(carriedOut) == 0 || len(said) == 0 {
			t.Errorf("%s carries out %v and says %v", role, carriedOut, said)
		}
	}
}

// commandsMadeIn returns the types of the commands for which the files of a pattern
// have a literal, tests left out.
func commandsMadeIn(t *testing.T, pattern string) (types []string) {
	t.Helper()
	all, _ := catalogues()
	byName := map[string]string{}
	for name, c := range all {
		byName[reflect.TypeOf(c).Name()] = name
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if s, ok := literal.Type.(*ast.SelectorExpr); ok {
				if from, ok := s.X.(*ast.Ident); ok && from.Name == "command" && byName[s.Sel.Name] != "" {
					types = append(types, byName[s.Sel.Name])
				}
			}
			return true
		})
	}
	slices.Sort(types)
	return slices.Compact(types)
}
