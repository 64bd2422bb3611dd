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
// the values, for an upsert.
func (t *tx) insert(ctx context.Context, table, columns, suffix string, rows [][]any) error {
	for len(rows) > 0 {
		n := t.rows
		for n > len(rows) {
			n /= 2
		}
		row := "(" + list("?", ",", len(rows[0])) + ")"
		text := "INSERT INTO " + table + " (" + columns + ") VALUES " + list(row, ",", n) + suffix
		args := make([]any, 0, n*len(rows[0]))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := t.exec(ctx, text, args...); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
		rows = rows[n:]
	}
	return nil
}

// maxKeys is how many keys one statement asks for.
const maxKeys = 256

// padded is the number of placeholders for n keys. There are few sizes, so that
// few statements are prepared.
func padded(n int) int {
	size := 1
	for size < n {
		size *= 4
	}
	return size
}

// list repeats an item n times.
func list(item, separator string, n int) string {
	return strings.TrimSuffix(strings.Repeat(item+separator, n), separator)
}

// fill returns the arguments for a padded list of keys, which repeats the last.
func fill(keys []string) []any {
	args := make([]any, padded(len(keys)))
	for i := range args {
		args[i] = keys[min(i, len(keys)-1)]
	}
	return args
}

// lookup reads what is stored under some keys. The text holds one %s, for a list
// of placeholders in the form given by item and separator; scan is called for
// each row.
func (t *tx) lookup(ctx context.Context, text, item, separator string, keys []string, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(keys, maxKeys) {
		args := fill(part)
		if err := t.each(ctx, fmt.Sprintf(text, list(item, separator, len(args))), args, scan); err != nil {
			return err
		}
	}
	return nil
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
func (t *tx) delete(ctx context.Context, table, key string, keys []string) error {
	return t.lookup(ctx, "DELETE FROM "+table+" WHERE "+key+" IN (%s)", "?", ",", keys, func(*sql.Rows) error { return nil })
}
