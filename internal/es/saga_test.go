package es_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// saga is the state of the processes of these tests: what they have seen, and what
// they wait for.
type saga struct {
	Saw   []string
	Waits []es.Timer
}

// Evolve implements es.Folded.
func (s saga) Evolve(e es.Event) saga {
	s.Saw = slices.Clone(s.Saw)
	switch e := e.(type) {
	case added:
		s.Saw = append(s.Saw, fmt.Sprintf("+%d", e.N))
	case found:
		s.Saw = append(s.Saw, "found "+e.What)
	case es.Elapsed:
		s.Saw = append(s.Saw, fmt.Sprintf("%s at %ds", e.Timer, e.At.Sub(noon)/time.Second))
		s.Waits = slices.DeleteFunc(slices.Clone(s.Waits), func(t es.Timer) bool { return t.Name == e.Timer })
	case es.Retried:
		s.Saw = append(s.Saw, "retried")
	case waitFor:
		s.Waits = e.Timers
	}
	return s
}

// found is what a process learns.
type found struct{ What string }

// EventType implements es.Event.
func (found) EventType() string { return "found" }

// waitFor is what a process learns that has to wait.
type waitFor struct{ Timers []es.Timer }

// EventType implements es.Event.
func (waitFor) EventType() string { return "wait_for" }

// tell is the one command of these processes.
type tell struct{ Text string }

// CommandType implements es.Command.
func (tell) CommandType() string { return "tell" }

// Target implements es.Command.
func (t tell) Target() string { return t.Text }

// stage is a manager at work. By default its processes tell of every event, and all
// events of streams with one id belong to one process.
type stage struct {
	*es.Manager[saga]
	store *reader
	kept  *drawer
	now   time.Time
	said  *bytes.Buffer // what was logged

	mu     sync.Mutex
	handed []string
}

func newStage(t *testing.T, records ...es.Record) *stage {
	t.Helper()
	events, err := es.NewCodec([]es.Event{added{}}, es.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := es.NewCodec([]es.Command{tell{}}, es.Command.CommandType)
	if err != nil {
		t.Fatal(err)
	}
	log, said := logged()
	s := &stage{store: &reader{records: records}, kept: &drawer{}, now: noon.Add(time.Hour), said: said}
	s.Manager = &es.Manager[saga]{
		Log:   log,
		Store: s.store, Events: events, Commands: commands, Processes: s.kept,
		Now: func() time.Time { return s.now },
		Sent: func(_ context.Context, commands []es.Envelope) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, c := range commands {
				s.handed = append(s.handed, c.Target)
			}
		},
		Process: es.Process[saga]{
			Name: "saga", Events: []string{"added"},
			Subject:  func(s es.Stream, _ es.Event) string { return s.ID() },
			Timers:   func(s saga) []es.Timer { return s.Waits },
			Standing: func(s saga) es.Standing { return es.Standing{Waits: fmt.Sprint(len(s.Saw))} },
			React: func(_ context.Context, s saga, e es.Event) (es.Reaction, error) {
				return es.Reaction{Send: []es.Command{tell{s.Saw[len(s.Saw)-1]}}}, nil
			},
		},
	}
	return s
}

// answer lets the processes answer events in another way.
func (s *stage) answer(react func(s saga, e es.Event) (es.Reaction, error)) {
	s.Process.React = func(_ context.Context, s saga, e es.Event) (es.Reaction, error) { return react(s, e) }
}

// wantSaw wants a process to have seen these things, and no more.
func (s *stage) wantSaw(t *testing.T, id string, want ...string) {
	t.Helper()
	if got := s.kept.instance(id).State.Saw; !slices.Equal(got, want) {
		t.Errorf("process %s saw %q, want %q", id, got, want)
	}
}

// wantTold wants these commands to have been accepted and handed on.
func (s *stage) wantTold(t *testing.T, want ...string) {
	t.Helper()
	var accepted []string
	for _, c := range s.kept.sent {
		accepted = append(accepted, c.Target)
	}
	if !slices.Equal(accepted, want) || !slices.Equal(s.handed, want) {
		t.Errorf("accepted %q and handed on %q, want %q", accepted, s.handed, want)
	}
}

// at returns the record of an addition that happened some seconds after noon.
func at(seconds int, stream es.Stream, v es.Version, n int) es.Record {
	data, err := json.Marshal(added{n})
	if err != nil {
		panic(err)
	}
	return es.Record{
		ID: fmt.Sprintf("%s/%d", stream, v), Stream: stream, Version: v, Type: "added", Schema: 1, Data: data,
		Metadata:   es.Metadata{CorrelationID: fmt.Sprint("r-", n), Traceparent: "trace", CausationID: "cause", Actor: "ann"},
		OccurredAt: noon.Add(time.Duration(seconds) * time.Second),
	}
}

// drawer keeps processes as a store does. Before a save it calls interrupt, once.
type drawer struct {
	mu        sync.Mutex
	instances map[string][]byte // as JSON, so that nobody changes what is kept
	seen      map[es.Stream]es.Version
	sent      []es.Envelope
	saves     int
	interrupt func()
	broken    error // what saves say
	unloaded  error // what loads say
	unseen    error // what is said when asked for what was seen
}

// Seen implements es.Processes.
func (d *drawer) Seen(_ context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.seen), d.unseen
}

// Load implements es.Processes.
func (d *drawer) Load(_ context.Context, ids []string) (map[string]es.Instance[saga], error) {
	if d.unloaded != nil {
		return nil, d.unloaded
	}
	all := map[string]es.Instance[saga]{}
	for _, id := range ids {
		if i := d.instance(id); i.Version > 0 {
			all[id] = i
		}
	}
	return all, nil
}

func (d *drawer) instance(id string) es.Instance[saga] {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept(id)
}

func (d *drawer) kept(id string) (i es.Instance[saga]) {
	if data, ok := d.instances[id]; ok {
		if err := json.Unmarshal(data, &i); err != nil {
			panic(err)
		}
	}
	return i
}

// Save implements es.Processes.
func (d *drawer) Save(_ context.Context, moves []es.Move[saga]) []error {
	if i := d.interrupt; i != nil {
		d.interrupt = nil
		i()
	}
	errs := make([]error, len(moves))
	for i, m := range moves {
		switch {
		case d.broken != nil:
			errs[i] = d.broken
		case !d.put(m):
			errs[i] = fmt.Errorf("save: %w", es.ErrConflict)
		}
	}
	return errs
}

// put saves a move unless the process is elsewhere.
func (d *drawer) put(m es.Move[saga]) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept(m.ID).Version != m.From {
		return false
	}
	data, err := json.Marshal(m.Instance)
	if err != nil {
		panic(err)
	}
	if d.instances == nil {
		d.instances, d.seen = map[string][]byte{}, map[es.Stream]es.Version{}
	}
	d.instances[m.ID] = data
	maps.Copy(d.seen, m.Seen)
	d.sent = append(d.sent, m.Send...)
	d.saves++
	return true
}

// Due implements es.Processes. The timekeeper's tests have one of their own.
func (d *drawer) Due(context.Context, time.Time, es.DueProcess, int) ([]es.DueProcess, error) {
	return nil, errBroken
}

// brokenOff is a store whose reads break off after some records.
type brokenOff struct{ reader }

// ReadTails implements es.Store.
func (s *brokenOff) ReadTails(ctx context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for r, err := range s.reader.ReadTails(ctx, tails) {
			if !yield(r, err) {
				return
			}
		}
		yield(es.Record{}, errBroken)
	}
}
