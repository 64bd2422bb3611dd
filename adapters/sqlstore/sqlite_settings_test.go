package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
)

// settings are what every connection must have in force.
var settings = map[string]string{
	"journal_mode": "wal",
	"synchronous":  "2", // FULL
	"busy_timeout": "5000",
	"foreign_keys": "1",
}

// settingsOf asks every connection that a pool may have, all held at once.
func settingsOf(t *testing.T, db *sql.DB, connections int) []map[string]string {
	t.Helper()
	var found []map[string]string
	for range connections {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		values := map[string]string{}
		for name := range settings {
			var value string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
				t.Fatal(err)
			}
			values[name] = value
		}
		found = append(found, values)
	}
	return found
}

func TestSQLiteSettingsAreInForceOnEveryConnection(t *testing.T) {
	t.Parallel()
	s, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	connections := s.Pool().Stats().MaxOpenConnections
	if connections < 2 {
		t.Fatalf("the pool has at most %d connections, want a bound and readers beside the writer", connections)
	}
	for i, found := range settingsOf(t, s.Pool(), connections) {
		for name, want := range settings {
			if found[name] != want {
				t.Errorf("on connection %d %s is %s, want %s", i+1, name, found[name], want)
			}
		}
	}
}

// This is why the settings stand in the address.
func TestSQLiteSettingsByStatementReachOneConnection(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "trap.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	execRaw(t, db, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA busy_timeout = 10000", "PRAGMA foreign_keys = ON")
	execRaw(t, db, "PRAGMA synchronous = NORMAL") // FULL is also what a connection begins with
	found := settingsOf(t, db, 2)
	if found[0]["busy_timeout"] == found[1]["busy_timeout"] || found[0]["synchronous"] == found[1]["synchronous"] {
		t.Errorf("the connections have %v and %v: the trap is gone", found[0], found[1])
	}
}

// Before 3.51.3 a checkpoint that meets a writer can corrupt a WAL file.
func TestSQLiteIsNewEnough(t *testing.T) {
	t.Parallel()
	var version string
	if err := openSQLite(t).Pool().QueryRowContext(t.Context(), "SELECT sqlite_version()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatal(err)
	}
	if major*1_000_000+minor*1_000+patch < 3_051_003 {
		t.Errorf("SQLite is %s, want 3.51.3 or later", version)
	}
}

func TestSQLiteOpensAnyFileName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c#d%25e&f='g.db")
	openFile(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestSQLiteRefusesUnusablePaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noDatabase := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("Dear customer, ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{
		"no path":                  "sqlite:",
		"no scheme":                filepath.Join(dir, "store.db"),
		"another scheme":           "sqlight:" + filepath.Join(dir, "store.db"),
		"a folder that is missing": "sqlite:" + filepath.Join(dir, "missing", "store.db"),
		"a folder that is a file":  "sqlite:" + filepath.Join(noDatabase, "store.db"),
		"a path that is a folder":  "sqlite:" + dir,
		"a file of another kind":   "sqlite:" + noDatabase,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, address)
		})
	}
}

// wantRefused opens a store that must not open, and returns why it did not.
func wantRefused(t *testing.T, address string) error {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), address)
	if err == nil {
		s.Close()
		t.Fatalf("%q was opened", address)
	}
	if !strings.Contains(err.Error(), address) {
		t.Errorf("the error does not name %q: %v", address, err)
	}
	return err
}

func TestSQLiteReturnsAnErrorForAWriteAfterClose(t *testing.T) {
	t.Parallel()
	s, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("it panics: %v", p)
		}
	}()
	if err := s.Bury(context.Background(), sqlstore.DeadLetter{ID: "late"}); err == nil {
		t.Error("it was written")
	}
}
