package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // registers the driver
)

// sqlite is a store in a folder of its own.
type sqlite struct {
	dir  string
	view *sql.DB // reads the service's file
}

func newSQLite(context.Context) (store, error) {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return nil, err
	}
	view, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bench.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &sqlite{dir, view}, nil
}

func (s *sqlite) address() string { return "sqlite:" + filepath.Join(s.dir, "bench.db") }

// describe need not ask for the settings: the service refuses a file with others.
func (s *sqlite) describe(ctx context.Context) (string, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer db.Close()
	var version string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return "", err
	}
	return "SQLite " + version + " (modernc.org/sqlite), WAL, synchronous FULL", nil
}

func (s *sqlite) raw(ctx context.Context, writers int, duration time.Duration) (one, batched float64, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "raw.db")+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // writers wait for each other in the pool, which is quicker than in the file
	_, err = db.ExecContext(ctx, `CREATE TABLE events (stream INTEGER, version INTEGER, data BLOB, PRIMARY KEY (stream, version)) WITHOUT ROWID`)
	if err != nil {
		return 0, 0, err
	}
	const insert = "INSERT INTO events (stream, version, data) VALUES (?, 1, ?)"
	var n atomic.Int64
	data := make([]byte, eventSize)
	one, err = rate(duration, writers, func(int) (int64, error) {
		_, err := db.ExecContext(ctx, insert, n.Add(1), data)
		return 1, err
	})
	if err != nil {
		return 0, 0, err
	}
	batched, err = rate(duration, 1, func(int) (int64, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		for range 100 {
			if _, err := tx.ExecContext(ctx, insert, n.Add(1), data); err != nil {
				return 0, errors.Join(err, tx.Rollback())
			}
		}
		return 100, tx.Commit()
	})
	return one, batched, err
}

func (s *sqlite) orders(ctx context.Context, status string) (int, error) {
	return countOrders(ctx, s.view, status)
}

func (s *sqlite) between(ctx context.Context, first, then string) ([]time.Duration, error) {
	return timesBetween(ctx, s.view, first, then)
}

func (s *sqlite) bytes() int64 {
	var total int64
	files, _ := filepath.Glob(filepath.Join(s.dir, "bench.db*")) // the pattern is good
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			total += info.Size()
		}
	}
	return total
}

func (s *sqlite) close(context.Context) error {
	return errors.Join(s.view.Close(), os.RemoveAll(s.dir))
}
