package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the driver
)

// What became of a request, as the ledger keeps it and the API tells it.
const (
	StatusCharged  = "charged"
	StatusDeclined = "declined"
	StatusRefunded = "refunded"
	StatusRefused  = "refused"
)

// ErrKeyReused says that a key was used before, for another request.
var ErrKeyReused = errors.New("this key was used for another request")

// Ledger is where the simulator writes down what it was asked for and what it
// answered: a SQLite file. Rows are added and never changed. Its methods are safe
// for concurrent use, also by several processes on one file.
type Ledger struct {
	db     *sql.DB
	writer writer
}

const schema = `
CREATE TABLE IF NOT EXISTS charges (
	seq       INTEGER PRIMARY KEY AUTOINCREMENT,
	key       TEXT    NOT NULL UNIQUE,
	reference TEXT    NOT NULL UNIQUE,
	order_id  TEXT    NOT NULL,
	method    TEXT    NOT NULL,
	amount    INTEGER NOT NULL CHECK (amount >= 0),
	currency  TEXT    NOT NULL,
	status    TEXT    NOT NULL CHECK (status IN ('charged', 'declined')),
	code      TEXT    NOT NULL,
	at        INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS charges_by_order ON charges (order_id);
CREATE TABLE IF NOT EXISTS refunds (
	seq        INTEGER PRIMARY KEY AUTOINCREMENT,
	key        TEXT    NOT NULL UNIQUE,
	reference  TEXT    NOT NULL UNIQUE,
	charge_key TEXT    NOT NULL,
	amount     INTEGER NOT NULL CHECK (amount >= 0),
	currency   TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	status     TEXT    NOT NULL CHECK (status IN ('refunded', 'refused')),
	code       TEXT    NOT NULL,
	at         INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_by_charge ON refunds (charge_key);
CREATE TABLE IF NOT EXISTS failures (
	key TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;`

// patience is how long is waited for another process to finish writing.
const patience = 5 * time.Second

// OpenLedger opens the ledger at a path, and makes it if there is none. A ledger
// whose commits would not be durable is refused.
func OpenLedger(ctx context.Context, path string) (*Ledger, error) {
	db, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("open ledger %q: %w", path, err)
	}
	l := &Ledger{db: db}
	if err := await(ctx, l.prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %q: %w", path, err), db.Close())
	}
	return l, nil
}

// openFile opens a file. The settings stand in the address, so that every
// connection of the pool has them.
func openFile(path string) (*sql.DB, error) {
	if path == "" {
		return nil, errors.New("the path is missing")
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", filepath.Dir(path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", path)
	}
	settings := url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return db, nil
}

// await tries something until the file is not locked by somebody else. SQLite does
// not wait by itself where several processes make a file at once.
func await(ctx context.Context, try func(context.Context) error) error {
	enough := time.After(patience)
	for {
		err := try(ctx)
		if busy, ok := errors.AsType[*sqlite.Error](err); !ok || busy.Code()&0xff != sqliteBusy {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-enough:
			return err
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// sqliteBusy is the code of SQLITE_BUSY, whatever is said about it besides.
const sqliteBusy = 5

// prepare makes the tables and asks which settings are in force, rather than what
// was asked for: a file system may not support WAL.
func (l *Ledger) prepare(ctx context.Context) error {
	err := l.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, schema)
		return err
	})
	if err != nil {
		return err
	}
	var (
		journal     string
		synchronous int
	)
	if err := l.db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if err := l.db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if journal != "wal" || synchronous < 2 {
		return fmt.Errorf("commits would not be durable: journal_mode is %s, want wal; synchronous is %d, want 2 (FULL)", journal, synchronous)
	}
	return nil
}

// Close closes the file. Nobody may be using the ledger any more.
func (l *Ledger) Close() error {
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close the ledger: %w", err)
	}
	return nil
}

// Ping tells whether the ledger can be read.
func (l *Ledger) Ping(ctx context.Context) error {
	var n int
	if err := l.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&n); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	return nil
}

// FailOnce returns true the first time it is called with a key, unless there is a
// charge with this key. It never forgets.
func (l *Ledger) FailOnce(ctx context.Context, key string) (fails bool, err error) {
	err = l.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO failures (key)
			SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM charges WHERE key = ?1) ON CONFLICT DO NOTHING`, key)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		fails = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("note the failure of %s: %w", key, err)
	}
	return fails, nil
}
