package query_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// step is an event and what it changes in a view.
type step[V, E any] struct {
	event  E
	change func(*V)
}

// wantViews folds lives, which together hold every event of a catalogue, and looks
// at the view after each event. The view's Evolve has a case for each of them.
func wantViews[V es.Folded[V, E], E es.Event](t *testing.T, lives map[string][]step[V, E], catalogue []E) {
	t.Helper()
	name := reflect.TypeFor[V]().Name()
	if got, want := estest.CasesOf(t, ".", name, "Evolve"), estest.TypeNames(catalogue); !slices.Equal(got, want) {
		t.Errorf("%s.Evolve has cases for\n\t%v\nand the catalogue lists\n\t%v", name, got, want)
	}
	missing := map[string]bool{}
	for _, e := range catalogue {
		missing[e.EventType()] = true
	}
	for life, steps := range lives {
		for _, s := range steps {
			delete(missing, s.event.EventType())
		}
		t.Run(life, func(t *testing.T) {
			t.Parallel()
			var got, want V
			for _, s := range steps {
				got = got.Evolve(s.event)
				s.change(&want)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("after %s the view is\n\t%+v\nwant\n\t%+v", s.event.EventType(), got, want)
				}
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no test says what these change in the view: %v", missing)
	}
}
