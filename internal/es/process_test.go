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

// bench is a process manager at work: it answers every event with a command that
// is called after the event and the state, and keeps what was handed on.
type bench struct {
	*es.Projector[tally, added]
	handed []string
}

func newBench(t *testing.T, store es.Store, processes *shelf) *bench {
	b := &bench{}
	b.Projector = &es.Projector[tally, added]{
		Category: "tally", Store: store, Codec: newCodec(t), States: processes,
		React: func(_ context.Context, n tally, e added, r es.Record) ([]es.Envelope, error) {
			return []es.Envelope{{ID: fmt.Sprintf("%s: +%d=%d", r.ID, e.N, n)}}, nil
		},
		Sent: func(_ context.Context, commands []es.Envelope) { b.handed = append(b.handed, ids(commands)...) },
	}
	return b
}

func ids(commands []es.Envelope) []string {
	var ids []string
	for _, c := range commands {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestProcessManagerAnswersEveryEventOnceHoweverOftenItIsCalled(t *testing.T) {
	t.Parallel()
	store, processes := &reader{}, &shelf{}
	b := newBench(t, store, processes)
	for _, call := range []struct {
		when    string
		history []es.Record
		want    es.Version
	}{
		{"before anything happened", nil, 0},
		{"the first message", history(1), 1},
		{"the same message again", history(1), 1},
		{"a message that overtook another", history(1, 2, 3), 3},
		{"the message it overtook", history(1, 2, 3), 3},
	} {
		store.records = call.history
		if got, err := b.CatchUp(t.Context(), "7"); err != nil || got["7"] != call.want {
			t.Errorf("%s: caught up to %d, %v, want %d", call.when, got["7"], err, call.want)
		}
	}
	want := []string{"a: +1=1", "b: +2=3", "c: +3=6"}
	if !reflect.DeepEqual(ids(processes.sent), want) || !reflect.DeepEqual(b.handed, want) {
		t.Errorf("accepted %v and handed on %v, want %v", ids(processes.sent), b.handed, want)
	}
	if want := []string{"1 at 1", "6 at 3"}; !reflect.DeepEqual(processes.saves, want) {
		t.Errorf("saved %v, want %v", processes.saves, want)
	}
}

func TestProcessManagerSendsOnlyWhatItAcceptedItself(t *testing.T) {
	t.Parallel()
	processes := &shelf{}
	processes.interrupt = func() { processes.state, processes.version = 1, 1 } // by somebody else
	b := newBench(t, &reader{records: history(1, 2)}, processes)
	if got, err := b.CatchUp(t.Context(), "7"); err != nil || got["7"] != 2 {
		t.Errorf("caught up to %d, %v, want 2", got["7"], err)
	}
	want := []string{"b: +2=3"}
	if !reflect.DeepEqual(ids(processes.sent), want) || !reflect.DeepEqual(b.handed, want) {
		t.Errorf("accepted %v and handed on %v, want %v", ids(processes.sent), b.handed, want)
	}
}

func TestProcessManagerHandsOnWhatIsAlreadySaved(t *testing.T) {
	t.Parallel()
	processes := &shelf{}
	b := newBench(t, &reader{records: history(1)}, processes)
	b.Sent = func(_ context.Context, commands []es.Envelope) {
		if !reflect.DeepEqual(commands, processes.sent) {
			t.Errorf("handed on %v before they were accepted", ids(commands))
		}
	}
	if _, err := b.CatchUp(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
}

func TestProcessManagerSavesAndSendsWhatItIsSureOfBeforeItGivesUp(t *testing.T) {
	t.Parallel()
	damaged := history(1, 2)
	damaged[1].Type = "unknown"
	for name, test := range map[string]struct {
		store  es.Store
		react  error // to the second event
		broken error
		want   error // nil when any error will do
		sure   []string
	}{
		"the reaction breaks":        {&reader{records: history(1, 2)}, errBroken, nil, errBroken, []string{"a: +1=1"}},
		"the stream breaks off":      {&unreadable{reader{records: history(1)}}, nil, nil, errBroken, []string{"a: +1=1"}},
		"a record cannot be decoded": {&reader{records: damaged}, nil, nil, nil, []string{"a: +1=1"}},
		"the save breaks":            {&reader{records: history(1)}, nil, errBroken, errBroken, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			processes := &shelf{broken: test.broken}
			b := newBench(t, test.store, processes)
			react := b.React
			b.React = func(ctx context.Context, n tally, e added, r es.Record) ([]es.Envelope, error) {
				if r.Version == 2 && test.react != nil {
					return nil, test.react
				}
				return react(ctx, n, e, r)
			}
			got, err := b.CatchUp(t.Context(), "7")
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) || got["7"] != 0 {
				t.Errorf("caught up to %d, %v, want the error %v", got["7"], err, test.want)
			}
			if !slices.Equal(ids(processes.sent), test.sure) || !slices.Equal(b.handed, test.sure) || len(processes.saves) != len(test.sure) {
				t.Errorf("saved %v, accepted %v and handed on %v, want %v", processes.saves, ids(processes.sent), b.handed, test.sure)
			}
		})
	}
	if _, err := newBench(t, &reader{}, &shelf{}).CatchUp(t.Context(), "8"); err == nil {
		t.Error("a process that cannot be loaded was caught up with")
	}
}
