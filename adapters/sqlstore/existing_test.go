package sqlstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
)

func TestSQLiteFileIsOpenedOnlyIfItIsAStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	wantNoStore(t, "sqlite:"+path, sqlstore.ErrNoStore)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file: %v, want none", err)
	}
	opensExisting(t, "sqlite:"+path)
}

func TestMySQLDatabaseIsOpenedOnlyIfItIsAStore(t *testing.T) {
	onServers(t, opensExisting)
}

// opensExisting takes a database from being empty to the latest schema.
func opensExisting(t *testing.T, address string) {
	s, err := sqlstore.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	wantNoStore(t, address, sqlstore.ErrNoStore)
	for _, version := range []int64{1, 4} {
		if err := s.MigrateTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		wantNoStore(t, address, sqlstore.ErrOldSchema)
	}
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := sqlstore.OpenExisting(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func wantNoStore(t *testing.T, address string, want error) {
	t.Helper()
	if s, err := sqlstore.OpenExisting(t.Context(), address); !errors.Is(err, want) {
		t.Errorf("opened %v, error %v, want %v", s, err, want)
	}
}
