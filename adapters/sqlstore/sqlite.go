package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	sqlite3 "modernc.org/sqlite" // registers the driver
	sqlite3lib "modernc.org/sqlite/lib"
)

var sqlite = dialect{
	name:       "sqlite",
	goose:      goose.DialectSQLite3,
	open:       openSQLite,
	absent:     absentFile,
	check:      checkSQLite,
	once:       onceSQLite,
	writers:    1,
	begin:      "BEGIN IMMEDIATE",
	through:    " INDEXED BY %s",
	tables:     "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?",
	now:        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
	rows:       8,
	remove:     func(table, key string) string { return "DELETE FROM " + table + " WHERE " + key + " IN (%s)" },
	removeItem: "?", removeSeparator: ",",
	upsert: func(key string, columns ...string) string {
		return " ON CONFLICT (" + key + ") DO UPDATE SET " + assign("%s = excluded.%s", columns)
	},
	versions: `SELECT s.stream, (SELECT MAX(e.version) FROM events e WHERE e.stream = s.stream)
		FROM (%s) s`,
	versionsItem: "SELECT ? AS stream", versionsSeparator: " UNION ALL ",
	tails: func(n int) string {
		return "SELECT " + eventColumns + " FROM (" + list("SELECT ? AS stream, ? AS after, ? AS until", " UNION ALL ", n) + `) t
			JOIN events e ON e.stream = t.stream AND e.version > t.after AND e.version <= t.until
			ORDER BY e.stream, e.version`
	},
	again:  never,
	stuck:  never,
	search: sqliteSearch,
}

// sqliteSearch finds phrases by an FTS5 index, which folds case and accents.
var sqliteSearch = search{
	index: func(ctx context.Context, t *tx, saves []viewSave) error {
		for _, s := range saves {
			if s.from > 0 {
				if _, err := t.exec(ctx, "DELETE FROM order_search WHERE rowid = (SELECT seq FROM order_views WHERE id = ?)", s.id); err != nil {
					return err
				}
			}
			_, err := t.exec(ctx, "INSERT INTO order_search (rowid, words) SELECT seq, ? FROM order_views WHERE id = ?", s.words, s.id)
			if err != nil {
				return err
			}
		}
		return nil
	},
	from: "order_search JOIN order_views v ON v.seq = order_search.rowid",
	match: func(phrase string) (string, []any) {
		words := wordsIn(phrase)
		if len(words) == 0 {
			return "", nil
		}
		return "order_search MATCH ?", []any{`"` + strings.Join(words, " ") + `"*`}
	},
}

// sqliteReaders is how many connections may read at a time. SQLite answers from
// the page cache, so that more of them than cores only wait for each other.
const sqliteReaders = 8

// openSQLite opens a file. The settings stand in the address, so that every
// connection of the pool has them.
func openSQLite(path string) (*sql.DB, error) {
	if path == "" {
		return nil, fmt.Errorf("want sqlite:PATH")
	}
	if dir := filepath.Dir(path); dir != "." {
		if info, err := os.Stat(dir); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%s is not a folder", dir)
		}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", path)
	}
	settings := url.Values{
		"_pragma": {
			"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
			"cache_size(-16000)", "temp_store(MEMORY)", "wal_autocheckpoint(4000)",
		},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(sqliteReaders + 1)
	db.SetMaxIdleConns(sqliteReaders + 1)
	return db, nil
}

// onceSQLite runs a function that changes the schema. Several processes may begin with
// it at the same time: each step is a transaction, so that whoever comes second fails
// by it and finds, at the next try, that it was made. For as long as others make steps
// it tries again, however slow their disk is.
func onceSQLite(ctx context.Context, db *sql.DB, run func() error) error {
	made := func() (steps int64, err error) {
		err = db.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&steps)
		return steps, err
	}
	before, err := made()
	for err == nil {
		failed := persist(ctx, 2*time.Second, run)
		if failed == nil {
			return nil
		}
		var after int64
		if after, err = made(); after == before || err != nil {
			return errors.Join(failed, err)
		}
		before = after
	}
	return err
}

// persist tries something for a time until it succeeds. The last try is one that began
// when the time was over: one that began earlier may have been held up by what is gone
// by now.
func persist(ctx context.Context, enough time.Duration, try func() error) error {
	end := time.Now().Add(enough)
	for {
		late := !time.Now().Before(end)
		err := try()
		if err == nil || late {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// checkSQLite waits for a file that another process is making just now: whoever makes
// it a WAL needs it alone, and the time that a connection waits is not for that.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	var durable error
	err := persist(ctx, 5*time.Second, func() error {
		err := inForceSQLite(ctx, db)
		var busy *sqlite3.Error
		if errors.As(err, &busy) && busy.Code()&0xff == sqlite3lib.SQLITE_BUSY {
			return err
		}
		durable = err
		return nil
	})
	return errors.Join(err, durable)
}

// inForceSQLite asks what is in force, rather than what was asked for: a file
// system may not support WAL.
func inForceSQLite(ctx context.Context, db *sql.DB) error {
	var (
		journal     string
		synchronous int
	)
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	// Only an attempt to write tells whether the file may be written to.
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "CREATE TABLE may_write (x)")
	if err := errors.Join(err, tx.Rollback()); err != nil {
		return err
	}
	if journal != "wal" || synchronous < 2 {
		return fmt.Errorf("commits would not be durable: journal_mode is %s, want wal; synchronous is %d, want 2 (FULL)", journal, synchronous)
	}
	return nil
}
