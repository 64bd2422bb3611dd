package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// Processes keeps the state of one process manager. It implements es.States.
type Processes[S any] struct {
	Store *Store
	Name  string
}

// Load implements es.States.
func (p Processes[S]) Load(ctx context.Context, ids []string) (map[string]es.Seen[S], error) {
	seen := make(map[string]es.Seen[S], len(ids))
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := p.Store.query(ctx, "SELECT id, version, state FROM processes WHERE id IN ("+list("?", ",", len(args))+
			") AND name = ?", append(args, p.Name)...)
		if err != nil {
			return nil, err
		}
		if err := scanStates(rows, seen); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

func scanStates[S any](rows *sql.Rows, seen map[string]es.Seen[S]) error {
	defer rows.Close()
	for rows.Next() {
		var (
			id   string
			s    es.Seen[S]
			data []byte
		)
		if err := rows.Scan(&id, &s.Version, &data); err != nil {
			return err
		}
		if err := json.Unmarshal(data, &s.State); err != nil {
			return fmt.Errorf("decode the process of %s: %w", id, err)
		}
		seen[id] = s
	}
	return errors.Join(rows.Err(), rows.Close())
}

type processSave struct {
	name, id string
	state    []byte
	from, to es.Version
	send     []*acceptance
}

// Save implements es.States.
func (p Processes[S]) Save(ctx context.Context, steps []es.Step[S]) []error {
	crash.Point("process.before")
	errs := saveAll(ctx, p.Store.commits, saveProcessKind, steps, func(s es.Step[S], state []byte) processSave {
		save := processSave{name: p.Name, id: s.ID, state: state, from: s.From, to: s.To}
		for _, c := range s.Send {
			save.send = append(save.send, &acceptance{envelope: c})
		}
		return save
	})
	if errors.Join(errs...) == nil {
		crash.Point("process.after")
	}
	return errs
}

// saveAll saves those steps that lead somewhere, and returns an error for each
// of them all.
func saveAll[S, W any](ctx context.Context, c committers, k *kind, steps []es.Step[S], toWrite func(es.Step[S], []byte) W) []error {
	errs := make([]error, len(steps))
	writes := make([]W, 0, len(steps))
	index := make([]int, 0, len(steps))
	for i, s := range steps {
		if s.From == s.To {
			continue
		}
		state, err := json.Marshal(s.State)
		if err != nil {
			errs[i] = fmt.Errorf("encode: %w", err)
			continue
		}
		writes = append(writes, toWrite(s, state))
		index = append(index, i)
	}
	for i, err := range doAll(ctx, c, k, writes) {
		errs[index[i]] = err
	}
	return errs
}

var saveProcessKind = &kind{name: "save processes", writer: 2, run: func(ctx context.Context, t *tx, writes []*write) error {
	saves := argsOf[processSave](writes)
	keys := make([]string, len(saves))
	for i, s := range saves {
		keys[i] = s.id
	}
	type key struct{ name, id string }
	versions := make(map[key]es.Version, len(saves))
	err := t.lookup(ctx, "SELECT name, id, version FROM processes"+t.dialect.byKey+" WHERE id IN (%s)"+t.dialect.forUpdate, "?", ",", anys(keys), func(rows *sql.Rows) error {
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
		rows states
		send []*acceptance
	)
	for i, s := range saves {
		k := key{s.name, s.id}
		if writes[i].unknown && versions[k] == s.to {
			continue // it was committed after all, and its commands are to be sent
		}
		if versions[k] != s.from {
			writes[i].err = es.ErrConflict
			continue
		}
		versions[k] = s.to
		rows.add(s.from, s.name, s.id, int64(s.to), s.state)
		send = append(send, s.send...)
	}
	if err := rows.save(ctx, t, "processes", "name, id, version, state", t.dialect.upsert("id, name", "version", "state")); err != nil {
		return err
	}
	// A command that is there already was sent by an earlier run of the process.
	return acceptAll(ctx, t, send, func(int) {})
}}
