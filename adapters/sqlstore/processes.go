package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/es"
)

// Processes keeps the state of one process manager. It implements es.Processes.
type Processes[S any] struct {
	Store *Store
	Name  string
}

// Load implements es.Processes.
func (p Processes[S]) Load(ctx context.Context, id string) (state S, version es.Version, err error) {
	var data []byte
	err = p.Store.queryRow(ctx, "SELECT version, state FROM processes WHERE name = ? AND id = ?",
		[]any{p.Name, id}, &version, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return state, 0, nil
	}
	if err != nil {
		return state, 0, err
	}
	return state, version, json.Unmarshal(data, &state)
}

type processSave struct {
	name, id string
	state    []byte
	from, to es.Version
	send     []*acceptance
}

// Save implements es.Processes.
func (p Processes[S]) Save(ctx context.Context, id string, state S, from, to es.Version, send []es.Envelope) error {
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	save := processSave{name: p.Name, id: id, state: data, from: from, to: to}
	for _, c := range send {
		save.send = append(save.send, &acceptance{envelope: c})
	}
	return p.Store.commits.do(ctx, saveProcessKind, save)
}

var saveProcessKind = &kind{name: "save processes", run: func(ctx context.Context, t *tx, writes []*write) error {
	saves := argsOf[processSave](writes)
	keys := make([]string, len(saves))
	for i, s := range saves {
		keys[i] = s.id
	}
	type key struct{ name, id string }
	versions := make(map[key]es.Version, len(saves))
	err := t.lookup(ctx, "SELECT name, id, version FROM processes WHERE id IN (%s)", "?", ",", keys, func(rows *sql.Rows) error {
		var k key
		var v es.Version
		err := rows.Scan(&k.name, &k.id, &v)
		versions[k] = v
		return err
	})
	if err != nil {
		return fmt.Errorf("read versions: %w", err)
	}
	var (
		rows [][]any
		send []*acceptance
	)
	for i, s := range saves {
		k := key{s.name, s.id}
		if versions[k] != s.from {
			writes[i].err = es.ErrConflict
			continue
		}
		versions[k] = s.to
		rows = append(rows, []any{s.name, s.id, int64(s.to), s.state})
		send = append(send, s.send...)
	}
	if err := t.insert(ctx, "processes", "name, id, version, state", t.upsert("name, id", "version", "state"), rows); err != nil {
		return err
	}
	// A command that is there already was sent by an earlier run of the process.
	return acceptAll(ctx, t, send, func(int) {})
}}
