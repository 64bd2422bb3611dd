package sqlstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// began is when the first of these processes began.
var began = time.Date(2031, time.March, 4, 12, 0, 0, 123456000, time.UTC)

// processRows reads dead letters in the words of these tests.
func processRows(s *sqlstore.Store) sqlstore.ProcessRows {
	return sqlstore.ProcessRows{
		Store: s, Handler: func(manager string) string { return "events for " + manager },
		Event: func(_ string, l sqlstore.DeadLetter) (es.Record, string, error) {
			version, err := strconv.Atoi(l.Metadata["version"])
			return es.Record{Type: l.Metadata["type"], Stream: es.Stream(l.Metadata["stream"]), Version: es.Version(version)}, l.Metadata["process"], err
		},
	}
}

// testProcessRows holds a store to what query.Processes promises.
func testProcessRows(t *testing.T, open func(*testing.T) estest.Store) {
	for name, test := range map[string]func(*testing.T, *sqlstore.Store){
		"tells all that is known of a process":                            tellsProcess,
		"finds the processes of all managers with an id":                  findsProcesses,
		"lists processes by name and whether they are done, newest first": listsProcesses,
		"pages through processes that began at once":                      pagesProcesses,
		"tells dead letters of what a process has not seen":               tellsLetters,
		"counts those that are open, in trouble and overdue":              countsProcesses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t).(*sqlstore.Store))
		})
	}
}

func mustMove(t *testing.T, s *sqlstore.Store, name string, moves ...es.Move[estest.State]) {
	t.Helper()
	if err := errors.Join(processesOf(s, name).Save(t.Context(), moves)...); err != nil {
		t.Fatal(err)
	}
}

func tellsProcess(t *testing.T, s *sqlstore.Store) {
	commands := []es.Envelope{{ID: "done", Payload: []byte("{}")}, {ID: "open", Payload: []byte("{}")}, {ID: "failed", Payload: []byte("{}")}}
	move := estest.MoveOf("1", 0, 4, estest.State{Count: 7}, commands...)
	move.StartedAt, move.CorrelationID = began, "r-1"
	move.Standing = es.Standing{Waits: "for the gateway", Trouble: "which is away"}
	move.Timers = []es.Timer{{Name: "give_up", At: began.Add(time.Hour)}}
	move.Steps = []es.ProcessStep{
		{At: began, Event: "order.submitted", EventID: "e-1", Stream: "order-1", Version: 2, Sent: []es.SentCommand{{ID: "done"}, {ID: "open", Type: "t", Target: "1"}}},
		{At: began, Event: "payment.debited", EventID: "e-2", Stream: "payment-1", Version: 1, Sent: []es.SentCommand{{ID: "failed"}}},
	}
	move.Seen = map[es.Stream]es.Version{"order-1": 2, "payment-1": 1}
	mustMove(t, s, "checkout", move)
	other := estest.MoveOf("2", 0, 1, estest.State{}) // is no business of the process
	other.Seen = map[es.Stream]es.Version{"order-2": 1}
	mustMove(t, s, "checkout", other)
	done := es.Outcome{CommandID: "done", Status: es.StatusSucceeded, Version: 3}
	failed := es.Outcome{CommandID: "failed", Status: es.StatusFailed, Problem: &es.Problem{Code: "command_failed", Detail: "no"}}
	for _, o := range []es.Outcome{done, failed, {CommandID: "other", Status: es.StatusFailed}} {
		if err := s.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	got, err := processRows(s).Process(t.Context(), "checkout", "1")
	if err != nil {
		t.Fatal(err)
	}
	if since := time.Since(got.UpdatedAt); since < 0 || since > time.Hour || got.UpdatedAt.Location() != time.UTC {
		t.Errorf("it was updated at %v, want a moment ago", got.UpdatedAt)
	}
	if state := string(got.Instance.State); state != `{"Steps":null,"Count":7,"Maybe":null}` {
		t.Errorf("the state is %s", state)
	}
	got.UpdatedAt, got.Instance.State = time.Time{}, nil
	want := query.ProcessRow{
		Name: "checkout", ID: "1", Streams: move.Seen, Outcomes: map[string]es.Outcome{"done": done, "failed": failed},
	}
	want.Instance.Version, want.Instance.Timers, want.Instance.Steps = 4, move.Timers, move.Steps
	want.Instance.StartedAt, want.Instance.CorrelationID, want.Instance.Standing = began, "r-1", move.Standing
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the process is\n%+v, want\n%+v", got, want)
	}
}

func findsProcesses(t *testing.T, s *sqlstore.Store) {
	rows := processRows(s)
	for _, name := range []string{"kitchen", "checkout", "Checkout"} {
		mustMove(t, s, name, estest.MoveOf("Abc", 0, 1, estest.State{}), estest.MoveOf("abc", 0, 2, estest.State{}))
	}
	found, err := rows.ProcessesWith(t.Context(), "Abc")
	if got := named(found); err != nil || !slices.Equal(got, []string{"Checkout Abc", "checkout Abc", "kitchen Abc"}) {
		t.Errorf("found %v, error %v", got, err)
	}
	for _, key := range [][2]string{{"checkout", "ABC"}, {"cashier", "abc"}, {"", "abc"}, {"checkout", ""}} {
		if p, err := rows.Process(t.Context(), key[0], key[1]); !errors.Is(err, es.ErrNoProcess) {
			t.Errorf("%q is %+v, error %v, want %v", key, p, err, es.ErrNoProcess)
		}
	}
	if p, err := rows.Process(t.Context(), "kitchen", "abc"); err != nil || p.Name != "kitchen" || p.Instance.Version != 2 {
		t.Errorf("kitchen abc is %+v, error %v", p, err)
	}
	if found, err := rows.ProcessesWith(t.Context(), "nobody"); len(found) > 0 || err != nil {
		t.Errorf("found %v, error %v, want none", named(found), err)
	}
}

func named(rows []query.ProcessRow) []string {
	var names []string
	for _, p := range rows {
		names = append(names, p.Name+" "+p.ID)
	}
	return names
}

func listsProcesses(t *testing.T, s *sqlstore.Store) {
	for i, p := range []string{"checkout 1", "kitchen 2", "checkout 3 done", "cashier 4", "checkout 5", "kitchen 6 done"} {
		parts := strings.Fields(p)
		move := estest.MoveOf(parts[1], 0, 1, estest.State{})
		move.StartedAt, move.Standing.Done = began.Add(time.Duration(i)*time.Second), len(parts) > 2
		mustMove(t, s, parts[0], move)
	}
	for _, test := range []struct {
		q    query.ListProcesses
		want []string
	}{
		{query.ListProcesses{}, []string{"kitchen 6", "checkout 5", "cashier 4", "checkout 3", "kitchen 2", "checkout 1"}},
		{query.ListProcesses{Name: "checkout"}, []string{"checkout 5", "checkout 3", "checkout 1"}},
		{query.ListProcesses{Done: new(true)}, []string{"kitchen 6", "checkout 3"}},
		{query.ListProcesses{Done: new(false)}, []string{"checkout 5", "cashier 4", "kitchen 2", "checkout 1"}},
		{query.ListProcesses{Name: "checkout", Done: new(false)}, []string{"checkout 5", "checkout 1"}},
		{query.ListProcesses{Name: "Checkout"}, nil},
		{query.ListProcesses{After: query.ProcessPlace{StartedAt: began.Add(3 * time.Second), ID: "4", Name: "cashier"}}, []string{"checkout 3", "kitchen 2", "checkout 1"}},
	} {
		for _, limit := range []int{1, 2, 100} {
			test.q.Limit = limit
			rows, err := processRows(s).ListProcesses(t.Context(), test.q)
			if got, want := named(rows), test.want[:min(limit, len(test.want))]; err != nil || !slices.Equal(got, want) {
				t.Errorf("%+v are %v, want %v; error %v", test.q, got, want, err)
			}
		}
	}
}

func pagesProcesses(t *testing.T, s *sqlstore.Store) {
	var want []string
	for _, name := range []string{"a", "b", "c"} {
		var moves []es.Move[estest.State]
		for i := range 30 {
			move := estest.MoveOf(fmt.Sprintf("%02d", i), 0, 1, estest.State{})
			move.StartedAt, move.Standing.Done = began.Add(time.Duration(i/10)*time.Microsecond), i%2 > 0
			moves = append(moves, move)
			want = append(want, fmt.Sprintf("%02d %s", i, name))
		}
		mustMove(t, s, name, moves...)
	}
	slices.Sort(want)
	slices.Reverse(want)
	for _, limit := range []int{1, 7, 30, 89, 90, 1000} {
		var got []string
		for q := (query.ListProcesses{Limit: limit}); ; {
			rows, err := processRows(s).ListProcesses(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range rows {
				got = append(got, p.ID+" "+p.Name)
			}
			if len(rows) < limit {
				break
			}
			q.After = rows[limit-1].Place()
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d are\n%v, want\n%v", limit, got, want)
		}
	}
}

func tellsLetters(t *testing.T, s *sqlstore.Store) {
	bury := func(id, manager, process, stream, version string) {
		t.Helper()
		err := s.Bury(t.Context(), sqlstore.DeadLetter{
			ID: id, Handler: "events for " + manager, Topic: "millrace.events", Payload: []byte("{}"), Error: "broken " + id, DiedAt: began,
			Metadata: map[string]string{"type": "payment.debited", "process": process, "stream": stream, "version": version},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"1", "2"} {
		move := estest.MoveOf(id, 0, 1, estest.State{})
		move.Seen = map[es.Stream]es.Version{es.StreamOf("order", id): 2, es.StreamOf("payment", "of-"+id): 3}
		mustMove(t, s, "checkout", move)
	}
	cook := estest.MoveOf("1", 0, 1, estest.State{})
	cook.Seen = map[es.Stream]es.Version{"payment-of-1": 4}
	mustMove(t, s, "kitchen", cook)
	bury("a", "checkout", "", "payment-of-1", "4")
	bury("b", "checkout", "", "ticket-1", "1") // of its id, though nothing of it was seen
	bury("c", "checkout", "", "payment-of-1", "3")
	bury("d", "kitchen", "", "payment-of-1", "5")
	bury("e", "checkout", "", "payment-of-3", "1")
	bury("g", "checkout", "2", "payment-again", "1") // of which it has seen nothing yet
	bury("h", "checkout", "1", "payment-of-2", "9")  // which seems to be another's
	bury("f", "checkout", "", "payment-of-1", "")    // which cannot be read
	rows, err := processRows(s).ListProcesses(t.Context(), query.ListProcesses{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]query.ProcessLetter{"kitchen 1": {
		{ID: "d", Event: "payment.debited", Stream: "payment-of-1", Version: 5, Error: "broken d"},
	}, "checkout 1": {
		{ID: "a", Event: "payment.debited", Stream: "payment-of-1", Version: 4, Error: "broken a"},
		{ID: "b", Event: "payment.debited", Stream: "ticket-1", Version: 1, Error: "broken b"},
		{ID: "h", Process: "1", Event: "payment.debited", Stream: "payment-of-2", Version: 9, Error: "broken h"},
	}, "checkout 2": {
		{ID: "g", Process: "2", Event: "payment.debited", Stream: "payment-again", Version: 1, Error: "broken g"},
	}}
	for _, p := range rows {
		if key := p.Name + " " + p.ID; !slices.Equal(p.Letters, want[key]) {
			t.Errorf("the letters about %s are %+v, want %+v", key, p.Letters, want[key])
		}
	}
	for name, want := range map[string][]string{"": {"checkout 1", "checkout 2", "kitchen 1"}, "kitchen": {"kitchen 1"}, "cashier": nil} {
		rows, err := processRows(s).ProcessesWithLetters(t.Context(), name)
		got := named(rows)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("of %q, those with letters are %v, error %v, want %v", name, got, err, want)
		}
	}
}

// A process is asked to retry by somebody who does not know its state.
func TestSQLiteProcessIsRetriedAsItIs(t *testing.T) {
	t.Parallel()
	s := openSQLite(t)
	move := estest.MoveOf("1", 0, 3, estest.State{Steps: []string{"<a>"}, Count: 1<<62 + 1})
	move.Standing = es.Standing{Waits: "for <people>", Trouble: "much"}
	move.Timers = []es.Timer{{Name: "late", At: began.Add(time.Hour)}}
	mustMove(t, s, "checkout", move)
	if err := retryRaw(t, s, "1"); err != nil {
		t.Fatal(err)
	}
	found, err := processesOf(s, "checkout").Load(t.Context(), []string{"1"})
	want := move.Instance
	want.Version, want.Timers = 4, append(want.Timers, es.Timer{Name: "process.retry", At: time.UnixMicro(4).UTC()})
	if !reflect.DeepEqual(found["1"], want) || err != nil {
		t.Errorf("the process is\n%+v, want\n%+v; error %v", found["1"], want, err)
	}
	due, err := processesOf(s, "checkout").Due(t.Context(), began.Add(time.Second), es.DueProcess{}, 10)
	if err != nil || len(due) != 1 || due[0].ID != "1" {
		t.Errorf("due are %v, want process 1; error %v", due, err)
	}
	if err := retryRaw(t, s, "2"); !errors.Is(err, es.ErrNoProcess) {
		t.Errorf("the error for a process that is not there is %v, want %v", err, es.ErrNoProcess)
	}
}

func retryRaw(t *testing.T, s *sqlstore.Store, id string) error {
	return es.Retry(t.Context(), sqlstore.Processes[json.RawMessage]{Store: s, Name: "checkout"}, id)
}
