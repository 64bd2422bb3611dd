package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// importing is the records of one stream that are to be taken over, oldest first, and
// how far the stream goes then.
type importing struct {
	records []es.Record
	reached es.Version
}

func (i *importing) stream() es.Stream { return i.records[0].Stream }

// Import implements es.Imports.
func (s *Store) Import(ctx context.Context, records []es.Record) (map[es.Stream]es.Version, error) {
	streams := map[es.Stream]*importing{}
	for _, r := range records {
		if streams[r.Stream] == nil {
			streams[r.Stream] = &importing{}
		}
		streams[r.Stream].records = append(streams[r.Stream].records, r)
	}
	all := slices.Collect(maps.Values(streams))
	for _, i := range all {
		slices.SortStableFunc(i.records, func(a, b es.Record) int { return cmp.Compare(a.Version, b.Version) })
	}
	about := func() []string { return crash.Records(records) }
	crash.Point("import.before", about)
	errs := doAll(ctx, s.commits, importKind, all)
	reached := make(map[es.Stream]es.Version, len(all))
	for n, i := range all {
		if errs[n] != nil {
			return nil, fmt.Errorf("import %s: %w", i.stream(), errs[n])
		}
		reached[i.stream()] = i.reached
	}
	crash.Point("import.after", about)
	return reached, nil
}

var importKind = &kind{name: "import", writer: 1, run: func(ctx context.Context, t *tx, writes []*write) error {
	all := argsOf[*importing](writes)
	streams := make([]string, len(all))
	for n, i := range all {
		streams[n] = string(i.stream())
	}
	versions, err := streamVersions(ctx, t, streams)
	if err != nil {
		return err
	}
	joints, err := jointsOf(ctx, t, all, versions)
	if err != nil {
		return err
	}
	var events, outbox [][]any
	for n, i := range all {
		stream, before := i.stream(), versions[i.stream()]
		joint, known := joints[stream]
		if known && joint.Metadata.Origin != i.records[0].Metadata.Origin {
			writes[n].err = es.ErrForked
			continue
		}
		for _, r := range i.records {
			if known && r.Version == joint.Version && r.ID != joint.ID {
				writes[n].err = es.ErrForked
				break
			}
			if r.Version != versions[stream]+1 {
				continue // it is here already, or one before it is missing
			}
			row, err := eventRow(r)
			if err != nil {
				return err
			}
			events = append(events, row)
			versions[stream]++
		}
		if i.reached = versions[stream]; i.reached > before {
			outbox = append(outbox, []any{string(stream), int64(before + 1), int64(i.reached)})
		}
	}
	if err := t.insert(ctx, "events", "stream, version, id, type, `schema`, data, metadata, occurred_at", "", events); err != nil {
		return err
	}
	return t.insert(ctx, "outbox", "stream, first_version, last_version", "", outbox)
}}

// jointsOf returns from each stream that has begun the last record which the records to
// be taken over have to agree with: one of them, or the one before them.
func jointsOf(ctx context.Context, t *tx, all []*importing, versions map[es.Stream]es.Version) (map[es.Stream]es.Record, error) {
	var at []es.Tail
	for _, i := range all {
		last := i.records[len(i.records)-1].Version
		if v := min(versions[i.stream()], last); v > 0 {
			at = append(at, es.Tail{Stream: i.stream(), After: v - 1})
		}
	}
	joints := make(map[es.Stream]es.Record, len(at))
	for part := range slices.Chunk(at, maxKeys) {
		args := make([]any, 0, 3*padded(len(part)))
		for n := range padded(len(part)) {
			k := part[min(n, len(part)-1)] // fills up with the last
			args = append(args, string(k.Stream), int64(k.After), int64(k.After)+1)
		}
		err := t.each(ctx, t.dialect.tails(padded(len(part))), args, func(rows *sql.Rows) error {
			r, err := scanEvent(rows)
			joints[r.Stream] = r
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read what streams end with: %w", err)
		}
	}
	return joints, nil
}

// Versions implements es.Imports.
func (s *Store) Versions(ctx context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	versions := make(map[es.Stream]es.Version, len(streams))
	d := s.dialect
	for part := range slices.Chunk(streams, maxKeys) {
		args := fill(part)
		for i := range args {
			args[i] = string(args[i].(es.Stream))
		}
		rows, err := s.query(ctx, shape{d.versions, d.versionsItem, d.versionsSeparator, len(args)}.text(), args...)
		if err != nil {
			return nil, fmt.Errorf("read the versions of %d streams: %w", len(part), err)
		}
		if err := scanStreams(rows, versions); err != nil {
			return nil, fmt.Errorf("read the versions of %d streams: %w", len(part), err)
		}
	}
	return versions, nil
}

func scanStreams(rows *sql.Rows, versions map[es.Stream]es.Version) error {
	defer rows.Close()
	for rows.Next() {
		var (
			stream  es.Stream
			version sql.NullInt64
		)
		if err := rows.Scan(&stream, &version); err != nil {
			return err
		}
		if version.Valid {
			versions[stream] = es.Version(version.Int64)
		}
	}
	return rows.Err()
}
