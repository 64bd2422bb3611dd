package query_test

import (
	"reflect"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// step is an event and what it changes in a view.
type step[V, E any] struct {
	event  E
	change func(*V)
}

// wantViews folds lives, which together hold every event of a catalogue, and looks
// at the view after each event.
func wantViews[V es.Folded[V, E], E es.Event](t *testing.T, lives map[string][]step[V, E], catalogue []E) {
	t.Helper()
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
