package estest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// State is what the suite keeps in a process.
type State struct {
	Steps []string
	Count int64
	Maybe *bool
}

// Processes keep what the suite moves.
type Processes = es.Processes[State]

// ProcessesOf returns where a store keeps the processes of one manager.
type ProcessesOf func(s Store, name string) Processes

// TestProcesses holds a store to what es.Processes promises.
func TestProcesses(t *testing.T, open func(*testing.T) Store, of ProcessesOf) {
	with := func(run func(*testing.T, Store, ProcessesOf)) func(*testing.T, Store) {
		return func(t *testing.T, s Store) { run(t, s, of) }
	}
	try(t, open, []trial{
		{"loads nothing of a process that is new", with(newProcess)},
		{"loads what was saved", with(savedProcess)},
		{"keeps a large process", with(largeProcess)},
		{"keeps processes apart by manager and id", with(processesApart)},
		{"remembers how far it has seen streams", with(seenStreams)},
		{"keeps streams apart by manager and name", with(streamsApart)},
		{"refuses a move from where the process is not, with all that is in it", with(staleProcess)},
		{"refuses one move of several without harm to the others", with(movesApart)},
		{"accepts the commands that are sent", with(processSends)},
		{"accepts the same commands once", with(processRepeats)},
		{"lets one of 16 savers win each move, with its commands", with(oneSaver)},
		{"finds processes by their first timer", with(dueProcesses)},
		{"pages through processes that are due", with(duePages)},
		{"moves nothing when the context is done", with(cancelledSave)},
	})
}

// MoveOf is a move of one process to a state, with the commands that it sends.
func MoveOf(id string, from, to es.Version, s State, send ...es.Envelope) es.Move[State] {
	return es.Move[State]{
		ID: id, From: from, Send: send,
		Instance: es.Instance[State]{State: s, Version: to, StartedAt: noon},
	}
}

// MoveOne moves one process.
func MoveOne(ctx context.Context, p Processes, move es.Move[State]) error {
	return p.Save(ctx, []es.Move[State]{move})[0]
}

func wantProcess(t *testing.T, p Processes, move es.Move[State]) {
	t.Helper()
	found, err := p.Load(t.Context(), []string{move.ID})
	must(t, err)
	if got := found[move.ID]; len(found) != 1 || !reflect.DeepEqual(got, move.Instance) {
		t.Fatalf("process %s is\n%+v, want\n%+v", move.ID, got, move.Instance)
	}
}

func wantNoProcess(t *testing.T, p Processes, ids ...string) {
	t.Helper()
	found, err := p.Load(t.Context(), ids)
	must(t, err)
	if len(found) > 0 {
		t.Fatalf("processes %q are %+v, want none", ids, found)
	}
}

func wantSeen(t *testing.T, p Processes, want map[es.Stream]es.Version, others ...es.Stream) {
	t.Helper()
	got, err := p.Seen(t.Context(), slices.AppendSeq(others, maps.Keys(want)))
	must(t, err)
	if !maps.Equal(got, want) {
		t.Fatalf("seen are %v, want %v", got, want)
	}
}

func newProcess(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	for _, ids := range [][]string{nil, {""}, {"1"}, {"1", "2", "%"}} {
		wantNoProcess(t, p, ids...)
	}
	wantSeen(t, p, nil)
	must(t, MoveOne(t.Context(), p, MoveOf("1", 0, 1, State{Count: 1})))
	wantNoProcess(t, p, "", "2", "%")
	found, err := p.Load(t.Context(), []string{"2", "1", "3", "1"})
	if must(t, err); len(found) != 1 || found["1"].Version != 1 {
		t.Fatalf("loaded %+v, want process 1 alone", found)
	}
}

// full is a move with something in every field.
func full(id string, from, to es.Version) es.Move[State] {
	yes := true
	move := MoveOf(id, from, to, State{Steps: []string{"a", "é\x00\"'"}, Count: 1<<62 + 1, Maybe: &yes})
	move.Timers = []es.Timer{{Name: "é\"", At: noon.Add(time.Microsecond)}, {Name: "", At: noon.AddDate(300, 0, 0)}}
	move.Steps = []es.ProcessStep{
		{
			At: noon, Event: "order.tested", EventID: "e-1", Stream: "order-1", Version: 7,
			Sent: []es.SentCommand{{ID: "c-1", Type: "order.test", Target: "1"}, {ID: "c-2"}},
		},
		{At: noon.Add(time.Second), Event: es.Elapsed{}.EventType(), EventID: "e-2", Timer: "late"},
	}
	move.CorrelationID = strings.Repeat("r", 2000)
	move.StartedAt = noon.Add(-time.Hour)
	move.Standing = es.Standing{Waits: "for “the” 'gateway'\x00", Trouble: strings.Repeat("no money, ", 100)}
	return move
}

func savedProcess(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	first := full("1", 0, 3)
	must(t, MoveOne(t.Context(), p, first))
	wantProcess(t, p, first)
	second := MoveOf("1", 3, 4, State{Count: -1}) // what is gone from it is gone
	second.StartedAt, second.CorrelationID, second.Standing = first.StartedAt, "another", es.Standing{Done: true}
	must(t, MoveOne(t.Context(), p, second))
	wantProcess(t, p, second)
}

func largeProcess(t *testing.T, s Store, of ProcessesOf) {
	p, part := of(s, "checkout"), strings.Repeat("0123456789abcde\n", 1<<16)
	var last es.Move[State]
	for v := range es.Version(3) {
		last = full("1", v, v+1)
		last.State.Steps = []string{part, part, part}
		last.Steps = slices.Repeat(last.Steps, 2000)
		must(t, MoveOne(t.Context(), p, last))
	}
	wantProcess(t, p, last)
}

func staleProcess(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	refused := func(from es.Version) {
		t.Helper()
		move := full("1", from, 9)
		move.Seen = map[es.Stream]es.Version{"order-1": 9, "order-9": 9}
		move.Send = []es.Envelope{envelope("refused")}
		wantError(t, MoveOne(t.Context(), p, move), es.ErrConflict)
	}
	refused(2)
	wantNoProcess(t, p, "1")
	wantSeen(t, p, nil, "order-1", "order-9")
	first := MoveOf("1", 0, 2, State{Count: 1})
	first.Seen = map[es.Stream]es.Version{"order-1": 1}
	must(t, MoveOne(t.Context(), p, first))
	for _, from := range []es.Version{0, 1, 3} {
		refused(from)
		wantProcess(t, p, first)
		wantSeen(t, p, first.Seen, "order-9")
		wantDue(t, p, noon.AddDate(400, 0, 0), 10)
	}
	_, err := s.Outcome(t.Context(), "refused")
	wantError(t, err, es.ErrUnknownCommand)
	wantCommands(t, s)
}

func movesApart(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	must(t, MoveOne(t.Context(), p, MoveOf("1", 0, 1, State{Count: 1})))
	a, b, c := envelope("a"), envelope("b"), envelope("c")
	moves := []es.Move[State]{
		MoveOf("0", 0, 1, State{Count: 2}, a), MoveOf("1", 0, 2, State{Count: 9}, b), MoveOf("2", 0, 1, State{Count: 3}, c),
	}
	errs := p.Save(t.Context(), moves)
	if len(errs) != 3 {
		t.Fatalf("%d errors for 3 moves", len(errs))
	}
	must(t, errors.Join(errs[0], errs[2]))
	wantError(t, errs[1], es.ErrConflict)
	wantProcess(t, p, moves[0])
	wantProcess(t, p, MoveOf("1", 0, 1, State{Count: 1}))
	wantProcess(t, p, moves[2])
	wantCommands(t, s, a, c)
	if errs := p.Save(t.Context(), nil); len(errs) > 0 {
		t.Fatalf("saving nothing says %v", errs)
	}
}

func processSends(t *testing.T, s Store, of ProcessesOf) {
	a, b := envelope("a"), envelope("b")
	a.Expected, a.Metadata.CausationID = []es.Version{4}, "cause"
	must(t, MoveOne(t.Context(), of(s, "checkout"), MoveOf("1", 0, 1, State{Count: 1}, b, a)))
	wantCommands(t, s, a, b)
	wantPending(t, s, "a")
	if _, known, err := s.Accept(t.Context(), a); err != nil || !known {
		t.Fatalf("known %v, error %v, want the command known", known, err)
	}
}

func processRepeats(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	a, b, c := envelope("a"), envelope("b"), envelope("c")
	must(t, MoveOne(t.Context(), p, MoveOf("1", 0, 1, State{Count: 1}, a, b, a)))
	must(t, s.Finish(t.Context(), succeeded("a", 5)))
	later := b
	later.AcceptedAt = b.AcceptedAt.Add(1000)
	second := MoveOf("1", 1, 2, State{Count: 2}, a, later, c)
	must(t, MoveOne(t.Context(), p, second))
	wantProcess(t, p, second)
	wantOutcome(t, s, succeeded("a", 5))
	wantCommands(t, s, b, c)
}

func oneSaver(t *testing.T, s Store, of ProcessesOf) {
	const savers, steps = 16, 20
	p := of(s, "checkout")
	var sent []string
	for step := range es.Version(steps) {
		moves := make([]es.Move[State], savers)
		for i := range moves {
			command := envelope(fmt.Sprintf("%02d/%02d", step, i))
			moves[i] = MoveOf("1", step, step+1, State{Count: int64(i)}, command)
			moves[i].Timers = []es.Timer{{Name: "t", At: noon.Add(time.Duration(i) * time.Second)}}
			moves[i].Seen = map[es.Stream]es.Version{"order-1": step + 1, es.StreamOf("payment", fmt.Sprintf("%d-%d", step, i)): 1}
		}
		errs := together(savers, func(i int) error { return MoveOne(t.Context(), p, moves[i]) })
		won := winner(t, errs, es.ErrConflict)
		sent = append(sent, fmt.Sprintf("%02d/%02d", step, won))
		wantProcess(t, p, moves[won])
		wantDue(t, p, noon.Add(time.Hour), 10, es.DueProcess{ID: "1", At: moves[won].Timers[0].At})
		var streams []es.Stream
		for _, m := range moves {
			streams = slices.AppendSeq(streams, maps.Keys(m.Seen))
		}
		wantSeen(t, p, moves[won].Seen, streams...)
	}
	if got := unfinished(t, s, 1000); !slices.Equal(got, sent) {
		t.Fatalf("sent %v, want the winners' commands %v", got, sent)
	}
}

func cancelledSave(t *testing.T, s Store, of ProcessesOf) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := of(s, "checkout")
	for range 100 { // often, since a select takes its pick
		move := full(rand.Text(), 0, 1)
		move.Send = []es.Envelope{envelope("a")}
		wantError(t, MoveOne(ctx, p, move), context.Canceled)
		wantNoProcess(t, p, move.ID)
	}
	wantCommands(t, s)
	wantDue(t, p, noon.AddDate(400, 0, 0), 10)
	_, err := p.Load(ctx, []string{"1"})
	wantError(t, err, context.Canceled)
	_, err = p.Seen(ctx, []es.Stream{"order-1"})
	wantError(t, err, context.Canceled)
	_, err = p.Due(ctx, noon, es.DueProcess{}, 10)
	wantError(t, err, context.Canceled)
}
