package es_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// shelf keeps one view. Before a save it calls interrupt, once.
type shelf struct {
	state     tally
	version   es.Version
	saves     []string
	interrupt func()
	broken    error
}

// Load implements es.States.
func (s *shelf) Load(_ context.Context, ids []string) (map[string]es.Seen[tally], error) {
	if len(ids) != 1 || ids[0] != "7" {
		return nil, fmt.Errorf("asked for %q", ids)
	}
	if s.version == 0 {
		return nil, nil
	}
	return map[string]es.Seen[tally]{"7": {State: s.state, Version: s.version}}, nil
}

// Save implements es.States.
func (s *shelf) Save(_ context.Context, steps []es.Step[tally]) []error {
	if len(steps) != 1 {
		return []error{fmt.Errorf("%d steps at once", len(steps))}
	}
	step := steps[0]
	if step.From == step.To {
		return []error{nil}
	}
	return []error{s.save(step.State, step.From, step.To)}
}

func (s *shelf) save(n tally, from, to es.Version) error {
	if i := s.interrupt; i != nil {
		s.interrupt = nil
		i()
	}
	if s.broken != nil {
		return s.broken
	}
	if s.version != from {
		return fmt.Errorf("save: %w", es.ErrConflict)
	}
	s.state, s.version = n, to
	s.saves = append(s.saves, fmt.Sprintf("%d at %d", n, to))
	return nil
}

func newProjector(t *testing.T, store es.Store, views *shelf) *es.Projector[tally, added] {
	return &es.Projector[tally, added]{Category: "tally", Store: store, Codec: newCodec(t), States: views}
}

func TestProjectorFoldsEveryEventOnceHoweverOftenItIsCalled(t *testing.T) {
	t.Parallel()
	store, views := &reader{}, &shelf{}
	p := newProjector(t, store, views)
	for _, call := range []struct {
		when    string
		history []es.Record
		want    es.Version
	}{
		{"before anything happened", nil, 0},
		{"the first message", history(1), 1},
		{"the same message again", history(1), 1},
		{"a message that overtook two others", history(1, 2, 3, 4), 4},
		{"the messages it overtook", history(1, 2, 3, 4), 4},
	} {
		store.records = call.history
		if got, err := p.CatchUp(t.Context(), "7"); err != nil || got["7"] != call.want {
			t.Errorf("%s: caught up to %d, %v, want %d", call.when, got["7"], err, call.want)
		}
	}
	if want := []string{"1 at 1", "10 at 4"}; !reflect.DeepEqual(views.saves, want) {
		t.Errorf("saved %v, want %v", views.saves, want)
	}
}

func TestProjectorStartsAgainWhenSomebodyElseBroughtTheViewFurther(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		further tally
		version es.Version
		want    []string
	}{
		"but not to the end": {1, 1, []string{"6 at 3"}},
		"to the end":         {6, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			views := &shelf{}
			views.interrupt = func() { views.state, views.version = test.further, test.version }
			got, err := newProjector(t, &reader{records: history(1, 2, 3)}, views).CatchUp(t.Context(), "7")
			if err != nil || got["7"] != 3 || views.state != 6 || !reflect.DeepEqual(views.saves, test.want) {
				t.Errorf("caught up to %d, %v, saved %v, the view is %d; want version 3, %v and 6", got["7"], err, views.saves, views.state, test.want)
			}
		})
	}
}

func TestProjectorSavesWhatItIsSureOfBeforeItGivesUp(t *testing.T) {
	t.Parallel()
	damaged := history(1, 2)
	damaged[1].Type = "unknown"
	for name, test := range map[string]struct {
		store  es.Store
		broken error
		want   error // nil when any error will do
		saved  []string
	}{
		"the stream breaks off":      {&unreadable{reader{records: history(1)}}, nil, errBroken, []string{"1 at 1"}},
		"a record cannot be decoded": {&reader{records: damaged}, nil, nil, []string{"1 at 1"}},
		"the save breaks":            {&reader{records: history(1)}, errBroken, errBroken, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			views := &shelf{broken: test.broken}
			got, err := newProjector(t, test.store, views).CatchUp(t.Context(), "7")
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) || got["7"] != 0 || !slices.Equal(views.saves, test.saved) {
				t.Errorf("caught up to %d, %v and saved %v, want the error %v and %v", got["7"], err, views.saves, test.want, test.saved)
			}
		})
	}
	if _, err := newProjector(t, &reader{}, &shelf{}).CatchUp(t.Context(), "8"); err == nil {
		t.Error("a view that cannot be loaded was caught up with")
	}
}
