package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// Learn implements es.Hearsay.
func (s *Store) Learn(ctx context.Context, o es.Outcome) (es.Outcome, error) {
	crash.Point("finish.before")
	err := s.commits.do(ctx, learnKind, o)
	if errors.Is(err, es.ErrDecided) {
		return s.Outcome(ctx, o.CommandID)
	}
	if err == nil {
		crash.Point("finish.after")
	}
	return o, err
}

var learnKind = &kind{name: "learn", writer: 1, run: func(ctx context.Context, t *tx, writes []*write) error {
	all := argsOf[es.Outcome](writes)
	known, err := statuses(ctx, t, all)
	if err != nil {
		return err
	}
	var (
		fresh []es.Outcome
		from  []*write           // who has told which of them
		at    = map[string]int{} // where in fresh the outcome of a command is
	)
	for i, o := range all {
		was, decided := known[o.CommandID]
		if decided && (was != es.StatusFailed || o.Status == es.StatusFailed) {
			writes[i].err = es.ErrDecided
			continue
		}
		known[o.CommandID] = o.Status
		if place, isFresh := at[o.CommandID]; isFresh {
			from[place].err = es.ErrDecided // and is told what took its place
			fresh[place], from[place] = o, writes[i]
			continue
		}
		if decided {
			gone, err := removeFailure(ctx, t, o.CommandID)
			if err != nil {
				return err
			}
			if !gone {
				return fmt.Errorf("replace the outcome of %s: %w", o.CommandID, errOvertaken)
			}
		}
		at[o.CommandID] = len(fresh)
		fresh, from = append(fresh, o), append(from, writes[i])
	}
	return insertOutcomes(ctx, t, fresh)
}}

// statuses returns what became of the commands that have an outcome.
func statuses(ctx context.Context, t *tx, outcomes []es.Outcome) (map[string]es.Status, error) {
	ids := make([]any, len(outcomes))
	for i, o := range outcomes {
		ids[i] = o.CommandID
	}
	known := make(map[string]es.Status, len(ids))
	err := t.lookup(ctx, "SELECT command_id, status FROM outcomes WHERE command_id IN (%s)", "?", ",", ids, func(rows *sql.Rows) error {
		var id string
		var status es.Status
		err := rows.Scan(&id, &status)
		known[id] = status
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	return known, nil
}

// removeFailure makes room for another outcome of a command that has failed. It tells
// whether there was still one to remove: another process may have put something else in
// its place since it was looked for.
func removeFailure(ctx context.Context, t *tx, command string) (bool, error) {
	done, err := t.exec(ctx, "DELETE FROM outcomes WHERE command_id = ? AND status = ?", command, string(es.StatusFailed))
	if err != nil {
		return false, fmt.Errorf("remove the failure of %s: %w", command, err)
	}
	n, err := done.RowsAffected()
	return n > 0, err
}
