package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// Processes keeps the processes of one manager. It implements es.Processes.
type Processes[S any] struct {
	Store *Store
	Name  string
}

// Seen implements es.Processes.
func (p Processes[S]) Seen(ctx context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	seen := make(map[es.Stream]es.Version, len(streams))
	for part := range slices.Chunk(streams, maxKeys) {
		args := []any{p.Name}
		for _, s := range fill(part) {
			args = append(args, string(s.(es.Stream)))
		}
		rows, err := p.Store.query(ctx, "SELECT stream, version FROM process_streams WHERE name = ? AND stream IN ("+
			list("?", ",", len(args)-1)+")", args...)
		if err != nil {
			return nil, err
		}
		if err := scanVersions(rows, func(s string) es.Stream { return es.Stream(s) }, seen); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

const instanceColumns = "id, version, state, steps, timers, done, waits, trouble, correlation_id, started_at"

// Load implements es.Processes.
func (p Processes[S]) Load(ctx context.Context, ids []string) (map[string]es.Instance[S], error) {
	found := make(map[string]es.Instance[S], len(ids))
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := p.Store.query(ctx, "SELECT "+instanceColumns+" FROM processes WHERE id IN ("+list("?", ",", len(args))+") AND name = ?",
			append(args, p.Name)...)
		if err != nil {
			return nil, err
		}
		if err := eachInstance(rows, func(i es.Instance[S], id string) { found[id] = i }); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// eachInstance reads rows of instanceColumns, after what stands before them.
func eachInstance[S any](rows *sql.Rows, each func(i es.Instance[S], id string), before ...any) error {
	defer rows.Close()
	for rows.Next() {
		var (
			id                   string
			i                    es.Instance[S]
			state, steps, timers []byte
			at                   int64
		)
		err := rows.Scan(append(slices.Clip(before), &id, &i.Version, &state, &steps, &timers,
			&i.Standing.Done, &i.Standing.Waits, &i.Standing.Trouble, &i.CorrelationID, &at)...)
		if err != nil {
			return err
		}
		err = errors.Join(json.Unmarshal(state, &i.State), json.Unmarshal(steps, &i.Steps), json.Unmarshal(timers, &i.Timers))
		if err != nil {
			return fmt.Errorf("decode the process %s: %w", id, err)
		}
		i.StartedAt = time.UnixMicro(at).UTC()
		each(i, id)
	}
	return errors.Join(rows.Err(), rows.Close())
}

// noTimer is when a process is due that waits for no time: never.
const noTimer = math.MaxInt64

func dueAt(timers []es.Timer) int64 {
	due := int64(noTimer)
	for _, t := range timers {
		due = min(due, ceilMicro(t.At))
	}
	return due
}

// Due implements es.Processes.
func (p Processes[S]) Due(ctx context.Context, before time.Time, after es.DueProcess, limit int) ([]es.DueProcess, error) {
	from := after.At.UnixMicro()
	rows, err := p.Store.query(ctx, `SELECT id, due_at FROM processes`+fmt.Sprintf(p.Store.dialect.through, "processes_due")+`
		WHERE name = ? AND due_at >= ? AND due_at < ? AND (due_at > ? OR id > ?) ORDER BY due_at, id LIMIT ?`,
		p.Name, from, ceilMicro(before), from, after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("find timers of %s that are due: %w", p.Name, err)
	}
	defer rows.Close()
	var due []es.DueProcess
	for rows.Next() {
		var d es.DueProcess
		var at int64
		if err := rows.Scan(&d.ID, &at); err != nil {
			return nil, err
		}
		d.At = time.UnixMicro(at).UTC()
		due = append(due, d)
	}
	return due, errors.Join(rows.Err(), rows.Close())
}
