package sqlstore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/adapters/sqlstore"
)

// Roles that share a file are started together, on one that is not there yet.
func TestSQLiteFileCanBeMadeBySeveralAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		path := filepath.Join(t.TempDir(), "store.db")
		var all errgroup.Group
		for range 6 {
			all.Go(func() error {
				store, err := sqlstore.Open(t.Context(), "sqlite:"+path)
				if err != nil {
					return fmt.Errorf("open: %w", err)
				}
				_, err = store.Migrate(t.Context())
				return errors.Join(err, store.Close())
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
