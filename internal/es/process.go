package es

import (
	"context"
	"errors"
	"time"
)

// Process says what a process manager does: which events it answers, and how. Its
// state is a fold like any other; everything here is pure, except that React may ask
// something of others.
type Process[S Folded[S, Event]] struct {
	Name string

	// Events are the types of the events that it answers. It sees every other event
	// of the same streams too, but only together with one of these.
	Events []string

	// New returns the process with an id that has not seen anything yet. It may be nil
	// if that is the zero value.
	New func(id string) S

	// Subject tells which process an event of a stream belongs to. All events of a
	// stream belong to one.
	Subject func(Stream, Event) string

	// React answers an event that has just been folded into the state. It runs
	// outside of any transaction and may run again, after a crash or by somebody
	// else at the same time, so what it asks of others carries an idempotency key.
	// After an error nothing of the event is kept, and it is seen again.
	React func(context.Context, S, Event) (Reaction, error)

	// Timers are what the process waits for from now on. A timer that is not among
	// them any more will not fire. It may be nil.
	Timers func(S) []Timer

	// Streams are streams that may hold news for the process, besides those that it
	// has seen something of: before a timer fires it sees what they hold. It may be
	// nil if there are no others.
	Streams func(S) []Stream

	// Standing tells how the process is doing.
	Standing func(S) Standing
}

// Reaction is what follows from an event.
type Reaction struct {
	Send []Command

	// Learned is what the process has found out by reacting. It is folded into the
	// state and leads to no further reactions.
	Learned []Event
}

// Timer is a moment that a process waits for. Its name and its time tell it from the
// other timers of the process: with another time it is another timer.
type Timer struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// Standing is how a process is doing.
type Standing struct {
	Done    bool   `json:"done"`              // it waits for nothing; it may be woken up all the same
	Waits   string `json:"waits,omitempty"`   // for people, what it waits for
	Trouble string `json:"trouble,omitempty"` // for people, why it does not get on without help
}

// Elapsed is the event that a process sees when the time of one of its timers has
// come. It happens at the timer's time, however late it is seen.
type Elapsed struct {
	Timer string
	At    time.Time
}

// EventType implements Event.
func (Elapsed) EventType() string { return "process.timer_elapsed" }

// Retried is the event that a process sees when somebody wants it to try again what
// it waits for.
type Retried struct{ At time.Time }

// EventType implements Event.
func (Retried) EventType() string { return "process.retried" }

// ErrNoProcess says that there is no process with an id.
var ErrNoProcess = errors.New("no such process")

// Instance is one process as it is kept. Times are UTC, in microseconds.
type Instance[S any] struct {
	State         S
	Version       Version // grows with everything that it sees
	Timers        []Timer // what it waits for
	Standing      Standing
	Steps         []ProcessStep
	CorrelationID string // of the request that began it
	StartedAt     time.Time
}

// ProcessStep is one thing that a process has seen, and what it sent. Times are UTC.
type ProcessStep struct {
	At      time.Time     `json:"at"`    // when it was seen
	Event   string        `json:"event"` // its type
	EventID string        `json:"event_id"`
	Stream  Stream        `json:"stream,omitempty"` // with Version, where it is from; empty for timers
	Version Version       `json:"version,omitempty"`
	Timer   string        `json:"timer,omitempty"` // the timer that has elapsed
	Sent    []SentCommand `json:"sent,omitempty"`
}

// SentCommand is a command that a process has sent.
type SentCommand struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Target string `json:"target"`
}

// Move brings one process from the version it was at, 0 if it is new, to a later one.
type Move[S any] struct {
	ID   string
	From Version
	Instance[S]
	Seen map[Stream]Version // how far it has seen streams now; the others are as before
	Send []Envelope

	was Standing // how the process was doing at From
}

// DueProcess is a process and when its next timer is due.
type DueProcess struct {
	ID string
	At time.Time
}

// Processes keeps the processes of one manager. Every implementation passes
// estest.TestProcesses.
type Processes[S any] interface {
	// Seen tells how far the manager has seen some streams. Those that it has not
	// seen anything of are left out.
	Seen(context.Context, []Stream) (map[Stream]Version, error)

	// Load returns processes by their ids. Those that are new are left out.
	Load(ctx context.Context, ids []string) (map[string]Instance[S], error)

	// Save takes moves, each by itself, and returns an error for each. The state, the
	// timers, what was seen and the commands of a move are stored together or not at
	// all. A command that is there already, as one sent by an earlier run, stays as it
	// is. The error is ErrConflict if the process is not where the move begins.
	Save(ctx context.Context, moves []Move[S]) []error

	// Due returns processes with a timer that is due before a time, those that are
	// due first before others, starting after the one given. A process is due when
	// the first of its timers is.
	Due(ctx context.Context, before time.Time, after DueProcess, limit int) ([]DueProcess, error)
}
