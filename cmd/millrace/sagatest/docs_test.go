package sagatest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The table in the docs is made from the paths that are walked here.
const (
	docs      = "../../../docs/sagas.md"
	tableHead = "<!-- the paths of cmd/millrace/sagatest, as its test writes them -->\n"
	tableFoot = "<!-- the end of the paths -->\n"
)

func TestTheDocsHaveEveryPath(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), tableHead)
	got, _, closed := strings.Cut(rest, tableFoot)
	if want := table(paths()); !found || !closed || got != want {
		t.Errorf("%s should have, between its two marks,\n%s%s%s", docs, tableHead, want, tableFoot)
	}
}

func TestEveryPathHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	names, known := map[string]bool{}, map[string]bool{}
	for _, s := range steps {
		known[s.name] = true
	}
	for _, p := range slices.Concat(paths(), failures) {
		if !known[p.step] || !slices.Contains(faults, p.fault) || settings[p.house] == nil || len(p.ends) == 0 {
			t.Errorf("%q is of no step, no fault, no house or without an end", p.name())
		}
	}
	for _, p := range paths() {
		if names[p.name()] {
			t.Errorf("two paths are called %q", p.name())
		}
		names[p.name()] = true
	}
}

// table has a line for each step and a column for each fault.
func table(all []path) string {
	var b strings.Builder
	b.WriteString("| step | " + strings.Join(faults, " | ") + " |\n|---|" + strings.Repeat("---|", len(faults)) + "\n")
	for _, s := range steps {
		b.WriteString("| " + s.name + " |")
		for _, fault := range faults {
			var here []path
			for _, p := range all {
				if p.step == s.name && p.fault == fault {
					here = append(here, p)
				}
			}
			b.WriteString(" " + cell(fault, here) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell says how orders end that go some paths. What fails does so in ways that have to
// be told apart.
func cell(fault string, all []path) string {
	var parts []string
	for _, p := range all {
		part := strings.Join(p.ends, " or ")
		if fault == fails || fault == overdue {
			part = p.how + ": **" + part + "**"
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "<br>")
}
