package estest

import (
	"context"

	"github.com/millrace/millrace/internal/es"
)

// SaveOne saves one state that has seen version from.
func SaveOne[S any](ctx context.Context, states es.States[S], id string, s S, from, to es.Version) error {
	return states.Save(ctx, []es.Step[S]{{ID: id, State: s, From: from, To: to}})[0]
}
