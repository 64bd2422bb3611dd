package query_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

var errBroken = errors.New("broken")

// archive is a store with the streams that are in it.
type archive struct {
	es.Store
	records []es.Record
	err     error // after the records
}

func (a archive) Read(_ context.Context, s es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for _, r := range a.records {
			if r.Stream == s && r.Version > after && !yield(r, nil) {
				return
			}
		}
		if a.err != nil {
			yield(es.Record{}, a.err)
		}
	}
}

// newHistory returns a history in which order 7 was created at noon, submitted a
// minute later and canceled in the minute after, all by records of those times.
func newHistory(t *testing.T, err error) *query.History {
	t.Helper()
	codec, codecErr := es.NewCodec(order.Catalogue(), order.Event.EventType)
	if codecErr != nil {
		t.Fatal(codecErr)
	}
	a := archive{err: err}
	for i, e := range []order.Event{created, order.Submitted{At: minute(1)}, order.Canceled{Reason: "not hungry", At: minute(2)}} {
		name, schema, data, err := codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		a.records = append(a.records, es.Record{
			ID: fmt.Sprint(i + 1), Stream: "order-7", Version: es.Version(i + 1), Type: name, Schema: schema, Data: data, OccurredAt: minute(i),
		})
	}
	return &query.History{Category: "order", Store: a, Codec: codec}
}

func TestHistoryShowsAnOrderAtAVersion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id      order.ID
		version es.Version
		want    order.Status
		err     error
	}{
		"the first":              {"7", 1, "draft", nil},
		"one in the middle":      {"7", 2, "submitted", nil},
		"the last":               {"7", 3, "canceled", nil},
		"one to come":            {"7", 4, "", query.ErrNoSuchVersion},
		"one before the first":   {"7", 0, "", query.ErrNoSuchVersion},
		"one of another order":   {"8", 1, "", query.ErrNotFound},
		"one of a similar order": {"77", 1, "", query.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, err := newHistory(t, nil).AtVersion(t.Context(), test.id, test.version)
			if !errors.Is(err, test.err) {
				t.Fatalf("got %+v, %v, want the error %v", row, err, test.err)
			}
			if err == nil && (row.Status != test.want || row.Version != test.version || row.ID != test.id) {
				t.Errorf("got %+v, want %s at version %d", row, test.want, test.version)
			}
		})
	}
}

func TestHistoryShowsAnOrderAsOfATime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at      time.Time
		version es.Version // 0 when there was no order
	}{
		"just before it was made":    {noon.Add(-time.Microsecond), 0},
		"when it was made":           {noon, 1},
		"between two events":         {noon.Add(90 * time.Second), 2},
		"when the last event was":    {minute(2), 3},
		"long after":                 {minute(1000), 3},
		"in another place on earth":  {minute(1).In(time.FixedZone("CET", 3600)), 2},
		"at the beginning of counts": {time.Time{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, err := newHistory(t, nil).AsOf(t.Context(), "7", test.at)
			if test.version == 0 && !errors.Is(err, query.ErrNoSuchVersion) || test.version > 0 && err != nil || row.Version != test.version {
				t.Errorf("got %+v, %v, want version %d", row, err, test.version)
			}
		})
	}
}

func TestHistoryListsTheEventsAfterAVersion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after es.Version
		limit int
		want  []string
	}{
		"all of them":           {0, 10, []string{"1", "2", "3"}},
		"a page":                {0, 2, []string{"1", "2"}},
		"the page after it":     {2, 2, []string{"3"}},
		"nothing after the end": {3, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records, err := newHistory(t, nil).Events(t.Context(), "7", test.after, test.limit)
			var got []string
			for _, r := range records {
				got = append(got, r.ID)
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestHistoryKnowsNoEventsOfAnOrderThatDoesNotExist(t *testing.T) {
	t.Parallel()
	for _, after := range []es.Version{0, 2} {
		if records, err := newHistory(t, nil).Events(t.Context(), "8", after, 10); !errors.Is(err, query.ErrNotFound) {
			t.Errorf("after version %d: got %v, %v, want %v", after, records, err, query.ErrNotFound)
		}
	}
}

func TestHistoryShowsNoOrderThatItCouldNotReadToTheEnd(t *testing.T) {
	t.Parallel()
	h := newHistory(t, errBroken)
	if row, err := h.AtVersion(t.Context(), "7", 9); !errors.Is(err, errBroken) || row.Version != 0 {
		t.Errorf("at a version: got %+v, %v, want %v", row, err, errBroken)
	}
	if row, err := h.AsOf(t.Context(), "7", minute(9)); !errors.Is(err, errBroken) || row.Version != 0 {
		t.Errorf("as of a time: got %+v, %v, want %v", row, err, errBroken)
	}
	if records, err := h.Events(t.Context(), "7", 0, 10); !errors.Is(err, errBroken) || records != nil {
		t.Errorf("events: got %+v, %v, want %v", records, err, errBroken)
	}
}
