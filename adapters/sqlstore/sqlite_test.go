package sqlstore_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(appendTo); path != "" {
		os.Exit(appendUntilKilled(path))
	}
	os.Exit(m.Run())
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) estest.Store { return openSQLite(t) }
	suites(t, open)
}

func openSQLite(tb testing.TB) *sqlstore.Store {
	tb.Helper()
	return openFile(tb, filepath.Join(tb.TempDir(), "store.db"))
}

func openFile(tb testing.TB, path string) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.Open(tb.Context(), "sqlite:"+path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	if _, err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// openRaw opens a connection of its own to a store's file.
func openRaw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	tb.Cleanup(func() { db.Close() }) // what it says no longer matters
	return db
}

func execRaw(tb testing.TB, db *sql.DB, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(tb.Context(), statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
}

func processesOf(s estest.Store, name string) estest.Processes {
	return sqlstore.Processes[estest.State]{Store: s.(*sqlstore.Store), Name: name}
}

func processHandler(s estest.Store) estest.Handler {
	p := processesOf(s, "checkout")
	return estest.Handler{
		Progress: s.(*sqlstore.Store).ProcessProgress("checkout", nil),
		Key:      func(s es.Stream) string { return string(s) },
		See: func(ctx context.Context, stream es.Stream, _, to es.Version) error {
			found, err := p.Load(ctx, []string{stream.ID()})
			if err != nil {
				return err
			}
			at := found[stream.ID()].Version
			move := estest.MoveOf(stream.ID(), at, at+1, estest.State{})
			move.Seen = map[es.Stream]es.Version{stream: to}
			return estest.MoveOne(ctx, p, move)
		},
	}
}

func viewHandler(s estest.Store) estest.Handler {
	return estest.Handler{
		Progress: s.(*sqlstore.Store).ViewProgress("order-views", "order", "order_views"),
		Category: "order",
		Key:      es.Stream.ID,
		See: func(ctx context.Context, stream es.Stream, from, to es.Version) error {
			return estest.SaveOne(ctx, sqlstore.OrderViews{Store: s.(*sqlstore.Store)}, stream.ID(), query.Order{}, from, to)
		},
	}
}
