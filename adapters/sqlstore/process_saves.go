package sqlstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// processKey is what tells processes apart.
type processKey struct{ name, id string }

// processSave is a move, ready to be stored.
type processSave struct {
	key      processKey
	from, to es.Version

	// token tells this save from any other. Two moves from one version to the next
	// need not have seen the same, so that the version alone does not tell after a
	// COMMIT whether it was this one that has been made.
	token string

	row     []any // the columns of processColumns after the token
	streams [][]any
	send    []*acceptance
}

const processColumns = "name, id, version, token, state, steps, timers, due_at, done, waits, trouble, correlation_id, started_at, updated_at"

// Save implements es.Processes.
func (p Processes[S]) Save(ctx context.Context, moves []es.Move[S]) []error {
	about := func() []string { return crash.Moves(p.Name, moves) }
	crash.Point("process.before", about)
	errs := make([]error, len(moves))
	saves := make([]processSave, 0, len(moves))
	index := make([]int, 0, len(moves))
	for i, m := range moves {
		s, err := processSaveOf(p.Name, m)
		if err != nil {
			errs[i] = fmt.Errorf("encode: %w", err)
			continue
		}
		saves = append(saves, s)
		index = append(index, i)
	}
	for i, err := range doAll(ctx, p.Store.commits, saveProcessKind, saves) {
		errs[index[i]] = err
	}
	if errors.Join(errs...) == nil {
		crash.Point("process.after", about)
	}
	return errs
}

func processSaveOf[S any](name string, m es.Move[S]) (processSave, error) {
	s := processSave{key: processKey{name, m.ID}, from: m.From, to: m.Version, token: rand.Text()}
	state, err := json.Marshal(m.State)
	if err != nil {
		return s, fmt.Errorf("the state: %w", err)
	}
	steps, err := json.Marshal(m.Steps)
	if err != nil {
		return s, fmt.Errorf("the steps: %w", err)
	}
	timers, err := json.Marshal(m.Timers)
	if err != nil {
		return s, fmt.Errorf("the timers: %w", err)
	}
	s.row = []any{
		state, steps, timers, dueAt(m.Timers), truth(m.Standing.Done), m.Standing.Waits, m.Standing.Trouble, m.CorrelationID,
		m.StartedAt.UnixMicro(), time.Now().UnixMicro(),
	}
	for stream, v := range m.Seen {
		s.streams = append(s.streams, []any{name, string(stream), int64(v), m.ID})
	}
	for _, c := range m.Send {
		s.send = append(s.send, &acceptance{envelope: c})
	}
	return s, nil
}

var saveProcessKind = &kind{name: "save processes", writer: 2, run: func(ctx context.Context, t *tx, writes []*write) error {
	saves := argsOf[processSave](writes)
	known, err := storedProcesses(ctx, t, saves)
	if err != nil {
		return err
	}
	var (
		rows    states
		streams [][]any
		send    []*acceptance
	)
	for i, s := range saves {
		was := known[s.key]
		if writes[i].unknown && was.token == s.token {
			continue // it was committed after all, and its commands are to be sent
		}
		if was.version != s.from {
			writes[i].err = es.ErrConflict
			continue
		}
		known[s.key] = storedProcess{s.to, s.token}
		rows.add(s.from, append([]any{s.key.name, s.key.id, int64(s.to), s.token}, s.row...)...)
		streams = append(streams, s.streams...)
		send = append(send, s.send...)
	}
	err = rows.save(ctx, t, "processes", processColumns, t.dialect.upsert("id, name",
		"version", "token", "state", "steps", "timers", "due_at", "done", "waits", "trouble", "correlation_id", "updated_at"))
	if err != nil {
		return err
	}
	slices.SortStableFunc(streams, func(a, b []any) int { // the same order in all transactions
		return cmp.Or(cmp.Compare(a[0].(string), b[0].(string)), cmp.Compare(a[1].(string), b[1].(string)))
	})
	if err := t.insert(ctx, "process_streams", "name, stream, version, id", t.dialect.upsert("name, stream", "version", "id"), streams); err != nil {
		return err
	}
	// A command that is there already was sent by an earlier run of the process.
	return acceptAll(ctx, t, send, func(int) {})
}}

// storedProcess is which save of a process was the last.
type storedProcess struct {
	version es.Version
	token   string
}

// storedProcesses looks for processes and locks them.
func storedProcesses(ctx context.Context, t *tx, saves []processSave) (map[processKey]storedProcess, error) {
	ids := make([]string, len(saves))
	for i, s := range saves {
		ids[i] = s.key.id
	}
	slices.Sort(ids) // the same order in all transactions
	known := make(map[processKey]storedProcess, len(saves))
	err := t.lookup(ctx, "SELECT name, id, version, token FROM processes"+t.dialect.byKey+" WHERE id IN (%s)"+t.dialect.forUpdate,
		"?", ",", anys(slices.Compact(ids)), func(rows *sql.Rows) error {
			var k processKey
			var p storedProcess
			err := rows.Scan(&k.name, &k.id, &p.version, &p.token)
			known[k] = p
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return known, nil
}
