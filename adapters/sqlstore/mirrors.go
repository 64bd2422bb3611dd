package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/es"
)

// Mirrored implements es.Mirrors.
func (s *Store) Mirrored(ctx context.Context, handler string) (map[string]es.Position, error) {
	rows, err := s.query(ctx, "SELECT store, position FROM mirrors WHERE handler = ?", handler)
	if err != nil {
		return nil, fmt.Errorf("read what %s has of other stores: %w", handler, err)
	}
	defer rows.Close()
	at := map[string]es.Position{}
	for rows.Next() {
		var (
			store    string
			position es.Position
		)
		if err := rows.Scan(&store, &position); err != nil {
			return nil, fmt.Errorf("read what %s has of other stores: %w", handler, err)
		}
		at[store] = position
	}
	return at, rows.Err()
}

// MoveMirror implements es.Mirrors.
func (s *Store) MoveMirror(ctx context.Context, handler, store string, from, to es.Position) error {
	return s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		var (
			at    es.Position
			known es.Version // 0 without a row
		)
		err := t.each(ctx, "SELECT position, 1 FROM mirrors WHERE handler = ? AND store = ?"+t.dialect.forUpdate,
			[]any{handler, store}, func(rows *sql.Rows) error { return rows.Scan(&at, &known) })
		if err != nil {
			return fmt.Errorf("read what %s has of %s: %w", handler, store, err)
		}
		if at != from {
			return es.ErrConflict
		}
		var row states
		row.add(known, handler, store, int64(to))
		return row.save(ctx, t, "mirrors", "handler, store, position", t.dialect.upsert("handler, store", "position"))
	})
}

// stretchLength is how many positions of the feed are looked at for one stretch.
const stretchLength = 20_000

// Stretch implements es.Mirrors. It goes by the last event of each stream in the
// stretch, of which the metadata say where all of the stream was made.
func (s *Store) Stretch(ctx context.Context, types []string, after es.Position, limit int) (es.Stretch, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return es.Stretch{}, err
	}
	found := es.Stretch{Head: head, UpTo: min(head, after+stretchLength), Streams: map[es.Stream]es.Version{}}
	if found.UpTo <= after {
		return found, nil
	}
	args := []any{int64(after), int64(found.UpTo)}
	only := ""
	if len(types) > 0 {
		only = " AND f.type IN (" + list("?", ",", len(types)) + ")"
		for _, t := range types {
			args = append(args, t)
		}
	}
	rows, err := s.query(ctx, `SELECT f.position, f.stream, f.version, e.metadata
		FROM feed f JOIN events e ON e.stream = f.stream AND e.version = f.version
		WHERE f.position > ? AND f.position <= ?`+only+" ORDER BY f.position LIMIT ?", append(args, limit)...)
	if err != nil {
		return es.Stretch{}, fmt.Errorf("read a stretch of the feed: %w", err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var (
			at       es.Position
			stream   es.Stream
			version  es.Version
			data     []byte
			metadata es.Metadata
		)
		if err := rows.Scan(&at, &stream, &version, &data); err != nil {
			return es.Stretch{}, fmt.Errorf("scan a stretch of the feed: %w", err)
		}
		if err := json.Unmarshal(data, &metadata); err != nil {
			return es.Stretch{}, fmt.Errorf("decode metadata of %s version %d: %w", stream, version, err)
		}
		if metadata.Origin == "" {
			found.Streams[stream] = max(found.Streams[stream], version)
		}
		if n == limit-1 {
			found.UpTo = at
		}
	}
	return found, errors.Join(rows.Err(), rows.Close())
}
