package estest

import (
	"context"

	"github.com/millrace/millrace/internal/es"
)

// LoadOne loads one state and the version it has seen, both zero if it is new.
func LoadOne[S any](ctx context.Context, states es.States[S], id string) (S, es.Version, error) {
	seen, err := states.Load(ctx, []string{id})
	return seen[id].State, seen[id].Version, err
}

// SaveOne saves one state that has seen version from.
func SaveOne[S any](ctx context.Context, states es.States[S], id string, s S, from, to es.Version) error {
	return states.Save(ctx, []es.Step[S]{{ID: id, State: s, From: from, To: to}})[0]
}
