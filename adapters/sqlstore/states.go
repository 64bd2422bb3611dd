package sqlstore

import (
	"context"

	"github.com/millrace/millrace/internal/es"
)

// states are rows of states to be saved. Those that nobody had before are
// inserted, so that of two processes that make one at the same time the later
// fails; the others are locked by now, and replaced.
type states struct{ fresh, known [][]any }

// add adds a row of a state that has seen events up to a version before.
func (s *states) add(from es.Version, row ...any) {
	if from == 0 {
		s.fresh = append(s.fresh, row)
	} else {
		s.known = append(s.known, row)
	}
}

func (s *states) save(ctx context.Context, t *tx, table, columns, upsert string) error {
	if err := t.insert(ctx, table, columns, "", s.fresh); err != nil {
		return err
	}
	return t.insert(ctx, table, columns, upsert, s.known)
}
