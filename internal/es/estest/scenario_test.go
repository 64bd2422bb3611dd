package estest_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/es/estest"
)

// tally is a state that adds up.
type tally int

func (n tally) Evolve(by added) tally { return n + tally(by.N) }

type added struct{ N int }

type full struct{ limit int }

func (f full) Error() string       { return fmt.Sprintf("no more than %d", f.limit) }
func (full) RejectionCode() string { return "full" }

// add decides to go up to ten and not beyond.
func add(n int) func(tally) ([]added, error) {
	return func(now tally) ([]added, error) {
		if int(now)+n > 10 {
			return nil, full{10}
		}
		return []added{{n}}, nil
	}
}

func TestScenarioPassesWhenTheDecisionIsAsWanted(t *testing.T) {
	t.Parallel()
	estest.Given[tally](t, added{4}, added{5}).When(add(1)).Then(added{1})
	estest.Given[tally](t, added{4}, added{5}).When(add(2)).ThenRejected(full{10})
	estest.Given[tally, added](t).When(func(tally) ([]added, error) { return []added{}, nil }).Then()
}

func TestScenarioShowsBothSidesWhenItFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		scenario func(testing.TB)
		want     []string
	}{
		{"other events", func(tb testing.TB) { estest.Given[tally](tb, added{4}).When(add(2)).Then(added{3}) },
			[]string{"given\n\testest_test.added{N:4}\n", "got\n\testest_test.added{N:2}\n", "want\n\testest_test.added{N:3}\n"}},
		{"too few events", func(tb testing.TB) { estest.Given[tally](tb, added{4}).When(add(2)).Then(added{2}, added{2}) },
			[]string{"got\n\testest_test.added{N:2}\nwant\n\testest_test.added{N:2}\n\testest_test.added{N:2}\n"}},
		{"an event too many", func(tb testing.TB) { estest.Given[tally](tb, added{4}).When(add(2)).Then() },
			[]string{"got\n\testest_test.added{N:2}\nwant\n\tno events\n"}},
		{"a rejection for events", func(tb testing.TB) { estest.Given[tally](tb, added{9}).When(add(2)).Then(added{2}) },
			[]string{"got\n\trejection full: no more than 10\n", "want\n\testest_test.added{N:2}\n"}},
		{"events for a rejection", func(tb testing.TB) { estest.Given[tally, added](tb).When(add(2)).ThenRejected(full{10}) },
			[]string{"given\n\tno events\n", "got\n\testest_test.added{N:2}\n", "want\n\trejection full: no more than 10"}},
		{"a rejection that says something else", func(tb testing.TB) { estest.Given[tally](tb, added{9}).When(add(2)).ThenRejected(full{11}) },
			[]string{"got\n\trejection full: no more than 10\n", "want\n\trejection full: no more than 11"}},
		{"an error for a rejection", func(tb testing.TB) {
			broken := func(tally) ([]added, error) { return nil, errors.New("broken") }
			estest.Given[tally, added](tb).When(broken).ThenRejected(full{10})
		}, []string{"got\n\terror *errors.errorString: broken\n"}},
		{"a rejection with events", func(tb testing.TB) {
			both := func(tally) ([]added, error) { return []added{{1}}, full{10} }
			estest.Given[tally, added](tb).When(both).ThenRejected(full{10})
		}, []string{"rejected", "and still decided\n\testest_test.added{N:1}\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := failure(t, test.scenario)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("the failure does not show %q:\n%s", want, got)
				}
			}
		})
	}
}

// failure runs a scenario that has to fail, and returns what it says.
func failure(t *testing.T, scenario func(testing.TB)) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		scenario(r)
	}()
	<-done
	if r.said == "" {
		t.Fatal("the scenario did not fail")
	}
	return r.said
}

// recorder is a test that keeps its failure to itself.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
