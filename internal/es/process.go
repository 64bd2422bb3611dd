package es

import (
	"context"
	"errors"
	"fmt"
)

// Processes keeps the state of process managers, one per aggregate they follow.
type Processes[S any] interface {
	// Load returns a process and the version it has seen, both zero if it is new.
	Load(ctx context.Context, id string) (S, Version, error)

	// Save replaces a process that has seen version from and accepts the commands
	// it sends, all together or not at all. It returns ErrConflict if the stored
	// process has seen more or less than that.
	Save(ctx context.Context, id string, s S, from, to Version, send []Envelope) error
}

// ProcessManager follows the events of one kind of aggregate and answers them
// with commands. It sees every event of a stream once and in order, whatever the
// broker does, because it reads them from the store and remembers how far it has
// got in the transaction that accepts its commands.
type ProcessManager[S Folded[S, E], E Event] struct {
	Category  string
	Store     Store
	Codec     *Codec[E]
	Processes Processes[S]

	// React answers an event that the process has just seen. It runs outside of
	// any transaction and may run again after a crash, so what it asks of others
	// carries an idempotency key, and its commands have derived ids.
	React func(context.Context, S, E, Record) ([]Envelope, error)

	// Send hands accepted commands on.
	Send func(context.Context, []Envelope)
}

// CatchUp lets the process see what happened to one aggregate since it last
// looked, and returns the version it has seen then.
func (p *ProcessManager[S, E]) CatchUp(ctx context.Context, id string) (Version, error) {
	for {
		state, from, err := p.Processes.Load(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("load process of %s: %w", id, err)
		}
		var (
			to   = from
			send []Envelope
		)
		for r, err := range p.Store.Read(ctx, StreamOf(p.Category, id), from) {
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", id, err)
			}
			e, err := DecodeRecord(p.Codec, r)
			if err != nil {
				return 0, err
			}
			state, to = state.Evolve(e), r.Version
			commands, err := p.React(ctx, state, e, r)
			if err != nil {
				return 0, fmt.Errorf("react to %s of %s: %w", r.Type, id, err)
			}
			send = append(send, commands...)
		}
		if to == from {
			return to, nil
		}
		err = p.Processes.Save(ctx, id, state, from, to, send)
		switch {
		case errors.Is(err, ErrConflict):
			continue // somebody else brought it further
		case err != nil:
			return 0, fmt.Errorf("save process of %s: %w", id, err)
		}
		p.Send(ctx, send)
		return to, nil
	}
}
