package servertest_test

import (
	"context"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/servertest"
)

func TestMySQLKeepsItsDataWhenItIsKilled(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mariadb", "mysql"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			m := servertest.StartMySQL(t, server)
			db := servertest.Connect(t, m.Address)
			for _, statement := range []string{"CREATE TABLE kept (id INT PRIMARY KEY)", "INSERT INTO kept VALUES (7)"} {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			m.Kill()
			if err := db.Ping(); err == nil {
				t.Error("it answers after it was killed")
			}
			m.Start()
			var id int
			if err := db.QueryRow("SELECT id FROM kept").Scan(&id); err != nil || id != 7 {
				t.Errorf("found %d, error %v; want 7", id, err)
			}
		})
	}
}

func TestMySQLStandsStillWhenItIsStopped(t *testing.T) {
	t.Parallel()
	m := servertest.StartMySQL(t, "mariadb")
	db := servertest.Connect(t, m.Address)
	ask := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var one int
		return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	}
	for range 50 { // it may be quick to answer before it stands still
		m.Stop()
		if err := ask(20 * time.Millisecond); err == nil {
			t.Error("it answers while it is stopped")
		}
		m.Continue()
		if err := ask(20 * time.Second); err != nil {
			t.Errorf("it does not answer again: %v", err)
		}
	}
}
