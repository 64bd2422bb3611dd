package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// viewTable is where a view is kept: for each aggregate its id, its version, what
// questions look at, and the view itself as a document.
type viewTable struct {
	name    string
	columns []string // what questions look at

	// mark is an expression of which views with another value than before are to be
	// indexed again, and index does that. There may be neither.
	mark  string
	index func(context.Context, *tx, []viewSave) error
}

// viewSave is a view to be saved.
type viewSave struct {
	id       string
	from, to es.Version
	values   []any // of the table's columns
	document []byte
	mark     int64
	words    string // what it can be found by
}

// stored is what is there of a view.
type stored struct {
	version es.Version
	mark    int64
}

// saveViewKind returns the kind of write that saves views in a table.
func saveViewKind(v viewTable) *kind {
	columns := slices.Concat([]string{"id", "version"}, v.columns, []string{"document"})
	return &kind{name: "save " + v.name, writer: 2, run: func(ctx context.Context, t *tx, writes []*write) error {
		saves := argsOf[viewSave](writes)
		known, err := v.lock(ctx, t, saves)
		if err != nil {
			return fmt.Errorf("read versions: %w", err)
		}
		var rows states
		var changed []viewSave
		for i, s := range saves {
			was, found := known[s.id]
			if was.version != s.from {
				writes[i].err = es.ErrConflict
				continue
			}
			if !found || was.mark != s.mark {
				changed = append(changed, s)
			}
			known[s.id] = stored{s.to, s.mark}
			rows.add(s.from, slices.Concat([]any{s.id, int64(s.to)}, s.values, []any{s.document})...)
		}
		if err := rows.save(ctx, t, v.name, strings.Join(columns, ", "), t.dialect.upsert("id", columns...)); err != nil {
			return err
		}
		if v.index == nil {
			return nil
		}
		return v.index(ctx, t, changed)
	}}
}

// lock returns what is there of some views, and keeps others from changing it.
func (v viewTable) lock(ctx context.Context, t *tx, saves []viewSave) (map[string]stored, error) {
	ids := make([]any, len(saves))
	for i, s := range saves {
		ids[i] = s.id
	}
	mark := v.mark
	if mark == "" {
		mark = "0"
	}
	known := make(map[string]stored, len(ids))
	text := "SELECT id, version, " + mark + " FROM " + v.name + t.dialect.byKey + " WHERE id IN (%s)" + t.dialect.forUpdate
	err := t.lookup(ctx, text, "?", ",", ids, func(rows *sql.Rows) error {
		var id string
		var s stored
		err := rows.Scan(&id, &s.version, &s.mark)
		known[id] = s
		return err
	})
	return known, err
}

// view is one kind of view: states V of a table, which questions answer as rows R.
type view[V, R any] struct {
	viewTable
	saves  *kind
	values func(V) viewSave // of the table's columns, and what a view is indexed by
	row    func(id string, version es.Version, state V) R
	none   error // says that there is no such view
}

func newView[V, R any](v view[V, R]) view[V, R] {
	v.saves = saveViewKind(v.viewTable)
	return v
}

// save implements es.States.
func (v view[V, R]) save(ctx context.Context, s *Store, steps []es.Step[V]) []error {
	crash.Point("view.before")
	errs := saveAll(ctx, s.commits, v.saves, steps, func(step es.Step[V], document []byte) viewSave {
		save := v.values(step.State)
		save.id, save.from, save.to, save.document = step.ID, step.From, step.To, document
		return save
	})
	if errors.Join(errs...) == nil {
		crash.Point("view.after")
	}
	return errs
}

// load implements es.States.
func (v view[V, R]) load(ctx context.Context, s *Store, ids []string) (map[string]es.Seen[V], error) {
	seen := make(map[string]es.Seen[V], len(ids))
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		err := v.each(ctx, s, v.name+" v WHERE v.id IN ("+list("?", ",", len(args))+")", args, func(id string, version es.Version, state V) {
			seen[id] = es.Seen[V]{State: state, Version: version}
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// one returns one row, or the error that says that there is none.
func (v view[V, R]) one(ctx context.Context, s *Store, id string) (row R, err error) {
	found, err := v.find(ctx, s, v.name+" v WHERE v.id = ?", id)
	if err != nil {
		return row, fmt.Errorf("read %s: %w", id, err)
	}
	if len(found) == 0 {
		return row, v.none
	}
	return found[0], nil
}

// find returns rows. The text of the query begins after FROM; v is the view's table.
func (v view[V, R]) find(ctx context.Context, s *Store, text string, args ...any) ([]R, error) {
	var found []R
	err := v.each(ctx, s, text, args, func(id string, version es.Version, state V) {
		found = append(found, v.row(id, version, state))
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// page returns the rows of a page, which an index of the view's table holds in its order.
func (v view[V, R]) page(ctx context.Context, s *Store, index string, c conditions, order string, limit int) ([]R, error) {
	from := v.name + " v" + fmt.Sprintf(s.dialect.through, v.name+"_"+index)
	return v.find(ctx, s, from+c.where()+order, append(c.args, limit)...)
}

func (v view[V, R]) each(ctx context.Context, s *Store, text string, args []any, visit func(string, es.Version, V)) error {
	rows, err := s.query(ctx, "SELECT v.id, v.version, v.document FROM "+text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id       string
			version  es.Version
			document []byte
			state    V
		)
		if err := rows.Scan(&id, &version, &document); err != nil {
			return err
		}
		if err := json.Unmarshal(document, &state); err != nil {
			return fmt.Errorf("decode the view of %s: %w", id, err)
		}
		visit(id, version, state)
	}
	return errors.Join(rows.Err(), rows.Close())
}

// newestFirst and oldestFirst end the query of a page.
const (
	newestFirst = " ORDER BY v.created_at DESC, v.id DESC LIMIT ?"
	oldestFirst = " ORDER BY v.created_at, v.id LIMIT ?"
)

// conditions collects what a WHERE clause asks for.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts = append(c.texts, text)
	c.args = append(c.args, args...)
}

// before asks for what was created before a place, for lists with the newest first.
func (c *conditions) before(p query.Place) { c.beyond(p, "<") }

// after asks for what was created after a place, for lists with the oldest first.
func (c *conditions) after(p query.Place) { c.beyond(p, ">") }

func (c *conditions) beyond(p query.Place, than string) {
	if p.ID != "" {
		at := p.CreatedAt.UnixMicro()
		c.add("v.created_at "+than+"= ?", at) // which an index serves, unlike the comparison of pairs
		c.add("(v.created_at "+than+" ? OR v.id "+than+" ?)", at, p.ID)
	}
}

func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}
