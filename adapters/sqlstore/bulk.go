package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// insert adds rows to a table, several with one statement. The suffix follows
// the values, for an upsert. A statement is prepared for every power of two of rows,
// or, where it is the way to the server that takes time, for every number of them.
func (t *tx) insert(ctx context.Context, table, columns, suffix string, rows [][]any) error {
	for len(rows) > 0 {
		n := t.dialect.rows
		if t.dialect.remote {
			n = min(n, len(rows))
		}
		for n > len(rows) {
			n /= 2
		}
		args := make([]any, 0, n*len(rows[0]))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if err := t.write(ctx, t.insertText(insertShape{table, columns, suffix, len(rows[0]), n}), args...); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
		rows = rows[n:]
	}
	return nil
}

// insertShape is what the text of an INSERT is made of.
type insertShape struct {
	table, columns, suffix string
	width, n               int
}

// insertText makes the text of an INSERT, once.
func (t *tx) insertText(s insertShape) string {
	text, ok := t.inserts[s]
	if !ok {
		row := "(" + list("?", ",", s.width) + ")"
		text = "INSERT INTO " + s.table + " (" + s.columns + ") VALUES " + list(row, ",", s.n) + s.suffix
		t.inserts[s] = text
	}
	return text
}

// maxKeys is how many keys one statement asks for.
const maxKeys = 256

// padded is the number of placeholders for n keys. There are few sizes, so that
// few statements are prepared.
func padded(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

// list repeats an item n times.
func list(item, separator string, n int) string {
	return strings.TrimSuffix(strings.Repeat(item+separator, n), separator)
}

// shape is what the text of a statement for many keys or rows is made of.
type shape struct {
	frame, item, separator string
	n                      int
}

// text returns the frame with the list in place of its %s.
func (s shape) text() string { return fmt.Sprintf(s.frame, list(s.item, s.separator, s.n)) }

// fill returns the arguments for a padded list of keys, which repeats the last.
func fill[K any](keys []K) []any {
	args := make([]any, padded(len(keys)))
	for i := range args {
		args[i] = keys[min(i, len(keys)-1)]
	}
	return args
}

// lookup runs a statement for some keys, as often as it takes. The text holds one %s, for a list
// of placeholders in the form given by item and separator; scan is called for
// each row.
func (t *tx) lookup(ctx context.Context, text, item, separator string, keys []any, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(keys, maxKeys) {
		args := fill(part)
		if err := t.each(ctx, t.lookupText(shape{text, item, separator, len(args)}), args, scan); err != nil {
			return err
		}
	}
	return nil
}

// lookupText makes the text of a statement for some keys, once.
func (t *tx) lookupText(s shape) string {
	made, ok := t.lookups[s]
	if !ok {
		made = s.text()
		t.lookups[s] = made
	}
	return made
}

func (t *tx) each(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// delete removes the rows with some keys.
func (t *tx) delete(ctx context.Context, table, key string, keys []any) error {
	d := t.dialect
	for part := range slices.Chunk(keys, maxKeys) {
		args := fill(part)
		if err := t.write(ctx, t.lookupText(shape{d.remove(table, key), d.removeItem, d.removeSeparator, len(args)}), args...); err != nil {
			return fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	return nil
}

// anys returns keys as arguments.
func anys[K any](keys []K) []any {
	all := make([]any, len(keys))
	for i, k := range keys {
		all[i] = k
	}
	return all
}
