package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

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

// saveAll saves those steps of a view that lead somewhere, and returns an error for
// each of them all.
func saveAll[S, W any](ctx context.Context, c committers, k *kind, steps []es.Step[S], toWrite func(es.Step[S], []byte) W) []error {
	errs := make([]error, len(steps))
	writes := make([]W, 0, len(steps))
	index := make([]int, 0, len(steps))
	for i, s := range steps {
		if s.From == s.To {
			continue
		}
		state, err := json.Marshal(s.State)
		if err != nil {
			errs[i] = fmt.Errorf("encode: %w", err)
			continue
		}
		writes = append(writes, toWrite(s, state))
		index = append(index, i)
	}
	for i, err := range doAll(ctx, c, k, writes) {
		errs[index[i]] = err
	}
	return errs
}
