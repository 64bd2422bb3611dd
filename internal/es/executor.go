package es

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Rejection is the business saying no. The domain's rejections have this method.
type Rejection interface {
	error
	RejectionCode() string
}

// VersionMismatch is the code of a command that was meant for another version of
// its aggregate.
const VersionMismatch = "version_mismatch"

// ExecutorConfig is what an Executor needs.
type ExecutorConfig[E Event] struct {
	Category string // the part of the stream name before the id
	Store    Store
	Journal  Journal
	Codec    *Codec[E]
	Now      func() time.Time
	NewID    func() string
	Retries  int // how often to decide again when somebody was faster
	Warm     int // how many aggregates to keep in memory, about; 0 for none

	// Begins tells whether commands of a type are meant for aggregates that do
	// not exist yet, so that there is nothing to read. It may be nil.
	Begins func(commandType string) bool
}

// Executor carries out commands on one kind of aggregate.
type Executor[S Folded[S, E], E Event] struct {
	ExecutorConfig[E]
	warm warm[aggregate[S]]
}

// aggregate is what a decision is made on.
type aggregate[S any] struct {
	state   S
	version Version
	last    time.Time // when its last event occurred
}

// NewExecutor returns an executor that remembers nothing yet.
func NewExecutor[S Folded[S, E], E Event](c ExecutorConfig[E]) *Executor[S, E] {
	return &Executor[S, E]{ExecutorConfig: c, warm: warm[aggregate[S]]{half: c.Warm / 2}}
}

// Execute decides on an aggregate's current state and appends what was decided,
// together with the command's outcome. When another writer got there first it
// decides again, on fresh state. A command that was carried out before has the
// outcome it had then. An error means that there is no outcome yet.
func (x *Executor[S, E]) Execute(ctx context.Context, c Envelope, decide func(S, time.Time) ([]E, error)) (Outcome, error) {
	for attempt := 0; ; attempt++ {
		o, err := x.try(ctx, c, decide, attempt > 0)
		switch {
		case errors.Is(err, ErrDecided):
			return x.Journal.Outcome(ctx, c.ID)
		case errors.Is(err, ErrConflict) && attempt < x.Retries:
			continue
		}
		return o, err
	}
}

// guess returns what the aggregate probably is. The append proves it.
func (x *Executor[S, E]) guess(stream Stream, commandType string) (a aggregate[S], ok bool) {
	if a, ok = x.warm.get(stream); ok {
		return a, true
	}
	return a, x.Begins != nil && x.Begins(commandType)
}

func (x *Executor[S, E]) try(ctx context.Context, c Envelope, decide func(S, time.Time) ([]E, error), again bool) (Outcome, error) {
	stream := StreamOf(x.Category, c.Target)
	if a, ok := x.guess(stream, c.Type); ok && !again {
		o, err := x.decide(ctx, stream, a, c, decide)
		if o.Status != StatusRejected {
			return o, err
		}
		// The guess may be out of date. Only fresh state may say no.
	}
	a, err := x.load(ctx, stream)
	if err != nil {
		return Outcome{}, err
	}
	o, err := x.decide(ctx, stream, a, c, decide)
	if err == nil && o.Status == StatusRejected {
		err = x.Journal.Finish(ctx, o)
	}
	return o, err
}

// decide appends what follows from a command, or returns a rejection, which is
// not recorded yet.
func (x *Executor[S, E]) decide(ctx context.Context, stream Stream, a aggregate[S], c Envelope, decide func(S, time.Time) ([]E, error)) (Outcome, error) {
	o := Outcome{CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: StatusSucceeded, Version: a.version}
	if len(c.Expected) > 0 && a.version > 0 && !slices.Contains(c.Expected, a.version) {
		o.Status = StatusRejected
		o.Problem = &Problem{VersionMismatch, fmt.Sprintf("it is at version %d", a.version)}
		return o, nil
	}
	at := x.Now().UTC().Truncate(time.Microsecond)
	if at.Before(a.last) {
		at = a.last // a clock that was set back does not reorder history
	}
	events, err := decide(a.state, at)
	if no, ok := errors.AsType[Rejection](err); ok {
		o.Status = StatusRejected
		o.Problem = &Problem{no.RejectionCode(), no.Error()}
		return o, nil
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("decide %s on %s: %w", c.Type, stream, err)
	}
	records, err := x.records(c, stream, a.version, at, events)
	if err != nil {
		return Outcome{}, err
	}
	o.Version += Version(len(records))
	err = x.Store.Append(ctx, Append{Stream: stream, Expected: a.version, Records: records, Outcome: o})
	if err != nil {
		x.warm.forget(stream)
		return Outcome{}, fmt.Errorf("append %d records to %s: %w", len(records), stream, err)
	}
	if x.Warm > 0 {
		x.warm.keep(stream, aggregate[S]{Fold(a.state, events...), o.Version, at})
	}
	return o, nil
}

func (x *Executor[S, E]) load(ctx context.Context, stream Stream) (a aggregate[S], err error) {
	for r, err := range x.Store.Read(ctx, stream, 0) {
		if err != nil {
			return a, fmt.Errorf("read %s: %w", stream, err)
		}
		if r.Metadata.Origin != "" {
			return a, fmt.Errorf("read %s: %w: %s", stream, ErrForeign, r.Metadata.Origin)
		}
		e, err := DecodeRecord(x.Codec, r)
		if err != nil {
			return a, err
		}
		a = aggregate[S]{a.state.Evolve(e), r.Version, r.OccurredAt}
	}
	return a, nil
}

func (x *Executor[S, E]) records(c Envelope, s Stream, version Version, at time.Time, events []E) ([]Record, error) {
	origin := c.Metadata
	origin.CommandID, origin.CausationID = c.ID, c.ID
	records := make([]Record, len(events))
	for i, e := range events {
		name, schema, data, err := x.Codec.Encode(e)
		if err != nil {
			return nil, err
		}
		records[i] = Record{
			ID: x.NewID(), Stream: s, Version: version + Version(i) + 1,
			Type: name, Schema: schema, Data: data, Metadata: origin, OccurredAt: at,
		}
	}
	return records, nil
}
