package es

import (
	"context"
	"errors"
	"fmt"
)

// Views keeps the current form of a view, one per aggregate.
type Views[V any] interface {
	// Load returns a view and the version it has seen, both zero if it is new.
	Load(ctx context.Context, id string) (V, Version, error)

	// Save replaces a view that has seen version from. It returns ErrConflict if
	// the stored view has seen more or less than that.
	Save(ctx context.Context, id string, v V, from, to Version) error
}

// Projector keeps views up to date with the streams they are folds of.
type Projector[V Folded[V, E], E Event] struct {
	Category string
	Store    Store
	Codec    *Codec[E]
	Views    Views[V]
}

// CatchUp brings the view of one aggregate up to date, and returns the version
// it has then. An event message is only a hint to call it: calling it late,
// twice, out of order, or for every aggregate in turn (which is what a rebuild
// does) leaves the same view behind.
func (p *Projector[V, E]) CatchUp(ctx context.Context, id string) (Version, error) {
	for {
		view, from, err := p.Views.Load(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("load view of %s: %w", id, err)
		}
		to := from
		for r, err := range p.Store.Read(ctx, StreamOf(p.Category, id), from) {
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", id, err)
			}
			e, err := DecodeRecord(p.Codec, r)
			if err != nil {
				return 0, err
			}
			view, to = view.Evolve(e), r.Version
		}
		if to == from {
			return to, nil
		}
		err = p.Views.Save(ctx, id, view, from, to)
		switch {
		case errors.Is(err, ErrConflict):
			continue // somebody else brought it further
		case err != nil:
			return 0, fmt.Errorf("save view of %s: %w", id, err)
		}
		return to, nil
	}
}
