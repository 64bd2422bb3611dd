package sqlstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

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

// inBubbleWithFile runs a test with a file, in a bubble where time passes when all wait.
func inBubbleWithFile(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	t.Helper()
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) { test(t, openRaw(t, path)) })
}

// Each try fails when the other process has made the step that both have begun with.
func TestSQLiteSlowStepsOfOthersAreWaitedFor(t *testing.T) {
	inBubbleWithFile(t, func(t *testing.T, db *sql.DB) {
		const steps, slow = 6, 3 * time.Second
		made := 0
		err := sqlstore.OnceSQLite(t.Context(), db, func() error {
			if made == steps {
				return nil
			}
			time.Sleep(slow)
			made++
			execRaw(t, db, fmt.Sprintf("CREATE TABLE step_%d (x)", made))
			return fmt.Errorf("step %d is there already", made)
		})
		if err != nil || made != steps {
			t.Errorf("gave up after %d of %d steps: %v", made, steps, err)
		}
	})
}

// A try may wait for as long as it takes that somebody else lets go of the file.
func TestSQLiteSchemaIsTriedOnceMoreAfterALongWait(t *testing.T) {
	inBubbleWithFile(t, func(t *testing.T, db *sql.DB) {
		tries := 0
		err := sqlstore.OnceSQLite(t.Context(), db, func() error {
			if tries++; tries > 1 {
				return nil
			}
			time.Sleep(5 * time.Second)
			return errors.New("database is locked")
		})
		if err != nil {
			t.Errorf("gave up after %d tries: %v", tries, err)
		}
	})
}

func TestSQLiteSchemaThatCannotBeMadeIsGivenUp(t *testing.T) {
	inBubbleWithFile(t, func(t *testing.T, db *sql.DB) {
		wrong, begun := errors.New("the step is wrong"), time.Now()
		err := sqlstore.OnceSQLite(t.Context(), db, func() error { return wrong })
		if took := time.Since(begun); !errors.Is(err, wrong) || took < 2*time.Second || took > 2100*time.Millisecond {
			t.Errorf("gave up after %v with %v, want %v after 2s", took, err, wrong)
		}
	})
}
