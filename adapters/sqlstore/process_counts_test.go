package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

func countsOf(t *testing.T, s *sqlstore.Store, name string, overdue time.Time) sqlstore.ProcessCounts {
	t.Helper()
	n, err := sqlstore.Processes[estest.State]{Store: s, Name: name}.Counts(t.Context(), overdue)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func countsProcesses(t *testing.T, s *sqlstore.Store) {
	want := func(when, name string, overdue time.Time, want sqlstore.ProcessCounts) {
		t.Helper()
		if got := countsOf(t, s, name, overdue); got != want {
			t.Errorf("%s, those of %s are %+v, want %+v", when, name, got, want)
		}
	}
	want("before there are any", "checkout", began, sqlstore.ProcessCounts{})
	move := func(name, id string, from es.Version, standing es.Standing, timers ...time.Time) {
		t.Helper()
		m := estest.MoveOf(id, from, from+1, estest.State{})
		m.StartedAt, m.Standing = began, standing
		for _, at := range timers {
			m.Timers = append(m.Timers, es.Timer{Name: at.String(), At: at})
		}
		mustMove(t, s, name, m)
	}
	late, later := began.Add(time.Minute), began.Add(2*time.Minute)
	trouble := es.Standing{Waits: "for help", Trouble: "no <way>"}
	move("checkout", "1", 0, es.Standing{Waits: "for the customer"}, later)
	move("checkout", "2", 0, trouble)
	move("checkout", "3", 0, trouble, later, late)
	move("checkout", "4", 0, es.Standing{Done: true})
	move("checkout", "5", 0, es.Standing{Done: true, Trouble: "once"})
	move("checkout", "6", 0, es.Standing{Done: true}, late) // somebody wants it to try again
	move("kitchen", "1", 0, trouble, late)
	move("Checkout", "1", 0, trouble, late)
	want("at the beginning", "checkout", late, sqlstore.ProcessCounts{Open: 3, Troubled: 2})
	want("a moment later", "checkout", late.Add(time.Microsecond), sqlstore.ProcessCounts{Open: 3, Troubled: 2, Overdue: 2})
	want("much later", "checkout", later.Add(time.Hour), sqlstore.ProcessCounts{Open: 3, Troubled: 2, Overdue: 3})
	want("of another manager", "kitchen", later, sqlstore.ProcessCounts{Open: 1, Troubled: 1, Overdue: 1})
	want("of nobody", "cashier", later, sqlstore.ProcessCounts{})

	move("checkout", "1", 1, es.Standing{Done: true})
	move("checkout", "2", 1, es.Standing{Waits: "for the customer"})
	if err := retryRaw(t, s, "2"); err != nil {
		t.Fatal(err)
	}
	want("when one is to retry", "checkout", time.Now().Add(-time.Minute), sqlstore.ProcessCounts{Open: 2, Troubled: 1})
	want("when it should have long since", "checkout", time.Now().Add(time.Minute), sqlstore.ProcessCounts{Open: 2, Troubled: 1, Overdue: 1})
	want("in the end", "checkout", later.Add(time.Hour), sqlstore.ProcessCounts{Open: 2, Troubled: 1, Overdue: 3})
}

func TestSQLiteCountsNoProcessesWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := openSQLite(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := (sqlstore.Processes[estest.State]{Store: s, Name: "checkout"}).Counts(ctx, began); err == nil {
		t.Errorf("counted %+v, want an error", n)
	}
}
