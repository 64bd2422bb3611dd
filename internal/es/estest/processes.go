package estest

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// State is what the suite keeps in a process.
type State struct {
	Steps []string
	Count int64
	Maybe *bool
}

// ProcessesOf returns where a store keeps the states of one process manager.
type ProcessesOf func(s Store, name string) es.States[State]

// TestProcesses holds a store to what es.States promises.
func TestProcesses(t *testing.T, open func(*testing.T) Store, of ProcessesOf) {
	with := func(run func(*testing.T, Store, ProcessesOf)) func(*testing.T, Store) {
		return func(t *testing.T, s Store) { run(t, s, of) }
	}
	try(t, open, []trial{
		{"loads nothing of a process that is new", with(newProcess)},
		{"loads what was saved", with(savedProcess)},
		{"keeps processes apart by manager and id", with(processesApart)},
		{"refuses a save that has not seen what is there, with its commands", with(staleProcess)},
		{"accepts the commands that are saved", with(processSends)},
		{"accepts the same commands once", with(processRepeats)},
		{"lets one of 16 savers win each step, with its commands", with(oneSaver)},
		{"writes nothing when the context is done", with(cancelledSave)},
	})
}

func wantProcess(t *testing.T, p es.States[State], id string, state State, version es.Version) {
	t.Helper()
	got, v, err := LoadOne(t.Context(), p, id)
	must(t, err)
	if v != version || !reflect.DeepEqual(got, state) {
		t.Fatalf("process %s is %+v at version %d, want %+v at %d", id, got, v, state, version)
	}
}

func newProcess(t *testing.T, s Store, of ProcessesOf) {
	must(t, SaveOne(t.Context(), of(s, "checkout"), "1", State{Count: 1}, 0, 1))
	for _, id := range []string{"", "2", "%"} {
		wantProcess(t, of(s, "checkout"), id, State{}, 0)
	}
}

func savedProcess(t *testing.T, s Store, of ProcessesOf) {
	p, yes := of(s, "checkout"), true
	first := State{Steps: []string{"a", "é\x00\"'"}, Count: 1<<62 + 1, Maybe: &yes}
	must(t, SaveOne(t.Context(), p, "1", first, 0, 3))
	wantProcess(t, p, "1", first, 3)
	second := State{Count: -1} // what is gone from the state is gone
	must(t, SaveOne(t.Context(), p, "1", second, 3, 4))
	wantProcess(t, p, "1", second, 4)
}

func processesApart(t *testing.T, s Store, of ProcessesOf) {
	var states []State
	for _, name := range []string{"checkout", "Checkout", "checkout ", "payments"} {
		for _, id := range []string{"Abc-1", "aBC-1", "Abc-1 "} {
			state := State{Steps: []string{name, id}, Count: int64(len(states))}
			must(t, SaveOne(t.Context(), of(s, name), id, state, 0, es.Version(len(states)+1)))
			states = append(states, state)
		}
	}
	for i, state := range states {
		wantProcess(t, of(s, state.Steps[0]), state.Steps[1], state, es.Version(i+1))
	}
}

func staleProcess(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	command := envelope(rand.Text())
	wantError(t, SaveOne(t.Context(), p, "1", State{Count: 9}, 2, 3, command), es.ErrConflict)
	wantProcess(t, p, "1", State{}, 0)
	must(t, SaveOne(t.Context(), p, "1", State{Count: 1}, 0, 2))
	for _, from := range []es.Version{0, 1, 3} {
		wantError(t, SaveOne(t.Context(), p, "1", State{Count: 9}, from, 4, command), es.ErrConflict)
		wantProcess(t, p, "1", State{Count: 1}, 2)
	}
	_, err := s.Outcome(t.Context(), command.ID)
	wantError(t, err, es.ErrUnknownCommand)
	wantCommands(t, s)
}

func processSends(t *testing.T, s Store, of ProcessesOf) {
	a, b := envelope("a"), envelope("b")
	a.Expected, a.Metadata.CausationID = []es.Version{4}, "cause"
	must(t, SaveOne(t.Context(), of(s, "checkout"), "1", State{Count: 1}, 0, 1, b, a))
	wantCommands(t, s, a, b)
	wantPending(t, s, "a")
	if _, known, err := s.Accept(t.Context(), a); err != nil || !known {
		t.Fatalf("known %v, error %v, want the command known", known, err)
	}
}

func processRepeats(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	a, b, c := envelope("a"), envelope("b"), envelope("c")
	must(t, SaveOne(t.Context(), p, "1", State{Count: 1}, 0, 1, a, b, a))
	must(t, s.Finish(t.Context(), succeeded("a", 5)))
	later := b
	later.AcceptedAt = b.AcceptedAt.Add(1000)
	must(t, SaveOne(t.Context(), p, "1", State{Count: 2}, 1, 2, a, later, c))
	wantProcess(t, p, "1", State{Count: 2}, 2)
	wantOutcome(t, s, succeeded("a", 5))
	wantCommands(t, s, b, c)
}

func oneSaver(t *testing.T, s Store, of ProcessesOf) {
	const savers, steps = 16, 20
	p := of(s, "checkout")
	var sent []string
	for step := range es.Version(steps) {
		errs := together(savers, func(i int) error {
			command := envelope(fmt.Sprintf("%02d/%02d", step, i))
			return SaveOne(t.Context(), p, "1", State{Count: int64(i)}, step, step+1, command)
		})
		won := winner(t, errs, es.ErrConflict)
		sent = append(sent, fmt.Sprintf("%02d/%02d", step, won))
		wantProcess(t, p, "1", State{Count: int64(won)}, step+1)
	}
	if got := unfinished(t, s, 1000); !slices.Equal(got, sent) {
		t.Fatalf("sent %v, want the winners' commands %v", got, sent)
	}
}

func cancelledSave(t *testing.T, s Store, of ProcessesOf) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // often, since a select takes its pick
		err := SaveOne(ctx, of(s, "checkout"), "1", State{Count: 1}, 0, 1, envelope("a"))
		wantError(t, err, context.Canceled)
	}
	wantProcess(t, of(s, "checkout"), "1", State{}, 0)
	wantCommands(t, s)
}

// LoadOne loads one state and the version it has seen, both zero if it is new.
func LoadOne[S any](ctx context.Context, states es.States[S], id string) (S, es.Version, error) {
	seen, err := states.Load(ctx, []string{id})
	return seen[id].State, seen[id].Version, err
}

// SaveOne saves one state that has seen version from, with the commands it sends.
func SaveOne[S any](ctx context.Context, states es.States[S], id string, s S, from, to es.Version, send ...es.Envelope) error {
	return states.Save(ctx, []es.Step[S]{{ID: id, State: s, From: from, To: to, Send: send}})[0]
}
