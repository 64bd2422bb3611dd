package es_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// desk is a store and a journal in one. A nil function is one that nobody is
// expected to call.
type desk struct {
	reader
	es.Journal
	append  func(es.Append) error
	finish  func(es.Outcome) error
	outcome func(id string) (es.Outcome, error)
}

func (d *desk) Append(_ context.Context, a es.Append) error                    { return d.append(a) }
func (d *desk) Finish(_ context.Context, o es.Outcome) error                   { return d.finish(o) }
func (d *desk) Outcome(_ context.Context, id string) (o es.Outcome, err error) { return d.outcome(id) }

type tooMuch struct{}

func (tooMuch) Error() string         { return "that is too much" }
func (tooMuch) RejectionCode() string { return "too_much" }

func newExecutor(t *testing.T, d *desk) *es.Executor[tally, added] {
	ids := 0
	return es.NewExecutor[tally](es.ExecutorConfig[added]{
		Category: "tally", Store: d, Journal: d, Codec: newCodec(t), Retries: 2,
		Now:   func() time.Time { return noon.Add(time.Minute) },
		NewID: func() string { ids++; return fmt.Sprintf("id-%d", ids) },
	})
}

var (
	add       = es.Envelope{ID: "c-1", Type: "add", Target: "7", Metadata: es.Metadata{CorrelationID: "r-1", CausationID: "m-1", Actor: "ann"}}
	succeeded = es.Outcome{CommandID: "c-1", CommandType: "add", Target: "7", Status: es.StatusSucceeded}
)

// double decides to add what is there already.
func double(n tally, _ time.Time) ([]added, error) { return []added{{int(n)}}, nil }

func TestExecutorAppendsWhatWasDecidedWithItsOutcome(t *testing.T) {
	t.Parallel()
	var got []es.Append
	d := &desk{reader: reader{records: history(2, 3)}, append: func(a es.Append) error { got = append(got, a); return nil }}
	x := newExecutor(t, d)
	x.Now = func() time.Time { return noon.Add(time.Minute + 1999).In(time.FixedZone("CET", 3600)) }
	at := noon.Add(time.Minute + 1000) // UTC and microseconds

	o, err := x.Execute(t.Context(), add, func(n tally, now time.Time) ([]added, error) {
		if n != 5 || !now.Equal(at) || now.Location() != time.UTC {
			t.Errorf("decided on %d at %v, want 5 at %v", n, now, at)
		}
		return []added{{1}, {4}}, nil
	})

	want := succeeded
	want.Version = 4
	if err != nil || o != want {
		t.Errorf("got %+v, %v, want %+v", o, err, want)
	}
	origin := es.Metadata{CommandID: "c-1", CausationID: "c-1", CorrelationID: "r-1", Actor: "ann"}
	wantAppend := []es.Append{{Stream: "tally-7", Expected: 2, Outcome: want, Records: []es.Record{
		{ID: "id-1", Stream: "tally-7", Version: 3, Type: "added", Schema: 1, Data: []byte(`{"n":1}`), Metadata: origin, OccurredAt: at},
		{ID: "id-2", Stream: "tally-7", Version: 4, Type: "added", Schema: 1, Data: []byte(`{"n":4}`), Metadata: origin, OccurredAt: at},
	}}}
	if !reflect.DeepEqual(got, wantAppend) {
		t.Errorf("appended\n\t%+v\nwant\n\t%+v", got, wantAppend)
	}
}

func TestExecutorDecidesAgainOnFreshStateWhenSomebodyWasFaster(t *testing.T) {
	t.Parallel()
	d := &desk{reader: reader{records: history(2)}}
	var got []es.Append
	d.append = func(a es.Append) error {
		if got = append(got, a); len(got) <= 2 {
			d.records = history([]int{2, 10, 100}[:len(got)+1]...)
			return fmt.Errorf("append: %w", es.ErrConflict)
		}
		return nil
	}
	o, err := newExecutor(t, d).Execute(t.Context(), add, double)
	if err != nil || o.Status != es.StatusSucceeded || o.Version != 4 {
		t.Errorf("got %+v, %v, want success at version 4", o, err)
	}
	var decided []string
	for _, a := range got {
		decided = append(decided, fmt.Sprintf("%s at %d", a.Records[0].Data, a.Expected))
	}
	if want := []string{`{"n":2} at 1`, `{"n":12} at 2`, `{"n":112} at 3`}; !reflect.DeepEqual(decided, want) {
		t.Errorf("decided %v, want %v", decided, want)
	}
}

func TestExecutorGivesUpWhenSomebodyIsAlwaysFaster(t *testing.T) {
	t.Parallel()
	tries := 0
	d := &desk{append: func(es.Append) error { tries++; return es.ErrConflict }}
	o, err := newExecutor(t, d).Execute(t.Context(), add, double)
	if !errors.Is(err, es.ErrConflict) || o != (es.Outcome{}) || tries != 3 {
		t.Errorf("got %+v, %v after %d tries, want a conflict after 3", o, err, tries)
	}
}

func TestExecutorAnswersARepetitionWithTheEarlierOutcome(t *testing.T) {
	t.Parallel()
	earlier := es.Outcome{CommandID: "c-1", Status: es.StatusSucceeded, Version: 1}
	outcome := func(id string) (es.Outcome, error) {
		if id != "c-1" {
			return es.Outcome{}, es.ErrUnknownCommand
		}
		return earlier, nil
	}
	decided := fmt.Errorf("append: %w", es.ErrDecided)
	for name, decide := range map[string]func(tally, time.Time) ([]added, error){
		"when events were decided": double,
		"when it would be refused": func(tally, time.Time) ([]added, error) { return nil, tooMuch{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{
				reader: reader{records: history(2)}, outcome: outcome,
				append: func(es.Append) error { return decided },
				finish: func(es.Outcome) error { return decided },
			}
			if o, err := newExecutor(t, d).Execute(t.Context(), add, decide); err != nil || o != earlier {
				t.Errorf("got %+v, %v, want %+v", o, err, earlier)
			}
		})
	}
}

func TestExecutorRecordsARejection(t *testing.T) {
	t.Parallel()
	var got []es.Outcome
	d := &desk{reader: reader{records: history(2, 3)}, finish: func(o es.Outcome) error { got = append(got, o); return nil }}
	o, err := newExecutor(t, d).Execute(t.Context(), add, func(tally, time.Time) ([]added, error) {
		return nil, fmt.Errorf("add: %w", tooMuch{})
	})
	want := succeeded
	want.Status, want.Version, want.Problem = es.StatusRejected, 2, &es.Problem{Code: "too_much", Detail: "that is too much"}
	if err != nil || !reflect.DeepEqual(o, want) || !reflect.DeepEqual(got, []es.Outcome{want}) {
		t.Errorf("got %+v, %v and recorded %+v, want %+v", o, err, got, want)
	}
}

func TestExecutorRefusesACommandThatWasMeantForAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		history  []es.Record
		expected []es.Version
		refused  bool
	}{
		"any version":                            {history(2, 3), nil, false},
		"the version it is at":                   {history(2, 3), []es.Version{2}, false},
		"several versions, one of them is right": {history(2, 3), []es.Version{1, 2, 9}, false},
		"an older version":                       {history(2, 3), []es.Version{1}, true},
		"a version to come":                      {history(2, 3), []es.Version{3, 4}, true},
		"a version of what does not exist":       {nil, []es.Version{1}, false}, // the decision says that better
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var finished []es.Outcome
			d := &desk{
				reader: reader{records: test.history}, append: func(es.Append) error { return nil },
				finish: func(o es.Outcome) error { finished = append(finished, o); return nil },
			}
			c, decided := add, false
			c.Expected = test.expected
			o, err := newExecutor(t, d).Execute(t.Context(), c, func(tally, time.Time) ([]added, error) {
				decided = true
				return []added{{1}}, nil
			})
			if err != nil || decided == test.refused {
				t.Fatalf("got %v and decided: %t, want refused: %t", err, decided, test.refused)
			}
			if !test.refused {
				return
			}
			if o.Status != es.StatusRejected || o.Version != 2 || o.Problem == nil || o.Problem.Code != es.VersionMismatch {
				t.Errorf("got %+v with %+v, want a version mismatch at 2", o, o.Problem)
			}
			if !reflect.DeepEqual(finished, []es.Outcome{o}) {
				t.Errorf("recorded %+v, want %+v", finished, o)
			}
		})
	}
}

func TestExecutorKeepsHistoryInOrderWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	last := noon.Add(time.Second) // of history(2, 3)
	var got es.Append
	d := &desk{reader: reader{records: history(2, 3)}, append: func(a es.Append) error { got = a; return nil }}
	x := newExecutor(t, d)
	x.Now = func() time.Time { return noon.Add(-time.Hour) }
	if _, err := x.Execute(t.Context(), add, func(_ tally, at time.Time) ([]added, error) {
		if !at.Equal(last) {
			t.Errorf("decided at %v, want %v", at, last)
		}
		return []added{{1}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if at := got.Records[0].OccurredAt; !at.Equal(last) {
		t.Errorf("the record is of %v, want %v", at, last)
	}
}

func TestExecutorReportsNoSuccessItCannotVouchFor(t *testing.T) {
	t.Parallel()
	refuse := func(tally, time.Time) ([]added, error) { return nil, tooMuch{} }
	damaged := history(2)
	damaged[0].Schema = 9
	broken := func(es.Append) error { return errBroken }
	for name, test := range map[string]struct {
		store  es.Store
		desk   *desk
		decide func(tally, time.Time) ([]added, error)
		want   error // nil when any error will do
	}{
		"the stream cannot be read":     {&unreadable{reader{records: history(2)}}, &desk{}, double, errBroken},
		"a record cannot be decoded":    {nil, &desk{reader: reader{records: damaged}}, double, nil},
		"the append breaks":             {nil, &desk{append: broken}, double, errBroken},
		"the outcome cannot be kept":    {nil, &desk{finish: func(es.Outcome) error { return errBroken }}, refuse, errBroken},
		"the decision breaks":           {nil, &desk{}, func(tally, time.Time) ([]added, error) { return nil, errBroken }, errBroken},
		"the earlier outcome is hidden": {nil, &desk{append: func(es.Append) error { return es.ErrDecided }, outcome: func(string) (es.Outcome, error) { return es.Outcome{}, errBroken }}, double, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExecutor(t, test.desk)
			if test.store != nil {
				x.Store = test.store
			}
			o, err := x.Execute(t.Context(), add, test.decide)
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) || o.Status == es.StatusSucceeded {
				t.Errorf("got %+v, %v, want the error %v and no success", o, err, test.want)
			}
		})
	}
}

// A stream has one store that writes to it. A command that comes to another one was
// led astray.
func TestExecutorDecidesNothingAboutAnotherStoresStreams(t *testing.T) {
	t.Parallel()
	imported := history(2, 3)
	for i := range imported {
		imported[i].Metadata.Origin = "another store"
	}
	x := newExecutor(t, &desk{reader: reader{records: imported}})
	if o, err := x.Execute(t.Context(), add, double); !errors.Is(err, es.ErrForeign) || o != (es.Outcome{}) {
		t.Errorf("got %+v, %v, want %v", o, err, es.ErrForeign)
	}
}

func TestExecutorMakesItsOwnEventsOfAnotherStoresCommands(t *testing.T) {
	t.Parallel()
	var got es.Append
	d := &desk{append: func(a es.Append) error { got = a; return nil }}
	c := add
	c.Origin = "another store"
	if _, err := newExecutor(t, d).Execute(t.Context(), c, func(tally, time.Time) ([]added, error) { return []added{{1}}, nil }); err != nil {
		t.Fatal(err)
	}
	if origin := got.Records[0].Metadata.Origin; origin != "" {
		t.Errorf("the event is from %q, want it to be from here", origin)
	}
}
