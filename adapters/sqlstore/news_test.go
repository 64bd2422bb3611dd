package sqlstore_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// testNews holds a store to what those are told who wait for news of many things.
func testNews(t *testing.T, open func(*testing.T) estest.Store) {
	t.Run("outcomes of many commands", func(t *testing.T) {
		t.Parallel()
		tellsOutcomes(t, open(t).(*sqlstore.Store))
	})
	t.Run("versions of many views", func(t *testing.T) {
		t.Parallel()
		tellsVersions(t, open(t).(*sqlstore.Store))
	})
}

// strangers are ids of nothing, more than one statement takes.
func strangers() []string {
	ids := make([]string, 2500)
	for i := range ids {
		ids[i] = fmt.Sprint("nobody ", i)
	}
	return ids
}

func tellsOutcomes(t *testing.T, s *sqlstore.Store) {
	want := map[string]es.Outcome{}
	ids := strangers()
	for i, o := range []es.Outcome{
		{Status: es.StatusSucceeded, Version: 7},
		{Status: es.StatusRejected, Version: 3, Problem: &es.Problem{Code: "not_paid", Detail: "the order “1” isn't paid"}},
		{Status: es.StatusFailed},
	} {
		o.CommandID, o.CommandType, o.Target = acceptedAs(t, s, es.StatusPending), "order.test", "o-1"
		if err := s.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		want[o.CommandID] = o
		ids[1200*i] = o.CommandID // the first, one in the middle, and one near the end
	}
	ids[1], ids[2] = acceptedAs(t, s, es.StatusPending), ids[0] // one without an outcome, and one twice
	finish(t, s, "not asked for", es.StatusSucceeded)

	if got, err := s.Outcomes(t.Context(), ids); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the outcomes are %+v, %v, want %+v", got, err, want)
	}
	if got, err := s.Outcomes(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("the outcomes of nothing are %+v, %v, want none", got, err)
	}
}

func tellsVersions(t *testing.T, s *sqlstore.Store) {
	want := map[string]es.Version{"order-a-1": 1, "ticket-a-1": 7, "payment-c": 1 << 40}
	streams := strangers()
	for i := range streams {
		streams[i] = []string{"order-", "payment-", "ticket-", "", "ORDER-"}[i%5] + streams[i]
	}
	for i, err := range []error{
		estest.SaveOne(t.Context(), sqlstore.OrderViews{Store: s}, "a-1", query.Order{}, 0, 1),
		estest.SaveOne(t.Context(), sqlstore.TicketViews{Store: s}, "a-1", query.Ticket{}, 0, 5),
		estest.SaveOne(t.Context(), sqlstore.TicketViews{Store: s}, "a-1", query.Ticket{}, 5, 7),
		estest.SaveOne(t.Context(), sqlstore.PaymentViews{Store: s}, "c", query.Payment{}, 0, 1<<40),
		estest.SaveOne(t.Context(), sqlstore.OrderViews{Store: s}, "not asked for", query.Order{}, 0, 1),
	} {
		if err != nil {
			t.Fatalf("view %d: %v", i, err)
		}
	}
	for i, stream := range slices.Sorted(maps.Keys(want)) {
		streams[1200*i] = stream
	}
	views := sqlstore.ViewVersions{Store: s}
	if got, err := views.Versions(t.Context(), streams); err != nil || !maps.Equal(got, want) {
		t.Errorf("the versions are %v, %v, want %v", got, err, want)
	}
	if got, err := views.Versions(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("the versions of nothing are %v, %v, want none", got, err)
	}
}
