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

func TestRolesSendWhatTheContractSays(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for role, files := range map[string][]string{
		"api":        {"../httpapi/*.go", "../adminapi/*.go"},
		"processes":  {"../../app/process/checkout*.go"},
		"payments":   {"../../app/process/cashier*.go"},
		"restaurant": {"../../app/process/kitchen*.go"},
		"commands":   nil, "events": nil, "relay": nil,
	} {
		got, _ := c.by(role, false)
		if want := commandsMadeIn(t, files); !slices.Equal(got, want) {
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

// Whoever carries commands out tells what became of them to whoever may have sent
// them, and whoever asks gets answers.
func TestLettersGoBackToWhoWantsThem(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	var carryOut []string
	sendAny := []string{"relay"} // which sends again what another role has sent
	for _, tag := range c.at("/info")["tags"].([]any) {
		role := tag.(object)["name"].(string)
		if carriedOut, _ := c.by(role, true); len(carriedOut) > 0 {
			carryOut = append(carryOut, role)
		}
		if sent, _ := c.by(role, false); len(sent) > 0 {
			sendAny = append(sendAny, role)
		}
	}
	for _, test := range []struct {
		what      string
		got, want []string
	}{
		{"tell outcomes", c.who(false, "millrace.outcome"), carryOut},
		{"hear outcomes", c.who(true, "millrace.outcome"), sendAny},
		{"answer questions", c.who(false, "millrace.answer"), c.who(true, "millrace.question")},
		{"hear answers", c.who(true, "millrace.answer"), c.who(false, "millrace.question")},
	} {
		slices.Sort(test.want)
		if !slices.Equal(test.got, test.want) {
			t.Errorf("the roles %v %s, want %v", test.got, test.what, test.want)
		}
	}
}

// who returns the roles that send, or receive, a message.
func (c contract) who(receives bool, message string) (roles []string) {
	c.Helper()
	for _, o := range c.operations() {
		if o.receives == receives && slices.Contains(o.messages, message) {
			roles = append(roles, o.roles...)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// commandsMadeIn returns the types of the commands for which the files of some patterns
// have a literal, tests left out.
func commandsMadeIn(t *testing.T, patterns []string) (types []string) {
	t.Helper()
	all, _ := catalogues()
	byName := map[string]string{}
	for name, c := range all {
		byName[reflect.TypeOf(c).Name()] = name
	}
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Errorf("%s finds %d files (%v)", pattern, len(found), err)
		}
		files = append(files, found...)
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
