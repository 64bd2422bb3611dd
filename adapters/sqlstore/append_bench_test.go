package sqlstore_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
)

// BenchmarkAppend appends one event to a new stream, with its outcome and its
// place in the outbox. Beside it stand the event's row alone in a transaction of
// its own, and in one transaction with as many others as there are writers:
// what the database allows at the least and at the most.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("store/writers=%d", writers), func(b *testing.B) {
			s := openSQLite(b)
			share(b, writers, func() error {
				return s.Append(b.Context(), addition(es.StreamOf("order", rand.Text()), 0, 1))
			})
		})
		b.Run(fmt.Sprintf("raw, one a transaction/writers=%d", writers), func(b *testing.B) {
			insert := rawInsert(b, writers)
			share(b, writers, func() error {
				_, err := insert.ExecContext(b.Context(), rand.Text(), rand.Text())
				return err
			})
		})
		b.Run(fmt.Sprintf("raw, many a transaction/writers=%d", writers), func(b *testing.B) {
			insert := rawInsert(b, 1)
			for done := 0; done < b.N; done += writers {
				if err := insertBatch(b, insert, min(writers, b.N-done)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// share divides b.N calls among writers.
func share(b *testing.B, writers int, call func() error) {
	b.Helper()
	var (
		all  sync.WaitGroup
		next atomic.Int64
		errs = make([]error, writers)
	)
	b.ResetTimer()
	for i := range writers {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) && errs[i] == nil {
				errs[i] = call()
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
}

type rawEvents struct {
	*sql.Stmt
	db *sql.DB
}

// rawInsert prepares the insert of an event into a store's own table.
func rawInsert(b *testing.B, connections int) rawEvents {
	b.Helper()
	path := filepath.Join(b.TempDir(), "store.db")
	s, err := sqlstore.Open(b.Context(), "sqlite:"+path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	db := openRaw(b, path)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	insert, err := db.PrepareContext(b.Context(), `INSERT INTO events
		(stream, version, id, type, schema, data, metadata, occurred_at) VALUES (?, 1, ?, 'order.tested', 1, '{}', '{}', 0)`)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	return rawEvents{insert, db}
}

func insertBatch(b *testing.B, insert rawEvents, n int) error {
	tx, err := insert.db.BeginTx(b.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // is for nothing after a commit
	stmt := tx.StmtContext(b.Context(), insert.Stmt)
	for range n {
		if _, err := stmt.ExecContext(b.Context(), rand.Text(), rand.Text()); err != nil {
			return err
		}
	}
	return tx.Commit()
}
