package es

import (
	"context"
	"errors"
	"fmt"
)

// Seen is the state of a view and the version of its aggregate that it has seen.
type Seen[S any] struct {
	State   S
	Version Version
}

// Step moves one state from the version it has seen to a later one.
type Step[S any] struct {
	ID       string
	State    S
	From, To Version
}

// States keeps the current states of a view, one per aggregate.
type States[S any] interface {
	// Load returns the states for some aggregates. Those that are new are left out.
	Load(ctx context.Context, ids []string) (map[string]Seen[S], error)

	// Save takes steps, each by itself, and returns an error for each. The error is
	// ErrConflict if the stored state has seen more or less than the step starts
	// from.
	Save(ctx context.Context, steps []Step[S]) []error
}

// Projector keeps views up to date with the streams they are folds of.
//
// It sees every event of a stream once and in order, whatever the broker does,
// because it reads them from the store and saves how far it has got together
// with what came of them.
type Projector[S Folded[S, E], E Event] struct {
	Category string
	Store    Store
	Codec    *Codec[E]
	States   States[S]
}

// CatchUp brings the states of some aggregates up to date, and returns the
// versions they have seen then. An event message is only a hint to call it:
// calling it late, twice, out of order, or for every aggregate in turn (which is
// what a rebuild does) leaves the same states behind.
func (p *Projector[S, E]) CatchUp(ctx context.Context, ids ...string) (map[string]Version, error) {
	reached := make(map[string]Version, len(ids))
	for len(ids) > 0 {
		steps, broken := p.steps(ctx, ids)
		if steps == nil {
			return nil, broken
		}
		ids = nil
		for i, err := range p.States.Save(ctx, steps) {
			s := steps[i]
			switch {
			case errors.Is(err, ErrConflict):
				ids = append(ids, s.ID) // somebody else brought it further
				continue
			case err != nil:
				return nil, fmt.Errorf("save the state for %s: %w", s.ID, err)
			}
			reached[s.ID] = s.To
		}
		if broken != nil {
			return nil, broken
		}
	}
	return reached, nil
}

// steps reads what the states have not seen and folds it into them. With an error
// come the steps as far as they got.
func (p *Projector[S, E]) steps(ctx context.Context, ids []string) ([]Step[S], error) {
	seen, err := p.States.Load(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d states: %w", len(ids), err)
	}
	steps := make([]Step[S], len(ids))
	tails := make([]Tail, len(ids))
	index := make(map[Stream]int, len(ids))
	for i, id := range ids {
		was := seen[id]
		steps[i] = Step[S]{ID: id, State: was.State, From: was.Version, To: was.Version}
		tails[i] = Tail{Stream: StreamOf(p.Category, id), After: was.Version}
		index[tails[i].Stream] = i
	}
	for r, err := range p.Store.ReadTails(ctx, tails) {
		if err != nil {
			return steps, fmt.Errorf("read %d streams: %w", len(tails), err)
		}
		e, err := DecodeRecord(p.Codec, r)
		if err != nil {
			return steps, err
		}
		s := &steps[index[r.Stream]]
		s.State, s.To = s.State.Evolve(e), r.Version
	}
	return steps, nil
}
