package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A command that is run in the wrong folder must not look as if there was nothing to do.
func TestCommandsThatLookAfterAStoreMakeNone(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"processes", "list"}, {"processes", "list", "--stuck", "--json"}, {"processes", "show", "x"}, {"processes", "retry", "--stuck"},
		{"dead-letters", "list"}, {"dead-letters", "show", "x"}, {"dead-letters", "requeue", "--all"}, {"dead-letters", "discard", "x"},
	} {
		t.Run(args[0]+" "+args[1], func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "other.db")
			stdout, stderr, exit := run(t, nil, append(args, "--store", "sqlite:"+path)...)
			wantComplaint(t, stdout, stderr, exit, "there is no store at sqlite:"+path+"; set MILLRACE_STORE or --store")
			if found, err := os.ReadDir(filepath.Dir(path)); err != nil || len(found) > 0 {
				t.Errorf("it has made %v, error %v", found, err)
			}
		})
	}
	for name, open := range stores {
		t.Run("on an empty "+name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, exit := run(t, []string{"MILLRACE_STORE=" + open(t)}, "processes", "list")
			wantComplaint(t, stdout, stderr, exit, "; set MILLRACE_STORE or --store")
		})
	}
}

func TestCommandsThatLookAfterAStoreWantItsLatestSchema(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	const older = "DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)"
	if _, err := openPlace(t, r.address).ExecContext(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := r.line("list")
	wantComplaint(t, stdout, stderr, exit, "; run millrace migrate")
}
