package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // registers the driver
)

// rawSQLite measures what the same database gives to plain inserts of an event's
// size: one event per transaction from so many writers, and 100 per transaction
// from one. Both are events per second.
func rawSQLite(ctx context.Context, writers int, duration time.Duration) (one, batched float64, err error) {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "raw.db")+
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
	data := make([]byte, 512)
	one, err = rate(duration, writers, func() (int64, error) {
		_, err := db.ExecContext(ctx, insert, n.Add(1), data)
		return 1, err
	})
	if err != nil {
		return 0, 0, err
	}
	batched, err = rate(duration, 1, func() (int64, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		for range 100 {
			if _, err := tx.ExecContext(ctx, insert, n.Add(1), data); err != nil {
				return 0, err
			}
		}
		return 100, tx.Commit()
	})
	return one, batched, err
}

// rate runs work from so many goroutines for a time and returns units a second.
func rate(duration time.Duration, workers int, work func() (int64, error)) (float64, error) {
	var (
		done  atomic.Int64
		first error
		once  sync.Once
		wg    sync.WaitGroup
		start = time.Now()
	)
	for range workers {
		wg.Go(func() {
			for time.Since(start) < duration {
				n, err := work()
				if err != nil {
					once.Do(func() { first = err })
					return
				}
				done.Add(n)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), first
}
