package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// refusals are the errors by which a write is refused without harm to those it
// shares a transaction with.
var refusals = []error{es.ErrConflict, es.ErrDecided, es.ErrFenced, es.ErrIDReused}

// Append implements es.Store.
func (s *Store) Append(ctx context.Context, a es.Append) error {
	return s.commits.do(ctx, appendKind, a)
}

var appendKind = &kind{name: "append", run: func(ctx context.Context, t *tx, writes []*write) error {
	appends := argsOf[es.Append](writes)
	streams := make([]string, len(appends))
	commands := make([]string, len(appends))
	for i, a := range appends {
		streams[i], commands[i] = string(a.Stream), a.Outcome.CommandID
	}
	versions, err := streamVersions(ctx, t, streams)
	if err != nil {
		return err
	}
	decided, err := decidedCommands(ctx, t, commands)
	if err != nil {
		return err
	}

	var events, outbox [][]any
	var outcomes []es.Outcome
	for i, a := range appends {
		id := a.Outcome.CommandID
		switch {
		case id != "" && decided[id]:
			writes[i].err = es.ErrDecided
			continue
		case versions[a.Stream] != a.Expected:
			writes[i].err = es.ErrConflict
			continue
		}
		for _, r := range a.Records {
			row, err := eventRow(r)
			if err != nil {
				return err
			}
			events = append(events, row)
		}
		if n := es.Version(len(a.Records)); n > 0 {
			outbox = append(outbox, []any{string(a.Stream), int64(a.Expected + 1), int64(a.Expected + n)})
			versions[a.Stream] += n
		}
		if id != "" {
			outcomes = append(outcomes, a.Outcome)
			decided[id] = true
		}
	}
	if err := t.insert(ctx, "events", "stream, version, id, type, schema, data, metadata, occurred_at", "", events); err != nil {
		return err
	}
	if err := t.insert(ctx, "outbox", "stream, first_version, last_version", "", outbox); err != nil {
		return err
	}
	return insertOutcomes(ctx, t, outcomes)
}}

func streamVersions(ctx context.Context, t *tx, streams []string) (map[es.Stream]es.Version, error) {
	versions := make(map[es.Stream]es.Version, len(streams))
	err := t.lookup(ctx,
		`SELECT s.stream, (SELECT MAX(e.version) FROM events e WHERE e.stream = s.stream)
		FROM (%s) s`, "SELECT ? AS stream", " UNION ALL ", streams,
		func(rows *sql.Rows) error {
			var stream string
			var version sql.NullInt64
			err := rows.Scan(&stream, &version)
			versions[es.Stream(stream)] = es.Version(version.Int64)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read stream versions: %w", err)
	}
	return versions, nil
}

func eventRow(r es.Record) ([]any, error) {
	metadata, err := json.Marshal(r.Metadata)
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return []any{
		string(r.Stream), int64(r.Version), r.ID, r.Type, r.Schema,
		[]byte(r.Data), metadata, r.OccurredAt.UnixMicro(),
	}, nil
}

const eventColumns = "e.stream, e.version, e.id, e.type, e.schema, e.data, e.metadata, e.occurred_at"

// scanEvent reads eventColumns, after what stands before them in a row.
func scanEvent(rows *sql.Rows, before ...any) (es.Record, error) {
	var (
		r        es.Record
		data     []byte
		metadata []byte
		at       int64
	)
	err := rows.Scan(append(before, &r.Stream, &r.Version, &r.ID, &r.Type, &r.Schema, &data, &metadata, &at)...)
	if err != nil {
		return r, fmt.Errorf("scan event: %w", err)
	}
	if err := json.Unmarshal(metadata, &r.Metadata); err != nil {
		return r, fmt.Errorf("decode metadata of %s version %d: %w", r.Stream, r.Version, err)
	}
	r.Data, r.OccurredAt = data, time.UnixMicro(at).UTC()
	return r, nil
}

// Read implements es.Store.
func (s *Store) Read(ctx context.Context, stream es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	return s.events(ctx, "SELECT "+eventColumns+` FROM events e
		WHERE e.stream = ? AND e.version > ? ORDER BY e.version`, string(stream), int64(after))
}

// ReadTails implements es.Store.
func (s *Store) ReadTails(ctx context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for part := range slices.Chunk(tails, maxKeys) {
			n := padded(len(part))
			args := make([]any, 0, 2*n)
			for i := range n {
				t := part[min(i, len(part)-1)]
				if i >= len(part) {
					t.After = math.MaxInt64 // fills up, and finds nothing
				}
				args = append(args, string(t.Stream), int64(t.After))
			}
			text := "SELECT " + eventColumns + " FROM (" + list("SELECT ? AS stream, ? AS after", " UNION ALL ", n) + `) t
				JOIN events e ON e.stream = t.stream AND e.version > t.after ORDER BY e.stream, e.version`
			for r, err := range s.events(ctx, text, args...) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// events runs a query for eventColumns.
func (s *Store) events(ctx context.Context, text string, args ...any) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		rows, err := s.query(ctx, text, args...)
		if err != nil {
			yield(es.Record{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanEvent(rows)
			if err == nil {
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			yield(es.Record{}, err)
		}
	}
}
