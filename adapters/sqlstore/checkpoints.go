package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/es"
)

// Progress is how far a handler has got that keeps a version per aggregate or per
// stream in a table. It implements es.Progress.
type Progress struct {
	store   *Store
	handler string

	// key is what it names a stream by, as an expression of f.stream.
	key     string
	keyArgs []any

	// which are the rows of the feed that it cares about, as a condition.
	which     string
	whichArgs []any

	// seen is a query for the version it has seen, where x.k is the key.
	seen     string
	seenArgs []any
}

// ViewProgress is how far a view has got that keeps the aggregates of a category in a
// table with the columns id and version.
func (s *Store) ViewProgress(handler, category, table string) Progress {
	prefix := category + "-"
	return Progress{
		store: s, handler: handler,
		key: "SUBSTR(f.stream, ?)", keyArgs: []any{len(prefix) + 1}, // SUBSTR counts from 1
		which: " AND SUBSTR(f.stream, 1, ?) = ?", whichArgs: []any{len(prefix), prefix},
		seen: "SELECT v.version FROM " + table + " v WHERE v.id = x.k",
	}
}

// ProcessProgress is how far a process manager has got that cares about some types of
// events, whatever streams they are in; no types mean all. It names streams.
func (s *Store) ProcessProgress(name string, types []string) Progress {
	p := Progress{
		store: s, handler: name, key: "f.stream",
		seen: "SELECT s.version FROM process_streams s WHERE s.name = ? AND s.stream = x.k", seenArgs: []any{name},
	}
	if len(types) > 0 {
		p.which, p.whichArgs = " AND f.type IN ("+list("?", ",", len(types))+")", anys(types)
	}
	return p
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
func (p Progress) Behind(ctx context.Context, after, end es.Position, limit int) (keys []string, upTo es.Position, err error) {
	upTo = min(end, after+es.Position(limit))
	if upTo <= after {
		return nil, after, nil
	}
	rows, err := p.store.query(ctx, `SELECT x.k FROM (
			SELECT `+p.key+` AS k, MAX(f.version) AS version FROM feed f
			WHERE f.position > ? AND f.position <= ?`+p.which+` GROUP BY f.stream) x
		WHERE COALESCE((`+p.seen+`), 0) < x.version`,
		slices.Concat(p.keyArgs, []any{int64(after), int64(upTo)}, p.whichArgs, p.seenArgs)...)
	if err != nil {
		return nil, 0, fmt.Errorf("find what %s has not seen: %w", p.handler, err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, 0, err
		}
		keys = append(keys, key)
	}
	return keys, upTo, rows.Err()
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
