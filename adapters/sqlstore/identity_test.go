package sqlstore_test

import (
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
)

func TestSQLiteFileHasOneIdentity(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	id := wantOneIdentity(t, []*sqlstore.Store{openFile(t, path), openFile(t, path), openFile(t, path)})
	if other := wantOneIdentity(t, []*sqlstore.Store{openSQLite(t)}); other == id {
		t.Errorf("two files are both %s", id)
	}
}

func TestMySQLDatabaseHasOneIdentity(t *testing.T) {
	onServers(t, func(t *testing.T, address string) { wantOneIdentity(t, openStores(t, address, 4)) })
}

// wantOneIdentity asks all stores at once, some of them before there is an answer.
func wantOneIdentity(t *testing.T, stores []*sqlstore.Store) string {
	t.Helper()
	ids := make([]string, 8*len(stores))
	for _, err := range atOnce(len(ids), func(i int) (err error) {
		ids[i], err = stores[i%len(stores)].ID(t.Context())
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		if id != ids[0] || len(id) < 20 {
			t.Fatalf("the store is %q, want one name that nobody else has", ids)
		}
	}
	return ids[0]
}
