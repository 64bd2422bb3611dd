package es_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// troubled returns a stage whose process 7 is in trouble after each addition of 10 or
// more, and tells how often it saw something.
func troubled(t *testing.T, records ...es.Record) *stage {
	t.Helper()
	s := newStage(t, records...)
	s.Process.Standing = func(p saga) (standing es.Standing) {
		if last := p.Saw[len(p.Saw)-1]; len(last) > len("+9") {
			standing.Trouble = fmt.Sprintf("%s is too much, time %d", last, len(p.Saw))
		}
		return standing
	}
	return s
}

// wantSaid wants these lines to have been logged since the last time, without what comes
// before their levels.
func (s *stage) wantSaid(t *testing.T, when string, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(s.said.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
		got = append(got, line)
	}
	s.said.Reset()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%s, it logs\n%q, want\n%q", when, got, want)
	}
}

func TestManagerLogsOnceThatAProcessIsInTroubleAndOnceThatItIsOut(t *testing.T) {
	t.Parallel()
	s := troubled(t)
	in := func(id, trouble, request string) string {
		return fmt.Sprintf(`level=WARN msg="a process is in trouble" process=saga id=%s trouble=%q correlation_id=%s`, id, trouble, request)
	}
	out := func(id, request string) string {
		return fmt.Sprintf(`level=INFO msg="a process is out of trouble" process=saga id=%s correlation_id=%s`, id, request)
	}
	for i, step := range []struct {
		when string
		n    int
		want []string
	}{
		{"when all is well", 1, nil},
		{"when it gets into trouble", 10, []string{in("7", "+10 is too much, time 2", "r-1")}},
		{"when the trouble goes on, in other words", 11, nil},
		{"when it is out", 2, []string{out("7", "r-1")}},
		{"when all stays well", 3, nil},
		{"when it gets into trouble again", 12, []string{in("7", "+12 is too much, time 6", "r-1")}},
	} {
		s.store.records = append(s.store.records, at(i, "order-7", es.Version(i+1), step.n))
		for range 2 { // the second time there is nothing new
			if err := s.CatchUp(t.Context(), "order-7"); err != nil {
				t.Fatal(err)
			}
			s.wantSaid(t, step.when, step.want...)
			step.want = nil
		}
	}
	s.store.records = append(s.store.records, at(9, "order-7", 7, 4), at(10, "order-7", 8, 13), at(0, "order-8", 1, 5), at(0, "order-9", 1, 90))
	if err := s.CatchUp(t.Context(), "order-7", "order-8", "order-9"); err != nil {
		t.Fatal(err)
	}
	s.wantSaid(t, "when one is out for a moment and another one is in", in("9", "+90 is too much, time 1", "r-90"))
}

func TestManagerLogsTroubleThatATimerBrings(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("a", 10))
	s.Process.Standing = func(p saga) es.Standing { return es.Standing{Trouble: p.Saw[len(p.Saw)-1]} }
	s.wantSaid(t, "before")
	for range 2 {
		s.fire(t, "7")
	}
	s.wantSaid(t, "when it has fired", `level=WARN msg="a process is in trouble" process=saga id=7 trouble="a at 10s" correlation_id=r-0`)
}

func TestManagerLogsNoTroubleThatIsNotSaved(t *testing.T) {
	t.Parallel()
	s := troubled(t, at(0, "order-7", 1, 10))
	s.kept.broken = errBroken
	if err := s.CatchUp(t.Context(), "order-7"); !errors.Is(err, errBroken) {
		t.Errorf("the error is %v, want %v", err, errBroken)
	}
	s.wantSaid(t, "when the store cannot save")
	s.kept.broken = nil
	s.kept.interrupt = func() { // somebody else is faster, and it is for them to say so
		s.kept.put(es.Move[saga]{
			ID: "7", Seen: map[es.Stream]es.Version{"order-7": 1},
			Instance: es.Instance[saga]{State: saga{Saw: []string{"+10"}}, Version: 1, Standing: es.Standing{Trouble: "too much"}},
		})
	}
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantSaid(t, "when somebody else has saved it")
}
