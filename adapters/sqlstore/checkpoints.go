package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/es"
)

// Progress is how far a handler has got that keeps a version per aggregate in a
// table. It implements es.Progress.
type Progress struct {
	store    *Store
	handler  string
	category string   // of the streams it follows
	types    []string // of the events it cares about; none means all
	seen     string   // a query for the version it has seen of the aggregate x.id
	args     []any
}

// OrderViewsProgress is how far the view of orders has got.
func (s *Store) OrderViewsProgress(handler string) Progress {
	return Progress{
		store: s, handler: handler, category: "order",
		seen: "SELECT v.version FROM order_views v WHERE v.id = x.id",
	}
}

// ProcessProgress is how far a process manager has got that cares about some
// types of events.
func (s *Store) ProcessProgress(process, category string, types []string) Progress {
	return Progress{
		store: s, handler: process, category: category, types: types,
		seen: "SELECT p.version FROM processes p WHERE p.name = ? AND p.id = x.id", args: []any{process},
	}
}

// Checkpoint implements es.Progress.
func (p Progress) Checkpoint(ctx context.Context) (es.Position, error) {
	var at es.Position
	err := p.store.queryRow(ctx, "SELECT position FROM checkpoints WHERE handler = ?", []any{p.handler}, &at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read checkpoint of %s: %w", p.handler, err)
	}
	return at, nil
}

// Behind implements es.Progress.
func (p Progress) Behind(ctx context.Context, after, end es.Position, limit int) (ids []string, upTo es.Position, err error) {
	upTo = min(end, after+es.Position(limit))
	if upTo <= after {
		return nil, after, nil
	}
	prefix := p.category + "-"
	args := []any{len(prefix) + 1, int64(after), int64(upTo), len(prefix), prefix} // SUBSTR counts from 1
	only := ""
	if len(p.types) > 0 {
		only = " AND type IN (" + list("?", ",", len(p.types)) + ")"
		for _, t := range p.types {
			args = append(args, t)
		}
	}
	args = append(args, p.args...)
	rows, err := p.store.query(ctx, `SELECT x.id FROM (
			SELECT SUBSTR(stream, ?) AS id, MAX(version) AS version FROM feed
			WHERE position > ? AND position <= ? AND SUBSTR(stream, 1, ?) = ?`+only+` GROUP BY stream) x
		WHERE COALESCE((`+p.seen+`), 0) < x.version`, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("find what %s has not seen: %w", p.handler, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, 0, err
		}
		ids = append(ids, id)
	}
	return ids, upTo, rows.Err()
}

// Reached implements es.Progress.
func (p Progress) Reached(ctx context.Context, lease es.Lease, to es.Position) error {
	return p.store.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		held, err := holds(ctx, t, lease)
		if err != nil {
			return err
		}
		if !held {
			return es.ErrFenced
		}
		return t.insert(ctx, "checkpoints", "handler, position", t.dialect.upsert("handler", "position"),
			[][]any{{p.handler, int64(to)}})
	})
}
