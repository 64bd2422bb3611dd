package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
)

// now is when these processes are looked at, and before is some time ago.
var now = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return now.Add(-d) }

// sent returns a process that sent a command some time ago.
func sent(ago time.Duration) query.ProcessRow {
	return query.ProcessRow{Name: "checkout", ID: "7", Instance: es.Instance[json.RawMessage]{Steps: []es.ProcessStep{
		{At: before(ago), Event: "order.submitted", Sent: []es.SentCommand{{ID: "c-1", Type: "payment.debit", Target: "p-1"}}},
	}}}
}

func TestProcessSaysWhyItIsStuck(t *testing.T) {
	t.Parallel()
	outcome := func(s es.Status, p *es.Problem) func(*query.ProcessRow) {
		return func(row *query.ProcessRow) { row.Outcomes = map[string]es.Outcome{"c-1": {Status: s, Problem: p}} }
	}
	trouble := func(row *query.ProcessRow) { row.Instance.Standing.Trouble = "the gateway knows no such card" }
	again := func(id string, target string) func(*query.ProcessRow) {
		return func(row *query.ProcessRow) {
			row.Instance.Steps = append(row.Instance.Steps, es.ProcessStep{
				At: now, Event: "process.retried", Sent: []es.SentCommand{{ID: id, Type: "payment.debit", Target: target}},
			})
		}
	}
	waits := func(ago time.Duration) func(*query.ProcessRow) {
		return func(row *query.ProcessRow) { row.Instance.Timers = []es.Timer{{Name: "give_up", At: before(ago)}} }
	}
	retries := func(row *query.ProcessRow) { row.Instance.Timers = []es.Timer{{Name: "process.retry"}} }
	letter := func(row *query.ProcessRow) {
		row.Letters = []query.ProcessLetter{{ID: "l-1", Event: "payment.debited", Stream: "payment-1", Version: 2, Error: "cannot decode\nat all"}}
	}
	done := func(row *query.ProcessRow) { row.Instance.Standing.Done = true }
	const old, young = 61 * time.Second, 59 * time.Second
	for name, test := range map[string]struct {
		row  query.ProcessRow
		have []func(*query.ProcessRow)
		want []string
	}{
		"nothing is wrong with it":                    {sent(young), nil, nil},
		"it merely waits":                             {sent(young), []func(*query.ProcessRow){waits(-time.Hour)}, nil},
		"it says so itself":                           {sent(young), []func(*query.ProcessRow){trouble}, []string{"the gateway knows no such card"}},
		"a command has no outcome":                    {sent(old), nil, []string{"command payment.debit c-1 has no outcome since 2025-03-01T11:58:59Z"}},
		"a command was carried out":                   {sent(old), []func(*query.ProcessRow){outcome(es.StatusSucceeded, nil)}, nil},
		"a command was rejected":                      {sent(old), []func(*query.ProcessRow){outcome(es.StatusRejected, &es.Problem{Detail: "no"})}, []string{"command payment.debit c-1 was rejected: no, and it has no timer"}},
		"a command was rejected just now":             {sent(young), []func(*query.ProcessRow){outcome(es.StatusRejected, nil)}, nil},
		"it goes on after a rejected command":         {sent(old), []func(*query.ProcessRow){outcome(es.StatusRejected, nil), waits(-time.Hour)}, nil},
		"it did more after that":                      {sent(old), []func(*query.ProcessRow){outcome(es.StatusRejected, nil), again("c-2", "p-2")}, nil},
		"it was done after that":                      {sent(old), []func(*query.ProcessRow){outcome(es.StatusRejected, nil), done}, nil},
		"a command failed":                            {sent(young), []func(*query.ProcessRow){outcome(es.StatusFailed, nil)}, []string{"command payment.debit c-1 failed"}},
		"a command failed with details":               {sent(young), []func(*query.ProcessRow){outcome(es.StatusFailed, &es.Problem{Code: "command_failed", Detail: "no disk"})}, []string{"command payment.debit c-1 failed: no disk"}},
		"a command failed and was sent again":         {sent(old), []func(*query.ProcessRow){outcome(es.StatusFailed, nil), again("c-2", "p-1")}, nil},
		"a command has no outcome and was sent again": {sent(old), []func(*query.ProcessRow){again("c-2", "p-1")}, []string{"command payment.debit c-2 has no outcome since 2025-03-01T11:58:59Z"}},
		"another command was sent":                    {sent(old), []func(*query.ProcessRow){outcome(es.StatusFailed, nil), again("c-2", "p-2")}, []string{"command payment.debit c-1 failed"}},
		"a timer is due":                              {sent(young), []func(*query.ProcessRow){waits(young)}, nil},
		"a timer is overdue":                          {sent(young), []func(*query.ProcessRow){waits(old)}, []string{"timer give_up is overdue since 2025-03-01T11:58:59Z"}},
		"it is about to retry":                        {sent(young), []func(*query.ProcessRow){retries}, nil},
		"an event is a dead letter":                   {sent(young), []func(*query.ProcessRow){letter}, []string{"payment.debited, version 2 of payment-1, is dead letter l-1: cannot decode"}},
		"everything is wrong, but it is done":         {sent(old), []func(*query.ProcessRow){trouble, waits(old), done}, nil},
		"an event came after it was done":             {sent(old), []func(*query.ProcessRow){trouble, letter, waits(old), done}, []string{"payment.debited, version 2 of payment-1, is dead letter l-1: cannot decode"}},
		"everything is wrong": {sent(old), []func(*query.ProcessRow){trouble, letter, waits(old)}, []string{
			"the gateway knows no such card", "command payment.debit c-1 has no outcome since 2025-03-01T11:58:59Z",
			"timer give_up is overdue since 2025-03-01T11:58:59Z", "payment.debited, version 2 of payment-1, is dead letter l-1: cannot decode",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, have := range test.have {
				have(&test.row)
			}
			if got := test.row.Stuck(now); !slices.Equal(got, test.want) {
				t.Errorf("it is stuck since %q, want %q", got, test.want)
			}
		})
	}
}

func TestProcessTellsItsPendingCommands(t *testing.T) {
	t.Parallel()
	row := sent(time.Hour)
	row.Instance.Steps = append(row.Instance.Steps, es.ProcessStep{At: now, Sent: []es.SentCommand{{ID: "c-2"}, {ID: "c-3"}}}, es.ProcessStep{})
	row.Outcomes = map[string]es.Outcome{"c-2": {Status: es.StatusFailed}}
	var ids []string
	for _, c := range row.Pending() {
		ids = append(ids, fmt.Sprint(c.ID, " ", now.Sub(c.At)))
	}
	if want := []string{"c-1 1h0m0s", "c-3 0s"}; !slices.Equal(ids, want) {
		t.Errorf("pending are %q, want %q", ids, want)
	}
}

// ward keeps processes, newest first: those that are not done, and others.
type ward struct {
	rows, done []query.ProcessRow
	pages      int
}

var errAway = errors.New("the store is away")

// Process implements query.Processes.
func (w *ward) Process(_ context.Context, name, id string) (query.ProcessRow, error) {
	for _, p := range w.rows {
		if p.Name == name && p.ID == id {
			return p, nil
		}
	}
	return query.ProcessRow{}, es.ErrNoProcess
}

// ProcessesWith implements query.Processes.
func (w *ward) ProcessesWith(_ context.Context, id string) ([]query.ProcessRow, error) {
	if id == "away" {
		return nil, errAway
	}
	var all []query.ProcessRow
	for _, p := range w.rows {
		if p.ID == id {
			all = append(all, p)
		}
	}
	return all, nil
}

// ListProcesses implements query.Processes.
func (w *ward) ListProcesses(_ context.Context, q query.ListProcesses) ([]query.ProcessRow, error) {
	if w.pages++; q.Name == "away" {
		return nil, errAway
	}
	if q.Name == "lost" {
		return nil, nil
	}
	if q.Done == nil || *q.Done || q.Name != "checkout" {
		return nil, fmt.Errorf("asked for %+v", q)
	}
	from := 0
	for q.After.ID != "" && from < len(w.rows) && !w.rows[from].Instance.StartedAt.Before(q.After.StartedAt) {
		from++
	}
	return w.rows[from:min(from+q.Limit, len(w.rows))], nil
}

// ProcessesWithLetters implements query.Processes.
func (w *ward) ProcessesWithLetters(_ context.Context, name string) ([]query.ProcessRow, error) {
	if name == "lost" {
		return nil, errAway
	}
	return slices.DeleteFunc(slices.Concat(w.done, w.rows), func(p query.ProcessRow) bool { return len(p.Letters) == 0 }), nil
}

func TestProcessIsFoundByWhatPeopleCallIt(t *testing.T) {
	t.Parallel()
	w := &ward{rows: []query.ProcessRow{
		{Name: "cashier", ID: "1"}, {Name: "checkout", ID: "1"}, {Name: "kitchen", ID: "1-a"}, {Name: "cashier", ID: "1-a"},
		{Name: "cashier", ID: "checkout-2"}, {Name: "checkout", ID: "2"}, {Name: "cashier", ID: "a-b-c"},
	}}
	for named, want := range map[string]string{
		"1": "checkout 1", "cashier-1": "cashier 1", "1-a": "kitchen 1-a", "cashier-1-a": "cashier 1-a",
		"checkout-2": "cashier checkout-2", "2": "checkout 2", "a-b-c": "cashier a-b-c", "cashier-a-b-c": "cashier a-b-c",
	} {
		if p, err := query.FindProcess(t.Context(), w, named); err != nil || p.Name+" "+p.ID != want {
			t.Errorf("%s is %s %s, want %s; error %v", named, p.Name, p.ID, want, err)
		}
	}
	for named, want := range map[string]error{"": es.ErrNoProcess, "3": es.ErrNoProcess, "kitchen-1": es.ErrNoProcess, "-": es.ErrNoProcess, "away": errAway} {
		if p, err := query.FindProcess(t.Context(), w, named); !errors.Is(err, want) {
			t.Errorf("%q is %+v, error %v, want %v", named, p, err, want)
		}
	}
}

func TestStuckProcessesAreFoundAmongManyOthers(t *testing.T) {
	t.Parallel()
	w := &ward{}
	var all []string
	for i := range 1000 {
		row := query.ProcessRow{Name: "checkout", ID: fmt.Sprint(i), Instance: es.Instance[json.RawMessage]{StartedAt: before(time.Duration(i) * time.Second)}}
		if i%150 == 149 {
			row.Instance.Standing.Trouble = "help"
			all = append(all, row.ID)
		}
		w.rows = append(w.rows, row)
	}
	for _, test := range []struct {
		limit int
		after query.ProcessPlace
		want  []string
		pages int
	}{
		{1, query.ProcessPlace{}, all[:1], 1},
		{3, query.ProcessPlace{}, all[:3], 3},
		{1, w.rows[149].Place(), all[1:2], 1},
		{100, query.ProcessPlace{}, all, 6},
		{100, w.rows[899].Place(), nil, 1},
	} {
		w.pages = 0
		rows, err := query.StuckProcesses(t.Context(), w, query.ListProcesses{Name: "checkout", After: test.after, Limit: test.limit}, now)
		var got []string
		for _, p := range rows {
			got = append(got, p.ID)
		}
		if err != nil || !slices.Equal(got, test.want) || w.pages != test.pages {
			t.Errorf("%d of them after %v are %v on %d pages, want %v on %d; error %v", test.limit, test.after, got, w.pages, test.want, test.pages, err)
		}
	}
	for _, name := range []string{"away", "lost"} {
		if _, err := query.StuckProcesses(t.Context(), w, query.ListProcesses{Name: name, Limit: 1}, now); !errors.Is(err, errAway) {
			t.Errorf("the error is %v, want %v", err, errAway)
		}
	}
}

func TestStuckProcessesAreThoseThatAreDoneButForADeadLetterToo(t *testing.T) {
	t.Parallel()
	letters := []query.ProcessLetter{{ID: "l-1", Event: "payment.debited", Stream: "payment-1", Version: 2}}
	row := func(id string, ago time.Duration, change func(*query.ProcessRow)) query.ProcessRow {
		p := query.ProcessRow{Name: "checkout", ID: id, Instance: es.Instance[json.RawMessage]{StartedAt: before(ago)}}
		change(&p)
		return p
	}
	done := func(p *query.ProcessRow) { p.Instance.Standing.Done, p.Letters = true, letters }
	w := &ward{
		rows: []query.ProcessRow{
			row("second", 2, func(p *query.ProcessRow) { p.Instance.Standing.Trouble = "help" }),
			row("fourth", 4, func(p *query.ProcessRow) { p.Letters = letters }),
		},
		done: []query.ProcessRow{row("fifth", 5, done), row("first", 1, done), row("third", 3, done)},
	}
	third := w.done[2].Place()
	for name, test := range map[string]struct {
		q    query.ListProcesses
		want []string
	}{
		"all":                 {query.ListProcesses{Limit: 10}, []string{"first", "second", "third", "fourth", "fifth"}},
		"a page":              {query.ListProcesses{Limit: 3}, []string{"first", "second", "third"}},
		"the next page":       {query.ListProcesses{Limit: 3, After: third}, []string{"fourth", "fifth"}},
		"what is done":        {query.ListProcesses{Limit: 10, Done: new(true)}, []string{"first", "third", "fifth"}},
		"what is not done":    {query.ListProcesses{Limit: 10, Done: new(false)}, []string{"second", "fourth"}},
		"a page of what is":   {query.ListProcesses{Limit: 2, Done: new(true)}, []string{"first", "third"}},
		"what is done, after": {query.ListProcesses{Limit: 2, Done: new(true), After: third}, []string{"fifth"}},
	} {
		test.q.Name = "checkout"
		rows, err := query.StuckProcesses(t.Context(), w, test.q, now)
		var got []string
		for _, p := range rows {
			got = append(got, p.ID)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v; error %v", name, got, test.want, err)
		}
	}
}
