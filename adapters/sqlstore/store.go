// Package sqlstore keeps everything that Millrace knows in a SQL database: the
// event store with its outbox and feed, the journal of commands, views, process
// states, leases and dead letters.
//
// What concurrent callers write is put into shared transactions by one
// committing writer (see committer), because a commit costs a write to disk
// whatever is in it. The code is the same for every database; a dialect holds
// what differs.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Store is an open database.
type Store struct {
	dialect dialect
	address string  // without its scheme
	db      *sql.DB // for reading, and for the writer's connection
	commits committers

	mu    sync.Mutex
	stmts map[string]*sql.Stmt // prepared reads by their text
}

// Open opens the database at an address such as "sqlite:millrace.db" or
// "mysql://user:password@host:3306/millrace", creating a SQLite file that is not
// there. It refuses a database that would lose what it
// has confirmed. The schema is Migrate's to bring up to date.
func Open(ctx context.Context, address string) (*Store, error) {
	d, rest, err := dialectOf(address)
	if err != nil {
		return nil, err
	}
	db, err := d.open(rest)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", Shown(address), err)
	}
	if err := d.check(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", Shown(address), err), db.Close())
	}
	s := &Store{dialect: d, address: rest, db: db, stmts: map[string]*sql.Stmt{}}
	s.commits = startCommitters(db, d)
	return s, nil
}

// dialectOf returns the dialect of an address, and what stands after its scheme.
func dialectOf(address string) (d dialect, rest string, err error) {
	scheme, rest, found := strings.Cut(address, ":")
	d, known := dialects[scheme]
	if !found || !known {
		return d, "", fmt.Errorf("store %q: want sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE", Shown(address))
	}
	return d, rest, nil
}

// Away tells whether Open or Migrate failed because the server is not there, or not
// yet.
func Away(err error) bool { return againMySQL(err) }

// Migrate brings the schema up to date and returns its version.
func (s *Store) Migrate(ctx context.Context) (version int64, err error) {
	err = s.migrate(ctx, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		if err == nil {
			version, err = p.GetDBVersion(ctx)
		}
		return err
	})
	return version, err
}

// migrate runs a function that changes the schema, and that no other process runs at
// the same time.
func (s *Store) migrate(ctx context.Context, run func(*goose.Provider) error) (err error) {
	db := s.db
	if s.dialect.migrator != nil {
		if db, err = s.dialect.migrator(s.address); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		defer func() { _ = db.Close() }() // which has nothing left to say
	}
	p, err := s.migrations(db)
	if err != nil {
		return err
	}
	if err := s.dialect.once(ctx, s.db, func() error { return run(p) }); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrations returns what changes the schema, by a pool.
func (s *Store) migrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+s.dialect.name)
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	p, err := goose.NewProvider(s.dialect.goose, db, files)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// Close waits for the writes that are under way and closes the database.
func (s *Store) Close() error {
	s.commits.close()
	err := s.db.Close()
	if s.dialect.remote {
		return nil // nothing waits to be written, and a connection that is broken complains of it
	}
	return err
}

// query runs a prepared read.
func (s *Store) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	if !s.dialect.interrupt {
		ctx = context.WithoutCancel(ctx)
	}
	return stmt.QueryContext(ctx, args...)
}

// queryRow runs a prepared read of at most one row. It returns sql.ErrNoRows
// when there is none.
func (s *Store) queryRow(ctx context.Context, text string, args []any, into ...any) error {
	rows, err := s.query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return errors.Join(rows.Err(), sql.ErrNoRows)
	}
	return errors.Join(rows.Scan(into...), rows.Close())
}

// prepared returns a prepared statement. It waits for the database without
// holding up those whose statement is there.
func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	stmt, ok := s.stmts[text]
	s.mu.Unlock()
	if ok {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.stmts[text]; ok { // somebody else was faster
		return first, stmt.Close()
	}
	s.stmts[text] = stmt
	return stmt, nil
}

// Shown is an address without what may be a password, however wrong it is written.
func Shown(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	at := strings.LastIndex(address, "@")
	switch {
	case scheme != "sqlite" && at >= 0:
		return scheme + "://…" + address[at:]
	case scheme == "mysql":
		return "mysql:…"
	}
	return address
}
