// Package estest holds what tests of event-sourced code share.
package estest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// Scenario is a state that something is to be decided on.
type Scenario[S es.Folded[S, E], E any] struct {
	t       testing.TB
	history []E
	state   S
}

// Given starts a scenario with the state after some events, or with the zero
// state when there are none.
func Given[S es.Folded[S, E], E any](t testing.TB, history ...E) Scenario[S, E] {
	var zero S
	return Scenario[S, E]{t, history, es.Fold(zero, history...)}
}

// When decides on the state.
func (s Scenario[S, E]) When(decide func(S) ([]E, error)) Outcome[E] {
	events, err := decide(s.state)
	return Outcome[E]{s.t, s.history, events, err}
}

// Outcome is what was decided.
type Outcome[E any] struct {
	t       testing.TB
	history []E
	events  []E
	err     error
}

// Then wants exactly these events, in this order.
func (o Outcome[E]) Then(want ...E) {
	o.t.Helper()
	if o.err != nil {
		o.t.Fatalf("%sgot\n\t%s\nwant\n%s", given(o.history), no(o.err), lines(want))
	}
	same := len(o.events) == len(want)
	for i := range min(len(o.events), len(want)) {
		same = same && reflect.DeepEqual(o.events[i], want[i])
	}
	if !same {
		o.t.Fatalf("%sgot\n%swant\n%s", given(o.history), lines(o.events), lines(want))
	}
}

// ThenRejected wants no events, and this rejection with everything it says.
func (o Outcome[E]) ThenRejected(want es.Rejection) {
	o.t.Helper()
	if o.err == nil {
		o.t.Fatalf("%sgot\n%swant\n\t%s", given(o.history), lines(o.events), no(want))
	}
	if got, ok := errors.AsType[es.Rejection](o.err); !ok || !reflect.DeepEqual(got, want) {
		o.t.Fatalf("%sgot\n\t%s\nwant\n\t%s", given(o.history), no(o.err), no(want))
	}
	if len(o.events) > 0 {
		o.t.Fatalf("%srejected with %s, and still decided\n%s", given(o.history), no(o.err), lines(o.events))
	}
}

func given[E any](history []E) string { return "given\n" + lines(history) }

// lines shows one event per line.
func lines[E any](events []E) string {
	if len(events) == 0 {
		return "\tno events\n"
	}
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\t%T%+v\n", e, e)
	}
	return b.String()
}

// no shows an error, and the code of one that is a rejection.
func no(err error) string {
	if r, ok := errors.AsType[es.Rejection](err); ok {
		return fmt.Sprintf("rejection %s: %v", r.RejectionCode(), err)
	}
	return fmt.Sprintf("error %T: %v", err, err)
}
