package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// refusals are the errors by which a write is refused without harm to those it
// shares a transaction with.
var refusals = []error{es.ErrConflict, es.ErrDecided, es.ErrFenced, es.ErrIDReused, es.ErrForked, ErrNoLetter}

// Append implements es.Store.
func (s *Store) Append(ctx context.Context, a es.Append) error {
	about := func() []string { return crash.Append(a) }
	crash.Point("append.before", about)
	err := s.commits.do(ctx, appendKind, a)
	if err == nil {
		crash.Point("append.after", about)
	}
	return err
}

var appendKind = &kind{name: "append", writer: 1, run: func(ctx context.Context, t *tx, writes []*write) error {
	appends := argsOf[es.Append](writes)
	versions, decided, err := lookBeforeAppend(ctx, t, appends)
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
	if err := t.insert(ctx, "events", "stream, version, id, type, `schema`, data, metadata, occurred_at", "", events); err != nil {
		return err
	}
	if err := t.insert(ctx, "outbox", "stream, first_version, last_version", "", outbox); err != nil {
		return err
	}
	return insertOutcomes(ctx, t, outcomes)
}}

// lookBeforeAppend returns the versions of the streams, and which commands have an
// outcome. A stream that is to begin may be assumed to be new, and so may a command,
// unless its stream will have moved on: that may be by this very command.
func lookBeforeAppend(ctx context.Context, t *tx, appends []es.Append) (versions map[es.Stream]es.Version, decided map[string]bool, err error) {
	var streams, commands []string
	for _, a := range appends {
		if !t.assumes || a.Expected > 0 || len(a.Records) == 0 {
			streams = append(streams, string(a.Stream))
		}
	}
	if versions, err = streamVersions(ctx, t, streams); err != nil {
		return nil, nil, err
	}
	reached := maps.Clone(versions)
	for _, a := range appends {
		if !t.assumes || reached[a.Stream] != a.Expected {
			commands = append(commands, a.Outcome.CommandID)
			continue
		}
		reached[a.Stream] += es.Version(len(a.Records))
	}
	decided, err = decidedCommands(ctx, t, commands)
	return versions, decided, err
}

func streamVersions(ctx context.Context, t *tx, streams []string) (map[es.Stream]es.Version, error) {
	versions := make(map[es.Stream]es.Version, len(streams))
	d := t.dialect
	err := t.lookup(ctx, d.versions, d.versionsItem, d.versionsSeparator, anys(streams),
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

// page is how many events are read before the reader gets to see them. No
// connection is held while it does: what it does may take long, or read too.
const page = 500

// Read implements es.Store.
func (s *Store) Read(ctx context.Context, stream es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for {
			records, err := s.events(ctx, "SELECT "+eventColumns+` FROM events e
				WHERE e.stream = ? AND e.version > ? ORDER BY e.version LIMIT ?`, string(stream), int64(after), page)
			if !yieldAll(ctx, records, err, yield) || len(records) < page {
				return
			}
			after = records[page-1].Version
		}
	}
}

// ReadTails implements es.Store.
func (s *Store) ReadTails(ctx context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for part := range slices.Chunk(tails, maxKeys) {
			records, err := s.events(ctx, s.dialect.tails(padded(len(part))), tailsArgs(part)...)
			if !yieldAll(ctx, records, err, yield) {
				return
			}
			for _, t := range unfinishedTails(part, records) {
				for r, err := range s.Read(ctx, t.Stream, t.After) {
					if !yield(r, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// tailsArgs are the arguments for at most a page of each stream.
func tailsArgs(tails []es.Tail) []any {
	args := make([]any, 0, 3*padded(len(tails)))
	for _, t := range tails {
		args = append(args, string(t.Stream), int64(t.After), int64(t.After)+page)
	}
	for range padded(len(tails)) - len(tails) {
		args = append(args, "", 0, 0) // fills up, and finds nothing
	}
	return args
}

// unfinishedTails returns what is left of tails that filled their page.
func unfinishedTails(tails []es.Tail, records []es.Record) []es.Tail {
	if len(records) < page {
		return nil
	}
	var left []es.Tail
	for _, t := range tails {
		full := t.After + page
		if slices.ContainsFunc(records, func(r es.Record) bool { return r.Stream == t.Stream && r.Version == full }) {
			left = append(left, es.Tail{Stream: t.Stream, After: full})
		}
	}
	return left
}

// events runs a query for eventColumns.
func (s *Store) events(ctx context.Context, text string, args ...any) ([]es.Record, error) {
	rows, err := s.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var records []es.Record
	for rows.Next() {
		r, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, errors.Join(rows.Err(), rows.Close())
}

// yieldAll hands records on, then an error if there is one. It returns false
// when that is the end.
func yieldAll(ctx context.Context, records []es.Record, err error, yield func(es.Record, error) bool) bool {
	for _, r := range records {
		if err := ctx.Err(); err != nil {
			yield(es.Record{}, err)
			return false
		}
		if !yield(r, nil) {
			return false
		}
	}
	if err != nil {
		yield(es.Record{}, err)
	}
	return err == nil
}
