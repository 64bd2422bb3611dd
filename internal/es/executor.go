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

// Executor carries out commands on one kind of aggregate.
type Executor[S Folded[S, E], E Event] struct {
	Category string // the part of the stream name before the id
	Store    Store
	Journal  Journal
	Codec    *Codec[E]
	Now      func() time.Time
	NewID    func() string
	Retries  int // how often to decide again when somebody was faster
}

// Execute decides on an aggregate's current state and appends what was decided,
// together with the command's outcome. When another writer got there first it
// decides again, on fresh state. A command that was carried out before has the
// outcome it had then. An error means that there is no outcome yet.
func (x *Executor[S, E]) Execute(ctx context.Context, c Envelope, decide func(S, time.Time) ([]E, error)) (Outcome, error) {
	for attempt := 0; ; attempt++ {
		o, err := x.try(ctx, c, decide)
		switch {
		case errors.Is(err, ErrDecided):
			return x.Journal.Outcome(ctx, c.ID)
		case errors.Is(err, ErrConflict) && attempt < x.Retries:
			continue
		}
		return o, err
	}
}

func (x *Executor[S, E]) try(ctx context.Context, c Envelope, decide func(S, time.Time) ([]E, error)) (Outcome, error) {
	stream := StreamOf(x.Category, c.Target)
	state, version, last, err := x.load(ctx, stream)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: StatusSucceeded, Version: version}

	if len(c.Expected) > 0 && version > 0 && !slices.Contains(c.Expected, version) {
		o.Status = StatusRejected
		o.Problem = &Problem{VersionMismatch, fmt.Sprintf("the order is at version %d", version)}
		return o, x.Journal.Finish(ctx, o)
	}

	at := x.Now().UTC().Truncate(time.Microsecond)
	if at.Before(last) {
		at = last // a clock that was set back does not reorder history
	}
	events, err := decide(state, at)
	if no, ok := errors.AsType[Rejection](err); ok {
		o.Status = StatusRejected
		o.Problem = &Problem{no.RejectionCode(), no.Error()}
		return o, x.Journal.Finish(ctx, o)
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("decide %s on %s: %w", c.Type, stream, err)
	}

	records, err := x.records(c, stream, version, at, events)
	if err != nil {
		return Outcome{}, err
	}
	o.Version += Version(len(records))
	err = x.Store.Append(ctx, Append{Stream: stream, Expected: version, Records: records, Outcome: o})
	if err != nil {
		return Outcome{}, fmt.Errorf("append %d records to %s: %w", len(records), stream, err)
	}
	return o, nil
}

func (x *Executor[S, E]) load(ctx context.Context, stream Stream) (state S, version Version, last time.Time, err error) {
	for r, err := range x.Store.Read(ctx, stream, 0) {
		if err != nil {
			return state, 0, last, fmt.Errorf("read %s: %w", stream, err)
		}
		e, err := DecodeRecord(x.Codec, r)
		if err != nil {
			return state, 0, last, err
		}
		state, version, last = state.Evolve(e), r.Version, r.OccurredAt
	}
	return state, version, last, nil
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
