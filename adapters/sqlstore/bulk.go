package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
		row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(rows[0])), ",") + ")"
		text := "INSERT INTO " + table + " (" + columns + ") VALUES " +
			strings.TrimSuffix(strings.Repeat(row+",", n), ",") + suffix
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

// lookup reads what is stored under some keys. The text holds one %s, for a list
// of placeholders in the form given by item and separator; scan is called for
// each row.
func (t *tx) lookup(ctx context.Context, text, item, separator string, keys []string, scan func(*sql.Rows) error) error {
	const most = 256
	for len(keys) > 0 {
		n := min(len(keys), most)
		padded := 1
		for padded < n {
			padded *= 2 // few sizes, so that few statements are prepared
		}
		args := make([]any, padded)
		for i := range args {
			args[i] = keys[min(i, n-1)]
		}
		list := strings.TrimSuffix(strings.Repeat(item+separator, padded), separator)
		if err := t.each(ctx, fmt.Sprintf(text, list), args, scan); err != nil {
			return err
		}
		keys = keys[n:]
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
