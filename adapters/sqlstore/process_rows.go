package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
)

// ProcessRows shows processes to those who look after them. It implements
// query.Processes.
type ProcessRows struct {
	Store   *Store
	Handler func(manager string) string // what a process manager is called in dead letters

	// Event returns the event that a dead letter of a manager holds, and the id of the
	// process that it belongs to, or none if that cannot be told.
	Event func(manager string, letter DeadLetter) (e es.Record, process string, err error)
}

// processKeyAt is a process and when it began.
type processKeyAt struct {
	processKey
	startedAt int64
}

// Process implements query.Processes.
func (r ProcessRows) Process(ctx context.Context, name, id string) (query.ProcessRow, error) {
	rows, err := r.ProcessesWith(ctx, id)
	if err != nil {
		return query.ProcessRow{}, err
	}
	for _, p := range rows {
		if p.Name == name {
			return p, nil
		}
	}
	return query.ProcessRow{}, es.ErrNoProcess
}

// ProcessesWith implements query.Processes.
func (r ProcessRows) ProcessesWith(ctx context.Context, id string) ([]query.ProcessRow, error) {
	found, err := r.load(ctx, []string{id})
	if err != nil {
		return nil, fmt.Errorf("read the processes %s: %w", id, err)
	}
	rows := slices.SortedFunc(maps.Values(found), func(a, b query.ProcessRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows, r.complete(ctx, rows)
}

// ListProcesses implements query.Processes. It asks for the newest of each manager,
// done and not done, which one index serves, and takes the newest of them all.
func (r ProcessRows) ListProcesses(ctx context.Context, q query.ListProcesses) ([]query.ProcessRow, error) {
	names, err := r.names(ctx, q.Name)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var keys []processKeyAt
	for _, name := range names {
		for _, done := range []bool{false, true} {
			if q.Done != nil && *q.Done != done {
				continue
			}
			some, err := r.newest(ctx, name, done, q)
			if err != nil {
				return nil, fmt.Errorf("list processes of %s: %w", name, err)
			}
			keys = append(keys, some...)
		}
	}
	slices.SortFunc(keys, func(a, b processKeyAt) int {
		return -cmp.Or(cmp.Compare(a.startedAt, b.startedAt), cmp.Compare(a.id, b.id), cmp.Compare(a.name, b.name))
	})
	return r.pick(ctx, keys[:min(len(keys), q.Limit)])
}

// names returns the managers that have processes, or the one that is asked for.
func (r ProcessRows) names(ctx context.Context, only string) ([]string, error) {
	if only != "" {
		return []string{only}, nil
	}
	var names []string
	for last := ""; ; {
		var next sql.NullString
		if err := r.Store.queryRow(ctx, "SELECT MIN(name) FROM processes WHERE name > ?", []any{last}, &next); err != nil || !next.Valid {
			return names, err
		}
		last = next.String
		names = append(names, last)
	}
}

func (r ProcessRows) newest(ctx context.Context, name string, done bool, q query.ListProcesses) ([]processKeyAt, error) {
	text, args := "SELECT id, started_at FROM processes"+fmt.Sprintf(r.Store.dialect.through, "processes_newest")+" WHERE name = ? AND done = ?", []any{name, truth(done)}
	if after := q.After; after != (query.ProcessPlace{}) {
		at := after.StartedAt.UnixMicro()
		text += " AND started_at <= ? AND (started_at < ? OR id < ?"
		args = append(args, at, at, after.ID)
		if name < after.Name {
			text += " OR id = ?"
			args = append(args, after.ID)
		}
		text += ")"
	}
	rows, err := r.Store.query(ctx, text+" ORDER BY started_at DESC, id DESC LIMIT ?", append(args, q.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []processKeyAt
	for rows.Next() {
		k := processKeyAt{processKey: processKey{name: name}}
		if err := rows.Scan(&k.id, &k.startedAt); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, errors.Join(rows.Err(), rows.Close())
}

// truth is how a database keeps what is true or not.
func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// pick returns processes in the order of their keys.
func (r ProcessRows) pick(ctx context.Context, keys []processKeyAt) ([]query.ProcessRow, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	found, err := r.load(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read %d processes: %w", len(ids), err)
	}
	rows := make([]query.ProcessRow, 0, len(keys))
	for _, k := range keys {
		if p, there := found[k.processKey]; there {
			rows = append(rows, p)
		}
	}
	return rows, r.complete(ctx, rows)
}

// load returns the processes of all managers that have some ids.
func (r ProcessRows) load(ctx context.Context, ids []string) (map[processKey]query.ProcessRow, error) {
	found := map[processKey]query.ProcessRow{}
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := r.Store.query(ctx, "SELECT name, updated_at, "+instanceColumns+" FROM processes WHERE id IN ("+
			list("?", ",", len(args))+")", args...)
		if err != nil {
			return nil, err
		}
		var name string
		var at int64
		err = eachInstance(rows, func(i es.Instance[json.RawMessage], id string) {
			found[processKey{name, id}] = query.ProcessRow{Name: name, ID: id, Instance: i, UpdatedAt: time.UnixMicro(at).UTC()}
		}, &name, &at)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// complete adds to processes what other tables know of them.
func (r ProcessRows) complete(ctx context.Context, rows []query.ProcessRow) (err error) {
	letters := map[string][]query.ProcessLetter{}
	for _, p := range rows {
		if _, known := letters[p.Name]; known {
			continue
		}
		if letters[p.Name], err = r.letters(ctx, p.Name); err != nil {
			return err
		}
	}
	return r.completeWith(ctx, rows, letters)
}

// completeWith does so with the dead letters of their managers.
func (r ProcessRows) completeWith(ctx context.Context, rows []query.ProcessRow, letters map[string][]query.ProcessLetter) error {
	var ids, commands []string
	for _, p := range rows {
		ids = append(ids, p.ID)
		for _, step := range p.Instance.Steps {
			for _, c := range step.Sent {
				commands = append(commands, c.ID)
			}
		}
	}
	streams, err := r.streams(ctx, ids)
	if err != nil {
		return fmt.Errorf("read the streams of %d processes: %w", len(rows), err)
	}
	outcomes, err := r.Store.Outcomes(ctx, commands)
	if err != nil {
		return err
	}
	for i := range rows {
		p := &rows[i]
		p.Streams = streams[processKey{p.Name, p.ID}]
		p.Outcomes = map[string]es.Outcome{}
		for _, step := range p.Instance.Steps {
			for _, c := range step.Sent {
				if o, decided := outcomes[c.ID]; decided {
					p.Outcomes[c.ID] = o
				}
			}
		}
		p.Letters = lettersAbout(*p, letters[p.Name])
	}
	return nil
}

func (r ProcessRows) streams(ctx context.Context, ids []string) (map[processKey]map[es.Stream]es.Version, error) {
	all := map[processKey]map[es.Stream]es.Version{}
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := r.Store.query(ctx, "SELECT name, id, stream, version FROM process_streams WHERE id IN ("+list("?", ",", len(args))+")", args...)
		if err != nil {
			return nil, err
		}
		if err := scanSeen(rows, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func scanSeen(rows *sql.Rows, all map[processKey]map[es.Stream]es.Version) error {
	defer rows.Close()
	for rows.Next() {
		var k processKey
		var stream es.Stream
		var v es.Version
		if err := rows.Scan(&k.name, &k.id, &stream, &v); err != nil {
			return err
		}
		if all[k] == nil {
			all[k] = map[es.Stream]es.Version{}
		}
		all[k][stream] = v
	}
	return errors.Join(rows.Err(), rows.Close())
}
