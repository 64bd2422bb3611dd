package estest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// TestHearsay holds a store to what es.Hearsay promises.
func TestHearsay(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"learns what became of a command", learnsOutcome},
		{"learns what became of a command that is not in the journal", learnsOfStrangers},
		{"puts success or rejection in the place of a failure", mendsFailure},
		{"keeps the first failure", keepsFailure},
		{"keeps what is final", keepsFinal},
		{"keeps an outcome from being given by Finish or Append", learnsForAll},
		{"ends with the one success among 16 failures", oneSuccess},
		{"lets one of 16 outcomes take the place of a failure", oneMends},
		{"learns nothing when the context is done", learnsNothing},
	})
}

// ended returns an outcome of a command, with all that belongs to its status.
func ended(command string, status es.Status) es.Outcome {
	o := succeeded(command, 7)
	if o.Status = status; status != es.StatusSucceeded {
		o.Version, o.Problem = 0, &es.Problem{Code: "it_" + string(status), Detail: "“" + command + "” isn't done"}
	}
	return o
}

// learn lets a store learn an outcome, and wants this to be the one from then on.
func learn(t *testing.T, s Store, o, want es.Outcome) {
	t.Helper()
	got, err := s.Learn(t.Context(), o)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("having learned %+v it returns %+v, want %+v", o, got, want)
	}
	wantOutcome(t, s, want)
	wantNoneLeft(t, s)
}

func wantNoneLeft(t *testing.T, s Store) {
	t.Helper()
	if left := unfinished(t, s, 10); len(left) > 0 {
		t.Fatalf("%v are unfinished, want none", left)
	}
}

var ends = []es.Status{es.StatusSucceeded, es.StatusRejected, es.StatusFailed}

func learnsOutcome(t *testing.T, s Store) {
	for _, status := range ends {
		o := ended(accepted(t, s), status)
		learn(t, s, o, o)
		learn(t, s, o, o) // which comes twice
	}
}

func learnsOfStrangers(t *testing.T, s Store) {
	for _, status := range ends {
		o := ended(rand.Text(), status)
		learn(t, s, o, o)
	}
}

func mendsFailure(t *testing.T, s Store) {
	other := ended(accepted(t, s), es.StatusFailed)
	learn(t, s, other, other)
	for _, status := range []es.Status{es.StatusSucceeded, es.StatusRejected} {
		id := accepted(t, s)
		failed, o := ended(id, es.StatusFailed), ended(id, status)
		learn(t, s, failed, failed)
		learn(t, s, o, o)
		learn(t, s, failed, o) // which was held up on its way
		got, known, err := s.Accept(t.Context(), envelope(id))
		must(t, err)
		if !known || !reflect.DeepEqual(got, o) {
			t.Fatalf("asked again it is known %v, outcome %+v, want %+v", known, got, o)
		}
	}
	wantOutcome(t, s, other)
}

func keepsFailure(t *testing.T, s Store) {
	first := ended(accepted(t, s), es.StatusFailed)
	again := first
	again.Problem = &es.Problem{Code: "another"}
	learn(t, s, first, first)
	learn(t, s, again, first)
}

func keepsFinal(t *testing.T, s Store) {
	for _, status := range []es.Status{es.StatusSucceeded, es.StatusRejected} {
		first := ended(accepted(t, s), status)
		learn(t, s, first, first)
		for _, later := range ends {
			learn(t, s, ended(first.CommandID, later), first)
		}
	}
}

// Only what was carried out elsewhere may turn out to have been done after all.
func learnsForAll(t *testing.T, s Store) {
	for _, status := range ends {
		o := ended(accepted(t, s), status)
		learn(t, s, o, o)
		wantError(t, s.Finish(t.Context(), succeeded(o.CommandID, 9)), es.ErrDecided)
		stream := newStream()
		err := s.Append(t.Context(), es.Append{Stream: stream, Records: records(stream, 0, 1, o.CommandID), Outcome: succeeded(o.CommandID, 1)})
		wantError(t, err, es.ErrDecided)
		wantOutcome(t, s, o)
	}
}

// oneSuccess has the same command succeed once and fail often, all at once, and a
// second one, which had failed before.
func oneSuccess(t *testing.T, s Store) {
	const callers = 17
	for round := range 10 {
		for _, before := range []bool{false, true} {
			id := accepted(t, s)
			if before {
				learn(t, s, ended(id, es.StatusFailed), ended(id, es.StatusFailed))
			}
			success := ended(id, es.StatusSucceeded)
			must(t, errors.Join(together(callers, func(i int) error {
				o := ended(id, es.StatusFailed)
				if i == round {
					o = success
				}
				got, err := s.Learn(t.Context(), o)
				if err == nil && i == round && !reflect.DeepEqual(got, success) {
					return errors.New("the success was not taken")
				}
				return err
			})...))
			wantOutcome(t, s, success)
		}
	}
	wantNoneLeft(t, s)
}

func oneMends(t *testing.T, s Store) {
	const callers = 16
	for range 10 {
		id := accepted(t, s)
		learn(t, s, ended(id, es.StatusFailed), ended(id, es.StatusFailed))
		got := make([]es.Outcome, callers)
		must(t, errors.Join(together(callers, func(i int) (err error) {
			got[i], err = s.Learn(t.Context(), succeeded(id, es.Version(i+1)))
			return err
		})...))
		for _, o := range got {
			if !reflect.DeepEqual(o, got[0]) {
				t.Fatalf("one was told %+v, another one %+v", got[0], o)
			}
		}
		wantOutcome(t, s, got[0])
	}
}

func learnsNothing(t *testing.T, s Store) {
	id := accepted(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // often, since a select takes its pick
		_, err := s.Learn(ctx, succeeded(id, 1))
		wantError(t, err, context.Canceled)
	}
	wantPending(t, s, id)
}
